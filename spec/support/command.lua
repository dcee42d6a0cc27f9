--- Runs programs the way a user does: in a folder of their own, from a shell.
local command = { whorl = os.getenv("WHORL_BIN") or "whorl", source = os.getenv("WHORL_SOURCE") or "." }

function command.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

function command.read(path)
  local file = io.open(path, "rb")
  if not file then
    return nil
  end
  local text = file:read("*a")
  file:close()
  return text
end

function command.write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

--- Replaces a file at once, as editors do: nobody sees half of it.
function command.save(path, text)
  command.write(path .. ".new", text)
  assert(os.rename(path .. ".new", path))
end

--- A new empty folder, and the function that removes it.
function command.folder()
  local pipe = assert(io.popen("mktemp -d"))
  local path = pipe:read("*l")
  pipe:close()
  return path, function()
    os.execute("rm -rf " .. command.quote(path))
  end
end

--- Runs a shell line in a folder. Returns its exit status, and what it wrote to stdout and stderr.
function command.shell(folder, line)
  local out, err = os.tmpname(), os.tmpname()
  local whole = ("cd %s && { %s\n} >%s 2>%s </dev/null; echo $?"):format(command.quote(folder), line, out, err)
  local pipe = assert(io.popen(whole))
  local status = tonumber(pipe:read("*l"))
  pipe:close()
  local said, complained = command.read(out), command.read(err)
  os.remove(out)
  os.remove(err)
  return status, said, complained
end

--- whorl with these words; more than a minute is a failure.
function command.run(folder, arguments)
  return command.shell(folder, ("timeout 60 %s %s"):format(command.quote(command.whorl), arguments))
end

local Running = {}
Running.__index = Running

--- Starts a shell line and stays in touch: both its streams come through one pipe.
local function start(folder, line)
  local pipe = assert(io.popen(("cd %s && timeout 60 sh -c %s 2>&1; echo status $?"):format(command.quote(folder),
    command.quote("echo $$; " .. line))))
  return setmetatable({ pipe = pipe, id = pipe:read("*l"), lines = {} }, Running)
end

--- variables: nil, or such as "CC=clang".
function command.start(folder, arguments, variables)
  return start(folder, ("exec env %s %s %s"):format(variables or "", command.quote(command.whorl), arguments))
end

--- Starts a shell line in a terminal of its own: type() is its keyboard.
function command.terminal(folder, line)
  assert(os.execute(("mkfifo %s/keyboard"):format(command.quote(folder))) == 0)
  local program = (os.getenv("WHORL_BUILD") or ".") .. "/spec/terminal"
  local running = start(folder, ("exec env -u NO_COLOR %s sh -c %s <keyboard"):format(command.quote(program),
    command.quote(line)))
  running.keyboard = assert(io.open(folder .. "/keyboard", "wb"))
  running.keyboard:setvbuf("no")
  return running
end

function Running:type(text)
  self.keyboard:write(text)
end

--- The next line.
function Running:line()
  return self:until_line("")
end

--- Reads to the end. Returns how the terminal stands then ("lines": as shells leave it) and the exit status.
function Running:ends()
  local mode
  repeat
    mode = self:until_line("["):match("^%[(%l+)%]$")
  until mode
  local status = tonumber(self:until_line("[status "):match("%d+"))
  self.keyboard:close()
  self.pipe:close()
  return mode, status
end

--- Reads on until a line has this plain text in it, and returns that line; an error when whorl ends before.
function Running:until_line(text)
  for line in self.pipe:lines() do
    self.lines[#self.lines + 1] = line
    if line:find(text, 1, true) then
      return line
    end
  end
  error(("whorl ended without saying %q; it said:\n%s"):format(text, table.concat(self.lines, "\n")), 2)
end

--- As Ctrl-C does. Returns the exit status.
function Running:interrupt()
  os.execute("kill -INT " .. self.id)
  local status = tonumber(self:until_line("status "):match("%d+"))
  self.pipe:close()
  return status
end

return command
