--- The nearest known name, worded for the end of a message.

local longest = 64 -- names beyond this are no slips of the finger

--- Edits between two names; swapping two neighbours counts as one (optimal string alignment).
local function distance(a, b)
  local before, row = nil, {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local last = row
    row = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      row[j] = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
    end
    before = last
  end
  return row[#b]
end

---@param name string what was written
---@param known string[] what could have been meant
---@return string # " (did you mean 'x'?)", or "" when nothing is near
return function(name, known)
  if #name > longest then return "" end
  local best, least = nil, math.max(1, math.floor(#name / 3))
  for _, other in ipairs(known) do
    local d = #other <= longest and #name > 1 and distance(name, other) or math.huge
    if d < least or d == least and (not best or other < best) then best, least = other, d end
  end
  return best and (" (did you mean '%s'?)"):format(best) or ""
end
