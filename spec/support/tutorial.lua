--- spec/maya/tutorial.cpp: a deformer that reloads as tutorials teach it, and the saves that are played to it.
local command = require "spec.support.command"

local M = { program = (os.getenv("WHORL_BUILD") or ".") .. "/spec/maya/tutorial" }

function M.is_built()
  return command.read(M.program) ~= nil
end

--- { saves, seen, failed, wrong, got, ended = "with 0" or "by SIGSEGV" }
function M.play(folder, mode, count)
  local line = ("timeout 60 %s . %s %d"):format(command.quote(M.program), mode, count or 1)
  local status, said, complained = command.shell(folder, line)
  local result = { ended = said:match "ended ([^\n]+)" }
  for name, value in said:gmatch "(%l+) ([%d.e+-]+)" do result[name] = tonumber(value) end
  assert(status == 0 and result.ended, said .. complained)
  return result
end

return M
