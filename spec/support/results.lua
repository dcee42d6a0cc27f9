--- Results of a script that is a process of its own: it prints "ok WHAT", "not ok WHAT: why" or "skip WHAT: why".
local M = {}

--- One result for each line that says so, and one for how the process ended, which is what command.shell returns.
function M.report(name, status, said, complained)
  local count = 0
  for line in said:gmatch("[^\n]+") do
    local good, what = line:match("^ok (.+)$"), line:match("^not ok (.+)$")
    local skipped = line:match("^skip (.+)$")
    if good or what then
      count = count + 1
      it(good or what:match("^(.-): ") or what, function()
        assert.is_nil(what)
      end)
    elseif skipped then
      pending(skipped)
    end
  end
  it(name .. " ends well, having said something", function()
    assert.is_true(status == 0 and count > 0, ("status %d after %d results:\n%s\n%s"):format(
      status, count, said:sub(-2000), complained:sub(-2000)))
  end)
end

return M
