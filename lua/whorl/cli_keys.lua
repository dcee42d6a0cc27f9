--- The keys of whorl live: one each, for the generations of the current kernel, which is the one that changed last.
local whorl = require "whorl"
local cooking = require "whorl.cli_cook"
local show = require "whorl.cli_show"
local support = require "whorl.cli_support"

local say, paint = support.say, support.paint

local keys = {}

local function complain(text)
  say("%s", paint("red", text))
end

-- Kernels and generations ---------------------------------------------------------------------------------------------

local function kernel_named(list, id)
  for i, kernel in ipairs(list) do
    if kernel.id == id then
      return kernel, i
    end
  end
end

function keys.is_pinned(session, id)
  local kernel = kernel_named(session:kernels(), id)
  return kernel ~= nil and kernel.pinned
end

--- The current kernel; nil, said, when there is none.
local function current(live)
  local list = show.kernels_with_generations(live.session)
  local kernel = kernel_named(list, live.current) or list[1]
  if not kernel then
    say("no kernel that is loaded has generations (those that came with whorl never change)")
  end
  return kernel
end

--- The generation that is so many steps from the live one among those that can run; nil: none.
local function neighbour(live, kernel, step)
  local good, at = {}, nil
  for _, g in ipairs(live.session:generations(kernel.id)) do
    if g.state ~= "bad" then
      good[#good + 1] = g.generation
      at = g.state == "live" and #good or at
    end
  end
  return at and good[at + step]
end

--- Takes the events of what a key did: no save has to do with when it happened. Returns how many changes there are.
local function take_events(live)
  local before = #live.changes
  live.take_events(live)
  for i = before + 1, #live.changes do
    live.changes[i].saved = 0
  end
  return #live.changes - before
end

local function use(live, kernel, generation, pin)
  local ok, why = live.session:use(kernel.id, generation, pin)
  if not ok then
    complain(why)
    return
  end
  live.current = kernel.id
  local revision = live.session:poll()
  take_events(live)
  if revision == live.cooked then -- else the line after the cook tells
    live.changes = {}
    say("%s generation %d is live", kernel.id, kernel_named(live.session:kernels(), kernel.id).generation)
  end
end

local function step(live, by, where)
  local kernel = current(live)
  local to = kernel and neighbour(live, kernel, by)
  if to then
    use(live, kernel, to, kernel.pinned)
  elseif kernel then
    say("%s: there is no generation %s %d", kernel.id, where, kernel.generation)
  end
end

-- The keys ------------------------------------------------------------------------------------------------------------

local press = {}

function press.l(live)
  local kernel = current(live)
  if kernel then
    show.generations(live.session, kernel)
  end
end

function press.b(live)
  step(live, -1, "before")
end

function press.f(live)
  step(live, 1, "after")
end

press["0"] = function(live)
  local kernel = current(live)
  if kernel then
    use(live, kernel, 0, false)
  end
end

function press.p(live)
  local kernel = current(live)
  local ok, why = true, nil
  if kernel then
    ok, why = live.session:use(kernel.id, kernel.generation, not kernel.pinned)
  end
  if not ok then
    complain(why)
  elseif kernel and kernel.pinned then
    say("%s generation %d is pinned no more: the next save replaces it (0 goes to the newest now)", kernel.id,
      kernel.generation)
  elseif kernel then
    say("%s generation %d is pinned: it stays whatever is saved (p lets it go)", kernel.id, kernel.generation)
  end
end

function press.c(live)
  local kernel = current(live)
  local before = kernel and neighbour(live, kernel, -1)
  if not before then
    return kernel and say("%s: there is no generation before %d", kernel.id, kernel.generation)
  end
  local mesh, rest = live.mesh_to_cook(live)
  if not mesh then
    return complain(rest)
  end
  local view = live.options.input and whorl.moved(mesh, rest) or mesh
  local difference, why = cooking.with_progress(live.session, live.options, function()
    return live.session:compare(kernel.id, before, kernel.generation, view, live.options.time)
  end)
  if not difference then
    return complain(why)
  end
  say("%s generation %d to %d: %s", kernel.id, before, kernel.generation, show.difference(difference))
end

function press.s(live)
  live.session:publish()
  if take_events(live) == 0 then
    say("nothing waits to be published")
  end
end

function press.r(live)
  live.stale = true
end

function press.q(live)
  live.leave = true
end

press["\t"] = function(live)
  local list = show.kernels_with_generations(live.session)
  local kernel = current(live)
  if kernel then
    local _, at = kernel_named(list, kernel.id)
    live.current = list[at % #list + 1].id
    say("%s generation %d", live.current, list[at % #list + 1].generation)
  end
end

press["\n"] = function()
  say("")
end

press["?"] = function(live)
  local list = show.kernels_with_generations(live.session)
  local kernel = kernel_named(list, live.current) or list[1]
  say("l    list the generations of %s", kernel and kernel.id or "a kernel")
  say("b f  one generation back, one forward; 0 the newest")
  say("c    compare the live generation with the one before")
  say("p    pin the live generation: it stays whatever is saved; again: let it go")
  say("Tab  go to the next kernel that has generations")
  say("s    publish what waits (publish = \"by-hand\")")
  say("r    cook again now")
  say("q    leave")
end

--- Does what the next key asks for; false: none was pressed.
function keys.take(live)
  local key = support.system.next_key()
  if not key then
    return false
  elseif press[key] then
    press[key](live)
  elseif key:match("^[!-~]$") then
    say("no key %s (? for keys)", key)
  end
  return true
end

return keys
