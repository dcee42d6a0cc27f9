--- What the commands share: options, messages, colour.
local ffi = require "ffi"
local json = require "whorl.json"
local suggest = require "whorl.suggest"

local support = { system = nil } -- system: the functions that main.c lends

--- What is wrong, for programs: { file, line, text } for each line of the text, as far as it says so.
function support.places(text)
  local out = json.array()
  for line in text:gmatch("[^\n]+") do
    local file, number, what = line:match("^(.-):(%d+): (.*)$")
    out[#out + 1] = file and { file = file, line = tonumber(number), text = what } or { text = line }
  end
  return out
end

--- Ends the command; caught by cli.lua. text nil: everything was said already.
function support.stop(code, text)
  error({ code = code, text = text }, 0)
end

--- Wrong usage: exit status 2.
function support.misuse(command, text, ...)
  support.stop(2, ("whorl: " .. text):format(...) .. " (whorl " .. (command and command .. " " or "") .. "--help)")
end

local codes = { red = 31, green = 32, yellow = 33, bold = 1, dim = 2 }

--- text in a colour, when fd is a terminal and the user did not forbid it.
function support.paint(colour, text, fd)
  if (os.getenv("NO_COLOR") or "") ~= "" or not support.system.is_terminal(fd or 1) then
    return text
  end
  return ("\27[%dm%s\27[0m"):format(codes[colour], text)
end

function support.say(format, ...)
  io.stdout:write(select("#", ...) > 0 and format:format(...) or format, "\n")
end

function support.complain(text)
  io.stdout:flush()
  io.stderr:write(support.paint("red", text, 2), "\n")
end

-- Options -------------------------------------------------------------------------------------------------------------
-- A command lists its options as { name = "out", short = "o", value = "FILE", doc = "…", check = "number" … }.

local checks = {}

--- The number that a text stands for; nil for anything else, also for nan and inf.
function support.number(text)
  local n = tonumber(text)
  return n and n - n == 0 and n or nil
end

function checks.number(text)
  return support.number(text), "a number"
end

function checks.file(text)
  return text ~= "" and text or nil, "a file"
end

local function whole(text, least, most)
  local n = tonumber(text)
  if n and n == math.floor(n) and n >= least and n <= most then
    return n
  end
end

function checks.threads(text)
  return whole(text, 1, 256), "a whole number, 1 .. 256"
end

function checks.seed(text)
  return whole(text, 1, 2 ^ 53), "a whole number, 1 .. 2^53"
end

function checks.generation(text)
  return whole(text, 1, 2 ^ 32 - 1), "the number of a generation"
end

function checks.pixels(text)
  return whole(text, 16, 4096), "a whole number, 16 .. 4096"
end

--- "z=0.1" -> { axis = "z", at = 0.1 as the nearest float, text = "z=0.1" }
function checks.plane(text)
  local axis, number = text:match("^([xyz])=(.+)$")
  local at = number and support.number(number)
  at = at and tonumber(ffi.new("float", at))
  return at and math.abs(at) < math.huge and { axis = axis, at = at, text = text } or nil,
    "a plane, x, y or z = metres, such as z=0.1"
end

local function find_option(command, word)
  local known = { "--help" }
  for _, option in ipairs(command.options) do
    if word == "--" .. option.name or (option.short and word == "-" .. option.short) then
      return option
    end
    known[#known + 1] = "--" .. option.name
  end
  support.misuse(command.name, "unknown option '%s'%s", word, suggest(word, known))
end

local function checked_value(command, option, word, value)
  if not option.check then
    return value
  end
  local checked, wanted = checks[option.check](value)
  if checked == nil then
    support.misuse(command.name, "%s wants %s, not '%s'", word, wanted, value)
  end
  return checked
end

--- value: a text, or a list of them when the option has several.
local function take(command, option, word, value, into)
  if option.values then
    for i, one in ipairs(value) do
      value[i] = checked_value(command, option, word, one)
    end
  else
    value = checked_value(command, option, word, value)
  end
  if option.many then
    into[option.name] = into[option.name] or {}
    table.insert(into[option.name], value)
  else
    into[option.name] = value
  end
end

--- Splits the arguments of a command into options (by name) and the rest (a list). Options may stand anywhere before
--- "--"; --name=value and --name value are the same.
function support.parse(command, arguments)
  local options, rest, i = {}, {}, 1
  while i <= #arguments do
    local word, value = arguments[i], nil
    if word == "--" then
      for k = i + 1, #arguments do
        rest[#rest + 1] = arguments[k]
      end
      break
    elseif word == "--help" or word == "-h" then
      options.help = true
    elseif word:match("^%-.") then
      if word:match("^%-%-[^=]+=") then
        word, value = word:match("^(.-)=(.*)$")
      end
      local option = find_option(command, word)
      if not option.value then
        if value then
          support.misuse(command.name, "%s takes no value", word)
        end
        options[option.name] = true
      else
        if option.values then
          value = { value }
          while #value < option.values and i < #arguments do
            i = i + 1
            value[#value + 1] = arguments[i]
          end
        elseif not value then
          i = i + 1
          value = arguments[i]
        end
        if not value or option.values and #value < option.values then
          support.misuse(command.name, "%s wants %s: %s", word, option.values and "values" or "a value", option.value)
        end
        take(command, option, word, value, options)
      end
    else
      rest[#rest + 1] = word
    end
    i = i + 1
  end
  return options, rest
end

--- The one file that a command works on.
function support.one_file(command, rest)
  if #rest == 0 then
    support.misuse(command, "which file? a pipeline, such as tentacle.lua")
  elseif #rest > 1 then
    support.misuse(command, "one file at a time, not also '%s'", rest[2])
  end
  return rest[1]
end

--- "deform.twist" and "twist" both name deform.twist; the message when nothing has that name suggests one.
function support.kernels_named(kernels, name)
  local found, words = {}, {}
  for _, kernel in ipairs(kernels) do
    local word = kernel.id:match("[^.]*$")
    if kernel.id == name or word == name then
      found[#found + 1] = kernel
    end
    words[#words + 1] = kernel.id
    words[#words + 1] = word
  end
  if #found == 0 then
    support.stop(1, ("whorl: no kernel '%s'%s"):format(name, suggest(name, words)))
  end
  return found
end

--- The keys of a table, for suggestions.
function support.keys(t)
  local list = {}
  for key in pairs(t) do
    list[#list + 1] = key
  end
  return list
end

return support
