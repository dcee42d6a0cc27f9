--- What lua/whorl/lower.lua tells the runtime, through a runtime/lend.h that is Lua.
local ffi = require "ffi"
local header = require "whorl.header"
local lower = require "whorl.lower"

local source = os.getenv "WHORL_SOURCE" or "."
local headers = { source .. "/kernels/whorl_kernel.h", source .. "/runtime/lend.h" }

local shift = "float distance WH_UI(1, min = 0, max = 10, was = \"amount\"); float far WH_UI(2);"

--- Loads a file with the kernel deform.shift. Returns what it lent, and what load gave.
local function load(text)
  header.declare("wh_lend", unpack(headers))
  local told = { fails = {}, prints = {}, kernels = {}, exposed = {}, calls = {} }
  local kernel = ffi.new("wh_kernel", { name = "deform_shift", params = shift, param_size = 8 })
  local lend, common = ffi.new "wh_lend", ffi.new "wh_common"
  local callbacks = {}
  local function give(name, f)
    callbacks[#callbacks + 1] = ffi.cast(ffi.typeof(lend[name]), f)
    lend[name] = callbacks[#callbacks]
  end
  lend.file, lend.host = "t.lua", "spec"
  give("kernel", function(_, index) return index == 0 and kernel or nil end)
  give("read", function(_, _, size)
    size[0] = #text
    return text
  end)
  give("print", function(_, line) table.insert(told.prints, ffi.string(line)) end)
  give("fail", function(_, file, line, what)
    table.insert(told.fails, ("%s:%d: %s"):format(ffi.string(file), line, ffi.string(what)))
  end)
  give("call", function()
    table.insert(told.calls, (ffi.new "float[2]"))
    return told.calls[#told.calls]
  end)
  give("common", function() return common end)
  give("patch", function() end)
  give("call_index", function() return #told.calls - 1 end)
  give("functions", function() end)
  give("expose", function(_, e)
    table.insert(told.exposed, ("%s was %s"):format(ffi.string(e.id), ffi.string(e.was)))
  end)
  give("kernels", function(_, pattern) table.insert(told.kernels, ffi.string(pattern)) end)
  give("reload", function(_, r) told.reload = ffi.new("wh_reload", r[0]) end)
  local results = { lower.load(lend, unpack(headers)) }
  for _, callback in ipairs(callbacks) do callback:free() end
  return told, results
end

local function reload(told)
  local r = told.reload
  return { tonumber(r.canary), tonumber(r.publish), tonumber(r.on_error), tonumber(r.watch), r.keep, r.time_limit,
           r.has_policy }
end

local function pipeline(body) return load('return pipeline "t" {\n' .. body .. "}") end

describe("lower.load", function()
  setup(function() jit.off() end) -- C code that a trace calls may not call back
  teardown(function() jit.on() end)

  it("lends the settings of reload", function()
    local told = pipeline 'reload { kernels = { "a.c", "b/*.c" } }'
    assert.are.same({ "a.c", "b/*.c" }, told.kernels)
    assert.are.same({ 0, 0, 0, 0, 8, 10, false }, reload(told))
    assert.are.same({ 0, 0, 0, 0, 8, 10, false }, reload((pipeline "")))
    assert.are.same({ 1, 1, 1, 1, 3, 0.5, true }, reload((pipeline [[reload { canary = "made-up", publish = "at-once",
      on_error = "fail", watch = "event", keep = 3, time_limit = 0.5, policy = function() end }]])))
    assert.are.same({ 2, 2, 0, 2, 8, 10, false },
                    reload((pipeline 'reload { canary = false, publish = "by-hand", watch = "poll" }')))
  end)

  it("lends them when the file has mistakes", function()
    local told, results = pipeline 'deform.nosuch {}, reload { keep = 5, watch = "poll" }'
    assert.are.same({ "t.lua:2: no kernel deform.nosuch" }, told.fails)
    assert.are.same({ { "*.c" }, { 0, 0, 0, 2, 5, 10, false }, {} }, { told.kernels, reload(told), results })
  end)

  it("carries values and ids by a parameter's former name", function()
    local told = pipeline 'deform.shift { amount = expose(3) }, deform.shift { amount = 4, far = expose(5) },'
    assert.are.same({}, told.fails)
    assert.are.same({ "t.lua:2: deform.shift.amount is called distance now (rename it)" }, told.prints)
    assert.are.same({ "shift.distance was shift.amount", "shift.far was " }, told.exposed)
    assert.are.same({ 3, 2, 4, 5 }, { told.calls[1][0], told.calls[1][1], told.calls[2][0], told.calls[2][1] })
  end)

  --- What becomes of a change: the members of wh_change that are answers, and the message.
  local function decide(body, step, more)
    local _, results = pipeline("reload { " .. body .. " }")
    local change = ffi.new("wh_change", { step = step, kernel = "deform.shift", generation = step == 1 and 0 or 4,
                                          params = "added far", milliseconds = 12.5, canary = 2, publish = 2,
                                          refuse = true, reason = "old" })
    for key, v in pairs(more or {}) do change[key] = v end
    local problem = results[3](change)
    return { tonumber(change.canary), tonumber(change.publish), change.refuse, ffi.string(change.reason), problem }
  end

  it("answers what becomes of a change", function()
    assert.are.same({ 0, 0, false, "" }, decide("", 1))
    assert.are.same({ 1, 1, false, "" }, decide('canary = "made-up", publish = "at-once"', 2))
    assert.are.same({ 2, 0, false, "" }, decide("canary = false", 1))
    assert.are.same({ 1, 0, false, "" }, decide('policy = function() return "made-up" end', 1))
    assert.are.same({ 0, 0, false, "", 't.lua:2: reload.policy returned "made-up" (it returns nothing, '
                      .. '"between-frames", "at-once", "by-hand", or false and a reason when a kernel is ready)' },
                    decide('policy = function() return "made-up" end', 2))
    assert.are.same({ 0, 0, true, "deform.shift 4 added far 12.5 true ready" }, decide([[policy = function(c)
      return false, table.concat({ c.kernel, c.generation, c.params, c.milliseconds, tostring(c.fast), c.step }, " ")
    end]], 2, { fast = true }))
    assert.are.equal(("x"):rep(196) .. "…", decide('policy = function() return false, ("x"):rep(5000) end', 2)[4])
  end)

  it("takes no text for an empty one", function()
    assert.are.same({ 0, 0, true, "||" }, decide([[policy = function(c)
      return false, "|" .. c.kernel .. c.params .. "|" end]], 2, { kernel = ffi.cast("char *", nil),
                                                                  params = ffi.cast("char *", nil) }))
  end)
end)
