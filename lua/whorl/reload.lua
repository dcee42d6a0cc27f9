--- Reads the reload { … } block of a pipeline: which kernels to rebuild, and how a new one is tried and taken over.

local json = require "whorl.json"
local suggest = require "whorl.suggest"
local value = require "whorl.value"

local M = {}

local words = {
  canary = { "last-input", "made-up" },
  publish = { "between-frames", "at-once", "by-hand" },
  on_error = { "keep-last", "fail" },
  watch = { "auto", "event", "poll" },
}
local numbers = {
  keep = { type = "int", count = 1, min = 1, max = 64 },
  time_limit = { type = "float", count = 1, min = 0.1, max = 3600, unit = "s" },
}
local keys = { "kernels", "canary", "publish", "on_error", "watch", "keep", "time_limit", "policy" }
local most = { globs = 32, bytes = 200, reason = 199 } -- a reason has its place in wh_change of runtime/lend.h

function M.defaults()
  return { kernels = { "*.c" }, canary = "last-input", publish = "between-frames", on_error = "keep-last",
           watch = "auto", keep = 8, time_limit = 10 }
end

---------------------------------------------------------------------------------------------------------------------
-- The block

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

local function is_word(key, given)
  for _, known in ipairs(words[key]) do
    if given == known then return true end
  end
  return false
end

local function word(key, given)
  if key == "canary" and type(given) == "boolean" then return given and "last-input" end
  if is_word(key, given) then return given end
  local also = key == "canary" and "true, false, " or ""
  local near = type(given) == "string" and suggest(given, words[key]) or ""
  return nil, ("= %s is none of %s%s%s"):format(value.show(given), also, table.concat(words[key], ", "), near)
end

--- The setting, or nil and what is wrong with it.
local function read_key(key, given)
  local where = "reload." .. key
  if numbers[key] then
    local read, problem = value.check(numbers[key], where, given)
    return read and read[1], problem
  elseif key == "policy" then
    if type(given) == "function" then return given end
    return nil, ("%s wants a function, not %s"):format(where, value.show(given))
  end
  local read, problem
  if key == "kernels" then read, problem = globs(given) else read, problem = word(key, given) end
  return read, problem and ("%s %s"):format(where, problem)
end

--- A plain table with the defaults filled in; policy is the function itself. Each mistake goes to report(key, text).
---@param given table what stood in the braces
---@param report fun(key: any, text: string)
---@return table
function M.read(given, report)
  local out = M.defaults()
  for key, v in next, given do
    if words[key] or numbers[key] or key == "kernels" or key == "policy" then
      local read, problem = read_key(key, v)
      if problem then report(key, problem) else out[key] = read end
    elseif type(key) == "string" then
      report(key, ("reload has no key %s%s"):format(value.show(key):gsub('"', "'"), suggest(key, keys)))
    else
      report(key, "reload takes only key = value")
    end
  end
  return out
end

---------------------------------------------------------------------------------------------------------------------
-- What becomes of a change

--- What happens without a policy: at step "saved" the canary, a word or false; at step "ready" when to publish.
---@param change table step, kernel, generation, fast, params, milliseconds
---@param settings table from read
---@return string|false
function M.decide(change, settings)
  if change.step == "saved" then return settings.canary end
  return settings.publish
end

local answers = {
  saved = 'returned %s (it returns nothing, true, false, "last-input" or "made-up" when a file was saved)',
  ready = 'returned %s (it returns nothing, "between-frames", "at-once", "by-hand", or false and a reason when a '
    .. "kernel is ready)",
}

local function refusal(reason)
  if reason == nil then reason = "refused by reload.policy" end
  if type(reason) ~= "string" then
    return nil, ("returned false and %s (the reason is a text)"):format(value.show(reason))
  end
  reason = string.gsub(json.utf8(reason), "%c+", " ")
  if #reason > most.reason then -- cut between two characters
    reason = string.gsub(string.sub(reason, 1, most.reason - 3), "[\192-\255]?[\128-\191]*$", "") .. "…"
  end
  return { refuse = true, reason = reason }
end

--- What a policy's answer means: { canary = … }, { publish = … } or { refuse = true, reason = … }, empty when the
--- defaults stand; or nil and what is wrong with it.
---@param step string
---@param answer any
---@param reason any its second result
---@return table?, string?
function M.answer(step, answer, reason)
  if answer == nil then return {} end
  if step == "saved" and (type(answer) == "boolean" or is_word("canary", answer)) then
    return { canary = (word("canary", answer)) }
  end
  if step == "ready" and is_word("publish", answer) then return { publish = answer } end
  if step == "ready" and answer == false then return refusal(reason) end
  return nil, answers[step]:format(value.show(answer))
end

return M
