--- Calls of kernels: their values, fields and exposed values. Methods of the reader.

local plain = require "whorl.plain"
local suggest = require "whorl.suggest"
local value = require "whorl.value"
local Reader = require "whorl.config_reader"

local handle_metatable, sorted_keys, text_problem = Reader.handle_metatable, Reader.sorted_keys, Reader.text_problem
local most_parts = 256 -- of a field
local envelope, enabled, attributes, follow = plain.envelope, plain.enabled, plain.attributes, plain.follow
local extras = {
  deform = { envelope = envelope, enabled = enabled, mask = true, name = true },
  sample = { enabled = enabled, density = true, attributes = attributes, follow = follow, name = true },
  field = {},
  mesh = {},
}

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
  if parts > most_parts then return self:mistake("a field has more than %d parts", most_parts) end
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

function Reader.default_value(param) return { init = assert(value.check(param, param.name, param.default)) } end

local default_value = Reader.default_value

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

function Reader:mask(call, v, key)
  if v == nil or v == self.stand_in then return nil end
  local expr = self:expr(v)
  if expr then return expr end
  self:report_at(call.source, call.source:key_line(call.line, key),
                 ("%s.%s wants a field or a number, not %s"):format(call.where, key, self:show(v)))
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
  if extra.attributes then call.attributes = self:value(call, attributes, args.attributes) end
  if extra.follow then call.follow = self:value(call, follow, args.follow) end
  if extra.mask then call.mask = self:mask(call, args.mask, "mask") end
  if extra.density then call.mask = self:mask(call, args.density, "density") end
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
