--- Reads the reload { … } block of a pipeline: which kernels to rebuild, and how a new one is taken over.

local suggest = require "whorl.suggest"
local value = require "whorl.value"

local M = {}

local keys = { "kernels", "publish", "on_error" }
local words = { publish = { "between-frames" }, on_error = { "keep-last" } }
local most = { globs = 32, bytes = 200 }

function M.defaults()
  return { kernels = { "*.c" }, publish = "between-frames", on_error = "keep-last" }
end

local function check_glob(glob)
  if type(glob) ~= "string" then return "wants texts such as \"*.c\", not " .. value.show(glob) end
  if glob == "" or #glob > most.bytes then return ("wants 1 .. %d bytes in a text"):format(most.bytes) end
  if string.find(glob, "[%c\\:]") then return "takes no \\, : or control character: " .. value.show(glob) end
  if string.find(glob, "^/") then return "is relative to the file: " .. value.show(glob) end
  if string.find("/" .. glob .. "/", "/../", 1, true) then return "cannot leave the folder: " .. value.show(glob) end
end

local function globs(given)
  if type(given) == "string" then given = { given } end
  if not value.plain_table(given) then return nil, "wants a text or a list of texts, not " .. value.show(given) end
  if #given == 0 or #given > most.globs then return nil, ("wants 1 .. %d texts"):format(most.globs) end
  local out = {}
  for i = 1, #given do
    local problem = check_glob(given[i])
    if problem then return nil, problem end
    out[i] = given[i]
  end
  for key in next, given do
    if not out[key] then return nil, "wants a plain list, without " .. value.show(key) end
  end
  return out
end

local function word(key, given)
  for _, known in ipairs(words[key]) do
    if given == known then return given end
  end
  local near = type(given) == "string" and suggest(given, words[key]) or ""
  return nil, ("= %s is none of %s%s"):format(value.show(given), table.concat(words[key], ", "), near)
end

local function read_key(key, given)
  if key == "kernels" then return globs(given) end
  return word(key, given)
end

--- A plain table with the defaults filled in. Each mistake goes to report(key, text).
---@param given table what stood in the braces
---@param report fun(key: any, text: string)
---@return table
function M.read(given, report)
  local out = M.defaults()
  for key, v in next, given do
    if words[key] or key == "kernels" then
      local read, problem = read_key(key, v)
      if problem then report(key, ("reload.%s %s"):format(key, problem)) else out[key] = read end
    elseif type(key) == "string" then
      report(key, ("reload has no key %s%s"):format(value.show(key):gsub('"', "'"), suggest(key, keys)))
    else
      report(key, "reload takes only key = value")
    end
  end
  return out
end

return M
