--- luajit bench/run.lua [NAME...] [--json FILE] [--table FILE]: runs benches, prints their figures, writes them as
--- JSON, and as a table between the lines "<!-- figures -->" and "<!-- end of figures -->" of a page in Markdown.
--
-- A bench is bench/NAME.lua and returns function(b). It calls, for each figure,
--   b.add { case = "twist, 1 M points", who = "whorl", value = 812, unit = "M points/s", ratio = 9.1, target = 8,
--           met = true, threads = 2 }
-- where ratio, target and met are left out when there is nothing to compare with (null in the JSON), basis, which is
-- optional, says in a word or two what the target is; and
-- b.absent("bpy", "./dev peers bpy") for a peer that is not there, with the command that brings it if it is not
-- ./dev peers. b.peers is the Python of the peers, or nil.
local json = require "whorl.json"
local page = require "bench.support.page"
local whorl = require "whorl"

local usage = "usage: ./dev bench [NAME...] [--json FILE] [--table FILE]"

local function fail(text)
  io.stderr:write(text, "\n")
  os.exit(2)
end

local function first_line(command)
  local pipe = assert(io.popen(command))
  local line = pipe:read("*l") or ""
  pipe:close()
  return line
end

local function path_of(name)
  return ("%s/bench/%s.lua"):format(assert(os.getenv("WHORL_SOURCE"), usage), name)
end

local function all_benches()
  local names = {}
  local pipe = assert(io.popen("ls '" .. path_of("*"):gsub("/%*%.lua$", "") .. "'"))
  for file in pipe:lines() do
    local name = file:match("^([%w_]+)%.lua$")
    if name and name ~= "run" then
      names[#names + 1] = name
    end
  end
  pipe:close()
  return names
end

local function parse(arguments)
  local names, out, i = {}, {}, 1
  while arguments[i] do
    local word = arguments[i]
    local option, value = word:match "^%-%-(%l+)=?(.*)$"
    if option == "json" or option == "table" then
      i = i + (value == "" and 1 or 0)
      out[option] = value ~= "" and value or arguments[i] or fail(usage)
    elseif word:match("^[%w_]+$") then
      names[#names + 1] = word
    else
      fail(usage)
    end
    i = i + 1
  end
  return names, out
end

--- What is the same for every figure of this run.
local function surroundings()
  local info = {}
  for key, value in whorl.build_info():gmatch("([^\n:]+): ([^\n]*)") do
    info[key] = value
  end
  local model = first_line("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo")
  local cores = first_line("getconf _NPROCESSORS_ONLN")
  return { machine = ("%s, %s cores"):format(model ~= "" and model or jit.arch, cores), compiler = info.compiler or "",
           flags = info.flags or "" }
end

local function print_figure(f)
  local compared = f.ratio and ("%8.2fx"):format(f.ratio) or ""
  local basis = f.basis and (" (%s)"):format(f.basis) or ""
  local target = f.target and ("  target %.4g%s: %s"):format(f.target, basis, f.met and "met" or "missed") or ""
  print(("  %-44s %-17s %10.4g %-12s%s%s"):format(f.case, f.who, f.value, f.unit, compared, target))
end

local function run(name, around, figures)
  local chunk, why = loadfile(path_of(name))
  if not chunk then
    fail(why)
  end
  print(name)
  chunk() {
    peers = os.getenv("WHORL_PEERS"),
    add = function(figure)
      local row = { bench = name, ratio = json.null, target = json.null, met = json.null }
      for key, value in pairs(figure) do
        row[key] = value
      end
      for key, value in pairs(around) do
        row[key] = value
      end
      figures[#figures + 1] = row
      print_figure(figure)
    end,
    absent = function(peer, command)
      print(("  %s is not here (%s)"):format(peer, command or "./dev peers"))
    end,
  }
end

local names, out = parse(arg)
if #names == 0 then
  names = all_benches()
end
if out.table then
  page.check(out.table)
end
local around, figures = surroundings(), json.array()
print(("%s\n%s %s"):format(around.machine, around.compiler, around.flags))
for _, name in ipairs(names) do
  run(name, around, figures)
end
if out.json then
  local file = assert(io.open(out.json, "w"))
  file:write(json.encode(figures, true), "\n")
  file:close()
end
if out.table then
  page.write(out.table, figures, around)
end
