--- What a pipeline file may call: libraries without the functions that reach outside, load code, or run without end.
--- Steps, time and memory are bounded by a hook and an allocator, which cannot stop one long call into C: each of those
--- is kept below some 50 ms here, or is by the memory that its work needs, so that the hook sees the clock in between.

local M = {}

local longest = 1e6      -- bytes that string.rep may make
local dearest = 4e7      -- characters that matching one pattern may look at
local most_pattern = 500 -- bytes of a pattern
local most_sorted = 1e5  -- entries that table.sort takes

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

--- A pattern with k repetitions splits n bytes in at most (n + k over k) ways, at each of its starts, and each way
--- passes its items once. %b and %1 run over as much as a repetition does. One at the very end never tries again.
local function cost(name, s, pattern)
  if #pattern > most_pattern then return math.huge end
  local n = #s
  local items = string.gsub(pattern, "%%[b%d]", "x*x")
  items = string.gsub(string.gsub(items, "%%.", "x"), "%[%^?.[^]]*%]", "x")
  local passed, k = string.gsub(string.gsub(items, "[()]", ""), "[*+?-]", "")
  if string.find(items, "[*+?-]%)*$") then k = k - 1 end
  local ways = 1
  for i = 1, k do ways = ways * (n + i) / i end
  local starts = name ~= "gmatch" and string.sub(pattern, 1, 1) == "^" and 1 or n + 1
  return starts * ways * (#passed + #pattern / 8) + 10 * n
end

local function guarded(f, name)
  return function(s, pattern, ...)
    local text, wanted = tostring(s), tostring(pattern)
    local plain = name == "find" and select(2, ...)
    if (plain and #text * #wanted or cost(name, text, wanted)) > dearest then
      error(("string.%s: the pattern is too costly for %d bytes"):format(name, #text), 2)
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

local function sort(t, ...)
  if type(t) == "table" and #t > most_sorted then
    error(("table.sort: more than %d entries"):format(most_sorted), 2)
  end
  return table.sort(t, ...)
end

local strings = copy(string, "dump")
strings.rep = rep
for _, name in ipairs { "find", "match", "gmatch", "gsub" } do strings[name] = guarded(string[name], name) end

--- A fresh set of the names that have nothing to do with pipelines. table.move and foreach are Lua inside LuaJIT: a
--- compiled loop in them would outrun the step limit.
function M.names()
  local tables = copy(table, "move", "foreach", "foreachi")
  tables.insert, tables.sort = insert, sort
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
