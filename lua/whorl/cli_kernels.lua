--- whorl kernels: what a pipeline can use, read from the kernels themselves.
local json = require "whorl.json"
local schema = require "whorl.schema"
local support = require "whorl.cli_support"
local whorl = require "whorl"

local say = support.say

local function parameters(kernel)
  return schema.parse(kernel.params, kernel.id) or {}
end

local function value_text(param)
  local default = param.default
  if param.type == "choice" then
    return ('"%s"'):format(param.choices[default + 1])
  elseif type(default) == "table" then
    local list = {}
    for i, v in ipairs(default) do
      list[i] = json.number(v)
    end
    return "{ " .. table.concat(list, ", ") .. " }"
  end
  return type(default) == "number" and json.number(default) or json.encode(default)
end

local function range_text(param)
  if param.type == "choice" then
    return table.concat(param.choices, "|")
  elseif param.type ~= "float" and param.type ~= "int" then
    return ""
  end
  local wide = param.min <= -2147483648 and param.max >= 2147483647
  local range = wide and "any" or ("%s .. %s"):format(json.number(param.min), json.number(param.max))
  return range .. (param.unit and " " .. param.unit or "")
end

local function describe(kernel)
  say("%s - %s", support.paint("bold", kernel.id), kernel.doc)
  if kernel.source ~= "" then
    say("  %s", kernel.source)
  end
  say("  generation %d, %s", kernel.generation, kernel.path)
  local params = parameters(kernel)
  if #params == 0 then
    say("  no parameters")
  end
  for _, param in ipairs(params) do
    say("  %-12s = %-12s %-24s %s", param.name, value_text(param), range_text(param), param.doc or "")
  end
end

local function plain(kernel)
  local params = json.array()
  for i, p in ipairs(parameters(kernel)) do
    params[i] = { name = p.name, type = p.type, count = p.count, default = p.default, min = p.min, max = p.max,
                  unit = p.unit, doc = p.doc, choices = p.choices, attribute = p.attribute }
  end
  return { id = kernel.id, doc = kernel.doc, source = kernel.source, generation = kernel.generation,
           path = kernel.path, builtin = kernel.builtin, params = params }
end

local function brief(kernel)
  say("%-20s%s", kernel.id, kernel.doc)
end

local function map(list, each)
  local out = {}
  for i, item in ipairs(list) do
    out[i] = each(item)
  end
  return out
end

local function run(options, rest)
  if #rest > 1 then
    support.misuse("kernels", "one name at a time, not also '%s'", rest[2])
  end
  local session, why = whorl.open(nil, {
    host = "cli", frozen = true, kernel_path = options.kernels and table.concat(options.kernels, ":") or nil,
  })
  if not session then
    support.stop(1, why)
  end
  local refused = 0
  for event in session:events() do
    if event.kind == "rejected" then
      refused = refused + 1
      support.complain(event.text)
    end
  end
  local kernels = session:kernels()
  if rest[1] then
    kernels = support.kernels_named(kernels, rest[1])
  end
  if options.json then
    say("%s", json.encode(json.array(map(kernels, plain))))
  else
    map(kernels, rest[1] and describe or brief)
  end
  return refused == 0 and 0 or 1
end

return {
  kernels = {
    summary = "list kernels; with a name, its parameters, units and ranges",
    usage = "[NAME] [--json] [--kernels FOLDER]",
    doc = "Lists every kernel that a pipeline can use, one a line; with a name (twist, or deform.twist) its\n"
      .. "parameters: default, range and unit, and what each does. --json says all of that of every kernel.",
    options = {
      { name = "json", doc = "say it as JSON: a list of kernels" },
      { name = "kernels", value = "FOLDER", many = true, doc = "more kernels, sources or libraries" },
    },
    run = run,
  },
}
