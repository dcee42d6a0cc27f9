--- Results of a script that is a process of its own: it prints "ok WHAT", "not ok WHAT: why" or "skip WHAT: why".
local M = {}

--- A list of { what =, wrong = nil or why } and { skip = }: one for each line that says so, and one for how the process
--- ended, which is what command.shell returns.
function M.of(name, status, said, complained)
  local list, count = {}, 0
  for line in said:gmatch("[^\n]+") do
    local good, wrong, skip = line:match("^ok (.+)$"), line:match("^not ok (.+)$"), line:match("^skip (.+)$")
    if good or wrong then
      count = count + 1
      list[#list + 1] = { what = good or wrong:match("^(.-): ") or wrong, wrong = wrong }
    elseif skip then
      list[#list + 1] = { skip = skip }
    end
  end
  local ended = status == 0 and count > 0
  list[#list + 1] = { what = name .. " ends well, having said something",
                      wrong = not ended and ("status %d after %d results:\n%s\n%s"):format(status, count,
                        said:sub(-2000), complained:sub(-2000)) or nil }
  list[#list + 1] = { what = "no exception in the console of " .. name,
                      wrong = (said .. (complained or "")):match("Traceback.*") }
  return list
end

--- Makes results of busted's of them, by its it and pending, which only the spec's own file has.
function M.report(it, pending, list)
  for _, result in ipairs(list) do
    if result.skip then
      pending(result.skip)
    else
      it(result.what, function() assert(not result.wrong, result.wrong) end)
    end
  end
end

return M
