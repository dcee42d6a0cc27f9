--- Bad kernels: every way that is known in which a save can break a host, each a C text of deform.shift.
--
-- Each adds NUMBER (a macro, 1 unless the text is given another) to x, and goes wrong on its way, when it is run; some
-- go wrong before that. net is the first thing that holds it when the canary is off:
--   "compiler"  it does not compile
--   "loader"    the file is refused before it is loaded, or cannot be
--   "check"     the descriptor is not what whorl wants
--   "guard"     it ends its first cook, which is run again with the last good generation
--   "canary"    nothing else notices in time: it writes where it may, or leaves a wrong result
-- Operands are volatile, so that no compiler sees what is coming.
local M = {}

local command = require "spec.support.command"

--- The text of a kernel: what stands before it, what it does before it adds, and how it ends.
local function kernel(parts)
  return table.concat {
    "#ifndef NUMBER\n#define NUMBER 1\n#endif\n#define _GNU_SOURCE\n", '#include "whorl_kernel.h"\n', parts.top or "",
    parts.params or "WH_NO_PARAMS(deform_shift)\n",
    -- The number can be found in the built library, and changed there.
    "static const volatile struct {\n    char mark[12];\n    int number;\n} shift = {\"whorlnumber\", NUMBER};\n",
    "static void deform_shift_run(const wh_block *b)\n{\n    float number = (float)shift.number;\n", parts.run or "",
    "    for (uint32_t i = 0; i < b->count; i++)\n        b->x[i] += number;\n}\n",
    parts.descriptor or 'WH_KERNEL(deform_shift, .doc = "Shift along x", .run = deform_shift_run);\n',
  }
end

--- A descriptor without WH_KERNEL.
local function descriptor(members)
  return ([[
WH_EXPORT extern const wh_kernel wh_kernel_deform_shift;
const wh_kernel wh_kernel_deform_shift = {%s, .size = sizeof(wh_kernel), .params = "", .doc = "Shift along x",
                                          .run = deform_shift_run};
]]):format(members)
end

M.good = kernel {}

M.list = {
  { name = "compile-error", net = "compiler", text = kernel { run = "    number = nowhere;\n" } },
  { name = "missing-symbol", net = "loader",
    text = kernel { top = "extern float wh_nowhere(float);\n", run = "    number = wh_nowhere(number);\n" } },
  { name = "truncated", net = "loader", half = true, text = M.good },
  { name = "exit", net = "loader", text = kernel { top = "#include <stdlib.h>\n", run = "    exit(3);\n" } },
  { name = "quick-exit", net = "loader", text = kernel { top = "#include <unistd.h>\n", run = "    _exit(4);\n" } },
  { name = "raise", net = "loader", text = kernel { top = "#include <signal.h>\n", run = "    raise(SIGTERM);\n" } },
  { name = "wrong-version", net = "check",
    text = kernel { descriptor = descriptor ".abi = 999, .name = \"deform_shift\"" } },
  { name = "wrong-size", net = "check", text = kernel { params = [[
#pragma pack(push, 1)
WH_PARAMS(deform_shift,
    bool more WH_UI(true, doc = "Whether");
    float amount WH_UI(1, min = -1, max = 1, doc = "How far");
)
#pragma pack(pop)
]] } },
  { name = "wild-name", net = "check",
    text = kernel { descriptor = descriptor ".abi = WH_KERNEL_ABI, .name = (const char *)16" } },
  { name = "null", net = "guard", signal = "SIGSEGV",
    text = kernel { top = "static int *volatile nowhere;\n", run = "    *nowhere = 1;\n" } },
  { name = "divide", net = "guard", signal = "SIGFPE",
    text = kernel { top = "static volatile int zero;\n", run = "    number += (float)(5 / zero);\n" } },
  { name = "bus", net = "guard", signal = "SIGBUS", text = kernel {
    top = "#include <stdio.h>\n#include <sys/mman.h>\n#include <unistd.h>\n", run = [[
    FILE *file = tmpfile();
    if (!file || ftruncate(fileno(file), 4096) != 0)
        return;
    volatile char *past = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
    fclose(file);
    past[5000] = 1;
]] } },
  { name = "illegal", net = "guard", signal = "SIGILL", text = kernel { run = [[
#if defined(__x86_64__) || defined(__i386__)
    __asm__ volatile("ud2");
#else
    __builtin_trap();
#endif
]] } },
  { name = "abort", net = "guard", signal = "SIGABRT",
    text = kernel { top = "#include <stdlib.h>\n", run = "    abort();\n" } },
  { name = "stack-overflow", net = "guard", signal = "SIGSEGV", text = kernel { top = [[
static int deeper(int n)
{
    volatile char room[1024];
    room[n & 1023] = 1;
    return deeper(n + 1) + room[n & 7];
}
]], run = "    number += (float)deeper(shift.number & 1);\n" } },
  { name = "wild-jump", net = "guard", signal = "SIGSEGV",
    text = kernel { run = "    void (*volatile away)(void) = (void (*)(void))(uintptr_t)0x1234;\n    away();\n" } },
  -- The frame that is smashed is this kernel's own, with room above it: further up there is the host's.
  { name = "stack-smash", net = "guard", signal = "SIGSEGV", text = kernel { top = [[
#include <string.h>
static volatile size_t many = 96;
static __attribute__((noinline)) int smash(void)
{
    volatile char room[16];
    memset((char *)room, 0x41, many);
    return room[3];
}
]], run = "    volatile char above[256];\n    above[0] = 0;\n    number += (float)(smash() + above[0]);\n" } },
  { name = "loop", net = "guard", text = kernel { top = "static volatile int stop;\n",
    run = "    while (!stop) {\n    }\n" } },
  { name = "hang", net = "guard",
    text = kernel { top = "#include <unistd.h>\n", run = "    for (;;)\n        pause();\n" } },
  { name = "malloc-hang", net = "guard", text = kernel { top = "#include <stdlib.h>\nstatic volatile int stop;\n",
    run = "    while (!stop) {\n        void *volatile p = malloc(64);\n        free(p);\n    }\n" } },
  { name = "double-free", net = "guard", signal = "SIGABRT", text = kernel { top = "#include <stdlib.h>\n",
    run = "    void *volatile p = malloc(40);\n    free(p);\n    free(p);\n" } },
  { name = "overrun", net = "guard", signal = "SIGSEGV", text = kernel { run = [[
    volatile float *far = b->x;
    for (size_t i = 0; i < 1000000000; i++)
        far[i] = 1;
]] } },
  { name = "small-overrun", net = "canary",
    text = kernel { run = "    volatile float *far = b->x;\n    far[b->count] = 7;\n" } },
  { name = "heap-smash", net = "canary", text = kernel {
    top = "#include <stdlib.h>\n", run = [[
    volatile char *p = malloc(2000);
    void *volatile next = malloc(2000);
    for (int i = 0; i < 2100; i++)
        p[i] = 0x41;
    free(next);
]] } },
  { name = "nan", net = "canary",
    text = kernel { top = "static volatile float zero;\n", run = "    number += zero / zero;\n" } },
}

for _, fault in ipairs(M.list) do
  M.list[fault.name] = fault
end

--- The text with another number, which changes nothing else.
function M.numbered(text, number)
  return ("#define NUMBER %d\n"):format(number) .. text
end

local function build(folder, name)
  local line = "%s -std=gnu11 -O3 -w -ffp-contract=off -fstack-clash-protection -fvisibility=hidden -fPIC -shared " ..
    "-I%s -o %s %s -lm"
  local include = command.source .. "/kernels"
  local path = command.quote(folder .. "/" .. name)
  assert(os.execute(line:format(os.getenv "CC" or "cc", command.quote(include), path .. ".so", path .. ".c")) == 0)
end

local function halve(path)
  local bytes = command.read(path)
  command.write(path, bytes:sub(1, math.floor(#bytes / 2)))
end

--- Writes NAME.c, and NAME.so when it compiles, of the good kernel and of those faults (default: all) into a folder,
--- and `list`, a line "NAME NET" each, for spec/programs/reload.c.
function M.write(folder, names)
  local lines = {}
  command.write(folder .. "/good.c", M.good)
  build(folder, "good")
  for _, entry in ipairs(names or M.list) do
    local fault = type(entry) == "string" and assert(M.list[entry], entry) or entry
    lines[#lines + 1] = fault.name .. " " .. fault.net
    command.write(folder .. "/" .. fault.name .. ".c", fault.text)
    if fault.net ~= "compiler" then build(folder, fault.name) end
    if fault.half then halve(folder .. "/" .. fault.name .. ".so") end
  end
  command.write(folder .. "/list", table.concat(lines, "\n") .. "\n")
end

return M
