--- Runs a pipeline file in a sandbox and returns plain data, or everything that is wrong with the file.
---
--- What a file gets from deform.twist { … } and its like are handles: empty tables whose contents are kept here, out of
--- its reach. A mistake is recorded and stands in for a value that takes part in anything without more complaints.

local plain = require "whorl.plain"
local reload = require "whorl.reload"
local json = require "whorl.json"
local sandbox = require "whorl.sandbox"
local source = require "whorl.source"
local suggest = require "whorl.suggest"
local value = require "whorl.value"

local M = {}

local limit = { errors = 50, text = 1048576, entries = 1000, parts = 256, name = 200, message = 500, print = 4096,
                printed = 65536 }

local envelope, enabled = plain.envelope, plain.enabled
local extras = {
  deform = { envelope = envelope, enabled = enabled, mask = true, name = true },
  sample = { enabled = enabled, name = true },
  field = {},
  mesh = {},
}
local kinds = { "deform", "field", "sample", "mesh" }

local too_many = {} -- raised when the list of mistakes is full

M.check_value = value.check
M.plain = plain.plan

--- A text that ends up in interfaces and JSON.
local function text_problem(v)
  if type(v) ~= "string" then return "wants a text, not " .. value.show(v) end
  if v == "" or #v > limit.name then return ("wants 1 .. %d bytes of text"):format(limit.name) end
  if string.find(v, "%c") or json.utf8(v) ~= v then return "wants plain UTF-8 text" end
end

local function one_line(text)
  if #text > limit.message then text = string.sub(text, 1, limit.message) .. "…" end
  return (string.gsub(json.utf8(text), "%c+", " "))
end

local function sorted_keys(t)
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

local Reader = {}
Reader.__index = Reader

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
local function wording(problem)
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
    text = wording(problem)
  end
  if self:follows(text) then return end
  pcall(self.report_at, self, s, line, one_line(text))
end

---------------------------------------------------------------------------------------------------------------------
-- Handles

local operations = { "__add", "__sub", "__mul", "__div", "__mod", "__pow", "__unm", "__concat", "__len", "__lt",
                     "__le" }

--- A metatable for handles whose every use that is not listed in `allowed` is a mistake.
local function handle_metatable(reader, what, allowed)
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

local function stand_in()
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

---------------------------------------------------------------------------------------------------------------------
-- Fields

function Reader:field(expr, parts)
  self.parts[expr] = parts
  return self:handle("field", expr, self.field_mt)
end

--- The expression for an operand, or nil.
function Reader:expr(v)
  local expr = self:object(v, "field")
  if expr then return expr end
  if type(v) ~= "number" or v ~= v or v == math.huge or v == -math.huge then return nil end
  expr = { op = "const", value = v }
  self.parts[expr] = 1
  return expr
end

function Reader:combine(op, a, b)
  self:only_while_reading "a field"
  if a == self.stand_in or b == self.stand_in then return self.stand_in end
  local left, right = self:expr(a), self:expr(b)
  if not left or not right then
    return self:mistake("a field goes with fields and numbers, not with %s", self:show(left and b or a))
  end
  local parts = self.parts[left] + self.parts[right] + 1
  if parts > limit.parts then return self:mistake("a field has more than %d parts", limit.parts) end
  return self:field({ op = op, a = left, b = right }, parts)
end

function Reader:field_metatable()
  local function combine(op) return function(a, b) return self:combine(op, a, b) end end
  local function refuse(text) return function() return self:mistake("%s", text) end end
  return handle_metatable(self, "a field", {
    __add = combine "add", __sub = combine "sub", __mul = combine "mul",
    __unm = function(a) return self:combine("mul", a, -1) end,
    __div = refuse "a field cannot be divided (for half of it write field * 0.5)",
    __pow = refuse "a field has no power (for its square write field * field)",
    __mod = refuse "a field has no remainder (it takes + - * only)",
    __concat = refuse "a field is not a text (it takes + - * only)",
    __lt = refuse "fields cannot be compared (they differ from point to point)",
    __le = refuse "fields cannot be compared (they differ from point to point)",
    __len = refuse "a field has no length",
  })
end

---------------------------------------------------------------------------------------------------------------------
-- Exposed values

local expose_keys = { "id", "min", "max" }

function Reader:expose_options(e, opts)
  if opts == nil then return end
  if self.objects[opts] or not value.plain_table(opts) then
    return self:report("expose wants a table after the label, { id = …, min = …, max = … }, not %s", self:show(opts))
  end
  for _, key in ipairs(sorted_keys(opts)) do
    local v = opts[key]
    if type(key) ~= "string" or not (key == "id" or key == "min" or key == "max") then
      self:report("expose has no option %s%s", value.show(key):gsub('"', "'"),
                  type(key) == "string" and suggest(key, expose_keys) or "")
    elseif key ~= "id" and (type(v) ~= "number" or v ~= v) then
      self:report("expose: %s wants a number, not %s", key, self:show(v))
    elseif key == "id" and (text_problem(v) or not string.find(v, "^[%w_][%w_.-]*$")) then
      self:report("expose: id wants letters, digits, _ . -, not %s", self:show(v))
    else
      e[key] = v
    end
  end
end

--- expose(value, label, { id = …, min = …, max = … })
function Reader:expose(v, label, opts)
  self:only_while_reading "expose"
  if v == self.stand_in then return v end
  if v == nil or type(v) == "function" or self.objects[v] then
    return self:mistake("expose wants a plain value, not %s", self:show(v))
  end
  local problem = label ~= nil and text_problem(label)
  if problem then self:report("expose: the label %s", problem) end
  local s, line = self:here()
  local e = { value = v, label = not problem and label or nil, source = s, line = line }
  self:expose_options(e, opts)
  return self:handle("exposed", e, self.exposed_mt)
end

--- Narrows the range of e to what the parameter and the options of expose allow.
function Reader:narrow(e, param, where)
  for _, key in ipairs { "min", "max" } do
    local asked = e[key]
    local ranged = param.type == "float" or param.type == "int"
    if asked and not ranged then
      self:report_at(e.source, e.line, ("%s: expose: %s is for numbers"):format(where, key))
    elseif asked and (asked < param.min or asked > param.max) then
      self:report_at(e.source, e.line, ("%s: expose: %s = %s is outside %s .. %s"):format(
        where, key, value.show(asked), value.show(param.min), value.show(param.max)))
    end
  end
  e.low = math.max(e.low or param.min, e.min or param.min)
  e.high = math.min(e.high or param.max, e.max or param.max)
end

local function alike(a, b)
  return a.type == b.type and a.count == b.count
    and table.concat(a.choices or {}, "|") == table.concat(b.choices or {}, "|")
end

--- Ties an exposed value to a parameter, or to one more: a slider may drive several that are alike.
function Reader:bind(e, param, where, s, line)
  if param.type == "string" then
    return self:report_at(s, line, where .. " is a text and cannot be exposed")
  end
  if e.param and not alike(e.param, param) then
    return self:report_at(s, line, ("%s cannot share its expose with %s: they differ in kind"):format(where, e.where))
  end
  local init, problem = value.check(param, where, e.value)
  if not init then return self:report_at(s, line, problem) end
  self:narrow(e, param, where)
  local narrowed = setmetatable({ min = e.low, max = e.high }, { __index = param })
  init, problem = value.check(narrowed, where, e.value)
  if not init then return self:report_at(s, line, problem) end
  e.param, e.where, e.init = e.param or param, e.where or where, init
  return { init = init, pending = { exposed = e } }
end

---------------------------------------------------------------------------------------------------------------------
-- Calls

local function default_value(param) return { init = assert(value.check(param, param.name, param.default)) } end

--- The Value of one parameter: plain, exposed, or a function whose turn comes when the file is read. The key is the
--- name by which the file gives it, when that is not the parameter's own.
function Reader:value(call, param, v, key)
  if v == nil or v == self.stand_in then return default_value(param) end
  local where = call.where .. "." .. param.name
  local line = call.source:key_line(call.line, key or param.name)
  local e = self:object(v, "exposed")
  if e then return self:bind(e, param, where, call.source, line) or default_value(param) end
  if type(v) == "function" and param.type ~= "string" then
    return { pending = { fn = v, at = ("%s:%d"):format(call.file, line), source = call.source, line = line } }
  end
  local init, problem
  if type(v) == "function" then problem = where .. " is a text and cannot be a function of time"
  elseif self.objects[v] then problem = ("%s wants a value, not %s"):format(where, self:show(v))
  else init, problem = value.check(param, where, v) end
  if init then return { init = init } end
  self:report_at(call.source, line, problem)
  return default_value(param)
end

function Reader:mask(call, v)
  if v == nil or v == self.stand_in then return nil end
  local expr = self:expr(v)
  if expr then return expr end
  self:report_at(call.source, call.source:key_line(call.line, "mask"),
                 ("%s.mask wants a field or a number, not %s"):format(call.where, self:show(v)))
end

function Reader:name(call, v)
  if v == nil or v == self.stand_in then return nil end
  local problem = text_problem(v)
  if not problem and call.kind == "sample" and string.find(v, "[^%w_-]") then
    problem = "wants letters, digits, _ and - (it becomes a file's name), not " .. value.show(v)
  end
  if not problem then return v end
  self:report_at(call.source, call.source:key_line(call.line, "name"), ("%s.name %s"):format(call.where, problem))
end

--- The table of a call, made empty when it is none.
function Reader:arguments(call, args, ...)
  if args == nil or args == self.stand_in then return {} end
  local problem
  if self:object(args, "group") then problem = ("write %s { … }, with a dot"):format(call.where)
  elseif self.objects[args] or type(args) ~= "table" then
    problem = ("%s wants { … }, not %s"):format(call.where, self:show(args))
  elseif not value.plain_table(args) then
    problem = call.where .. " wants a plain table, without a metatable"
  elseif select("#", ...) > 0 then problem = call.where .. " wants one table and nothing behind it" end
  if problem then self:report_at(call.source, call.line, problem) end
  return value.plain_table(args) and args or {}
end

function Reader:check_keys(call, args, extra)
  local known, positional = {}, false
  for _, param in ipairs(call.schema) do known[#known + 1] = param.name end
  for key in pairs(extra) do known[#known + 1] = key end
  local is_known = {}
  for _, name in ipairs(known) do is_known[name] = true end
  for _, param in ipairs(call.schema) do is_known[param.was or param.name] = true end
  for _, key in ipairs(sorted_keys(args)) do
    if type(key) ~= "string" then positional = true
    elseif not is_known[key] then
      self:report_at(call.source, call.source:key_line(call.line, key),
                     ("%s has no parameter '%s'%s"):format(call.where, key, suggest(key, known)))
    end
  end
  if positional then
    local example = call.schema[1] and ("write %s = …"):format(call.schema[1].name) or "it has no parameters"
    self:report_at(call.source, call.line, ("%s takes only named values (%s)"):format(call.where, example))
  end
end

--- What the file gives for a parameter, and the key when that is its former name. Renaming it is advised once a load.
function Reader:given(call, param, args)
  local v, was = args[param.name], param.was
  if not was or args[was] == nil then return v end
  local at, old = call.source:key_line(call.line, was), call.where .. "." .. was
  if v ~= nil then
    self:report_at(call.source, at, ("%s is called %s now, which is given too (leave one out)"):format(old, param.name))
    return v
  end
  if not self.renamed[old] and self.o.print then
    self.o.print(("%s is called %s now (rename it)"):format(old, param.name), ("%s:%d"):format(call.file, at))
  end
  self.renamed[old] = true
  return args[was], was
end

function Reader:call(kind, kernel, schema, ...)
  self:only_while_reading(kind .. "." .. kernel)
  local s, line = self:here()
  local call = { kind = kind, kernel = kernel, file = s.file, line = line, source = s, schema = schema, params = {},
                 at = ("%s:%d"):format(s.file, line), where = kind .. "." .. kernel }
  local args, extra = self:arguments(call, ...), extras[kind] or {}
  self:check_keys(call, args, extra)
  for _, param in ipairs(schema) do
    local v, key = self:given(call, param, args)
    call.params[param.name] = self:value(call, param, v, key)
  end
  if extra.envelope then call.envelope = self:value(call, envelope, args.envelope) end
  if extra.enabled then call.enabled = self:value(call, enabled, args.enabled) end
  if extra.mask then call.mask = self:mask(call, args.mask) end
  if extra.name then call.name = self:name(call, args.name) end
  if kind == "field" then return self:field({ op = "field", call = call }, 1) end
  return self:handle("call", call, self.call_mt)
end

--- What to say when there is no such kernel.
function Reader:no_kernel(kind, name, reason)
  if reason then return self:mistake("%s", reason) end
  for _, other in ipairs(self.kinds) do
    if other ~= kind and self.o.kernel(other, name) then
      return self:mistake("no kernel %s.%s (did you mean '%s.%s'?)", kind, name, other, name)
    end
  end
  return self:mistake("no kernel %s.%s%s", kind, name, suggest(name, self.o.names(kind)))
end

--- The word `deform` and its like: deform.twist is a function that makes a call.
function Reader:group(kind)
  local makers = {}
  local mt = handle_metatable(self, kind, {
    __index = function(_, name)
      self:only_while_reading(kind)
      if type(name) ~= "string" then return self:mistake("no kernel %s.%s", kind, tostring(name)) end
      if makers[name] then return makers[name] end
      local schema, reason = self.o.kernel(kind, name)
      if not schema then return self:no_kernel(kind, name, reason) end
      makers[name] = function(...) return self:call(kind, name, schema, ...) end
      return makers[name]
    end,
    __call = function() return self:mistake("%s wants the name of a kernel, %s.name { … }", kind, kind) end,
  })
  return self:handle("group", kind, mt)
end

---------------------------------------------------------------------------------------------------------------------
-- pipeline, reload, require, print

function Reader:reload(given, ...)
  self:only_while_reading "reload"
  local s, line = self:here()
  local call = { where = "reload", source = s, line = line }
  local args = self:arguments(call, given, ...)
  local known = {}
  for key, v in next, args do
    if v ~= self.stand_in then known[key] = v end
  end
  local block = reload.read(known, function(key, text) self:report_at(s, s:key_line(line, key), text) end)
  if block.policy then
    local at = s:key_line(line, "policy")
    block.policy = { fn = block.policy, at = ("%s:%d"):format(s.file, at), source = s, line = at, reader = self }
  end
  self.block = block
  return self:handle("reload", { block = block, source = s, line = line }, self.reload_mt)
end

function Reader:add_fields(p, fields)
  if fields == nil or fields == self.stand_in then return end
  local line = p.source:key_line(p.line, "fields")
  if self.objects[fields] or not value.plain_table(fields) then
    return self:report_at(p.source, line, "fields wants { name = field }, not " .. self:show(fields))
  end
  for _, name in ipairs(sorted_keys(fields)) do
    local v, at = fields[name], p.source:key_line(line, name)
    local expr = self:expr(v)
    if type(name) ~= "string" or text_problem(name) then
      self:report_at(p.source, line, "fields wants { name = field }, with a name for each")
    elseif expr then
      table.insert(p.plan.fields, { name = name, expr = expr })
    elseif v ~= self.stand_in then
      self:report_at(p.source, at, ("fields.%s wants a field or a number, not %s"):format(name, self:show(v)))
    end
  end
end

--- Where an entry of the list stands: a call knows its own line, anything else is counted out.
local function entry_line(p, index) return p.source:entry_line(p.line, index) end

function Reader:add_once(p, index, call, text)
  local s, line = call.source, call.line
  if call.placed then
    return self:report_at(p.source, entry_line(p, index), call.where .. " is in the list twice (make one for each)")
  end
  call.placed = true
  if text then self:report_at(s, line, text) end
end

function Reader:add_call(p, index, call)
  local plan, text = p.plan, nil
  if call.kind == "mesh" then
    if plan.mesh and not call.placed then text = "a second mesh (the first is on line " .. plan.mesh.line .. ")" end
    plan.mesh = plan.mesh or call
  elseif call.kind == "sample" then
    local name = call.name or call.kernel -- as the runtime names it
    local first = p.sample_names[name]
    if first and not call.placed then
      text = ("a second sample named %s (the first is on line %d; give it another name: name = \"…\")"):format(
        value.show(name), first)
    end
    p.sample_names[name] = first or call.line
    table.insert(plan.samples, call)
  else
    table.insert(plan.stages, call)
  end
  self:add_once(p, index, call, text)
end

function Reader:add_entry(p, index, v)
  if v == false or v == self.stand_in then return end
  local call, block = self:object(v, "call"), self:object(v, "reload")
  if call then return self:add_call(p, index, call) end
  if block and p.plan.reload then return self:report_at(block.source, block.line, "a second reload") end
  if block then
    p.plan.reload = block.block
    return
  end
  local hint = "want deform, sample, mesh or reload"
  if type(v) == "function" then hint = "to call a kernel, write { } behind it" end
  if self:object(v, "field") then hint = "a field goes into mask = … or fields = { … }" end
  self:report_at(p.source, entry_line(p, index),
                 ("entry %d of the pipeline is %s (%s)"):format(index, self:show(v), hint))
end

function Reader:add_list(p, list)
  if list == self.stand_in then return end
  if self.objects[list] or not value.plain_table(list) then
    return self:report_at(p.source, p.line, ("pipeline %s wants its list, { … }, not %s"):format(
      value.show(p.plan.name), self:show(list)))
  end
  for count, key in ipairs(sorted_keys(list)) do
    if count > limit.entries then
      return self:report_at(p.source, p.line, ("the pipeline has more than %d entries"):format(limit.entries))
    end
    if type(key) == "number" and key >= 1 and key % 1 == 0 then self:add_entry(p, key, list[key])
    elseif key ~= "fields" then
      self:report_at(p.source, p.source:key_line(p.line, key), ("the pipeline has no key %s%s"):format(
        value.show(key):gsub('"', "'"), type(key) == "string" and suggest(key, { "fields" }) or ""))
    end
  end
  self:add_fields(p, list.fields)
end

--- pipeline "name" { … }
function Reader:pipeline(name)
  self:only_while_reading "pipeline"
  if name == self.stand_in then name = "unknown" end
  if type(name) ~= "string" then
    return self:mistake("pipeline wants a name first, pipeline \"name\" { … }, not %s", self:show(name))
  end
  local problem = text_problem(name)
  if problem then self:report("the name of the pipeline %s", problem) end
  local s, line = self:here()
  local p = { source = s, line = line, sample_names = {},
              plan = { name = not problem and name or "unknown", stages = {}, samples = {}, fields = {} } }
  return function(list, ...)
    self:only_while_reading "pipeline"
    if self.pipeline_line then
      return self:mistake("a second pipeline (the first is on line %d)", self.pipeline_line)
    end
    self.pipeline_line = line
    if select("#", ...) > 0 then self:report_at(s, line, "the pipeline wants one list and nothing behind it") end
    self:add_list(p, list)
    return self:handle("pipeline", p.plan, self.pipeline_mt)
  end
end

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

function Reader:module_text(name)
  local path = string.gsub(name, "%.", "/") .. ".lua"
  local text, problem = self.o.read(path)
  if text and #text > limit.text then text, problem = nil, ("more than %d bytes"):format(limit.text) end
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

---------------------------------------------------------------------------------------------------------------------
-- From calls to the plan

--- Calls visit(call) for every field in an expression.
local function each_field(expr, visit)
  if not expr then return end
  if expr.op == "field" then return visit(expr.call) end
  each_field(expr.a, visit)
  each_field(expr.b, visit)
end

--- Everything that the plan calls, each once, in the order of the file's list.
local function each_call(plan, visit)
  local seen = {}
  local function once(call)
    if seen[call] then return end
    seen[call] = true
    visit(call)
    each_field(call.mask, once)
  end
  if plan.mesh then once(plan.mesh) end
  for _, call in ipairs(plan.stages) do once(call) end
  for _, call in ipairs(plan.samples) do once(call) end
  for _, field in ipairs(plan.fields) do each_field(field.expr, once) end
end

--- Calls visit(value, param) for every value of a call, in the order of the declaration.
local function each_value(call, visit)
  for _, param in ipairs(call.schema) do visit(call.params[param.name], param) end
  if call.envelope then visit(call.envelope, envelope) end
  if call.enabled then visit(call.enabled, enabled) end
end

--- A host's seed has 64 bits: one that a parameter cannot hold wraps around.
local function fold(seed, param)
  if seed >= param.min and seed <= param.max then return seed end
  local low = math.max(param.min, 0)
  return low + seed % (param.max - low + 1)
end

--- The seed that the host wants in place of every sampler's own; 0 leaves them.
function Reader:override_seed(call)
  local seed = self.o.seed or 0
  if call.kind ~= "sample" or seed == 0 then return end
  for _, param in ipairs(call.schema) do
    if param.name == "seed" and param.count == 1 and (param.type == "int" or param.type == "float") then
      call.params.seed = { init = assert(value.check(param, call.where .. ".seed", fold(seed, param))) }
    end
  end
end

function Reader:add_function(plan, call, v, param)
  local entry = { fn = v.pending.fn, at = v.pending.at, where = call.where .. "." .. param.name, param = param,
                  reader = self }
  self.pending = v.pending -- a place for errors in functions that are not the file's own
  local result = entry.fn(0)
  local init, problem
  if result ~= self.stand_in then init, problem = value.check(param, entry.where, result) end
  if problem then self:report_at(v.pending.source, v.pending.line, problem .. " at t = 0") end
  table.insert(plan.functions, entry)
  v.init, v.fn = init or default_value(param).init, #plan.functions
end

local function add_exposed(plan, call, v, param)
  local e = v.pending.exposed
  if not e.index then
    local p = e.param
    e.entry = { id = e.id, label = e.label or param.name, type = p.type, count = p.count, init = e.init, min = e.low,
                max = e.high, unit = p.unit or "", doc = p.doc or "", choices = p.choices or {} }
    e.stage, e.key, e.was = call.name or call.kernel, param.name, param.was
    table.insert(plan.exposed, e)
    e.index = #plan.exposed
  end
  v.exposed = e.index
end

--- An id for each exposed value that the file gave none: its stage and a word, numbered where that is taken.
local function number_ids(list, taken, word)
  local ids = {}
  for i, e in ipairs(list) do
    local id, n = e.id or e.stage .. "." .. word(e), 1
    while not e.id and taken[id] do
      n = n + 1
      id = e.stage .. n .. "." .. word(e)
    end
    ids[i], taken[id] = id, e
  end
  return ids
end

--- Gives every exposed value an id of its own; those that the file chose come first. By was a host's value finds the id
--- again that a renamed parameter had.
function Reader:name_exposed(plan)
  local taken, taken_before = {}, {}
  for _, e in ipairs(plan.exposed) do
    local first = e.id and taken[e.id]
    if first then
      self:report_at(e.source, e.line, ("expose: id %s is taken (on line %d)"):format(value.show(e.id), first.line))
    elseif e.id then
      taken[e.id], taken_before[e.id] = e, e
    end
  end
  local ids = number_ids(plan.exposed, taken, function(e) return e.key end)
  local before = number_ids(plan.exposed, taken_before, function(e) return e.was or e.key end)
  for i, e in ipairs(plan.exposed) do
    e.entry.id = ids[i]
    if e.was and not taken[before[i]] then e.entry.was = before[i] end
    plan.exposed[i] = e.entry
  end
end

function Reader:finish(plan)
  plan.file, plan.modules = self.main.file, self.module_paths
  plan.exposed, plan.functions, plan.reload = {}, {}, plan.reload or reload.defaults()
  local late = {}
  each_call(plan, function(call)
    self:override_seed(call)
    each_value(call, function(v, param)
      if not v.pending then return end
      if v.pending.exposed then add_exposed(plan, call, v, param) else late[#late + 1] = { call, v, param } end
    end)
  end)
  self:name_exposed(plan)
  for _, f in ipairs(late) do self:add_function(plan, f[1], f[2], f[3]) end
  each_call(plan, function(call)
    call.source, call.placed = nil, nil
    each_value(call, function(v) v.pending = nil end)
  end)
  return plan
end

--- The plan that the file returned, or nil after saying what it should have returned.
function Reader:returned(...)
  local v = ...
  local plan = self:object(v, "pipeline")
  if plan and select("#", ...) == 1 then return plan end
  if v == self.stand_in then return nil end
  local line = self.main:last_return()
  if plan then
    self:report_at(self.main, line, "a file returns one pipeline and nothing behind it")
  elseif self.pipeline_line and v == nil then
    self:report_at(self.main, self.pipeline_line, "the pipeline is not returned (write return pipeline \"name\" { … })")
  elseif type(v) == "function" then
    self:report_at(self.main, line, "the pipeline has no list (write return pipeline \"name\" { … })")
  else
    local what = v == nil and "nothing" or self:show(v)
    self:report_at(self.main, line, ("the file returns %s (write return pipeline \"name\" { … })"):format(what))
  end
end

function Reader:run()
  if #self.main.text > limit.text then
    return self:report_at(self.main, 1, ("the file has more than %d bytes"):format(limit.text))
  end
  local f = self:compile(self.main)
  if not f then return nil end
  local plan = self:returned(f())
  self.closed = true
  return plan and self:finish(plan)
end

local function new_reader(text, chunk, o)
  local r = setmetatable({
    o = o, kinds = o.kinds or kinds, main = source.new(chunk, text), folder = string.match(chunk, "^.*/") or "",
    errors = {}, reported = {}, sources = {}, objects = {}, parts = {}, modules = {}, module_paths = {}, file_count = 0,
    renamed = {}, printed = 0, opening = { (string.gsub(string.gsub(chunk, "^.*/", ""), "%.lua$", "")) },
    stand_in = stand_in(),
  }, Reader)
  r.field_mt = r:field_metatable()
  r.exposed_mt = handle_metatable(r, "expose(…)", { misused = "expose(…) is not a number (it is the whole value)" })
  r.call_mt = handle_metatable(r, "a stage", {})
  r.reload_mt = handle_metatable(r, "reload", {})
  r.pipeline_mt = handle_metatable(r, "the pipeline", {})
  r.env = r:environment()
  return r
end

local function in_order(errors)
  table.sort(errors, function(a, b)
    if a.order ~= b.order then return a.order < b.order end
    if a.line ~= b.line then return a.line < b.line end
    return a.found < b.found
  end)
  for _, e in ipairs(errors) do e.order, e.found = nil, nil end
  return errors
end

--- Reads a pipeline file. A plan is plain data but for its functions; with any mistake there is none.
---@param text string the file's text
---@param chunk string its path, as messages name it
---@param o table kernel(kind, name) -> parameters from whorl.schema, or nil and perhaps a reason; names(kind) -> list;
--- host = { name = … }; read(path) -> text or nil and a reason, for require, path as seen from the file's folder;
--- print(text, at); seed in place of every sampler's; kinds
---@return table? plan
---@return { file: string, line: number, text: string }[] errors
---@return table block what reload { … } says, or its defaults: the kernels that a faulty file misses may be built by it
function M.read(text, chunk, o)
  local r = new_reader(text, chunk, o)
  local _, plan = sandbox.run(function() return r:run() end, function(problem) return r:caught(problem) end)
  r.closed = true
  if #r.errors == 0 and type(plan) ~= "table" then
    r.errors[1] = { file = chunk, line = 1, text = type(plan) == "string" and plan or "cannot be read", order = 1,
                    found = 1 }
  end
  return #r.errors == 0 and plan or nil, in_order(r.errors), r.block or reload.defaults()
end

local function same(problem) return problem end

--- Calls a function of the file that outlived its reading; the results of xpcall.
local function call_later(entry, ...)
  local ok, first, second
  for _ = 1, 2 do -- LuaJIT does not collect garbage when memory is short, it fails: then once more without it
    ok, first, second = sandbox.run(entry.fn, same, ...)
    if ok or first ~= "not enough memory" then break end
    collectgarbage()
  end
  return ok, first, second
end

--- "file:line: what is wrong" for whatever such a function fails with.
local function placed(entry, problem)
  local s, line, text
  if type(problem) == "string" then s, line, text = entry.reader:place_of(problem) end
  return s and ("%s:%d: %s"):format(s.file, line, one_line(text)) or entry.at .. ": " .. one_line(wording(problem))
end

--- Calls a function of the plan for a time; the numbers, or nil and "file:line: what is wrong".
---@param entry table of plan.functions
---@param seconds number
---@return number[]? values, string? message
function M.evaluate(entry, seconds)
  local ok, result = call_later(entry, seconds)
  if not ok then return nil, placed(entry, result) end
  local numbers, problem = value.check(entry.param, entry.where, result)
  if numbers then return numbers end
  return nil, ("%s: %s at t = %s"):format(entry.at, problem, value.show(seconds))
end

--- Asks the policy of the file, which may change what it is given; its answer, or nil and "file:line: what is wrong".
local function ask(policy, step, given)
  local reader = policy.reader
  local pending = reader.pending
  reader.pending, reader.running = policy, "reload.policy"
  local ok, answer, reason = call_later(policy, given)
  reader.pending, reader.running = pending, nil
  if not ok then return nil, placed(policy, answer) end
  local meant, problem = reload.answer(step, answer, reason)
  if meant then return meant end
  return nil, ("%s: reload.policy %s"):format(policy.at, problem)
end

--- What becomes of a change: { canary = word or false, publish = word, refuse = true or nil, reason = text }. With a
--- mistake in the policy that is what happens without one, and a message, "file:line: what is wrong", comes second.
---@param settings table the block from read
---@param change table step, kernel, generation, fast, params, milliseconds
---@return table decision, string? message
function M.decide(settings, change)
  local decision = { canary = settings.canary, publish = settings.publish }
  decision[change.step == "saved" and "canary" or "publish"] = reload.decide(change, settings)
  if not settings.policy then return decision end
  local given = { canary = decision.canary, publish = decision.publish }
  for key, v in pairs(change) do given[key] = v end
  local meant, problem = ask(settings.policy, change.step, given)
  for key, v in pairs(meant or {}) do decision[key] = v end
  return decision, problem
end

return M
