--- Turns a pipeline file into the runtime's plan, through the functions that runtime/lend.h lends. Runs in the Lua
--- state of that file; the functions it returns stay with the plan.

local ffi = require "ffi"
local config = require "whorl.config"
local header = require "whorl.header"
local json = require "whorl.json"
local schema = require "whorl.schema"

local M = {}

local deepest = 16 -- WH_MOST_DEPTH of runtime/plan.h
local most_attributes = 4 -- WH_MOST_ATTRIBUTES

local roles = { deform = 1, sample = 2, mesh = 3, field = 4 } -- wh_role
local ops = { field = 1, const = 2, add = 3, sub = 4, mul = 5 } -- wh_op_kind
local value_types = { float = 1, int = 2, choice = 2, bool = 3 } -- wh_value_type
local param_types = { float = 1, int = 2, bool = 3, choice = 4 } -- wh_param_type
local canary_modes = { ["last-input"] = 0, ["made-up"] = 1, [false] = 2 } -- wh_canary_mode
local publish_modes = { ["between-frames"] = 0, ["at-once"] = 1, ["by-hand"] = 2 } -- wh_publish_mode
local error_modes = { ["keep-last"] = 0, fail = 1 } -- wh_on_error
local watch_modes = { auto = 0, event = 1, poll = 2 } -- wh_watch_mode
local steps = { "saved", "ready" } -- wh_change_step
local pointers = { float = "float *", int = "int32_t *", choice = "int32_t *", bool = "bool *" }

-- The kernels, read when the file first uses one --------------------------------------------------------------------

local function kernel_table(lend)
  local known = { deform = {}, field = {}, sample = {}, mesh = {} }
  local index = 0
  while true do
    local desc = lend.kernel(lend.load, index)
    if desc == nil then return known end
    local kind, word = ffi.string(desc.name):match "^(%a+)_(.+)$"
    known[kind][word] = { index = index, desc = desc, id = kind .. "." .. word }
    index = index + 1
  end
end

local function params_of(kernel)
  if not kernel.params then
    kernel.params = assert(schema.parse(ffi.string(kernel.desc.params), ffi.string(kernel.desc.name)))
  end
  return kernel.params
end

local function names(kernels)
  local list = {}
  for name in pairs(kernels) do list[#list + 1] = name end
  table.sort(list)
  return list
end

-- Values -------------------------------------------------------------------------------------------------------------

local function write_value(memory, param, init)
  if param.type == "string" then
    ffi.copy(memory + param.offset, init) -- with its final 0; the file's check keeps it below the capacity
    return
  end
  local to = ffi.cast(pointers[param.type], memory + param.offset)
  for i = 1, param.count do
    if param.type == "bool" then to[i - 1] = init[i] ~= 0 else to[i - 1] = init[i] end
  end
end

--- When a value comes from the host or from a function of time, each cook writes it anew.
local function patch(lend, offset, param, v)
  local index = v.fn or v.exposed
  if index then lend.patch(lend.load, offset, value_types[param.type], param.count, v.fn ~= nil, index - 1) end
end

local function write_params(lend, memory, call, params)
  local attributes = 0
  for _, param in ipairs(params) do
    local v = call.params[param.name]
    write_value(memory, param, v.init)
    patch(lend, param.offset, param, v)
    if param.attribute then
      attributes = attributes + 1
      if attributes <= most_attributes then lend.attribute(lend.load, param.offset) end
    end
  end
end

local envelope = { type = "float", count = 1 }
local enabled = { type = "int", count = 1 }

local function write_common(lend, call)
  local common = lend.common(lend.load)
  common.envelope = call.envelope and call.envelope.init[1] or 1
  common.enabled = call.enabled and call.enabled.init[1] or 1
  common.attributes = call.attributes and call.attributes.init[1] or 0
  common.follow = call.follow and call.follow.init[1] or 0
  if call.envelope then patch(lend, -1, envelope, call.envelope) end
  if call.enabled then patch(lend, -2, enabled, call.enabled) end
  if call.attributes then patch(lend, -3, enabled, call.attributes) end
  if call.follow then patch(lend, -4, enabled, call.follow) end
end

-- Calls and expressions ----------------------------------------------------------------------------------------------

local Lowering = {}
Lowering.__index = Lowering

--- Lowers one call; a field that stands in several places is one call of the plan.
function Lowering:call(call)
  if self.done[call] then return self.done[call] end
  local lend, kernel = self.lend, self.kernels[call.kind][call.kernel]
  local name = call.name or (call.kind == "sample" and call.kernel) or ""
  local memory = lend.call(lend.load, roles[call.kind], kernel.index, name, call.at)
  if memory == nil then error("not enough memory", 0) end
  write_params(lend, ffi.cast("uint8_t *", memory), call, params_of(kernel))
  write_common(lend, call)
  self.done[call] = lend.call_index(lend.load)
  return self.done[call]
end

function Lowering:calls_of(expr)
  if expr.op == "field" then return self:call(expr.call) end
  if expr.a then
    self:calls_of(expr.a)
    self:calls_of(expr.b)
  end
end

--- Emits the expression for a stack machine; returns how deep its stack grows.
function Lowering:ops(expr)
  local lend = self.lend
  if expr.op == "const" then
    lend.op(lend.load, ops.const, 0, expr.value)
    return 1
  elseif expr.op == "field" then
    lend.op(lend.load, ops.field, self:call(expr.call), 0)
    return 1
  end
  local a = self:ops(expr.a)
  local b = self:ops(expr.b)
  lend.op(lend.load, ops[expr.op], 0, 0)
  return math.max(a, b + 1)
end

function Lowering:expression(expr, at)
  if self:ops(expr) <= deepest then return end
  local file, line = at:match "^(.*):(%d+)$"
  self.lend.fail(self.lend.load, file or at, tonumber(line) or 0,
                 "this field is nested too deeply (put parts of it in front: a * b * (c + d), not a + (b * (c + …)))")
end

function Lowering:stage(call)
  if call.mask then self:calls_of(call.mask) end
  local index = self:call(call)
  if call.mask then
    self.lend.mask(self.lend.load, index)
    self:expression(call.mask, call.at)
  end
end

function Lowering:field(name, expr, at)
  self:calls_of(expr)
  self.lend.field(self.lend.load, name)
  self:expression(expr, at)
end

function Lowering:expose(e)
  local c = ffi.new "wh_exposed"
  local choices = table.concat(e.choices or {}, "|") -- kept alive: C copies it during the call
  c.id, c.label, c.unit, c.doc, c.choices = e.id, e.label or "", e.unit or "", e.doc or "", choices
  c.was = e.was or ""
  c.type, c.count, c.min, c.max = param_types[e.type], e.count, e.min, e.max
  for i = 1, e.count do c.init[i - 1] = e.init[i] end
  self.lend.expose(self.lend.load, c)
end

local function has_field(plan, name)
  for _, field in ipairs(plan.fields) do
    if field.name == name then return true end
  end
end

--- The winding number can always be asked for: hosts need it to explain a mesh.
local function add_winding(plan, kernels, file)
  local kernel = kernels.field.winding
  if not kernel or has_field(plan, "winding") then return end
  local call = { kind = "field", kernel = "winding", at = file, where = "field.winding", params = {},
                 schema = params_of(kernel) }
  for _, param in ipairs(call.schema) do
    call.params[param.name] = { init = assert(config.check_value(param, param.name, param.default)) }
  end
  plan.fields[#plan.fields + 1] = { name = "winding", expr = { op = "field", call = call } }
end

local function lower(lend, kernels, plan)
  local self = setmetatable({ lend = lend, kernels = kernels, done = {} }, Lowering)
  if plan.mesh then self:call(plan.mesh) end
  for _, call in ipairs(plan.stages) do self:stage(call) end
  for _, call in ipairs(plan.samples) do self:stage(call) end
  for _, field in ipairs(plan.fields) do self:field(field.name, field.expr, plan.file) end
  for _, e in ipairs(plan.exposed) do self:expose(e) end
  lend.functions(lend.load, #plan.functions)
end

-- What stays ---------------------------------------------------------------------------------------------------------

--- Calls every function of time and writes 4 doubles for each. Returns nil, or "file:line: what is wrong".
local function cook_function(plan)
  local functions = plan.functions
  return function(seconds, out)
    local to = ffi.cast("double (*)[4]", out)
    for i, f in ipairs(functions) do
      local value, problem = config.evaluate(f, seconds)
      if not value then return problem end
      for k = 1, f.param.count do to[i - 1][k - 1] = value[k] end
    end
  end
end

local function text_of(pointer) return pointer ~= nil and ffi.string(pointer) or "" end

--- Answers a wh_change. Returns nil, or "file:line: what is wrong" with the policy of the file: the defaults stand.
local function decide_function(block)
  return function(address)
    local c = ffi.cast("wh_change *", address)
    local decision, problem = config.decide(block, {
      step = steps[tonumber(c.step)], kernel = text_of(c.kernel), generation = c.generation, fast = c.fast,
      params = text_of(c.params), milliseconds = c.milliseconds,
    })
    c.canary, c.publish = canary_modes[decision.canary], publish_modes[decision.publish]
    c.refuse = decision.refuse or false
    ffi.copy(c.reason, decision.reason or "")
    return problem
  end
end

local function lend_reload(lend, block)
  for _, pattern in ipairs(block.kernels) do lend.kernels(lend.load, pattern) end
  lend.reload(lend.load, ffi.new("wh_reload", {
    canary = canary_modes[block.canary], publish = publish_modes[block.publish],
    on_error = error_modes[block.on_error], watch = watch_modes[block.watch], keep = block.keep,
    time_limit = block.time_limit, has_policy = block.policy ~= nil,
  }))
end

local function folder_of(path) return path:match "^(.*/)[^/]*$" or "" end

local function reader(lend, folder)
  local size, message = ffi.new "size_t[1]", ffi.new "const char *[1]"
  return function(path)
    local text = lend.read(lend.load, folder .. path, size, message)
    if text == nil then return nil, message[0] ~= nil and ffi.string(message[0]) or "not found" end
    return ffi.string(text, size[0])
  end
end

--- Reads, checks and lowers the pipeline file of this lend. Returns what each cook calls, what gives the plan as JSON,
--- and what answers a wh_change. Mistakes go to lend.fail; then the plan is not used.
---@param address userdata the wh_lend
---@param kernel_header string path of whorl_kernel.h
---@param lend_header string path of lend.h
function M.load(address, kernel_header, lend_header)
  header.declare("wh_lend", kernel_header, lend_header)
  local lend = ffi.cast("wh_lend *", address)
  local file = ffi.string(lend.file)
  local text, problem = reader(lend, "")(file)
  if not text then
    lend.fail(lend.load, file, 0, "cannot be read: " .. problem)
    return
  end
  local kernels = kernel_table(lend)
  local plan, errors, block = config.read(text, file, {
    kernel = function(kind, name)
      local kernel = kernels[kind] and kernels[kind][name]
      return kernel and params_of(kernel)
    end,
    names = function(kind) return names(kernels[kind] or {}) end,
    host = { name = ffi.string(lend.host) },
    read = reader(lend, folder_of(file)),
    print = function(line, at) lend.print(lend.load, at .. ": " .. line) end,
    seed = lend.seed ~= 0 and tonumber(lend.seed) or nil,
  })
  for _, e in ipairs(errors or {}) do lend.fail(lend.load, e.file, e.line or 0, e.text) end
  lend_reload(lend, block)
  if not plan then return end
  add_winding(plan, kernels, file)
  lower(lend, kernels, plan)
  local function as_json() return json.encode(config.plain(plan), true) end
  return cook_function(plan), as_json, decide_function(block)
end

return M
