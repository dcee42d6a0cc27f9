--- Tells LuaJIT the C types that runtime/ and Lua share: they stand once, in headers that both read.

local ffi = require "ffi"

local M = {}

--- The lines between the ffi marks of a header.
local function declarations(path)
  local f = assert(io.open(path))
  local text = f:read "*a"
  f:close()
  return (assert(text:match("/%* ffi%-begin.-%*/(.-)/%* ffi%-end"), path))
end

--- Reads the headers in that order, unless the type, which is in the last of them, is known.
---@param ctype string
---@param ... string their paths
function M.declare(ctype, ...)
  if pcall(ffi.typeof, ctype) then return end
  for _, path in ipairs { ... } do ffi.cdef(declarations(path)) end
end

return M
