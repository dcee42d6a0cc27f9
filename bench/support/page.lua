--- Figures as tables in a page of Markdown, in place of those that were there: first what has a target, then all.
local json = require "whorl.json"

local M = {}

local first, last = "<!-- figures -->\n", "<!-- end of figures -->"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

--- Three digits, never as a power of ten while it is readable.
local function number(value)
  if value == 0 then
    return "0"
  elseif math.abs(value) < 1e-3 or math.abs(value) >= 1e7 then
    return ("%.1e"):format(value)
  end
  local digits = math.max(0, 2 - math.floor(math.log10(math.abs(value))))
  return value % 1 == 0 and ("%d"):format(value) or ("%." .. digits .. "f"):format(value)
end

local function given(value)
  return value ~= nil and value ~= json.null
end

-- Targets: a line for each figure that has one -----------------------------------------------------------------------

local function target_row(f)
  return ("| %s | %s %s | %s | %s%s | %s |"):format(f.case, number(f.value), f.unit,
    given(f.ratio) and number(f.ratio) .. "x" or "", number(f.target), f.basis and (" (%s)"):format(f.basis) or "",
    f.met and "yes" or "**no**")
end

local function add_targets(lines, figures)
  lines[#lines + 1] = "| Case | Figure | Times | Target | Met |\n|---|---|---|---|---|"
  for _, f in ipairs(figures) do
    lines[#lines + 1] = given(f.target) and target_row(f) or nil
  end
end

-- Figures: a line for each case, a column for each contender ----------------------------------------------------------

--- Lists of cases and contenders in the order in which they came, and value_of[case][who].
local function by_case(figures)
  local cases, whos, value_of, seen = {}, {}, {}, {}
  for _, f in ipairs(figures) do
    local case = ("%s | %s"):format(f.case, f.unit)
    if f.case:find(" / ", 1, true) then
      value_of[case] = {} -- one figure against another, which both have lines
    elseif not value_of[case] then
      cases[#cases + 1], value_of[case] = case, {}
    end
    if not seen[f.who] then
      whos[#whos + 1], seen[f.who] = f.who, true
    end
    value_of[case][f.who] = f.value
  end
  return cases, whos, value_of
end

local function add_figures(lines, figures)
  local cases, whos, value_of = by_case(figures)
  lines[#lines + 1] = ("\n| Case | Unit | %s |\n|---|---%s|"):format(table.concat(whos, " | "), ("|---"):rep(#whos))
  for _, case in ipairs(cases) do
    local cells = {}
    for i, who in ipairs(whos) do
      local value = value_of[case][who]
      cells[i] = value and number(value) or ""
    end
    lines[#lines + 1] = ("| %s | %s |"):format(case, table.concat(cells, " | "))
  end
end

--- The text of a page, where its figures begin, and what comes after them; an error where it has no place for them.
function M.check(path)
  local text = read(path)
  local _, from = text:find(first, 1, true)
  local to = text:find(last, 1, true)
  assert(from and to, path .. ": no lines for figures (put " .. first:sub(1, -2) .. " and " .. last .. " in it)")
  return text, from, to
end

--- around: machine, compiler, flags of the run.
function M.write(path, figures, around)
  local text, from, to = M.check(path)
  local lines = { ("Measured on %s, %s %s.\n"):format(around.machine, around.compiler, around.flags) }
  add_targets(lines, figures)
  add_figures(lines, figures)
  local file = assert(io.open(path, "wb"))
  file:write(text:sub(1, from), table.concat(lines, "\n"), "\n", text:sub(to))
  file:close()
end

return M
