--- Whorl and its peers, ready to be asked about one mesh.
--
-- A contender: who, kind ("winding", "Embree", "CGAL"), threads; run[job]() gives seconds, of the processor's time with
-- one thread, else by the clock; kept: bytes, or nil; answers(): what it makes of the checked queries, in their order.
-- Jobs: build, random, near, lattice, and batch N for each N of M.batches; whorl's also "lattice, values" and, where a
-- mesh is not closed, M.coarse: random with an error like that of the peers.
local ffi = require "ffi"
local measure = require "bench.support.measure"
local sets_of = require "bench.support.winding_sets"
local whorl_library = require "whorl".C

ffi.cdef [[int field_calls(void *field, const void *session, const char *name, const void *mesh, const float *query,
                           uint32_t count, uint32_t calls, float *out);]]

local M = { batches = { 1, 10, 100, 1000, 5000 }, coarse = "random, accuracy 0.003" }

local calls_of = { [1] = 200, [10] = 200, [100] = 100, [1000] = 20, [5000] = 4 }

local peers = {
  { who = "libigl", kind = "winding", script = "winding_libigl", package = "libigl", most_threads = 2 },
  { who = "point-cloud-utils", kind = "winding", script = "winding_pcu", package = "point-cloud-utils",
    builds_always = true, only_many = true }, -- the time of a build hides that of a few queries
  { who = "Embree 4", kind = "Embree", script = "winding_embree", package = "embreex", only_many = true },
  { who = "Embree 3", kind = "Embree", program = "winding_embree3", package = "libembree-dev" },
  { who = "CGAL", kind = "CGAL", program = "winding_cgal", package = "libcgal-dev" },
}

--- How many calls a batch of that size is made of.
function M.calls(size)
  return calls_of[size]
end

-- whorl ---------------------------------------------------------------------------------------------------------------

--- Makes the mesh one that whorl has not seen: the first point moves by next to nothing.
local function renew(m)
  m.position[0] = m.position[0] + 1e-6 * m.diagonal
  m.view.moves = m.view.moves + 1
end

local function open(place, spacing, threads)
  return place:open(([[
    sample.inside { name = "sides", spacing = %.17g, winding = false },
    sample.inside { name = "values", spacing = %.17g },
    fields = { coarse = field.winding { accuracy = 0.003 } }]]):format(spacing, spacing), threads)
end

--- A function that runs work() and gives the seconds it took.
local function timed(threads, work)
  local clock = threads == 1 and measure.cpu_clock or measure.clock
  return function()
    local start = clock()
    work()
    return clock() - start
  end
end

--- Whether each of the picked lattice points is among those that were sampled, as 1 and 0.
local function picked_inside(points, sets, out)
  local inside = ffi.new("uint8_t[?]", sets.lattice.count)
  for i = 0, points.count - 1 do
    inside[sets_of.lattice_index(sets.lattice, points.position + 3 * i)] = 1
  end
  for i = 0, sets.each - 1 do
    out[i] = inside[sets.picked[i]]
  end
end

--- The winding numbers of the checked queries, the sides that the sampler finds of those on the lattice, and coarse
-- numbers of the random ones.
local function whorl_answers(session, m, sets)
  local out, sides, coarse = ffi.new("float[?]", 3 * sets.each), ffi.new("float[?]", sets.each),
    ffi.new("float[?]", sets_of.count)
  assert(session:field("winding", m.view, 0, sets.checked, 3 * sets.each, out))
  assert(session:field("coarse", m.view, 0, sets.random, sets_of.count, coarse)) -- which the checked ones begin
  local points = assert(session:sample("sides", m.view, 0))
  picked_inside(points, sets, sides)
  points:free()
  return out, sides, coarse
end

local calls_library

--- field_calls of bench/calls.c, and the function that it calls.
local function compiled_calls(place)
  calls_library = calls_library or place:compile "calls"
  return calls_library.field_calls, ffi.cast("void *", whorl_library.wh_field)
end

--- The first of all contenders for a mesh, so that nothing is built yet.
local function whorl(place, m, sets, threads)
  local session = open(place, sets.lattice.spacing, threads)
  local out, run = ffi.new("float[?]", sets_of.count), {}
  local function ask(queries, count, name)
    assert(session:field(name or "winding", m.view, 0, queries, count, out))
  end
  local function sample(name)
    renew(m)
    assert(session:sample(name, m.view, 0)):free()
  end
  local function add(job, work)
    run[job] = timed(threads, work)
  end
  local before = measure.resident()
  ask(sets.random, 1)
  local kept = measure.resident() - before
  add("build", function() renew(m) ask(sets.random, 1) end)
  add("random", function() ask(sets.random, sets_of.count) end)
  if m.health ~= "closed" then
    add(M.coarse, function() ask(sets.random, sets_of.count, "coarse") end)
  end
  add("near", function() ask(sets.near, sets_of.count) end)
  add("lattice", function() sample("sides") end)
  add("lattice, values", function() sample("values") end)
  local field_calls, field = compiled_calls(place)
  for _, size in ipairs(threads == 1 and M.batches or {}) do
    add("batch " .. size, function()
      assert(field_calls(field, session.handle, "winding", m.view, sets.random, size, calls_of[size], out) == 0)
    end)
  end
  return { who = "whorl", threads = threads, run = run, kept = threads == 1 and kept or nil, session = session,
           answers = function() return whorl_answers(session, m, sets) end }
end

-- Peers ---------------------------------------------------------------------------------------------------------------

local function word_of(job)
  local size = tonumber(job:match("^batch (%d+)$"))
  return size and ("batch %d %d"):format(size, calls_of[size]) or job
end

local function jobs_of(peer, threads)
  if threads > 1 then
    return { "build", "random" }
  end
  local list = { "build", "random", "near" }
  list[4] = not peer.builds_always and "lattice" or nil -- it is libigl's method, and would take as long
  for _, size in ipairs(peer.only_many and {} or M.batches) do
    list[#list + 1] = "batch " .. size
  end
  return list
end

local function peer_contender(place, b, sets, peer, threads)
  local running = place:peer(peer.script and b.peers or nil, peer.script or peer.program, threads == 1 and "0" or "0,1")
  if not running then
    return nil
  end
  local run = {}
  local function seconds(word)
    local answer = running:ask(word)
    return threads == 1 and answer.cpu or answer.seconds
  end
  for _, job in ipairs(jobs_of(peer, threads)) do
    run[job] = function() return seconds(word_of(job)) end
  end
  local function answers()
    running:ask("checked")
    return place:floats("winding", 3 * sets.each)
  end
  return { who = peer.who, kind = peer.kind, threads = threads, run = run, answers = answers,
           builds_always = peer.builds_always,
           kept = threads == 1 and not peer.builds_always and running:ask("kept").kept or nil }
end

--- All that are here and can be asked about this mesh, whorl first. missing: those that were found to be absent.
function M.list(place, b, m, sets, missing)
  local list = { whorl(place, m, sets, 1), whorl(place, m, sets, 2) }
  for _, peer in ipairs(peers) do
    for threads = 1, peer.most_threads or 1 do
      if (m.health == "closed" or peer.kind == "winding") and not missing[peer.who] then
        local contender = peer_contender(place, b, sets, peer, threads)
        table.insert(list, contender)
        if not contender then
          missing[peer.who] = true
          b.absent(peer.package)
        end
      end
    end
  end
  return list
end

return M
