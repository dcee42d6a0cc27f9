--- The generated files are what the kernels declare; what the pages show works, and what they link to is there.
local command = require "spec.support.command"
local meta = require "whorl.meta"
local project = require "spec.support.project"
local reload = require "whorl.reload"
local schema = require "whorl.schema"

local root = os.getenv("WHORL_SOURCE") or "."

local function read(path)
  local file = io.open(root .. "/" .. path, "rb")
  local text = file and file:read("*a")
  if file then file:close() end
  return text
end

--- A file or a folder.
local function exists(path)
  local file = io.open(root .. "/" .. path, "rb")
  if file then file:close() end
  return file ~= nil
end

local function builtin()
  local session = assert(project.whorl.open(nil, { frozen = true }))
  local list = {}
  for _, kernel in ipairs(session:kernels()) do
    if kernel.builtin then list[#list + 1] = kernel end
  end
  session:close()
  return list
end

local function pages()
  local list = { "README.md" }
  local pipe = assert(io.popen(("cd '%s' && ls docs/*.md"):format(root)))
  for path in pipe:lines() do list[#list + 1] = path end
  pipe:close()
  return list
end

describe("generated files", function()
  it("are up to date", function()
    for path, text in pairs(meta.files(builtin())) do
      assert.is_true(read(path) == text, path .. " is not up to date (run ./dev docs)")
    end
  end)

  it("are Lua that defines every word of a pipeline", function()
    local names = {}
    setfenv(assert(loadstring(read "lua/whorl/meta/library.lua")), names)()
    for _, kernel in ipairs(builtin()) do
      local kind, word = kernel.id:match "^(%a+)%.(.+)$"
      assert.is_function(names[kind][word], kernel.id)
    end
    for _, word in ipairs { "expose", "pipeline", "reload" } do assert.is_function(names[word], word) end
    assert.is_table(names.host)
  end)

  it("know every key of reload", function()
    local text = read "lua/whorl/meta/library.lua"
    local keys = reload.defaults()
    keys.policy = true
    for key in pairs(keys) do assert.truthy(text:find(("---@field %s? "):format(key), 1, true), key) end
  end)
end)

describe("a kernel", function()
  local files
  local params = [[
    float amount WH_UI(0.1, min = -1e-6, unit = "m", doc = "How far");
    float free WH_UI(1e-7, doc = "Any | number");
    int count[2] WH_UI({ 1, -2 }, max = 9, doc = "How many");
    int mode WH_UI(1, choices = "soft|hard", doc = "How");
    bool on WH_UI(true, doc = "Whether");
    char label[8] WH_UI("a", doc = "What"); ]]

  setup(function()
    files = meta.files {
      { id = "deform.mine", builtin = false, doc = "Not one of whorl's", source = "", params = "" },
      { id = "field.probe", builtin = true, doc = "Probe it", source = "Doe, A Paper, 1999", params = params },
      { id = "field.bare", builtin = true, doc = "Nothing to set.", source = "", params = "" },
    }
  end)

  it("is on the page as it declares itself", function()
    local text = files["docs/kernels.md"]
    assert.truthy(text:find("- Fields: [bare](#fieldbare), [probe](#fieldprobe)\n", 1, true))
    assert.equal([[
### field.bare

Nothing to set.

It has no parameters.

### field.probe

Probe it. After Doe, A Paper, 1999.

| Parameter | Type | Default | Range | Unit | Meaning |
|---|---|---|---|---|---|
| `amount` | number | `0.1` | from -1e-6 | m | How far |
| `free` | number | `1e-7` | | | Any \| number |
| `count` | { 2 whole numbers } | `{ 1, -2 }` | up to 9 | | How many |
| `mode` | `"soft"`, `"hard"` | `"hard"` | | | How |
| `on` | true or false | `true` | | | Whether |
| `label` | text | `"a"` | up to 7 bytes | | What |
]], text:match "(### field.bare.-)\n## ")
    assert.is_nil(text:find("mine", 1, true))
  end)

  it("is known to the editor with its types", function()
    local text = files["lua/whorl/meta/library.lua"]
    assert.equal([[
---@class (exact) whorl.field.probe
---@field amount? whorl.number How far (m, from -1e-6, default 0.1)
---@field free? whorl.number Any | number (default 1e-7)
---@field count? whorl.integers How many (2 numbers, up to 9, default { 1, -2 })
---@field mode? "soft"|"hard"|whorl.exposed|fun(t: number): "soft"|"hard" How (default "hard")
---@field on? whorl.boolean Whether (default true)
---@field label? string What (up to 7 bytes, default "a")

---Probe it.
---@param parameters whorl.field.probe
---@return whorl.field
function field.probe(parameters) end
]], text:match "(%-%-%-@class %(exact%) whorl%.field%.probe.-)\n%-%-%-@class")
    assert.is_nil(text:find("mine", 1, true))
  end)
end)

describe("every built-in kernel", function()
  -- How the doc of a number without a unit says what the number is.
  local meanings = { "scale", "factor", "share", "1 is", "winding number" }

  local function explained(doc)
    for _, words in ipairs(meanings) do
      if doc:lower():find(words, 1, true) then return true end
    end
  end

  it("says what it does, and what each parameter is", function()
    local missing = {}
    for _, kernel in ipairs(builtin()) do
      if kernel.doc == "" then missing[#missing + 1] = kernel.id end
      for _, p in ipairs(assert(schema.parse(kernel.params, (kernel.id:gsub("%.", "_"))))) do
        local where = kernel.id .. "." .. p.name
        if (p.doc or "") == "" then missing[#missing + 1] = where .. ": doc" end
        if p.type == "float" and not p.unit and not explained(p.doc or "") then
          missing[#missing + 1] = where .. ": unit"
        end
      end
    end
    assert.same({}, missing)
  end)
end)

---------------------------------------------------------------------------------------------------------------------

--- The fenced blocks of that language: { text, line }.
local function blocks(page, language)
  local list, line, open = {}, 0, nil
  for text in (page .. "\n"):gmatch "(.-)\r?\n" do
    line = line + 1
    local fence = text:match "^```%s*([%w_]*)"
    if fence and not open then
      open = { language = fence, line = line }
    elseif fence then
      if open.language == language then list[#list + 1] = open end
      open.text, open = table.concat(open, "\n") .. "\n", nil
    elseif open then
      open[#open + 1] = text
    end
  end
  return list
end

--- Everything that whorl check would say about the pipelines of a page. Its kernels, in C blocks, lie beside them.
local function mistakes(page, name)
  local p, found = project.new(), {}
  for _, block in ipairs(blocks(page, "c")) do
    local word = block.text:match "WH_KERNEL%(%a-_([%w_]+)"
    if word then p:write(word .. ".c", block.text) end
  end
  for _, block in ipairs(blocks(page, "lua")) do
    if block.text:find("return pipeline", 1, true) then
      local file = ("%s-%d.lua"):format(name:gsub("%W", "-"), block.line)
      p:write(file, block.text)
      local session, message = p:open(file, { frozen = true })
      local events = session and p:events(session, "rejected") or {}
      if message and #events == 0 then events[1] = message end
      for _, text in ipairs(events) do found[#found + 1] = text end
    end
  end
  p:close()
  return found
end

--- What the page links to inside the tree: its files, and headings as "path#heading".
local function links(page)
  local list, text = {}, ("\n" .. page):gsub("\n```.-\n```", "\n")
  for _, pattern in ipairs { "%]%(([^)%s]+)[^)]*%)", "\n%[[^%]\n]+%]:%s*(%S+)" } do
    for target in text:gmatch(pattern) do
      if not target:find "^%a[%w+.-]*:" then list[#list + 1] = target end
    end
  end
  return list
end

--- The names by which the headings of a page can be linked to.
local function headings(page)
  local names = {}
  for title in ("\n" .. page):gmatch "\n#+ +([^\n]+)" do
    names[title:lower():gsub("[^%w _-]", ""):gsub(" ", "-")] = true
  end
  return names
end

local function broken(page, path)
  local list = {}
  for _, target in ipairs(links(page)) do
    local file, heading = target:match "^([^#]*)#?(.*)$"
    local there = (path:match "^.*/" or "") .. file
    local text = file == "" and page or heading ~= "" and read(there) or ""
    if not exists(there) or heading ~= "" and not headings(text)[heading] then
      list[#list + 1] = ("%s: %s"):format(path, target)
    end
  end
  return list
end

describe("the checks of the pages", function()
  local page = table.concat({
    "# A page: of `two`", "[up](#a-page-of-two) [lost](#nowhere) [out](https://example.org/#x) [gone](gone.md)",
    "```lua", "[not](a-link.md)", "```", "[source]: ../kernels", "```c", '#include "whorl_kernel.h"',
    "WH_NO_PARAMS(field_one)", "static void field_one_run(const wh_block *b)", "{",
    "    for (uint32_t i = 0; i < b->count; i++)", "        b->value[i] = 1;", "}",
    'WH_KERNEL(field_one, .doc = "One", .run = field_one_run);', "```",
    "```lua", 'return pipeline "good" { deform.twist { mask = field.one {} } }', "```",
    "```lua", "", 'return pipeline "bad" { deform.twsit {} }', "```",
    "```lua", "print(1 +", "```" }, "\n")

  it("find pipelines that are wrong", function()
    assert.same({ "docs-a-md-20.lua:2: no kernel deform.twsit (did you mean 'twist'?)" }, mistakes(page, "docs/a.md"))
  end)

  it("find links that lead nowhere", function()
    assert.same({ "docs/a.md: #nowhere", "docs/a.md: gone.md" }, broken(page, "docs/a.md"))
  end)
end)

describe("the pages", function()
  for _, path in ipairs(pages()) do
    it("show pipelines that work, in " .. path, function()
      local page = read(path)
      if not page then return pending(path .. " is not there yet") end
      assert.same({}, mistakes(page, path))
    end)

    it("link to what is there, in " .. path, function()
      local page = read(path)
      if not page then return pending(path .. " is not there yet") end
      assert.same({}, broken(page, path))
    end)
  end
end)

describe("README.md", function()
  local folder, remove

  before_each(function()
    folder, remove = command.folder()
  end)

  after_each(function()
    remove()
  end)

  -- The slips behind the messages that it shows.
  local slips = {
    { "examples/tentacle.lua", "length = 2, mask", "lenght = 2, mask" },
    { "examples/tentacle.lua", "deform.twist", "deform.twsit" },
    { "examples/tentacle.lua", "size = 0.15", "size = -0.15" },
    { "kernels/twist.c", "p->angle", "p->agnle" },
  }

  local function slip(text, from, to)
    local first, last = text:find(from, 1, true)
    return text:sub(1, assert(first, from) - 1) .. to .. text:sub(last + 1)
  end

  --- Its lines that match, as one text.
  local function shown(pattern)
    local list = {}
    for line in read("README.md"):gmatch "[^\n]+" do
      if line:find(pattern) then list[#list + 1] = line .. "\n" end
    end
    return table.concat(list)
  end

  it("shows what whorl says of mistakes", function()
    command.shell(folder, "mkdir examples kernels")
    command.write(folder .. "/kernels/whorl_kernel.h", read "kernels/whorl_kernel.h")
    local texts = {}
    for _, s in ipairs(slips) do texts[s[1]] = slip(texts[s[1]] or read(s[1]), s[2], s[3]) end
    for path, text in pairs(texts) do command.write(folder .. "/" .. path, text) end
    local _, _, err = command.run(folder, "check examples/tentacle.lua")
    assert.equal(shown "^examples/tentacle%.lua:%d+: ", err)
    command.write(folder .. "/examples/tentacle.lua", read "examples/tentacle.lua")
    _, _, err = command.run(folder, "check examples/tentacle.lua --kernels kernels")
    -- What follows the line are the compiler's words, and compilers differ.
    local place = "^kernels/twist%.c:%d+: "
    assert.equal(shown(place):match(place), err:match(place))
    assert.matches("'agnle'", err)
  end)

  it("shows a program that compiles and runs", function()
    local build = command.quote(assert(os.getenv "WHORL_BUILD"))
    for _, block in ipairs(blocks(read "README.md", "c")) do
      if block.text:find("int main", 1, true) then command.write(folder .. "/main.c", block.text) end
    end
    command.write(folder .. "/tentacle.lua", read "examples/tentacle.lua")
    local out
    local status, _, err = command.shell(folder, ("unset LD_PRELOAD; cc -Wall -Wextra -Werror main.c -o main "
      .. "-I %s/include -L %s/lib -lwhorl -Wl,-rpath,%s/lib"):format(build, build, build))
    assert.is_true(status == 0, err)
    status, out, err = command.shell(folder, 'LD_PRELOAD="$WHORL_PRELOAD" ./main')
    assert.same({ 0, "" }, { status, err })
    assert.matches("^frame 0: 7746 points, the last at height %d%.%d+ m\nframe 1: .*\nframe 2: [^\n]*\n$", out)
  end)
end)
