--- A busted output handler: busted's own, and the counts in the file that WHORL_COUNTS names, for ./dev test.
return function(options)
  local busted = require "busted"
  local handler = require "busted.outputHandlers.plainTerminal"(options)

  busted.subscribe({ "exit" }, function()
    local path = os.getenv("WHORL_COUNTS")
    local file = path and assert(io.open(path, "w"))
    if file then
      file:write(("%d %d %d\n"):format(handler.successesCount, handler.failuresCount + handler.errorsCount,
        handler.pendingsCount))
      file:close()
    end
    return nil, true
  end)

  return handler
end
