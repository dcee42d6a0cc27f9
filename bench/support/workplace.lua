--- A temporary folder with what the contenders need: pipelines, arrays as raw files, compiled C, peers in Python.
--
-- A peer is bench/peers/NAME.py, or what ./dev peers built from bench/peers/NAME.cpp. It is started once, reads one
-- word a line from its input, some with numbers behind it, and answers each with one line, a flat JSON object of
-- numbers; its first line says that it is ready, or that what it needs is not there.
local ffi = require "ffi"
local whorl = require "whorl"

local source = assert(os.getenv("WHORL_SOURCE"), "use ./dev bench")
local bench, programs = source .. "/bench/", source .. "/build/peers/bin/"

local Workplace, Peer = {}, {}
Workplace.__index, Peer.__index = Workplace, Peer

local function quoted(path)
  return "'" .. path:gsub("'", "'\\''") .. "'"
end

local function must(command)
  assert(os.execute(command) == 0, "this failed: " .. command)
end

local function new()
  local pipe = assert(io.popen("mktemp -d"))
  local folder = pipe:read("*l")
  pipe:close()
  return setmetatable({ folder = folder, peers = {}, sessions = {}, started = 0 }, Workplace)
end

function Workplace:path(name)
  return self.folder .. "/" .. name
end

function Workplace:write(name, data, bytes)
  local file = assert(io.open(self:path(name), "wb"))
  file:write(bytes and ffi.string(data, bytes) or data)
  file:close()
end

--- A session of a pipeline with that body.
function Workplace:open(body, threads)
  local name = ("pipeline%d.lua"):format(#self.sessions)
  self:write(name, 'return pipeline "bench" {\n' .. body .. "\n}\n")
  local session, why = whorl.open(self:path(name), { threads = threads, cache_path = self:path("cache") })
  if why then
    error(why)
  end
  table.insert(self.sessions, session)
  return session
end

--- bench/NAME.c as a library: cc -O3 -march=native, and more flags.
function Workplace:compile(name, flags)
  local library = self:path(name .. ".so")
  must(("cc -std=c11 -O3 -march=native %s -shared -fPIC -o %s %s -lm")
    :format(flags or "", quoted(library), quoted(bench .. name .. ".c")))
  return ffi.load(library)
end

--- Floats from a file that a peer wrote.
function Workplace:floats(name, count)
  local file = assert(io.open(self:path(name), "rb"))
  local text = file:read("*a")
  file:close()
  assert(#text == 4 * count, name .. " has another size")
  local out = ffi.new("float[?]", count)
  ffi.copy(out, text, #text)
  return out
end

local function numbers(line)
  local out = {}
  for key, value in line:gmatch('"([%w_]+)": ([%w.+-]+)') do
    out[key] = tonumber(value)
  end
  return out
end

local function exists(path)
  local file = io.open(path)
  if file then
    file:close()
  end
  return file ~= nil
end

--- The shell's words that start a peer; nil when there is no Python or program for it.
local function start_of(python, name)
  local script, program = bench .. "peers/" .. name .. ".py", programs .. name
  if exists(script) then
    -- -B: leave no compiled Python beside the sources
    return python and quoted(python) .. " -B " .. quoted(script)
  end
  return exists(program) and quoted(program)
end

--- A running peer, or nil when it is not here or lacks something. cores: "0" or "0,1", those it may use.
function Workplace:peer(python, name, cores)
  local start = start_of(python, name)
  if not start then
    return nil
  end
  local answers = self:path(("answers%d"):format(self.started))
  self.started = self.started + 1
  must("mkfifo " .. quoted(answers))
  local limit = cores and "taskset -c " .. cores .. " " or ""
  local requests = assert(io.popen(("cd %s && %s%s > %s"):format(
    quoted(self.folder), limit, start, quoted(answers)), "w"))
  local peer = setmetatable({ name = name, requests = requests, answers = assert(io.open(answers)) }, Peer)
  table.insert(self.peers, peer)
  local first = peer.answers:read("*l")
  assert(first, name .. " ended without a word")
  return numbers(first).ready == 1 and peer or nil
end

--- The numbers that the peer answers to a word.
function Peer:ask(word)
  self.requests:write(word, "\n")
  self.requests:flush()
  local line = self.answers:read("*l")
  assert(line, self.name .. " ended at " .. word)
  return numbers(line)
end

--- Ends all peers and sessions.
function Workplace:clear()
  for _, peer in ipairs(self.peers) do
    peer.requests:close()
    peer.answers:close()
  end
  for _, session in ipairs(self.sessions) do
    session:close()
  end
  self.peers, self.sessions = {}, {}
end

function Workplace:close()
  self:clear()
  must("rm -rf " .. quoted(self.folder))
end

--- Calls work(workplace), and cleans up whatever comes of it.
return function(work)
  local workplace = new()
  local fine, why = xpcall(work, debug.traceback, workplace)
  workplace:close()
  if not fine then
    error(why, 0)
  end
end
