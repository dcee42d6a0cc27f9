--- The files of a project, require and print, and the environment that they run in. Methods of the reader.

local sandbox = require "whorl.sandbox"
local source = require "whorl.source"
local suggest = require "whorl.suggest"
local value = require "whorl.value"
local Reader = require "whorl.config_reader"

local handle_metatable, one_line = Reader.handle_metatable, Reader.one_line
local limit = { text = 1048576, print = 4096, printed = 65536 }

--- Compiles a file and makes it known to messages; nil when its text is no Lua, which is recorded.
function Reader:compile(s)
  self.file_count = self.file_count + 1
  s.order = self.file_count
  local chunk = "@" .. s.file
  self.sources[chunk] = s
  s.short = debug.getinfo(load("", chunk), "S").short_src -- as Lua's own messages begin
  local f, problem = sandbox.load(s.text, chunk, self.env)
  if f then return f end
  local at, line, text = self:place_of(problem)
  self:report_at(at or s, line or 1, one_line(text or problem))
end

--- What is wrong with a text as a file of a project; nil: nothing.
function Reader.size_problem(text)
  if #text > limit.text then return ("more than %d bytes"):format(limit.text) end
end

function Reader:module_text(name)
  local path = string.gsub(name, "%.", "/") .. ".lua"
  local text, problem = self.o.read(path)
  local too_long = text and Reader.size_problem(text)
  if too_long then return path, nil, too_long end
  return path, text, problem
end

--- require for the project's own files, beside the pipeline or below it.
function Reader:require(name)
  self:only_while_reading "require"
  if type(name) ~= "string" or not string.find("." .. name, "^%.[%w_-][%w_.-]*$") or string.find(name, "..", 1, true)
    or string.sub(name, -1) == "." then
    return self:mistake("require wants the name of a file of this project, \"folder.name\", not %s", self:show(name))
  end
  local known = self.modules[name]
  if known then return known.value end
  for i, open in ipairs(self.opening) do
    if open == name then
      return self:mistake("require runs in a circle: %s -> %s", table.concat(self.opening, " -> ", i), name)
    end
  end
  local path, text, problem = self:module_text(name)
  if not text then return self:mistake("no module '%s' (%s: %s)", name, path, tostring(problem or "not found")) end
  table.insert(self.module_paths, path)
  return self:open(name, path, text)
end

function Reader:open(name, path, text)
  local f = self:compile(source.new(self.folder .. path, text))
  local result = self.stand_in
  if f then
    table.insert(self.opening, name)
    result = f()
    table.remove(self.opening)
    if result == nil then result = true end
  else
    self.stood_in = true
  end
  self.modules[name] = { value = result }
  return result
end

function Reader:print(...)
  self:only_while_reading "print"
  if not self.o.print or self.printed > limit.printed then return end
  local out = {}
  for i = 1, select("#", ...) do out[i] = tostring((select(i, ...))) end
  local text = table.concat(out, "\t")
  if #text > limit.print then text = string.sub(text, 1, limit.print) .. "…" end
  local s, line = self:here()
  local at = ("%s:%d"):format(s.file, line)
  self.printed = self.printed + #text + #at
  if self.printed > limit.printed then text = "the rest of what is printed is left out (it is too much)" end
  self.o.print(text, at)
end

---------------------------------------------------------------------------------------------------------------------
-- The environment

function Reader:unknown(name, names)
  if self.closed then
    local s, line = self:here()
    error(("%s:%d: unknown name '%s'"):format(s.file, line, tostring(name)), 0)
  end
  if sandbox.withheld[name] then return self:mistake("unknown name '%s' (a pipeline file cannot use it)", name) end
  local known = {}
  for other in pairs(names) do known[#known + 1] = other end
  return self:mistake("unknown name '%s'%s", tostring(name), suggest(tostring(name), known))
end

function Reader:host(fields)
  local known = {}
  for name in pairs(fields) do known[#known + 1] = name end
  return setmetatable({}, handle_metatable(self, "host", {
    __index = function(_, key)
      if fields[key] ~= nil then return fields[key] end
      if self.closed then return nil end
      return self:mistake("host has no %s%s", value.show(key):gsub('"', "'"),
                          type(key) == "string" and suggest(key, known) or "")
    end,
  }))
end

--- Globals are read through to the names that files may use, and writing one is a mistake.
function Reader:environment()
  local names = sandbox.names()
  for _, kind in ipairs(self.kinds) do names[kind] = self:group(kind) end
  for _, word in ipairs { "expose", "pipeline", "reload", "require", "print" } do
    names[word] = function(...) return self[word](self, ...) end
  end
  names.host = self:host(self.o.host or {})
  setmetatable(names, { __index = function(_, name) return self:unknown(name, names) end })
  return setmetatable({}, { __index = names, __newindex = function(env, name, v)
    local s, line = self:here()
    local text = ("global '%s' (write local %s = …)"):format(tostring(name), tostring(name))
    if self.closed then error(("%s:%d: %s"):format(s.file, line, text), 0) end
    self:report_at(s, line, text)
    rawset(env, name, v)
  end })
end
