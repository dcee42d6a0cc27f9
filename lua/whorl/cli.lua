--- The whorl command: finds the command that was asked for, and turns what it returns or raises into an exit status.
local json = require "whorl.json"
local suggest = require "whorl.suggest"
local support = require "whorl.cli_support"
local whorl = require "whorl"

local order = { "run", "live", "history", "check", "kernels", "new", "doctor" }
local home = {
  run = "whorl.cli_run",
  live = "whorl.cli_live",
  history = "whorl.cli_history",
  check = "whorl.cli_check",
  kernels = "whorl.cli_kernels",
  new = "whorl.cli_new",
  doctor = "whorl.cli_doctor",
}

local function command_named(name)
  local command = require(home[name])[name]
  command.name = name
  return command
end

local function version()
  local v = whorl.version()
  return ("whorl %d.%d.%d"):format(math.floor(v / 10000), math.floor(v / 100) % 100, v % 100)
end

local function general_help()
  support.say("whorl - geometry pipelines in Lua and C that stay editable while they run\n")
  support.say("usage: whorl COMMAND [OPTION...]\n")
  for _, name in ipairs(order) do
    support.say("  %-10s%s", name, command_named(name).summary)
  end
  support.say("\n  --help     this text, or that of a command: whorl COMMAND --help")
  support.say("  --version  the version")
end

local function command_help(command)
  support.say("usage: whorl %s %s\n", command.name, command.usage)
  support.say(command.doc)
  if #command.options > 0 then
    support.say("\noptions:")
  end
  for _, option in ipairs(command.options) do
    local names = (option.short and "-" .. option.short .. ", " or "    ") .. "--" .. option.name
    support.say("  %-26s%s", names .. (option.value and " " .. option.value or ""), option.doc)
  end
end

local function has_json(command)
  for _, option in ipairs(command.options) do
    if option.name == "json" then
      return true
    end
  end
  return false
end

--- Looked at before the options are read: what is wrong with them is to be said as JSON too.
local function wants_json(command, arguments)
  for _, word in ipairs(arguments) do
    if word == "--json" then
      return has_json(command)
    elseif word == "--" then
      return false
    end
  end
  return false
end

local function run(arguments)
  local name = table.remove(arguments, 1)
  if name == nil then
    support.misuse(nil, "which command? %s", table.concat(order, ", "))
  elseif name == "--help" or name == "-h" or name == "help" then
    general_help()
    return 0
  elseif name == "--version" then
    support.say(version())
    return 0
  elseif not home[name] then
    local is_option = name:match("^%-")
    support.misuse(nil, "unknown %s '%s'%s", is_option and "option" or "command", name,
      suggest(name, is_option and { "--help", "--version" } or order))
  end
  local command = command_named(name)
  support.json = wants_json(command, arguments)
  local options, rest = support.parse(command, arguments)
  if options.help then
    command_help(command)
    return 0
  end
  return command.run(options, rest) or 0
end

--- arguments: those after the program's name; system: what main.c lends. Returns the exit status.
return function(arguments, system)
  support.system = system
  io.stdout:setvbuf("line")
  local ok, result = xpcall(run, function(e)
    return type(e) == "table" and e or debug.traceback(e, 2)
  end, arguments)
  if ok then
    return result
  elseif type(result) ~= "table" then
    error(result, 0)
  end
  if result.text and support.json then
    support.say("%s", json.encode { ok = false, errors = support.places(result.text) })
  elseif result.text then
    support.complain(result.text)
  end
  return result.code
end
