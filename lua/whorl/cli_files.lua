--- Where the results of whorl run and whorl live go: decided, and looked at, before anything is computed.
local support = require "whorl.cli_support"

local files = {}

local mesh_endings = { ".ply", ".obj", ".usda" }
local picture_endings = { ".png" }
local points_endings = { ".ply", ".obj", ".csv", ".usda", ".instancer.usda" }

--- "a/fill.instancer.usda" -> "a/fill", ".instancer.usda"
local function split_name(path)
  local folder, name = path:match("^(.*/)([^/]*)$")
  folder, name = folder or "", name or path
  local stem, ending = name:match("^(.+)(%.instancer%.usda)$")
  if not stem then
    stem, ending = name:match("^(.+)(%.[^.]+)$")
  end
  return folder .. (stem or name), ending or ""
end

local function one_of(ending, endings)
  for _, known in ipairs(endings) do
    if ending:lower() == known then
      return true
    end
  end
  return false
end

--- Where the deformed mesh goes; nil: nowhere. A mesh that was read and only sampled is not written again.
local function mesh_file(options, stages, samplers)
  if options["mesh-out"] then
    return { path = options["mesh-out"], option = "--mesh-out " }
  elseif not options.out or options.slice then
    return nil
  elseif #samplers == 0 then
    return { path = options.out, option = "-o " }
  end
  local changed = not options.input
  for _, stage in ipairs(stages) do
    changed = changed or stage.kernel:find("^deform%.") ~= nil
  end
  local stem, ending = split_name(options.out)
  return changed and { path = stem .. ".mesh" .. (one_of(ending, mesh_endings) and ending or ".ply") } or nil
end

--- Where the points of the i-th sampler go; nil: nowhere.
local function points_file(options, sampler, i)
  if not options.out or options.slice then
    return nil
  elseif i == 1 then
    return { path = options.out, option = "-o " }
  end
  local stem, ending = split_name(options.out)
  return { path = ("%s.%s%s"):format(stem, sampler.name, ending) }
end

--- What is wrong with writing to a file, or nil. taken: real path -> what is there, or will be.
local function refusal(file, taken)
  local name, real = (file.option or "") .. file.path, support.system.real_path(file.path)
  if taken[real] then
    return taken[real]:format(name, file.what) .. " (name another file)"
  end
  taken[real] = ("%%s would be both %s and %%s"):format(file.what)
  if not one_of(select(2, split_name(file.path:lower())), file.endings) then
    local last = #file.endings
    local others = table.concat(file.endings, ", ", 1, last - 1)
    return ("%s: %s are written as %s%s (change the ending)"):format(name, file.kind,
      others ~= "" and others .. " or " or "", file.endings[last])
  end
end

--- { mesh = path or nil, picture = the same, points = { the same for each sampler } }, or nil and what is wrong.
--- stages: of the pipeline; samplers: those of them that sample.
function files.plan(pipeline, options, stages, samplers)
  local list, plan, taken = {}, { points = {} }, {}
  taken[support.system.real_path(pipeline)] = "%s is the pipeline itself"
  if options.input then
    taken[support.system.real_path(options.input)] = "%s is the mesh that is read"
  end
  local mesh = mesh_file(options, stages, samplers)
  if mesh then
    mesh.kind, mesh.what, mesh.endings = "meshes", "the mesh", mesh_endings
    list[1], plan.mesh = mesh, mesh.path
  end
  if options.slice then
    plan.picture = options.out
    list[#list + 1] = { path = options.out, option = "-o ", kind = "pictures", what = "the picture",
                        endings = picture_endings }
  end
  for i, sampler in ipairs(samplers) do
    local points = points_file(options, sampler, i)
    if points then
      points.kind, points.what, points.endings = "points", ("the points of '%s'"):format(sampler.name), points_endings
      list[#list + 1], plan.points[i] = points, points.path
    end
  end
  for _, file in ipairs(list) do
    local wrong = refusal(file, taken)
    if wrong then
      return nil, "whorl: " .. wrong
    end
  end
  return plan
end

return files
