--- From the calls of a file to the plan: the host's seed, functions of time, and exposed values with their ids. Methods
--- of the reader.

local plain = require "whorl.plain"
local reload = require "whorl.reload"
local value = require "whorl.value"
local Reader = require "whorl.config_reader"

local envelope, enabled, attributes, follow = plain.envelope, plain.enabled, plain.attributes, plain.follow

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
  if call.attributes then visit(call.attributes, attributes) end
  if call.follow then visit(call.follow, follow) end
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
  v.init, v.fn = init or Reader.default_value(param).init, #plan.functions
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
