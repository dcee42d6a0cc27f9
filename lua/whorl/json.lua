--- Writes JSON (RFC 8259). Keys are sorted, so the same data gives the same text.

local M = {}

local deepest = 1000
local array = {}

--- What is written as null; a table cannot hold nil.
M.null = setmetatable({}, { __tostring = function() return "null" end })

--- Marks a table as an array, which an empty one does not show by itself.
function M.array(t) return setmetatable(t or {}, array) end

--- The shortest decimal that reads back as the same number.
function M.number(n)
  for digits = 14, 16 do
    local text = string.format("%." .. digits .. "g", n)
    if tonumber(text) == n then return text end
  end
  return string.format("%.17g", n)
end

--- Length of the UTF-8 sequence that starts at byte i (RFC 3629), or nil when there is none.
local function sequence(s, i)
  local a, b, c, d = s:byte(i, i + 3)
  local function tail(x) return x and x >= 0x80 and x <= 0xbf end
  if a < 0x80 then return 1 end
  if not tail(b) then return nil end
  if a >= 0xc2 and a <= 0xdf then return 2 end
  if not tail(c) then return nil end
  if a == 0xe0 and b >= 0xa0 or a == 0xed and b <= 0x9f then return 3 end
  if a >= 0xe1 and a <= 0xef and a ~= 0xed then return 3 end
  if not tail(d) then return nil end
  if a == 0xf0 and b >= 0x90 or a >= 0xf1 and a <= 0xf3 or a == 0xf4 and b <= 0x8f then return 4 end
  return nil
end

--- The text with every byte that is not UTF-8 replaced by U+FFFD.
function M.utf8(s)
  if not string.find(s, "[\128-\255]") then return s end
  local out, i = {}, 1
  while i <= #s do
    local length = sequence(s, i)
    out[#out + 1] = length and string.sub(s, i, i + length - 1) or "\239\191\189"
    i = i + (length or 1)
  end
  return table.concat(out)
end

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r",
                  ["\t"] = "\\t" }

local function quote(s)
  return '"' .. string.gsub(M.utf8(s), '[%c"\\]', function(c)
    return escapes[c] or string.format("\\u%04x", string.byte(c))
  end) .. '"'
end

local function scalar(v)
  if type(v) == "string" then return quote(v) end
  if type(v) == "boolean" then return tostring(v) end
  if type(v) ~= "number" then error("json: cannot write a " .. type(v), 0) end
  if v ~= v or v == math.huge or v == -math.huge then error("json: cannot write " .. tostring(v), 0) end
  return M.number(v)
end

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do
    if type(key) ~= "string" then error("json: a key is a " .. type(key) .. ", not a string", 0) end
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

local write

local function items(t, pretty, depth)
  local out, flat = {}, true
  if #t == 0 and getmetatable(t) ~= array or #t == 0 and next(t) ~= nil then return nil end
  for key in pairs(t) do
    if type(key) ~= "number" or key < 1 or key > #t then error("json: a table is both list and map", 0) end
  end
  for i = 1, #t do
    flat = flat and type(t[i]) ~= "table"
    out[i] = write(t[i], pretty, depth + 1)
  end
  return out, flat
end

local function members(t, pretty, depth)
  local out = {}
  for i, key in ipairs(sorted_keys(t)) do
    out[i] = quote(key) .. (pretty and ": " or ":") .. write(t[key], pretty, depth + 1)
  end
  return out
end

local function join(open, list, close, pretty, depth, flat)
  if #list == 0 then return open .. close end
  if not pretty then return open .. table.concat(list, ",") .. close end
  if flat then return open .. table.concat(list, ", ") .. close end
  local margin = string.rep("  ", depth)
  return open .. "\n" .. margin .. "  " .. table.concat(list, ",\n" .. margin .. "  ") .. "\n" .. margin .. close
end

function write(v, pretty, depth)
  if v == M.null then return "null" end
  if type(v) ~= "table" then return scalar(v) end
  if depth > deepest then error("json: nested too deep, or a cycle", 0) end
  local list, flat = items(v, pretty, depth)
  if list then return join("[", list, "]", pretty, depth, flat) end
  return join("{", members(v, pretty, depth), "}", pretty, depth, false)
end

--- Raises an error for what JSON cannot hold: NaN, infinities, functions, cycles, mixed tables.
---@param value any
---@param pretty boolean? over several lines
---@return string
function M.encode(value, pretty) return write(value, pretty, 0) end

return M
