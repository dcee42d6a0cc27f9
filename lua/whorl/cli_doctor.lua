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

--- Words split at blanks, as the library splits a compiler's name and flags; each quoted for the shell.
local function each_quoted(words)
  return (words:gsub("%S+", quoted))
end

--- The compiler that the library would take: its words, and the path of the first.
local function find_compiler(wanted)
  for _, words in ipairs { wanted, "cc", "gcc", "clang" } do
    local program = words:match("%S+")
    local path = program and first_line("command -v " .. quoted(program))
    if path then
      return words, path
    end
  end
end

local trial = [[
#include "whorl_kernel.h"
WH_NO_PARAMS(deform_trial)
static void deform_trial_run(const wh_block *b)
{
    (void)b;
}
WH_KERNEL(deform_trial, .doc = "Nothing", .run = deform_trial_run);
]]

--- Builds a kernel that does nothing, as the library would. Returns nil when that works, else what was said first.
local function build_mistake(compiler)
  local include = whorl.data_path():gsub("/[^/]+/%.%./", "/"):gsub("/share/whorl/lua$", "/include")
  local flags = whorl.build_info():match("\nkernel flags: *([^\n]*)") or "-fPIC -shared"
  local folder = first_line("mktemp -d")
  local source, module = (folder or "") .. "/trial.c", (folder or "") .. "/trial.so"
  local file = folder and io.open(source, "wb")
  if not file then
    return "there is no folder for temporary files"
  end
  file:write(trial)
  file:close()
  local pipe = io.popen(("LC_ALL=C %s %s -I %s -o %s %s -lm 2>&1 || echo failed"):format(each_quoted(compiler), flags,
    quoted(include), quoted(module), quoted(source)))
  local said = pipe:read("*a")
  pipe:close()
  for _, path in ipairs { source, module, folder } do
    os.remove(path)
  end
  local wrong = said:match("^(.*)failed\n$")
  return wrong and (wrong:match("[^\n]*error[^\n]*") or wrong:match("^[^\n]+") or "it fails without a word")
end

local function check_compiler()
  local wanted = os.getenv("CC") or ""
  local compiler, path = find_compiler(wanted)
  if not compiler then
    report("note", "compiler", "none found: kernels cannot be rebuilt while whorl runs",
      "apt-get install gcc   or set CC to a C compiler")
    return
  end
  local wrong = build_mistake(compiler)
  local version = first_line(each_quoted(compiler) .. " --version")
  if wrong then
    report("note", "compiler", ("%s cannot build kernels: %s"):format(path, wrong),
      "set CC to a C compiler that works")
  elseif wanted:match("%S") and compiler ~= wanted then
    report("note", "compiler", ("%s, because CC, '%s', cannot be found"):format(path, wanted))
  else
    report("ok", "compiler", ("%s (%s)"):format(path, version or "of unknown version"))
  end
end

local words = { compiler = "built with", flags = "built flags", canary = "whorl-canary" } -- others stand for themselves

local advice = {
  assimp = "more mesh formats: apt-get install libassimp-dev, and build whorl again",
  libtcc = "saved kernels run sooner with it: apt-get install libtcc-dev, and build whorl again",
  png = "pictures of slices: apt-get install libpng-dev, and build whorl again",
  canary = "saved kernels run untried, and take longer: install whorl again",
}
local not_in_static = { libtcc = true, canary = true, kernels = true }

local function is_static()
  return whorl.build_info():match("\nkernels: linked in") ~= nil
end

local function check_build()
  for line in whorl.build_info():gmatch("[^\n]+") do
    local key, value = line:match("^(.-): *(.*)$")
    if key and not (is_static() and not_in_static[key]) then
      local absent = value == "no" and advice[key]
      report(absent and "note" or "ok", words[key] or key, value, absent or nil)
    end
  end
end

--- As the library chooses it; nil: nowhere.
local function cache_folder()
  local cache, home = os.getenv("XDG_CACHE_HOME") or "", os.getenv("HOME") or ""
  if cache:match("^/") then
    return cache .. "/whorl"
  elseif not home:match("^/") then
    home = first_line('getent passwd "$(id -u)" | cut -d : -f 6')
  end
  return home and home .. "/.cache/whorl"
end

--- Whether a folder can be written, or made where it is not there yet. Makes nothing.
local function is_writable(folder)
  return os.execute(('f=%s; while [ ! -e "$f" ]; do f=$(dirname "$f"); done; [ -d "$f" ] && [ -w "$f" ] && [ -x "$f" ]')
    :format(quoted(folder))) == 0
end

local function check_cache()
  local folder = cache_folder()
  if folder and is_writable(folder) then
    local size = first_line("du -sh " .. quoted(folder) .. " 2>/dev/null | cut -f 1") -- nil: it is not there yet
    report("ok", "cache", folder .. (size and ", " .. size or ""))
  else
    report("note", "cache", (folder or "nowhere: there is no home") ..
      " cannot be written: kernels cannot be rebuilt while whorl runs", "set XDG_CACHE_HOME to a folder of yours")
  end
end

local function check_kernels()
  local session, why = whorl.open(nil, { host = "cli", frozen = true, cache_path = "/dev/null" }) -- makes no folder
  local kernels = session and session:kernels() or {}
  if #kernels == 0 then
    report("bad", "kernels", why or "none were found beside the library", "install whorl again")
    return
  end
  local path = kernels[1].path:match("^(.*)/")
  report("ok", "kernels", ("%d, %s"):format(#kernels, is_static() and "static build: kernels are linked in"
    or "in " .. path))
end

local function check_source_lines()
  local path = first_line("command -v addr2line")
  if path then
    report("ok", "addr2line", path)
  else
    report("note", "addr2line", "not found: the line at which a kernel crashed stays unknown",
      "apt-get install binutils")
  end
end

--- Saves a file and sees whether a session hears of it.
local function notices_saves(session)
  local path = first_line("mktemp")
  if not path or not session:watch(path) then
    return nil
  end
  local file, heard = io.open(path, "wb"), false
  file:close()
  for _ = 1, 10 do
    session:wait(100)
    session:poll()
    for event in session:events() do
      heard = heard or event.kind == "file"
    end
    if heard then
      break
    end
  end
  os.remove(path)
  return heard
end

local function check_watch()
  local session, why = whorl.open(nil, { host = "cli", cache_path = "/dev/null" })
  if not session then
    report("bad", "inotify", why)
    return
  end
  for event in session:events() do
    why = event.subject == "watch" and event.text or why
  end
  local heard = not why and notices_saves(session)
  if heard then
    report("ok", "inotify", "saves are noticed at once")
  elseif heard == nil then
    report("note", "inotify", "not tried: there is no folder for temporary files")
  else
    report("note", "inotify", why or "a save of a temporary file went unnoticed",
      'saves are noticed, only later, with reload { watch = "poll" }')
  end
  session:close()
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
  report("ok", "Lua files", (whorl.data_path():gsub("/[^/]+/%.%./", "/")))
  check_kernels()
  if not is_static() then -- which builds and watches nothing
    check_compiler()
    check_source_lines()
    check_cache()
    check_watch()
    check_limit("max_user_watches", 1024)
    check_limit("max_user_instances", 16)
  end
  say(failed and "something that whorl needs is missing" or "whorl can work here")
  return failed and 1 or 0
end

return {
  doctor = {
    summary = "look for what whorl needs, and say how to get what is missing",
    usage = "",
    doc = "Looks at the compiler, the optional parts, the folders and the limits of this machine. What is a\n"
      .. "note is optional; what is marked `bad` is needed. Exit status 1 when something is bad.",
    options = {},
    run = run,
  },
}
