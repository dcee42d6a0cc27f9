--- The arrows of docs/design.md, read from #include and require lines: hosts -> runtime <- lua, and a kernel knows
--- only its header.
local root = os.getenv("WHORL_SOURCE") or "."

--- Which part of the tree a file belongs to, and the folder of a kernel of several sources.
local function place(path)
  return path:match("^([^/]+)/"), path:match("^(kernels/[^/]+)/[^/]+$")
end

local public = { ["whorl.h"] = true, ["whorl_kernel.h"] = true }

--- Lua modules that only LuaJIT offers; what whorl may require beside its own.
local lua_modules = { ffi = true, bit = true, jit = true, ["jit.opt"] = true, ["table.new"] = true,
                      ["table.clear"] = true }

--- Headers of the project that a file of this part may include; own(header) says whether it lies beside the file.
local function include_allowed(path, header, own)
  local part, folder = place(path)
  if part == "kernels" then
    return header == "whorl_kernel.h" or folder ~= nil and own(header)
  elseif part == "runtime" then
    return own(header) or header == "whorl_kernel.h"
  end
  return public[header] or own(header) -- hosts, and the programs of specs and fuzzers
end

local function require_allowed(path, module)
  local part = place(path)
  if part == "lua" then
    return module == "whorl" or module:match("^whorl%.[%w_]+$") or lua_modules[module]
  elseif part == "hosts" then
    return module == "whorl" or lua_modules[module]
  end
  return true
end

--- The command is a host that is written in Lua: what the runtime runs must not know it.
local function is_command(name)
  return name:match("^cli$") or name:match("^cli_")
end

--- One message for each arrow that runs the wrong way.
local function reversed(path, text, own)
  local found, line_number = {}, 0
  local function complain(what)
    found[#found + 1] = ("%s:%d: %s"):format(path, line_number, what)
  end
  for line in (text .. "\n"):gmatch("(.-)\n") do
    line_number = line_number + 1
    local header = line:match('^%s*#%s*include%s*"([^"]+)"')
    if (path:match("%.[ch]$") or path:match("%.cpp$")) and header and not include_allowed(path, header, own) then
      complain(("includes %s"):format(header))
    end
    if path:match("%.lua$") and not line:match("^%s*%-%-") then
      for module in line:gmatch("require%s*%(?%s*[\"']([%w_.]+)[\"']") do
        local name = module:match("^whorl%.(.+)$")
        if not require_allowed(path, module) then
          complain(("requires %s"):format(module))
        elseif place(path) == "lua" and name and is_command(name) and not is_command(path:match("([^/]+)%.lua$")) then
          complain(("requires %s, which is a host"):format(module))
        end
      end
    end
  end
  return found
end

local function read(path)
  local file = assert(io.open(root .. "/" .. path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function exists(path)
  local file = io.open(root .. "/" .. path, "rb")
  if file then
    file:close()
  end
  return file ~= nil
end

local function sources()
  local list = {}
  local find = "cd '%s' && find kernels runtime lua hosts -name '*.[ch]' -o -name '*.cpp' -o -name '*.lua'"
  local pipe = assert(io.popen(find:format(root)))
  for path in pipe:lines() do
    list[#list + 1] = path
  end
  pipe:close()
  return list
end

local function none()
  return false
end

local function always()
  return true
end

describe("the tree", function()
  it("has no arrow that runs back", function()
    local paths, found = sources(), {}
    assert.is_true(#paths > 20)
    for _, path in ipairs(paths) do
      local folder = path:match("^(.*)/")
      local own = function(header)
        if header:find("/", 1, true) then return false end
        return exists(folder .. "/" .. header) or path:find("^runtime/") and exists("runtime/" .. header)
      end
      for _, text in ipairs(reversed(path, read(path), own)) do
        found[#found + 1] = text
      end
    end
    assert.same({}, found)
  end)
end)

describe("the rule", function()
  it("keeps kernels to their header and their own folder", function()
    assert.same({}, reversed("kernels/twist.c", '#include "whorl_kernel.h"\n#include <math.h>', always))
    assert.same({ "kernels/twist.c:2: includes os.h" },
      reversed("kernels/twist.c", '#include "whorl_kernel.h"\n#include "os.h"', none))
    assert.same({ "kernels/twist.c:1: includes bend.h" }, reversed("kernels/twist.c", '#include "bend.h"', always))
    assert.same({}, reversed("kernels/winding/tree.c", '#include "tree.h"', always))
    assert.same({ "kernels/winding/tree.c:1: includes ../../runtime/os.h" },
      reversed("kernels/winding/tree.c", '#include "../../runtime/os.h"', none))
  end)

  it("keeps hosts out of the runtime", function()
    assert.same({ "runtime/session.c:3: includes ../hosts/cli/main.h" },
      reversed("runtime/session.c", '#include "session.h"\n\n  #  include "../hosts/cli/main.h"', function(header)
        return header == "session.h"
      end))
  end)

  it("shows hosts the public headers only", function()
    assert.same({}, reversed("hosts/cli/main.c", '#include "whorl.h"', none))
    assert.same({ "hosts/cli/main.c:1: includes session.h" },
      reversed("hosts/cli/main.c", '#include "session.h"', none))
    assert.same({ "hosts/maya/deformer.cpp:1: includes plan.h" },
      reversed("hosts/maya/deformer.cpp", '#include "plan.h"\n#include <maya/MObject.h>', none))
  end)

  it("keeps Lua to whorl's own files", function()
    assert.same({}, reversed("lua/whorl/lower.lua", 'local s = require "whorl.suggest"\n-- require "socket"', none))
    assert.same({ "lua/whorl/lower.lua:1: requires socket" },
      reversed("lua/whorl/lower.lua", 'local s = require("socket")', none))
    assert.same({ "lua/whorl/lower.lua:1: requires whorl.cli_run, which is a host" },
      reversed("lua/whorl/lower.lua", "local s = require 'whorl.cli_run'", none))
    assert.same({}, reversed("lua/whorl/cli.lua", 'require "whorl.cli_run"', none))
  end)
end)
