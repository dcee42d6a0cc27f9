--- The way back out of a kernel that faults or never ends: in C, because only C has faults. See spec/programs/guard.c.
local program = os.getenv "WHORL_BUILD" .. "/spec/guard"

local function run(name)
  local out = io.popen(("%s %s 2>/dev/null; echo exit $?"):format(program, name))
  local text = out:read "*a"
  out:close()
  return text
end

--- Some faults cannot be tried under a sanitizer: it reports first.
local function expect(pattern, name)
  local text = run(name)
  if text == "skipped\nexit 0\n" then
    pending(name .. " cannot be tried under this sanitizer")
    return
  end
  assert.is_truthy(text:match("^" .. pattern .. "\nexit 0\n$"), name .. ": " .. text)
end

local after = "; at: in the kernel; work: right"
local somewhere = "it touched address 0x%x+"

describe("a kernel that faults", function()
  for name, pattern in pairs {
    null = "SIGSEGV: it touched address 0x0" .. after,
    fpe = "SIGFPE: it divided by zero, or the result has no room" .. after,
    bus = "SIGBUS: " .. somewhere .. after .. "\naddress: mapped",
    ill = "SIGILL: it ran what is no instruction" .. after,
    abort = "SIGABRT: abort was called" .. after,
    overflow = "SIGSEGV: " .. somewhere .. after,
    jump = "SIGSEGV: it touched address 0x1234" .. after,
    smash = "SIGSEGV: it [^;]+; at: [^;]+; work: right",
    free = "SIGABRT: abort was called" .. after,
    ["run-off"] = "SIGSEGV: " .. somewhere .. after,
    ["run-before"] = "SIGSEGV: " .. somewhere .. after,
  } do
    it("is left, and the thread goes on: " .. name, function()
      expect(pattern, name)
    end)
  end
end)

describe("a kernel that never ends", function()
  for _, name in ipairs { "loop", "malloc", "pause" } do
    it("is ended by the watchdog: " .. name, function()
      expect("it ran longer than 0%.2 s" .. after, name)
    end)
  end

  it("is ended when the watchdog slept; calls within the limit, and what is ours, are not", function()
    expect("ended 0, wakes 1; work: right", "within")
  end)
end)

describe("guarded calls", function()
  it("nest: a fault ends the innermost one", function()
    local fault = "SIGSEGV: it touched address 0x0"
    expect(("%s, %s, %s; work: right"):format(fault, fault, fault), "nested")
  end)

  it("say when they nest too deeply", function()
    expect("guarded calls are nested too deeply, returned, returned, returned, returned; work: right", "too-deep")
  end)

  it("leave the faults of our own code to the host's handler, with its mask", function()
    expect("the host's handler: 1, blocked 1; SIGSEGV: it touched address 0x0; work: right", "leave")
  end)

  it("fault on eight threads at once, each with its pin", function()
    expect("16000 of 16000 right, pinned 0; work: right", "threads")
  end)

  it("work where every signal was blocked, and keep the mask and the float modes", function()
    expect("right 1; work: right", "blocked")
  end)

  it("work in destructors of a thread that ends, and its slot is used again", function()
    expect("slots used again 1, late cooks right 10; work: right", "ends")
  end)

  it("work in a child of fork", function()
    expect("the child: 0; work: right", "fork")
  end)
end)

describe("the handlers", function()
  it("are installed once, however often they are asked for, in front of the host's", function()
    expect("counted 1, works 1, the host's handler: 1; work: right", "install")
  end)

  it("stay behind a handler that came later, and no fault goes round in circles", function()
    local signal = 128 + 11
    assert.are.equal(("left 1, ends 1, passed on 1\nexit %d\n"):format(signal), run "behind")
  end)

  it("give the old ones back when they go", function()
    expect("ours 1, back 1", "restore")
  end)

  it("let a process die of what is not theirs, by its own signal", function()
    expect("each died of its own signal: 1", "crash")
  end)
end)
