--- What a pipeline file may call: libraries without the functions that reach outside, load code, or run without end.
--- Steps and memory are bounded by a hook and an allocator, which cannot stop one long call into C: those are bounded
--- here.

local M = {}

local longest = 1e6     -- bytes that string.rep may make
local dearest = 1e9     -- steps that matching one pattern may take

local function copy(library, ...)
  local out = {}
  for name, f in pairs(library) do out[name] = f end
  for _, name in ipairs { ... } do out[name] = nil end
  return out
end

local function rep(s, n, separator)
  local bytes = (#tostring(s) + #tostring(separator or "")) * (tonumber(n) or 0)
  if bytes > longest then error(("string.rep would make more than %d bytes"):format(longest), 2) end
  return string.rep(s, n, separator)
end

--- A pattern with k repetitions splits n bytes in at most (n + k over k) ways, at each of n starts.
local function cost(s, pattern)
  local n = #s
  local _, k = string.gsub(pattern, "[*+?-]", "")
  local ways = n + 1
  for i = 1, k do ways = ways * (n + i) / i end
  return ways
end

local function guarded(f, name)
  return function(s, pattern, ...)
    local plain = name == "find" and select(2, ...)
    if not plain and cost(tostring(s), tostring(pattern)) > dearest then
      error(("string.%s: the pattern is too costly for %d bytes"):format(name, #tostring(s)), 2)
    end
    return f(s, pattern, ...)
  end
end

--- table.insert with the places that make sense; the library's own counts down from any.
local function insert(t, ...)
  local n = select("#", ...)
  local at = ...
  if n == 2 and (type(at) ~= "number" or not (at >= 1 and at <= #t + 1)) then
    error("bad argument #2 to 'insert' (position out of bounds)", 2)
  end
  return table.insert(t, ...)
end

local strings = copy(string, "dump")
strings.rep = rep
for _, name in ipairs { "find", "match", "gmatch", "gsub" } do strings[name] = guarded(string[name], name) end

--- A fresh set of the names that have nothing to do with pipelines. table.move and foreach are Lua inside LuaJIT: a
--- compiled loop in them would outrun the step limit.
function M.names()
  local tables = copy(table, "move", "foreach", "foreachi")
  tables.insert = insert
  return {
    math = copy(math), string = copy(strings), table = tables, bit = copy(bit),
    ipairs = ipairs, pairs = pairs, next = next, select = select, type = type, tostring = tostring,
    tonumber = tonumber, unpack = unpack, error = error, assert = assert, setmetatable = setmetatable,
  }
end

--- Names of Lua that a file may not use: worth another message than a slip of the finger.
M.withheld = {}
for _, name in ipairs { "os", "io", "ffi", "debug", "package", "coroutine", "jit", "pcall", "xpcall", "load",
                        "loadstring", "loadfile", "dofile", "module", "getmetatable", "rawget", "rawset", "rawequal",
                        "rawlen", "getfenv", "setfenv", "collectgarbage", "newproxy", "gcinfo", "_G" } do
  M.withheld[name] = true
end

--- Compiles text, never bytecode, that sees only env. The compiler stays off: its loops would outrun the step limit.
function M.load(text, chunk, env)
  local f, problem = load(text, chunk, "t", env)
  if not f then return nil, problem end
  jit.off(f, true)
  return f
end

local metatable = debug.getmetatable("")

--- Runs f with ("").method confined like string itself; the results are xpcall's.
function M.run(f, handler, ...)
  local before = metatable.__index
  metatable.__index = strings
  local function leave(...)
    metatable.__index = before
    return ...
  end
  return leave(xpcall(f, handler, ...))
end

return M
