--- whorl history: the generations of the kernels of a pipeline, and how far the results of two are apart.
local cooking = require "whorl.cli_cook"
local json = require "whorl.json"
local show = require "whorl.cli_show"
local support = require "whorl.cli_support"

local function open(file, options)
  local session, why = cooking.open(file, options, false)
  local refused = {}
  if session then
    for event in session:events() do
      refused[#refused + 1] = event.kind == "rejected" and event.text or nil
    end
  end
  if why then
    support.stop(1, #refused > 0 and table.concat(refused, "\n") or why)
  end
  for _, text in ipairs(options.json and {} or refused) do
    support.complain(text) -- a kernel whose last good generation stands in
  end
  return session
end

--- Those of that name that have generations.
local function named(session, name)
  local found = {}
  local all = support.kernels_named(session:kernels(), name)
  for _, kernel in ipairs(all) do
    found[#found + 1] = not kernel.builtin and kernel or nil
  end
  if #found == 0 then
    support.stop(1, ("whorl: %s came with whorl: it has no generations"):format(all[1].id))
  end
  return found
end

local function list(session, kernels, options)
  local plain = json.array()
  for i, kernel in ipairs(kernels) do
    if options.json then
      plain[i] = show.generations_plain(session, kernel)
    else
      show.generations(session, kernel)
    end
  end
  if options.json then
    support.say("%s", json.encode(plain))
  elseif #kernels == 0 then
    support.say("no kernel that is loaded has generations (those that came with whorl never change)")
  end
end

local function compare(session, kernel, options)
  local a, b = options.compare[1], options.compare[2]
  local mesh, why = cooking.take_mesh(session, options)
  local d
  if mesh then
    d, why = cooking.with_progress(session, options, function()
      return session:compare(kernel.id, a, b, mesh, options.time)
    end)
  end
  why = cooking.interruption {} or why
  if not d then
    support.stop(support.system.interrupted() and 130 or 1, why)
  elseif options.json then
    local is_number = d.largest == d.largest
    support.say("%s", json.encode { kernel = kernel.id, a = a, b = b, points = d.points, largest_at = d.largest_at,
                                    largest = is_number and d.largest or nil, mean = is_number and d.mean or nil,
                                    only_a = d.only_a, only_b = d.only_b })
  else
    support.say("%s generation %d to %d: %s", kernel.id, a, b, show.difference(d))
  end
end

local function run(options, rest)
  if #rest == 0 then
    support.misuse("history", "which file? a pipeline, such as tentacle.lua")
  elseif #rest > 2 then
    support.misuse("history", "one kernel at a time, not also '%s'", rest[3])
  elseif options.compare and not rest[2] then
    support.misuse("history", "--compare: generations of which kernel? such as deform.twist")
  end
  local session = open(rest[1], options)
  local kernels = rest[2] and named(session, rest[2]) or show.kernels_with_generations(session)
  if not options.compare then
    list(session, kernels, options)
  elseif #kernels > 1 then
    support.misuse("history", "--compare: %s or %s?", kernels[1].id, kernels[2].id)
  else
    compare(session, kernels[1], options)
  end
  session:close()
end

return {
  history = {
    summary = "list the generations of kernels, or compare the results of two",
    usage = "FILE.lua [KERNEL] [--json] [--compare A B [-i MESH]] [--kernels FOLDER]",
    doc = "Lists every kernel of a pipeline that was built from a source, or one of them, with its\n"
      .. "generations: live runs, kept can be gone back to, bad crashed or failed its trial and never runs\n"
      .. "again; fast is built without optimisation so far. They are kept from run to run.\n"
      .. "--compare cooks the pipeline with two generations and says how far the points are apart.",
    options = {
      { name = "compare", value = "A B", values = 2, check = "generation", doc = "two generations of the kernel" },
      { name = "input", short = "i", value = "MESH", check = "file",
        doc = "mesh to compare on; default: the one that the pipeline makes" },
      { name = "time", value = "S", check = "number", doc = "time in seconds; default 0" },
      { name = "kernels", value = "FOLDER", many = true, doc = "more kernels, sources or libraries" },
      { name = "json", doc = "say it as JSON" },
    },
    run = run,
  },
}
