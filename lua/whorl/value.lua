--- Checks one value against its declared parameter. All wording about values is here.

local json = require "whorl.json"

local M = {}

--- A value as a message shows it: one short line.
function M.show(v)
  if type(v) == "number" then return json.number(v) end
  if type(v) == "boolean" or v == nil then return tostring(v) end
  if type(v) ~= "string" then return "a " .. type(v) end
  if #v > 40 then v = string.sub(v, 1, 40) .. "…" end
  return '"' .. string.gsub(json.utf8(v), "%c", "?") .. '"'
end

--- True for a table whose contents are all that it is.
function M.plain_table(v) return type(v) == "table" and debug.getmetatable(v) == nil end

local function number(param, where, v)
  local whole = param.type == "int"
  if type(v) ~= "number" then
    return nil, ("%s wants a %s, not %s"):format(where, whole and "whole number" or "number", M.show(v))
  end
  if v ~= v or v == math.huge or v == -math.huge then return nil, ("%s = %s is not finite"):format(where, M.show(v)) end
  if whole and v % 1 ~= 0 then return nil, ("%s = %s is not a whole number"):format(where, M.show(v)) end
  if v >= param.min and v <= param.max then return v end
  local unit = (param.unit or "") ~= "" and " " .. param.unit or ""
  return nil, ("%s = %s%s is outside %s .. %s"):format(where, M.show(v), unit, M.show(param.min), M.show(param.max))
end

local function vector(param, where, v)
  local wanted = ("%s wants %d numbers, { … }"):format(where, param.count)
  if not M.plain_table(v) then return nil, ("%s, not %s"):format(wanted, M.show(v)) end
  local out, entries = {}, 0
  for _ in next, v do
    entries = entries + 1
    if entries > param.count then return nil, wanted .. ", not more" end
  end
  for i = 1, param.count do
    if v[i] == nil then return nil, ("%s, and has no number %d"):format(wanted, i) end
    local n, problem = number(param, ("%s[%d]"):format(where, i), v[i])
    if not n then return nil, problem end
    out[i] = n
  end
  return out
end

local function choice(param, where, v)
  for i, name in ipairs(param.choices) do
    if v == name or v == i - 1 then return { i - 1 } end
  end
  local names = table.concat(param.choices, ", ")
  if type(v) ~= "string" and type(v) ~= "number" then
    return nil, ("%s wants one of %s, not %s"):format(where, names, M.show(v))
  end
  return nil, ("%s = %s is none of %s"):format(where, M.show(v), names)
end

local function text(param, where, v)
  if type(v) ~= "string" then return nil, ("%s wants a text, not %s"):format(where, M.show(v)) end
  if #v >= param.count then
    return nil, ("%s has %d bytes, and takes %d at most"):format(where, #v, param.count - 1)
  end
  if string.find(v, "%z") then return nil, where .. " holds a zero byte" end
  if json.utf8(v) ~= v then return nil, where .. " is not UTF-8" end
  return v
end

--- Numbers (true is 1, a choice is its number from 0) or, for a string, the text; or nil and what is wrong.
---@param param table from whorl.schema
---@param where string how messages call the value: "deform.twist.angle"
---@param v any
---@return number[]|string|nil, string?
function M.check(param, where, v)
  if param.type == "string" then return text(param, where, v) end
  if param.type == "choice" then return choice(param, where, v) end
  if param.type == "bool" then
    if type(v) == "boolean" then return { v and 1 or 0 } end
    return nil, ("%s wants true or false, not %s"):format(where, M.show(v))
  end
  if param.count > 1 then return vector(param, where, v) end
  local n, problem = number(param, where, v)
  return n and { n }, problem
end

return M
