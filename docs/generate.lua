--- luajit docs/generate.lua [--check]: writes the generated files again, or says which of them are not up to date.
--- ./dev docs runs it in the root of the source tree.
local meta = require "whorl.meta"
local whorl = require "whorl"

local function read(path)
  local file = io.open(path, "rb")
  local text = file and file:read("*a")
  if file then
    file:close()
  end
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

local only_check = arg[1] == "--check"
if #arg > (only_check and 1 or 0) then
  io.stderr:write("usage: ./dev docs [--check]\n")
  os.exit(2)
end

local changed = {}
for path, text in pairs(meta.files(assert(whorl.open(nil, { frozen = true })):kernels())) do
  if read(path) ~= text then
    changed[#changed + 1] = path
    if not only_check then
      write(path, text)
    end
  end
end
table.sort(changed)
for _, path in ipairs(changed) do
  print(path .. (only_check and ": not up to date (run ./dev docs)" or ": written"))
end
os.exit(only_check and #changed > 0 and 1 or 0)
