--- pipeline "name" { … } and reload { … }. Methods of the reader.

local reload = require "whorl.reload"
local suggest = require "whorl.suggest"
local value = require "whorl.value"
local Reader = require "whorl.config_reader"

local sorted_keys, text_problem = Reader.sorted_keys, Reader.text_problem
local most_entries = 1000

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
    if count > most_entries then
      return self:report_at(p.source, p.line, ("the pipeline has more than %d entries"):format(most_entries))
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
