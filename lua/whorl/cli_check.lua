--- whorl check: everything that is wrong with a pipeline file.
local json = require "whorl.json"
local support = require "whorl.cli_support"
local whorl = require "whorl"

--- Every line that the session has against its file, once, in the order in which they came.
local function mistakes(session, why)
  local list, seen = {}, {}
  local function add(text)
    for line in text:gmatch("[^\n]+") do
      if not seen[line] then
        seen[line] = true
        list[#list + 1] = line
      end
    end
  end
  for event in session:events() do
    if event.kind == "rejected" then
      add(event.text)
    end
  end
  if why and #list == 0 then
    add(why)
  end
  return list
end

local function run(options, rest)
  local path = support.one_file("check", rest)
  local session, why = whorl.open(path, {
    host = "cli", frozen = true, kernel_path = options.kernels and table.concat(options.kernels, ":") or nil,
  })
  if not session then
    support.stop(1, why)
  end
  local list = mistakes(session, why)
  if options.json then
    local errors = json.encode(support.places(table.concat(list, "\n")))
    support.say("%s", ('{"errors":%s,"ok":%s,"plan":%s}'):format(errors, #list == 0, session:plan_json()))
  elseif #list == 0 then
    support.say("%s: nothing wrong", path)
  end
  for _, line in ipairs(options.json and {} or list) do
    support.complain(line)
  end
  return #list == 0 and 0 or 1
end

return {
  check = {
    summary = "say everything that is wrong with a file, without cooking it",
    usage = "FILE.lua [--json] [--kernels FOLDER]",
    doc = "Reads a pipeline and says everything that is wrong with it, one mistake a line, each with the\n"
      .. "place where it stands. With --json: { ok, errors = [{ file, line, text }], plan }, where plan is\n"
      .. "the data that the file came down to.",
    options = {
      { name = "json", doc = "say it as JSON" },
      { name = "kernels", value = "FOLDER", many = true, doc = "more kernels, sources or libraries" },
    },
    run = run,
  },
}
