--- How the commands show what was refused, what a compiler said, and generations.
local json = require "whorl.json"
local support = require "whorl.cli_support"

local say, paint = support.say, support.paint

local show = {}

local most_diagnostics = 5
local tab = 8 -- columns; compilers count with it

-- Lines of sources ----------------------------------------------------------------------------------------------------

local function line_of(path, number)
  local file = io.open(path, "rb")
  if not file then
    return nil
  end
  local at, found = 0, nil
  for line in file:lines() do
    at = at + 1
    if at == number then
      found = line:gsub("\r$", "")
      break
    end
  end
  file:close()
  return found
end

--- The byte that begins at a column of the screen; nil: none does.
local function byte_at(line, column)
  local at, byte = 1, 1
  for character in line:gmatch("[%z\1-\127\192-\255][\128-\191]*") do
    if at >= column then
      break
    end
    at = character == "\t" and at + tab - (at - 1) % tab or at + 1
    byte = byte + #character
  end
  return at == column and byte or nil
end

--- Some compilers count bytes, some count columns of the screen. Where that is not the same, it is the place at which
--- what the message quotes stands.
local function caret_byte(line, column, message)
  local word, on_screen = message:match("'([^']+)'"), byte_at(line, column)
  if not on_screen or column > #line + 1 then
    return on_screen or column
  elseif word and line:sub(on_screen, on_screen + #word - 1) == word then
    return on_screen
  end
  return column
end

--- Tabs stay tabs, so that the caret stands below its column however wide the terminal makes them.
local function space_before(line, byte)
  return (line:sub(1, byte - 1):gsub("[\128-\191]", ""):gsub("[^\t]", " "))
end

--- The line that a message is about, with a caret when the column is known. Says nothing when it cannot be read.
local function say_line(path, number, column, message, colour)
  local line = line_of(path, number)
  if not line then
    return
  end
  say("%s", ("%5d | %s"):format(number, line:gsub("[^\t%C]", "?")))
  if column > 0 then
    say("      | %s%s", space_before(line, caret_byte(line, column, message)), paint(colour, "^"))
  end
end

-- Messages ------------------------------------------------------------------------------------------------------------

--- What was refused, in red, with the line that is to blame.
function show.refused(event)
  say(paint("red", event.text))
  local path, number = event.text:match("^(.-):(%d+): ")
  if path then
    say_line(path, tonumber(number), event.column, event.text, "red")
  end
end

local function by_weight(events)
  local list = {}
  for _, is_error in ipairs { true, false } do
    for _, event in ipairs(events) do
      if (event.status == "build") == is_error then
        list[#list + 1] = event
      end
    end
  end
  return list
end

function show.has_error(events)
  for _, event in ipairs(events) do
    if event.status == "build" then
      return true
    end
  end
  return false
end

--- What the compiler said in one build, errors first. quiet: errors only.
function show.diagnostics(events, quiet)
  local list = by_weight(events)
  for i, event in ipairs(list) do
    local colour = event.status == "build" and "red" or "yellow"
    if quiet and colour == "yellow" then
      return
    elseif i > most_diagnostics then
      say("and %d more", #list - most_diagnostics)
      return
    end
    say(paint(colour, event.text))
    say_line(event.text:match("^(.-):%d+") or "", event.line, event.column, event.text, colour)
  end
end

-- Generations ---------------------------------------------------------------------------------------------------------

--- The kernels that have generations: those that did not come with whorl.
function show.kernels_with_generations(session)
  local list = {}
  for _, kernel in ipairs(session:kernels()) do
    if not kernel.builtin and #session:generations(kernel.id) > 0 then
      list[#list + 1] = kernel
    end
  end
  return list
end

local colour_of = { live = "green", bad = "red", ready = "yellow" }

function show.generations(session, kernel)
  say("%s", paint("bold", kernel.id))
  for _, g in ipairs(session:generations(kernel.id)) do
    local state = ("%-5s"):format(g.state)
    local notes = { g.fast and "fast" or nil }
    notes[#notes + 1] = g.state == "live" and kernel.pinned and "pinned" or nil
    notes[#notes + 1] = g.note ~= "" and g.note or nil
    local line = ("  generation %-4d %s  saved %s  %s"):format(g.generation,
      colour_of[g.state] and paint(colour_of[g.state], state) or state, os.date("%Y-%m-%d %H:%M:%S", g.saved),
      table.concat(notes, ", "))
    say("%s", (line:gsub(" +$", "")))
  end
end

function show.generations_plain(session, kernel)
  return { kernel = kernel.id, generations = json.array(session:generations(kernel.id)) }
end

--- "8 points, largest difference 0.5 m at point 3, mean 0.25 m"
function show.difference(d)
  if d.largest ~= d.largest then
    return ("%d points, some of them not numbers, such as point %d"):format(d.points, d.largest_at)
  end
  local text = ("%d point%s, largest difference %.6g m at point %d, mean %.6g m"):format(d.points,
    d.points == 1 and "" or "s", d.largest, d.largest_at, d.mean)
  if d.points > 0 and d.largest == 0 then
    text = ("%d point%s, no difference"):format(d.points, d.points == 1 and "" or "s")
  elseif d.points == 0 then
    text = "no points to compare"
  end
  if d.only_a + d.only_b > 0 then
    text = ("%s; %d only in the first, %d only in the second"):format(text, d.only_a, d.only_b)
  end
  return text
end

return show
