--- Writes the reference page of the kernels, and the definitions by which an editor completes and checks pipelines,
--- from what the kernels declare. docs/generate.lua keeps both in the source tree.

local json = require "whorl.json"
local reload = require "whorl.reload"
local schema = require "whorl.schema"

local M = {}

-- The range of a parameter that declares none.
local widest = { float = { -3.4028234663852886e38, 3.4028234663852886e38 }, int = { -2147483648, 2147483647 } }

local kinds = {
  { word = "deform", result = "whorl.stage", title = "Deformers", doc = [[
Deformers move points. They run in the order of the list, each on what the one before left; a mask is evaluated where
the points are as they enter. Besides its own parameters every deformer takes these:]] },
  { word = "field", result = "whorl.field", title = "Fields", doc = [[
A field is one number at each point. It goes into the `mask` of a deformer, or into the `fields` of the pipeline, where
hosts ask for it by name; `winding` can be asked for without being there.

Fields combine with fields and numbers by `+`, `-` and `*`, and `-f` is `-1 * f`; so `1 - f` turns a mask around and
`f * g` is both masks at once. They cannot be divided, raised to a power or compared. Values are not held to 0 .. 1
before a mask uses them.

```lua
local root = field.ramp { axis = "y", from = 0, to = 0.4 }
local ball = field.ball { center = { 0, 1, 0 }, radius = 0.2, falloff = 0.1 }

return pipeline "masks" {
  deform.twist { mask = root * (1 - ball) },
  fields = { held = ball },
}
```]] },
  { word = "sample", result = "whorl.sampler", title = "Samplers", doc = [[
Samplers make points from the mesh that they are given. The same mesh, parameters and seed give the same points in the
same order. Every point has an id, which it keeps from cook to cook, and the winding number that the mesh has there; on
the surface that is said to be 1. The host can give one seed in place of every sampler's own (`whorl run --seed`).
Besides its own parameters every sampler takes these:]] },
  { word = "mesh", result = "whorl.source", title = "Meshes", doc = [[
A mesh makes what the pipeline works on where the host brings nothing. A pipeline has one at most. Points and triangles
are the same on every machine; triangles are counter-clockwise from outside.]] },
}

local enabled = { name = "enabled", type = "bool", count = 1, default = true,
                  doc = "When false, as if it were not there" }

-- What a kernel of a kind takes besides its parameters.
local common = {
  deform = {
    { name = "mask", type = "field",
      doc = "How far each point goes with it: 0 stays, 1 goes all the way; held to 0 .. 1" },
    { name = "envelope", type = "float", count = 1, min = 0, max = 1, default = 1,
      doc = "How far all points go with it, on top of the mask" },
    enabled,
    { name = "name", type = "name", doc = "What sliders and hosts call it; its kernel's name without one" },
  },
  sample = {
    { name = "density", type = "field",
      doc = "Share of the points that stay, 0 .. 1, by their ids: the same points go whenever it is the same. A count "
        .. "of white points inside is what stays, any other what there was before" },
    { name = "attributes", type = "bool", count = 1, default = false,
      doc = "Give each point what the mesh's point attributes are at the nearest place of its surface, and the "
        .. "distance to it, surface_distance; one that is called like a column of the points gets mesh_ before its "
        .. "name" },
    { name = "follow", type = "bool", count = 1, default = false,
      doc = "Take points from the mesh before it is deformed, and move each with the triangle that is nearest to it" },
    enabled,
    { name = "name", type = "name", doc = "By which hosts ask for it; its kernel's name without one" },
  },
  field = {},
  mesh = {},
}

---------------------------------------------------------------------------------------------------------------------
-- Values as text

--- The shortest text that reads back as the same number: 0.1, 1e-6.
local function number(n) return (json.number(n):gsub("e%+?(%-?)0*", "e%1")) end

local function default_text(param)
  local default = param.default
  if param.type == "choice" then return '"' .. param.choices[default + 1] .. '"' end
  if type(default) == "number" then return number(default) end
  if type(default) ~= "table" then return default == nil and "" or json.encode(default) end
  local list = {}
  for i, n in ipairs(default) do list[i] = number(n) end
  return "{ " .. table.concat(list, ", ") .. " }"
end

--- "-1 .. 1", one side of it, or "" when it is all that the type can hold.
local function range_text(param)
  if param.type == "string" then return ("up to %d bytes"):format(param.count - 1) end
  if param.type ~= "float" and param.type ~= "int" then return "" end
  local low, high = param.min > widest[param.type][1], param.max < widest[param.type][2]
  if low and high then return ("%s .. %s"):format(number(param.min), number(param.max)) end
  return low and "from " .. number(param.min) or high and "up to " .. number(param.max) or ""
end

local function sentence(text) return (text:gsub("%.?$", ".", 1)) end

---------------------------------------------------------------------------------------------------------------------
-- The page

local type_words = { float = "number", int = "whole number", bool = "true or false", string = "text",
                     field = "field or number", name = "text" }

local function type_text(param)
  if param.type == "choice" then return '`"' .. table.concat(param.choices, '"`, `"') .. '"`' end
  local word = type_words[param.type]
  if param.type == "string" or (param.count or 1) == 1 then return word end
  return ("{ %d %ss }"):format(param.count, word)
end

--- One line of a table; an empty cell is one space wide.
local function row(...) return ("| " .. table.concat({ ... }, " | ") .. " |"):gsub("  +|", " |") end

local function quoted(text) return text == "" and "" or "`" .. text .. "`" end

local function table_of(params)
  local lines = { row("Parameter", "Type", "Default", "Range", "Unit", "Meaning"), "|---|---|---|---|---|---|" }
  for _, p in ipairs(params) do
    local doc = string.gsub(p.doc or "", "|", "\\|")
    lines[#lines + 1] = row(quoted(p.name), type_text(p), quoted(default_text(p)), range_text(p), p.unit or "", doc)
  end
  return table.concat(lines, "\n")
end

local function kernel_section(kernel)
  local parts = { "### " .. kernel.id, sentence(kernel.doc) }
  if kernel.source ~= "" then parts[2] = parts[2] .. " After " .. sentence(kernel.source) end
  parts[3] = #kernel.params > 0 and table_of(kernel.params) or "It has no parameters."
  return table.concat(parts, "\n\n")
end

local page_head = [[
# Kernels

Generated by `./dev docs` from the declarations in [kernels](../kernels); edit those. `whorl kernels` lists the same in
a terminal, together with kernels of your own.
]]

local page_values = [[
## Values

Every value has a default and may be left out. Anything but a text or a mask is given in one of three ways:

- plain: `angle = 90`, `axis = "y"`, `center = { 0, 1, 0 }`; a choice also by its number, from 0;
- as a function of time in seconds, called once a cook: `angle = function(t) return 30 * math.sin(t) end`;
- exposed, with a slider in every host: `angle = expose(35, "Curl", { id = "curl", min = 0, max = 90 })`, where label
  and table may be left out and `min` and `max` narrow the range.

A value outside its range is a mistake, as is a wrong type or an unknown name; nothing is clamped in silence. Lengths
are in metres, times in seconds; the axes are right-handed.]]

local page_editor = [[
## In an editor

The Lua language server completes and checks pipeline files by the definitions in `share/whorl/lua/whorl/meta`, below
the prefix that whorl was installed to. Name that folder in a file `.luarc.json` beside your pipelines:

```json
{
  "runtime.version": "LuaJIT",
  "workspace.library": ["/usr/local/share/whorl/lua/whorl/meta"]
}
```]]

--- One line for each kind, with a link to each of its kernels.
local function contents(kernels)
  local lines = {}
  for i, kind in ipairs(kinds) do
    local links = {}
    for _, kernel in ipairs(kernels[kind.word]) do
      links[#links + 1] = ("[%s](#%s)"):format(kernel.word, (kernel.id:gsub("[^%w_]", "")))
    end
    lines[i] = ("- %s: %s"):format(kind.title, table.concat(links, ", "))
  end
  return table.concat(lines, "\n")
end

local function page(kernels)
  local parts = { page_head .. "\n" .. contents(kernels), page_values }
  for _, kind in ipairs(kinds) do
    parts[#parts + 1] = ("## %s\n\n%s"):format(kind.title, kind.doc)
    if #common[kind.word] > 0 then parts[#parts + 1] = table_of(common[kind.word]) end
    for _, kernel in ipairs(kernels[kind.word]) do parts[#parts + 1] = kernel_section(kernel) end
  end
  parts[#parts + 1] = page_editor
  return table.concat(parts, "\n\n") .. "\n"
end

---------------------------------------------------------------------------------------------------------------------
-- The editor's definitions, in the annotations of the Lua language server

local library_head = [[
---@meta _
-- luacheck: ignore
-- Generated by ./dev docs from the declarations of the kernels: what pipelines can use, for the Lua language server.

---What expose() gives.
---@class whorl.exposed

---What deform.name { … } gives.
---@class whorl.stage

---What sample.name { … } gives.
---@class whorl.sampler

---What mesh.name { … } gives.
---@class whorl.source

---What reload { … } gives.
---@class whorl.settings

---What pipeline "name" { … } gives.
---@class whorl.pipeline

---What field.name { … } gives; it goes with fields and numbers.
---@class whorl.field
---@operator add(whorl.field|number): whorl.field
---@operator sub(whorl.field|number): whorl.field
---@operator mul(whorl.field|number): whorl.field
---@operator unm: whorl.field

---@alias whorl.number number|whorl.exposed|fun(t: number): number
---@alias whorl.integer integer|whorl.exposed|fun(t: number): integer
---@alias whorl.boolean boolean|whorl.exposed|fun(t: number): boolean
---@alias whorl.numbers number[]|whorl.exposed|fun(t: number): number[]
---@alias whorl.integers integer[]|whorl.exposed|fun(t: number): integer[]

---A slider for a value, in every host.
---@param value number|boolean|string|number[] where it starts
---@param label? string the parameter's name without one
---@param options? { id: string?, min: number?, max: number? } id: its stable name; min, max: a narrower range
---@return whorl.exposed
function expose(value, label, options) end

---@class whorl.host
---@field name string the program that runs the pipeline: cli, viewer, library and so on
host = {}

---@class whorl.entries
---@field [integer] whorl.stage|whorl.sampler|whorl.source|whorl.settings|false
---@field fields? table<string, whorl.field|number> fields that hosts can ask for by name

---What a pipeline file returns: return pipeline "name" { … }
---@param name string
---@return fun(entries: whorl.entries): whorl.pipeline
function pipeline(name) end
]]

local reload_docs = {
  { "kernels", "string|string[]", "C files to build as kernels, beside the pipeline" },
  { "canary", 'boolean|"last-input"|"made-up"',
    "On what a new kernel is tried in a process of its own before it runs here; false: not at all" },
  { "publish", '"between-frames"|"at-once"|"by-hand"', "When a change is taken over" },
  { "on_error", '"keep-last"|"fail"', "What a cook does when the last change has a mistake" },
  { "watch", '"auto"|"event"|"poll"', "How saves are noticed" },
  { "keep", "integer", "How many generations of a kernel can be gone back to, 1 .. 64" },
  { "time_limit", "number", "Seconds that one call of a kernel may take, 0.1 .. 3600" },
}

-- A function comes last: what stands behind its result would be taken for more results.
local policy_lines = {
  "", "---What reload.policy is asked about.", "---@class whorl.change",
  '---@field step "saved"|"ready" saved: how to try it? ready: take it over?',
  "---@field kernel string deform.twist and so on",
  "---@field generation integer 0 when step is saved",
  "---@field fast boolean built by the fast tier; the optimised build follows",
  "---@field params string how its parameters differ from those that run, or nothing",
  "---@field milliseconds number since the save was noticed",
  '---@field canary false|"last-input"|"made-up" what happens at step saved unless the policy says otherwise',
  '---@field publish "between-frames"|"at-once"|"by-hand" the same at step ready',
}
local policy_field = "---@field policy? fun(change: whorl.change): (boolean|string)?, string? Decides about each "
  .. "change: at step saved true, false or a word of canary; at step ready a word of publish, or false and a reason; "
  .. "nothing leaves it as it is"

local function reload_section()
  local defaults, lines = reload.defaults(), { unpack(policy_lines) }
  lines[#lines + 1] = "\n---@class (exact) whorl.reload"
  for _, key in ipairs(reload_docs) do
    local default = defaults[key[1]]
    lines[#lines + 1] = ("---@field %s? %s %s (default %s)"):format(key[1], key[2], key[3],
      json.encode(type(default) == "table" and default[1] or default))
  end
  lines[#lines + 1] = policy_field
  lines[#lines + 1] = "\n---How the pipeline is kept fresh while it is edited.\n---@param settings whorl.reload"
  lines[#lines + 1] = "---@return whorl.settings\nfunction reload(settings) end"
  return lines
end

local annotations = { float = "whorl.number", int = "whorl.integer", bool = "whorl.boolean", string = "string",
                      name = "string", field = "whorl.field|number" }

-- A function comes last in a union: what stands behind its result would be taken for more results.
local function annotation(param)
  if param.type == "choice" then
    local words = '"' .. table.concat(param.choices, '"|"') .. '"'
    return ("%s|whorl.exposed|fun(t: number): %s"):format(words, words)
  end
  local many = param.type ~= "string" and (param.count or 1) > 1
  return annotations[param.type] .. (many and "s" or "")
end

local function field_line(param)
  local facts = {}
  if param.unit then facts[1] = param.unit end
  local range, default = range_text(param), default_text(param)
  if param.type ~= "string" and param.count and param.count > 1 then facts[#facts + 1] = param.count .. " numbers" end
  if range ~= "" then facts[#facts + 1] = range end
  if default ~= "" then facts[#facts + 1] = "default " .. default end
  local tail = #facts > 0 and (" (%s)"):format(table.concat(facts, ", ")) or ""
  return ("---@field %s? %s %s%s"):format(param.name, annotation(param), param.doc or "", tail)
end

local function add_kernel(lines, kernel, kind)
  lines[#lines + 1] = ("\n---@class (exact) whorl.%s"):format(kernel.id)
  for _, list in ipairs { kernel.params, common[kind.word] } do
    for _, param in ipairs(list) do lines[#lines + 1] = field_line(param) end
  end
  lines[#lines + 1] = ("\n---%s\n---@param parameters whorl.%s\n---@return %s"):format(sentence(kernel.doc), kernel.id,
                                                                                      kind.result)
  lines[#lines + 1] = ("function %s(parameters) end"):format(kernel.id)
end

--- Kernels of one's own are known by no name: any word behind the kind is fine.
local function library(kernels)
  local lines = reload_section()
  for _, kind in ipairs(kinds) do
    lines[#lines + 1] = ("\n---@class whorl.%s_kernels\n---@field [string] fun(parameters: table): %s\n%s = {}"):format(
      kind.word, kind.result, kind.word)
    for _, kernel in ipairs(kernels[kind.word]) do add_kernel(lines, kernel, kind) end
  end
  return library_head .. table.concat(lines, "\n") .. "\n"
end

---------------------------------------------------------------------------------------------------------------------

--- The kernels that came with whorl, by kind and in order, with their parameters read.
local function by_kind(kernels)
  local out = {}
  for _, kind in ipairs(kinds) do out[kind.word] = {} end
  for _, kernel in ipairs(kernels) do
    local kind, word = kernel.id:match "^(%a+)%.(.+)$"
    if kernel.builtin then
      table.insert(out[kind], { id = kernel.id, word = word, doc = kernel.doc, source = kernel.source,
                                params = assert(schema.parse(kernel.params, kind .. "_" .. word)) })
    end
  end
  for _, list in pairs(out) do table.sort(list, function(a, b) return a.id < b.id end) end
  return out
end

--- The generated files: their text by their path in the source tree.
---@param kernels table[] from session:kernels()
---@return table<string, string>
function M.files(kernels)
  local sorted = by_kind(kernels)
  return { ["docs/kernels.md"] = page(sorted), ["lua/whorl/meta/library.lua"] = library(sorted) }
end

return M
