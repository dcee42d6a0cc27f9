--- whorl doctor: is everything here that whorl needs, and how to get what is not.
local support = require "whorl.cli_support"
local whorl = require "whorl"

local say = support.say
local failed

--- level: "ok", "note" (something optional) or "bad" (whorl cannot work).
local function report(level, what, text, advice)
  local colour = ({ ok = "green", note = "yellow", bad = "red" })[level]
  say("%s %-14s%s", support.paint(colour, ("%-5s"):format(level)), what, text)
  if advice then
    say("      %-14s%s", "", advice)
  end
  failed = failed or level == "bad"
end

local function quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

--- First line of what a command prints, or nil when it fails.
local function first_line(command)
  local pipe = io.popen(command .. " 2>/dev/null")
  local line = pipe and pipe:read("*l")
  if pipe then
    pipe:close()
  end
  return line and line ~= "" and line or nil
end

local function find_compiler()
  for _, name in ipairs { os.getenv("CC") or "", "cc", "gcc", "clang" } do
    local path = name ~= "" and first_line("command -v " .. quoted(name))
    if path then
      return path, first_line(quoted(name) .. " --version")
    end
  end
end

local function check_compiler()
  local path, version = find_compiler()
  if not path then
    report("note", "compiler", "none found: kernels cannot be rebuilt while whorl runs",
      "apt-get install gcc   or set CC to a C compiler")
  elseif not version then
    report("note", "compiler", path .. " does not answer --version", "set CC to a C compiler that works")
  else
    report("ok", "compiler", path .. " (" .. version .. ")")
  end
end

local words = { compiler = "built with", flags = "built flags" } -- of the library, not the compiler that is here

local function check_build()
  for line in whorl.build_info():gmatch("[^\n]+") do
    local key, value = line:match("^(.-): *(.*)$")
    if key then
      local absent = value == "no"
      report(absent and "note" or "ok", words[key] or key, value, absent and key == "assimp"
        and "more mesh formats: apt-get install libassimp-dev, and build whorl again" or nil)
    end
  end
end

local function check_writable(what, folder)
  if os.execute("mkdir -p " .. quoted(folder) .. " 2>/dev/null && test -w " .. quoted(folder)) == 0 then
    report("ok", what, folder)
  else
    report("note", what, folder .. " cannot be written: kernels cannot be rebuilt while whorl runs",
      "set XDG_CACHE_HOME to a folder of yours")
  end
end

local function check_folders()
  report("ok", "Lua files", (whorl.data_path():gsub("/[^/]+/%.%./", "/")))
  local cache = os.getenv("XDG_CACHE_HOME")
  if not cache or cache == "" then
    cache = (os.getenv("HOME") or "") .. "/.cache"
  end
  check_writable("cache", cache .. "/whorl")
end

local function check_kernels()
  local session, why = whorl.open(nil, { host = "cli", frozen = true })
  local kernels = session and session:kernels() or {}
  if #kernels == 0 then
    report("bad", "kernels", why or "none were found beside the library", "install whorl again")
    return
  end
  local path = kernels[1].path:match("^(.*)/")
  report("ok", "kernels", ("%d, in %s"):format(#kernels, path))
end

local function check_limit(name, least)
  local file = io.open("/proc/sys/fs/inotify/" .. name)
  local value = file and file:read("*n")
  if file then
    file:close()
  end
  if value and value < least then
    report("note", "inotify", ("%s is %d: saves may go unnoticed"):format(name, value),
      ("sysctl fs.inotify.%s=%d"):format(name, least))
  elseif value then
    report("ok", "inotify", ("%s %d"):format(name, value))
  end
end

local function run(_, rest)
  if #rest > 0 then
    support.misuse("doctor", "takes no arguments, such as '%s'", rest[1])
  end
  failed = false
  check_build()
  check_compiler()
  check_folders()
  check_kernels()
  check_limit("max_user_watches", 1024)
  check_limit("max_user_instances", 16)
  say(failed and "something that whorl needs is missing" or "whorl can work here")
  return failed and 1 or 0
end

return {
  doctor = {
    summary = "look for what whorl needs, and say how to get what is missing",
    usage = "",
    doc = "Looks at the compiler, the optional parts, the folders and the limits of this machine. What is a note is\n"
      .. "optional; what is marked `bad` is needed. Exit status 1 when something is bad.",
    options = {},
    run = run,
  },
}
