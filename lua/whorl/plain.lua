--- A plan as JSON shows it, for whorl check --json and for hosts.

local json = require "whorl.json"

local M = {}

--- What every deformer takes beside its kernel's parameters.
M.envelope = { name = "envelope", type = "float", count = 1, min = 0, max = 1, default = 1 }
M.enabled = { name = "enabled", type = "bool", count = 1, min = 0, max = 1, default = true }
--- What every sampler takes.
M.attributes = { name = "attributes", type = "bool", count = 1, min = 0, max = 1, default = false }
M.follow = { name = "follow", type = "bool", count = 1, min = 0, max = 1, default = false }

local function plain_init(param, init)
  if type(init) == "string" then return init end
  if param.type == "bool" then return init[1] ~= 0 end
  if param.type == "choice" then return param.choices[init[1] + 1] end
  if param.count == 1 then return init[1] end
  local out = json.array()
  for i, n in ipairs(init) do out[i] = n end
  return out
end

local function plain_value(plan, param, v)
  local now = plain_init(param, v.init)
  if v.exposed then return { exposed = plan.exposed[v.exposed].id, now = now } end
  if v.fn then return { ["function"] = plan.functions[v.fn].at, now = now } end
  return now
end

local plain_call

local function plain_expr(plan, expr)
  if expr.op == "const" then return expr.value end
  if expr.op == "field" then return plain_call(plan, expr.call) end
  return { [expr.op] = { plain_expr(plan, expr.a), plain_expr(plan, expr.b) } }
end

function plain_call(plan, call)
  local out = { kernel = call.where, at = call.at, name = call.name, params = {} }
  for _, param in ipairs(call.schema) do out.params[param.name] = plain_value(plan, param, call.params[param.name]) end
  if call.envelope then out.envelope = plain_value(plan, M.envelope, call.envelope) end
  if call.enabled then out.enabled = plain_value(plan, M.enabled, call.enabled) end
  if call.attributes then out.attributes = plain_value(plan, M.attributes, call.attributes) end
  if call.follow then out.follow = plain_value(plan, M.follow, call.follow) end
  if call.mask then out[call.kind == "sample" and "density" or "mask"] = plain_expr(plan, call.mask) end
  return out
end

local function plain_exposed(e)
  local param = { type = e.type, count = e.count, choices = e.choices }
  return { id = e.id, label = e.label, type = e.type, count = e.count, init = plain_init(param, e.init), min = e.min,
           max = e.max, unit = e.unit, doc = e.doc, choices = e.choices[1] and e.choices or nil }
end

local function map(list, f)
  local out = json.array()
  for i, v in ipairs(list) do out[i] = f(v) end
  return out
end

--- What json.encode can write: functions become { function = "file:line", now = value at t = 0 }.
---@param plan table from read
---@return table
function M.plan(plan)
  local function call(c) return plain_call(plan, c) end
  local function same(v) return v end
  local block = plan.reload
  return {
    name = plan.name, file = plan.file, mesh = plan.mesh and call(plan.mesh) or nil, stages = map(plan.stages, call),
    samples = map(plan.samples, call), exposed = map(plan.exposed, plain_exposed), modules = map(plan.modules, same),
    fields = map(plan.fields, function(f) return { name = f.name, expr = plain_expr(plan, f.expr) } end),
    reload = { kernels = map(block.kernels, same), canary = block.canary, publish = block.publish,
               on_error = block.on_error, watch = block.watch, keep = block.keep, time_limit = block.time_limit,
               policy = block.policy ~= nil },
  }
end

return M
