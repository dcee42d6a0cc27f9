--- Finds the line of a key or an entry in a Lua table constructor, for messages: Lua itself only knows the call's line.

local M = {}
M.__index = M

local openers = { ["{"] = true, ["("] = true, ["["] = true, ["function"] = true, ["do"] = true, ["if"] = true,
                  ["repeat"] = true }
local closers = { ["}"] = true, [")"] = true, ["]"] = true, ["end"] = true, ["until"] = true }

---@param file string as messages show it
---@param text string
function M.new(file, text) return setmetatable({ file = file, text = text }, M) end

--- The place behind the string or comment whose long bracket opens at i, or nil when none does.
local function long_bracket(text, i)
  local level = string.match(text, "^%[(=*)%[", i)
  if not level then return nil end
  local _, last = string.find(text, "]" .. level .. "]", i, true)
  return (last or #text) + 1
end

local function quoted(text, i)
  local quote = string.sub(text, i, i)
  local at = i + 1
  while at <= #text do
    local c = string.sub(text, at, at)
    if c == quote or c == "\n" then return at + 1 end
    at = at + (c == "\\" and 2 or 1)
  end
  return at
end

--- The kind of the lexeme at i and the place behind it: "space", "string", or the lexeme itself.
local function lexeme(text, i)
  if string.find(text, "^%-%-", i) then
    return "space", long_bracket(text, i + 2) or string.find(text, "\n", i, true) or #text + 1
  end
  local c = string.sub(text, i, i)
  if c == '"' or c == "'" then return "string", quoted(text, i) end
  if c == "[" and long_bracket(text, i) then return "string", long_bracket(text, i) end
  local word = string.match(text, "^[%w_]+", i) or string.match(text, "^[=~<>]=", i)
  if word then return word, i + #word end
  return string.find(c, "%s") and "space" or c, i + 1
end

--- All lexemes of the text with their lines and nesting; made once, when a message first asks.
function M:lexemes()
  if self.list then return self.list end
  local list, line, depth, i = {}, 1, 0, 1
  while i <= #self.text do
    local kind, after = lexeme(self.text, i)
    local piece = string.sub(self.text, i, after - 1)
    if closers[kind] then depth = depth - 1 end
    if kind ~= "space" then list[#list + 1] = { kind = kind, text = piece, line = line, depth = depth } end
    if openers[kind] then depth = depth + 1 end
    line = line + select(2, string.gsub(piece, "\n", ""))
    i = after
  end
  self.list = list
  return list
end

--- Calls visit(list, i) for each lexeme directly inside the braces that open at list[open].
local function each_inside(list, open, visit)
  for i = open + 1, #list do
    if list[i].depth <= list[open].depth then return nil end
    local found = list[i].depth == list[open].depth + 1 and visit(list, i)
    if found then return found end
  end
end

local function starts_entry(list, i)
  local before = list[i - 1].kind
  return not closers[list[i].kind] and (before == "{" or before == "," or before == ";")
end

local function is_key(list, i, key)
  local l, after = list[i], list[i + 1]
  if not starts_entry(list, i) or not after then return false end
  if l.kind == key then return after.kind == "=" end
  return l.kind == "[" and after.kind == "string" and string.sub(after.text, 2, -2) == key
end

--- The first non-nil answer of find(list, i) for the braces that open on a line.
function M:in_braces(line, find)
  local list = self:lexemes()
  for i, l in ipairs(list) do
    if l.line > line then return nil end
    local found = l.line == line and l.kind == "{" and find(list, i)
    if found then return found end
  end
end

--- The line of `key = …` in a table that opens on the call's line; the call's line when it is not found.
---@param line number of the call
---@param key string
---@return number
function M:key_line(line, key)
  return self:in_braces(line, function(list, open)
    return each_inside(list, open, function(_, i) return is_key(list, i, key) and list[i].line end)
  end) or line
end

--- The line of the n-th entry without a key in a table that opens on the call's line.
function M:entry_line(line, n)
  return self:in_braces(line, function(list, open)
    local count = 0
    return each_inside(list, open, function(_, i)
      local after = list[i + 1]
      local keyed = list[i].kind == "[" or after and after.kind == "=" or list[i].kind == ","
      if starts_entry(list, i) and not keyed then count = count + 1 end
      return starts_entry(list, i) and not keyed and count == n and list[i].line
    end)
  end) or line
end

--- The line of the last `return`: what a tail call leaves to be known.
function M:last_return()
  local line = 1
  for _, l in ipairs(self:lexemes()) do
    if l.kind == "return" then line = l.line end
  end
  return line
end

return M
