--- The Blender add-on in every Blender that is found (spec/support/blenders.lua). Each script of spec/blender is a
--- process of its own that prints "ok WHAT", "not ok WHAT: why" or "skip WHAT: why"; each line is a result here.
local blenders = require "spec.support.blenders"
local command = require "spec.support.command"
local results = require "spec.support.results"
local quote, shell = command.quote, command.shell
local root = os.getenv("WHORL_SOURCE") or "."

local function scripts()
  local _, said = shell(root .. "/spec/blender", "ls *.py")
  local list = {}
  for name in said:gmatch("[^\n]+") do
    if name ~= "support.py" then
      local text = command.read(root .. "/spec/blender/" .. name)
      list[#list + 1] = { name = name:gsub("%.py$", ""), path = root .. "/spec/blender/" .. name,
                          window = text:find("^# window") ~= nil }
    end
  end
  return list
end

local function make_zip()
  local status, said = shell(root, "timeout 900 ./dev blender-zip")
  return status == 0 and root .. "/" .. said:match("%S+") or nil
end

local found = blenders.find()
local zip = #found > 0 and make_zip() or nil
local jobs = {}
for _, script in ipairs(scripts()) do
  for _, blender in ipairs(found) do
    if not script.window or blenders.has_window(blender) then
      local job = blenders.prepare(blender, script.path, "WHORL_ZIP=" .. quote(zip or ""), script.window)
      job.name, job.blender = script.name, blender.name
      jobs[#jobs + 1] = job
    end
  end
end
blenders.run(jobs)

describe("the Blender add-on", function()
  if #found == 0 then
    pending(blenders.missing)
  end
  for _, blender in ipairs(found) do
    if not blenders.has_window(blender) then
      pending(("in %s: needs a window: Blender itself, xvfb and xdotool"):format(blender.name))
    end
  end
  for _, job in ipairs(jobs) do
    describe(("in %s: %s:"):format(job.blender, job.name), function()
      results.report(it, pending, results.of(job.name, blenders.result(job)))
    end)
  end
end)
