--- Runs a pipeline file in a sandbox and returns plain data, or everything that is wrong with the file.

local plain = require "whorl.plain"
local reload = require "whorl.reload"
local sandbox = require "whorl.sandbox"
local source = require "whorl.source"
local value = require "whorl.value"
local Reader = require "whorl.config_reader"
require "whorl.config_call"
require "whorl.config_pipeline"
require "whorl.config_file"
require "whorl.config_plan"

local M = {}

local handle_metatable, one_line = Reader.handle_metatable, Reader.one_line
local kinds = { "deform", "field", "sample", "mesh" }

M.check_value = value.check
M.plain = plain.plan

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
  local problem = Reader.size_problem(self.main.text)
  if problem then return self:report_at(self.main, 1, "the file has " .. problem) end
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
    stand_in = Reader.new_stand_in(),
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

--- "file:line: what is wrong" for whatever such a function fails with. Of a stack overflow Lua knows the line only now
--- and then: it is always that of the function.
local function placed(entry, problem)
  local s, line, text
  if type(problem) == "string" then s, line, text = entry.reader:place_of(problem) end
  if text == "stack overflow" then return entry.at .. ": " .. text end
  if s then return ("%s:%d: %s"):format(s.file, line, one_line(text)) end
  return entry.at .. ": " .. one_line(Reader.wording(problem))
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
