--- Reads the text of WH_PARAMS. It comes out of a C library, so nothing in it is trusted: a strict reader, no code run.

local ffi = require "ffi"
local header = require "whorl.header"
local suggest = require "whorl.suggest"
local value = require "whorl.value"

local M = {}

local limit = { text = 65536, params = 64, bytes = 8192, string = 1024, name = 63, choices = 64, attributes = 4 }

local int_max = 2147483647
local float_max = 3.4028234663852886e38
local types = { float = "float", int = "int", bool = "bool", char = "string" }
local keys = { "min", "max", "unit", "doc", "choices", "attribute", "was" }
local key_types = { min = "number", max = "number", unit = "string", doc = "string", choices = "string",
                    attribute = "boolean", was = "string" }

local reserved = {}
for word in ("and break do else elseif "
  .. "end false for function goto if in local nil not or repeat return then true until while "
  .. "auto bool case char const continue default double enum extern float inline int long register restrict short "
  .. "signed sizeof static struct switch typedef union unsigned void volatile asm typeof"):gmatch "%a+" do
  reserved[word] = true
end

-- Words that a call of that kind has besides its parameters.
local words = { deform = { mask = true, envelope = true, enabled = true, name = true },
                sample = { enabled = true, density = true, attributes = true, follow = true, name = true } }

local function fail(...) error({ schema = string.format(...) }, 0) end

local escape = { n = "\n", t = "\t", ['"'] = '"', ["\\"] = "\\" }

--- The C string literal that opens at i: its value and the place behind it.
local function literal(text, i)
  local out, from = {}, i + 1
  while true do
    local at = string.find(text, '["\\]', from)
    if not at then fail("a string is not closed") end
    out[#out + 1] = string.sub(text, from, at - 1)
    if string.sub(text, at, at) == '"' then return table.concat(out), at + 1 end
    local c = string.sub(text, at + 1, at + 1)
    if not escape[c] then fail("\\%s in a string is not one of \\n \\t \\\" \\\\", c) end
    out[#out + 1] = escape[c]
    from = at + 2
  end
end

local function number(text, i)
  local word = string.match(text, "^[%d.]+[eE][+-]?%d+[%w_.]*", i) or string.match(text, "^[%w_.]+", i)
  if not string.find(word, "^[%d.]+[eE]?[+-]?%d*$") or not tonumber(word) then
    fail("%s is not a plain number, such as 0.5 or 1e-3", word)
  end
  return tonumber(word), i + #word
end

--- Cuts the text into { kind, value }: name, number, string, or the symbol itself. Literals side by side are one.
local function tokenize(text)
  local out, i = {}, string.find(text, "%S") or #text + 1
  local function add(kind, what) out[#out + 1] = { kind = kind, value = what } end
  while i <= #text do
    local c = string.sub(text, i, i)
    if c == '"' then
      local s
      s, i = literal(text, i)
      local last = out[#out]
      if last and last.kind == "string" then last.value = last.value .. s else add("string", s) end
    elseif string.find(text, "^%.?%d", i) then
      local n
      n, i = number(text, i)
      add("number", n)
    elseif string.find(c, "[%a_]") then
      local word = string.match(text, "^[%w_]+", i)
      add("name", word)
      i = i + #word
    elseif string.find(c, "[][(){}=,;*-]") then
      add(c, c)
      i = i + 1
    else
      fail("%s does not belong here", value.show(c))
    end
    i = string.find(text, "%S", i) or #text + 1
  end
  return out
end

local Reader = {}
Reader.__index = Reader

function Reader:peek() return self.tokens[self.at] and self.tokens[self.at].kind end

function Reader:take(kind, wanted)
  local token = self.tokens[self.at]
  if not token or token.kind ~= kind then
    fail("%s expected%s", wanted or kind, token and " before " .. value.show(token.value) or " at the end")
  end
  self.at = self.at + 1
  return token.value
end

function Reader:accept(kind)
  if self:peek() ~= kind then return false end
  self.at = self.at + 1
  return true
end

--- One value inside WH_UI: number, string, boolean, or { numbers }.
function Reader:literal(wanted)
  if self:accept "-" then return -self:take("number", "a number") end
  if self:peek() == "number" or self:peek() == "string" then return self:take(self:peek()) end
  if self:accept "{" then
    local list = {}
    repeat
      local sign = self:accept "-" and -1 or 1
      list[#list + 1] = sign * self:take("number", "a number")
    until not self:accept ","
    self:take "}"
    return list
  end
  local word = self:take("name", wanted)
  if word ~= "true" and word ~= "false" then fail("%s is not a value", value.show(word)) end
  return word == "true"
end

function Reader:ui()
  local ui = {}
  if self:peek() == ")" then fail "the default is missing: WH_UI(default, …)" end
  if self:peek() == "name" and (self.tokens[self.at + 1] or {}).kind == "=" then
    fail "the default is missing: it comes first, WH_UI(default, …)"
  end
  local default = self:literal "a default"
  while self:accept "," do
    local key = self:take("name", "a key")
    if not key_types[key] then fail("there is no key '%s'%s", key, suggest(key, keys)) end
    if ui[key] ~= nil then fail("'%s' is given twice", key) end
    self:take "="
    ui[key] = self:literal "a value"
    if type(ui[key]) ~= key_types[key] then fail("%s wants a %s", key, key_types[key]) end
  end
  self:take ")"
  return default, ui
end

--- What stands between the type's name and WH_UI: a name, perhaps [n].
function Reader:declarator(ctype)
  if self:peek() == "*" then fail("a %s * is a pointer, which a parameter cannot be", ctype) end
  local name, count = self:take("name", "the name of a parameter"), nil
  self.name = name
  if self:accept "[" then
    count = self:take("number", "a count")
    self:take "]"
  end
  return name, count
end

local function check_name(name, taken, kind)
  if #name > limit.name then fail("its name is longer than %d letters", limit.name) end
  if not string.find(name, "^%a") then fail "its name must begin with a letter" end
  if reserved[name] or words[kind] and words[kind][name] then fail "its name is reserved" end
  if taken[name] then fail "it is declared twice" end
end

--- The former name of a parameter, as far as it can be told before all are read.
local function check_was(was, name, kind)
  if #was > limit.name then fail("was is longer than %d letters", limit.name) end
  if not string.find(was, "^%a[%w_]*$") then fail("was %s is not a word", value.show(was)) end
  if words[kind] and words[kind][was] then fail("was %s is reserved", value.show(was)) end
  if was == name then fail("was %s is its name now", value.show(was)) end
end

local function check_count(ctype, count)
  if ctype == "char" then
    if not count then fail("char wants a size, char name[N], N = 2 .. %d", limit.string) end
    if count % 1 ~= 0 or count < 2 or count > limit.string then fail("char [N] wants N = 2 .. %d", limit.string) end
  elseif count and ctype == "bool" then
    fail("bool takes no [n]; only float, int and char do")
  elseif count and (count % 1 ~= 0 or count < 2 or count > 4) then
    fail("%s [n] wants n = 2 .. 4", ctype)
  end
end

local function split_choices(text)
  local list, seen = {}, {}
  for name in string.gmatch(text .. "|", "([^|]*)|") do
    if not string.find(name, "^[%w_.+-]+$") then fail("the choice %s is not a word", value.show(name)) end
    if seen[name] then fail("the choice %s is there twice", value.show(name)) end
    seen[name] = true
    list[#list + 1] = name
  end
  if #list < 2 or #list > limit.choices then fail("choices wants 2 .. %d words, \"x|y|z\"", limit.choices) end
  return list
end

--- Settles type, range and choices of a parameter from its keys.
local function apply(param, ui)
  if ui.choices then
    if param.type ~= "int" or param.count > 1 then fail "only a single int has choices" end
    param.type, param.choices = "choice", split_choices(ui.choices)
  end
  if ui.attribute and param.type ~= "string" then fail "only a char [N] can name an attribute" end
  local ranged = param.type == "float" or param.type == "int"
  for _, key in ipairs { "min", "max", "unit" } do
    if ui[key] and not ranged then fail("%s is only for float and int without choices", key) end
  end
  local low, high = -float_max, float_max
  if param.type == "int" then low, high = -int_max - 1, int_max end
  if param.type == "bool" then low, high = 0, 1 end
  if param.type == "choice" then low, high = 0, #param.choices - 1 end
  if param.type ~= "string" then param.min, param.max = ui.min or low, ui.max or high end
  param.unit, param.doc, param.attribute, param.was = ui.unit, ui.doc, ui.attribute or nil, ui.was
  if not ranged then return end
  if param.min > param.max then fail("min %s is above max %s", value.show(param.min), value.show(param.max)) end
  if param.min < low or param.max > high then fail("min and max do not fit in %s", param.ctype) end
end

local function check_texts(ui)
  for _, key in ipairs { "unit", "doc" } do
    if ui[key] and (#ui[key] > 1000 or string.find(ui[key], "%c")) then
      fail("%s wants one line of at most 1000 bytes", key)
    end
  end
end

local function check_default(param, default)
  if param.type == "choice" and type(default) ~= "number" then fail "the default of choices is a number, from 0" end
  local ok, problem = value.check(param, "the default", default)
  if not ok then fail("%s", problem) end
  return default
end

function Reader:parameter(taken)
  self.name = nil
  local ctype = self:take("name", "a type")
  if not types[ctype] then fail("there is no type '%s' (there are float, int, bool and char)", ctype) end
  local name, count = self:declarator(ctype)
  check_name(name, taken, self.kind)
  check_count(ctype, count)
  if self:peek() == "," then fail "one declaration is for one parameter" end
  if self:peek() ~= "name" then fail "the default is missing: WH_UI(default, …) comes before the ;" end
  if self:take "name" ~= "WH_UI" then fail "WH_UI(default, …) expected after the name" end
  self:take "("
  local default, ui = self:ui()
  self:take ";"
  check_texts(ui)
  if ui.was then check_was(ui.was, name, self.kind) end
  local param = { name = name, type = types[ctype], ctype = ctype, count = count or 1 }
  apply(param, ui)
  param.default = check_default(param, default)
  return param
end

--- A value by a former name must have one place to go to.
local function check_renames(reader, params, taken)
  local former = {}
  for _, param in ipairs(params) do
    local was = param.was
    reader.name = param.name
    if was and taken[was] then fail("was %s is the name of another parameter", value.show(was)) end
    if was and former[was] then fail("was %s is the former name of '%s' too", value.show(was), former[was]) end
    if was then former[was] = param.name end
  end
end

--- Sizes and offsets as a C compiler lays them out, from names and types that were checked.
local function lay_out(params)
  local lines = {}
  for i, p in ipairs(params) do
    local size = p.count > 1 and ("[%d]"):format(p.count) or ""
    lines[i] = ("%s %s%s;"):format(p.ctype, p.name, size)
  end
  local ok, struct = pcall(ffi.typeof, "struct { " .. table.concat(lines, " ") .. " }")
  if not ok then fail("a name is a word of C (%s)", tostring(struct)) end
  for _, p in ipairs(params) do
    p.offset, p.size = ffi.offsetof(struct, p.name), ffi.sizeof(p.ctype) * p.count
  end
  return ffi.sizeof(struct)
end

local function read(reader, text)
  if #text > limit.text then fail("more than %d bytes of text", limit.text) end
  reader.tokens = tokenize(text)
  local params, taken, attributes = {}, {}, 0
  while reader:peek() do
    local param = reader:parameter(taken)
    params[#params + 1], taken[param.name] = param, true
    attributes = attributes + (param.attribute and 1 or 0)
    if attributes > limit.attributes then fail("more than %d parameters name attributes", limit.attributes) end
    if #params > limit.params then fail("more than %d parameters", limit.params) end
  end
  check_renames(reader, params, taken)
  reader.name = nil
  local size = #params > 0 and lay_out(params) or 0
  if size > limit.bytes then fail("the struct has %d bytes, more than %d", size, limit.bytes) end
  return params, size
end

--- The parameters in order and the size of their struct; or nil and what is wrong, without the file.
---@param text string the stringised body of WH_PARAMS
---@param name string of the kernel: "deform_twist"
---@return table[]? params, number|string size_or_message
function M.parse(text, name)
  local reader = setmetatable({ at = 1, kind = string.match(name, "^%a+") }, Reader)
  local ok, params, size = pcall(read, reader, text)
  if ok then return params, size end
  if type(params) ~= "table" or not params.schema then error(params, 0) end
  local subject = reader.name and ("parameter '%s'"):format(reader.name) or "parameters of " .. name
  return nil, ("%s: %s"):format(subject, params.schema)
end

--- The parameters, when the compiler's struct is the declared one; else nil and one line that says how they differ.
local function parse_checked(text, param_size, name)
  local params, size = M.parse(text, name)
  if not params then return nil, size end
  if size == param_size then return params end
  return nil, ("layout of %s differs: %d bytes declared, %d compiled (rebuild it with the same whorl_kernel.h)"):format(
    name, size, param_size)
end

--- nil when the compiler's struct is the declared one, else one line that says how they differ.
---@param text string
---@param param_size number sizeof the struct in the compiled kernel
---@param name string
---@return string?
function M.check(text, param_size, name) return select(2, parse_checked(text, param_size, name)) end

local member_types = { float = 1, int = 2, bool = 3, choice = 4, string = 5 } -- wh__member_type of runtime/layout.h

local function write_member(member, param)
  ffi.copy(member.name, param.name)
  ffi.copy(member.was, param.was or "")
  member.type, member.offset, member.count = member_types[param.type], param.offset, param.count
  member.attribute = param.attribute or false
  if param.choices then
    param.choices_text = table.concat(param.choices, "|") -- lives as long as param does
    member.choices = ffi.cast("char *", param.choices_text)
  end
  if param.type == "string" then
    member.text = ffi.cast("char *", param.default)
    return
  end
  member.min, member.max = param.min, param.max
  for i, n in ipairs(value.check(param, param.name, param.default)) do member.init[i - 1] = n end
end

--- Writes the parameters to C. The strings there are those of the table that comes back: copy them while it lives.
---@param text string
---@param param_size number sizeof the struct in the compiled kernel
---@param name string
---@param address userdata the wh__member [64], all zero
---@param layout_header string path of layout.h
---@return number? count, table|string params_or_message
function M.describe(text, param_size, name, address, layout_header)
  local params, problem = parse_checked(text, param_size, name)
  if not params then return nil, problem end
  header.declare("wh__member", layout_header)
  local member = ffi.cast("wh__member *", address)
  for i, param in ipairs(params) do write_member(member[i - 1], param) end
  return #params, params
end

return M
