--- The reader of one pipeline file: what is wrong with it and where, and the handles that stand for what it says.
---
--- What a file gets from deform.twist { … } and its like are handles: empty tables whose contents are kept here, out of
--- its reach. A mistake is recorded and stands in for a value that takes part in anything without more complaints.
--- The words of the language are methods too: config_call, config_pipeline, config_file and config_plan add them.

local json = require "whorl.json"
local value = require "whorl.value"

local Reader = {}
Reader.__index = Reader

local limit = { errors = 50, name = 200, message = 500 }
local too_many = {} -- raised when the list of mistakes is full

--- What is wrong with a text that ends up in interfaces and JSON; nil: nothing.
function Reader.text_problem(v)
  if type(v) ~= "string" then return "wants a text, not " .. value.show(v) end
  if v == "" or #v > limit.name then return ("wants 1 .. %d bytes of text"):format(limit.name) end
  if string.find(v, "%c") or json.utf8(v) ~= v then return "wants plain UTF-8 text" end
end

function Reader.one_line(text)
  if #text > limit.message then text = string.sub(text, 1, limit.message) .. "…" end
  return (string.gsub(json.utf8(text), "%c+", " "))
end

function Reader.sorted_keys(t)
  local keys = {}
  for key in next, t do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if type(a) == type(b) and (type(a) == "string" or type(a) == "number") then return a < b end
    return type(a) < type(b)
  end)
  return keys
end

---------------------------------------------------------------------------------------------------------------------
-- Mistakes and places

--- Source and line of the innermost call out of the user's text. A tail call leaves no trace: then the return it was.
function Reader:here()
  for level = 2, 250 do
    local info = debug.getinfo(level, "Sl")
    if not info then break end
    local s = self.sources[info.source]
    if s and info.currentline > 0 then return s, info.currentline end
  end
  if self.pending then return self.pending.source, self.pending.line end
  return self.main, self.main:last_return()
end

function Reader:report_at(s, line, text)
  local key = ("%s:%d:%s"):format(s.file, line, text)
  if self.reported[key] then return end
  self.reported[key] = true
  local found = #self.errors + 1
  self.errors[found] = { file = s.file, line = line, text = text, order = s.order, found = found }
  if #self.errors >= limit.errors then error(too_many, 0) end
end

function Reader:report(...)
  local s, line = self:here()
  self:report_at(s, line, string.format(...))
end

--- Records a mistake at the caller's place and gives the value that stands in.
function Reader:mistake(...)
  self:report(...)
  self.stood_in = true
  return self.stand_in
end

--- The words of the language are for the file itself, not for its functions of time and its policy, which run later.
function Reader:only_while_reading(what)
  if not self.closed then return end
  local s, line = self:here()
  error(("%s:%d: %s cannot be used in %s"):format(s.file, line, what, self.running or "a function of time"), 0)
end

--- Splits "file:line: text" as Lua words it, where the file may be cut short, or as messages here do.
function Reader:place_of(message)
  for _, s in pairs(self.sources) do
    for _, head in ipairs { s.short .. ":", s.file .. ":" } do
      local line, text
      if string.sub(message, 1, #head) == head then line, text = string.match(message, "^(%d+): (.*)$", #head + 1) end
      if line then return s, tonumber(line), text end
    end
  end
end

--- An error as a text, without a place in whorl's own files.
function Reader.wording(problem)
  if type(problem) ~= "string" then return "error with " .. value.show(problem) .. " in place of a text" end
  return (string.gsub(problem, "^[^:]*whorl/[%w_]+%.lua:%d+: ", ""))
end

--- True for an error that only follows from a stand-in: its cause is recorded already.
function Reader:follows(text)
  return self.stood_in and (string.find(text, "table", 1, true) or string.find(text, "'for'", 1, true))
end

--- The message handler: records a Lua error. Runs where the error happened, so it can see the line.
function Reader:caught(problem)
  if problem == too_many then return end
  local s, line, text
  if type(problem) == "string" then s, line, text = self:place_of(problem) end
  if not s then
    s, line = self:here()
    text = Reader.wording(problem)
  end
  if self:follows(text) then return end
  pcall(self.report_at, self, s, line, Reader.one_line(text))
end

---------------------------------------------------------------------------------------------------------------------
-- Handles

local operations = { "__add", "__sub", "__mul", "__div", "__mod", "__pow", "__unm", "__concat", "__len", "__lt",
                     "__le" }

--- A metatable for handles whose every use that is not listed in `allowed` is a mistake.
function Reader.handle_metatable(reader, what, allowed)
  local mt = { __metatable = false, __tostring = function() return what end }
  for _, event in ipairs(operations) do
    mt[event] = allowed[event] or function()
      return reader:mistake("%s", allowed.misused or what .. " is not a number")
    end
  end
  mt.__index = allowed.__index or function(_, key)
    return reader:mistake("%s has nothing inside to read (.%s)", what, tostring(key))
  end
  mt.__newindex = function(_, key) reader:report("%s cannot be changed (.%s)", what, tostring(key)) end
  mt.__call = allowed.__call or function() return reader:mistake("%s cannot be called", what) end
  return mt
end

function Reader.new_stand_in()
  local self = {}
  local function same() return self end
  local mt = { __metatable = false, __index = same, __call = same, __newindex = function() end,
               __tostring = function() return "unknown" end }
  for _, event in ipairs(operations) do mt[event] = same end
  return setmetatable(self, mt)
end

--- What a handle stands for, when it is one of that class: "call", "field", "exposed", "group", "reload", "pipeline".
function Reader:object(handle, class)
  local object = self.objects[handle]
  return object and object.class == class and object.data or nil
end

function Reader:handle(class, data, mt)
  local handle = setmetatable({}, mt)
  self.objects[handle] = { class = class, data = data }
  return handle
end

--- A given value as messages name it.
function Reader:show(v)
  local object = self.objects[v]
  if not object then return value.show(v) end
  if object.class == "call" then return object.data.where .. " { … }" end
  if object.class == "field" then return "a field" end
  if object.class == "exposed" then return "expose(…)" end
  return tostring(v)
end

return Reader
