--- The helper process: it tells every bad kernel from a good one, in exact words, and lives on.
local command = require "spec.support.command"

local program = command.quote((os.getenv "WHORL_BUILD" or ".") .. "/spec/canary")
local include = command.quote(command.source .. "/kernels")
local folder, remove

local head = [[
#define _GNU_SOURCE
#include "whorl_kernel.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
]]

--- A kernel deform.k whose run() does this; none is 0, which the compiler cannot know.
local function deformer(body, more, entries)
  return head .. "WH_NO_PARAMS(deform_k)\nstatic volatile uint32_t none;\n" .. (more or "") ..
    "static void run(const wh_block *b)\n{\n    (void)b;\n" .. (body or "") .. "\n}\n" ..
    ('WH_KERNEL(deform_k, .doc = "d", %s);\n'):format(entries or ".run = run")
end

local function whole(body)
  return head .. "WH_NO_PARAMS(deform_k)\nstatic void deform(const wh_deform_job *j)\n{\n" .. body ..
    '\n}\nWH_KERNEL(deform_k, .doc = "d", .deform = deform);\n'
end

local function build(name, text)
  command.write(folder .. "/" .. name .. ".c", text)
  local status, _, said = command.shell(folder,
    ("cc -w -g -std=gnu11 -O1 -fPIC -shared -I%s -o %s.so %s.c -lm"):format(include, name, name))
  assert(status == 0, said)
  return folder .. "/" .. name .. ".so"
end

local count = 0

--- The verdict on a library of this text; the signal, the offset.
local function verdict(text, symbol, seconds)
  count = count + 1
  local library = build("k" .. count, text)
  local _, said = command.shell(folder, ("timeout 30 %s try %s %s %s"):format(program, command.quote(library),
    symbol or "wh_kernel_deform_k", seconds or 5))
  local line, signal, offset = said:match "^(.-)\nsignal (%d+)\noffset (%x+)\nms "
  assert(line, said)
  return line, tonumber(signal), offset, library
end

describe("the helper", function()
  setup(function() folder, remove = command.folder() end)
  teardown(function() remove() end)

  it("passes good kernels", function()
    assert.equal("good", (verdict(deformer "for (uint32_t i = 0; i < b->count; i++) b->x[i] += b->y[i];")))
    assert.equal("good", (verdict(whole [[memcpy(j->position, j->mesh->position, j->mesh->point_count * 12);]])))
    assert.equal("good", (verdict(deformer(nil, "", ".run = run"), "-")))
  end)

  it("takes a kernel that cannot go on for a good one", function()
    assert.equal("good", (verdict(whole [[j->host->fail(j->host, "no");]])))
    assert.equal("good", (verdict(deformer("abort();", [[
      static void *prepare(const wh_host *h, const wh_geometry *m, const void *p) { h->fail(h, "no"); return 0; }
      static void release(const wh_host *h, void *s) { abort(); }
    ]], ".run = run, .prepare = prepare, .release = release"))))
  end)

  local function rejects(what, says, signal, text, symbol, seconds)
    it("rejects " .. what, function()
      local line, number = verdict(text, symbol, seconds)
      assert.equal(says, line)
      assert.equal(signal, number)
    end)
  end

  local some = "if (b->count > 1) "
  rejects("a null pointer", "deform.k: SIGSEGV on 1024 made-up points: it touched address 0x8", 11,
    deformer(some .. "*(volatile int *)8 = 1;"))
  rejects("a division by zero", "deform.k: SIGFPE on 1 made-up point: it divided an integer by zero", 8,
    deformer "if (b->count) none = 7 / none;")
  rejects("an illegal instruction", "deform.k: SIGILL on no points: it ran into what is no instruction", 4,
    deformer "__builtin_trap();")
  rejects("abort", "deform.k: SIGABRT on no points: it called abort, or the C library found its memory spoiled", 6,
    deformer "abort();")
  rejects("an endless recursion", "deform.k: SIGSEGV on no points: its stack overflowed", 11,
    deformer("none = deep(none);", [[
      __attribute__((noinline, noclone)) static int deep(int n)
      { volatile char room[512]; room[n & 7] = 1; return deep(n + 1) + room[3]; }]]))
  rejects("a wild jump", "deform.k: SIGSEGV on no points: it jumped to address 0x1234", 11,
    deformer "((void (*)(void))(uintptr_t)(0x1234 + none))();")
  rejects("a spoiled heap", "deform.k: it spoiled memory of the heap on no points", 0,
    deformer "volatile char *p = malloc(24); for (int i = 0; i < 400; i++) p[i] = 65; free((void *)p);")
  rejects("a double free",
    "deform.k: SIGABRT on no points: it called abort, or the C library found its memory spoiled", 6,
    deformer "char *volatile p = malloc(24); free(p); free(p);")
  rejects("an endless loop", "deform.k: it ran longer than 0.2 s on the mesh", 0,
    deformer "if (b->first > 4000) for (;;) none++;", nil, 0.2)
  rejects("one that waits", "deform.k: it ran longer than 0.2 s on no points", 0, deformer "pause();", nil, 0.2)
  rejects("one that waits and hears nothing", "deform.k: it ran longer than 0.2 s on no points", 0,
    deformer "sigset_t all; sigfillset(&all); sigprocmask(SIG_BLOCK, &all, 0); pause();", nil, 0.2)
  rejects("one that runs off its array",
    "deform.k: SIGSEGV on 1024 made-up points: it went past the end of x", 11,
    deformer(some .. "for (uint32_t i = 0; i < 100000; i++) b->x[i] = 1;"))
  rejects("a write before its array", "deform.k: SIGSEGV on 1024 made-up points: it went before the start of z", 11,
    deformer(some .. "b->z[-1 - (int)none] = 1;"))
  rejects("an overrun by one point", "deform.k: it wrote past the end of y on 1 made-up point", 0,
    deformer "if (b->count) b->y[b->count] = 1;")
  rejects("a write for no points", "deform.k: it wrote past the end of x on no points", 0, deformer "b->x[0] = 1;")
  rejects("points that are not written", "deform.k: it left point 17 of 1024 made-up points unwritten", 0, whole [[
    memcpy(j->position, j->mesh->position, 12 * (j->mesh->point_count < 17 ? j->mesh->point_count : 17));]])
  it("rejects values that a field leaves unwritten when it has all points", function()
    assert.equal("field.k: it left point 999 of 1024 made-up points unwritten", (verdict(head .. [[
WH_NO_PARAMS(field_k)
static void run(const wh_block *b) { memset(b->value, 0, b->count * 4); }
static void field(const wh_field_job *j) { memset(j->value, 0, (j->count < 999 ? j->count : 999) * 4); }
WH_KERNEL(field_k, .doc = "d", .run = run, .field = field);
]], "wh_kernel_field_k")))
  end)
  rejects("a write past the end of the mesh", "deform.k: SIGSEGV on no points: it went past the end of position", 11,
    whole [[for (uint32_t i = 0; i <= j->mesh->point_count; i++) j->position[3 * i] = 1;
      memcpy(j->position, j->mesh->position, j->mesh->point_count * 12);]])
  rejects("a point that is not a number", "deform.k: y of point 5000 of the mesh is not a number", 0,
    deformer "for (uint32_t i = 0; i < b->count; i++) if (b->first + i == 5000) b->y[i] = NAN;")
  rejects("an infinite point", "deform.k: z of point 0 of 1 made-up point is infinite", 0,
    deformer "for (uint32_t i = 0; i < b->count; i++) b->z[i] /= (float)none;")
  rejects("a field's value that is not a number", "field.k: value of point 3 of 1024 made-up points is not a number", 0,
    (deformer("for (uint32_t i = 0; i < b->count; i++) b->value[i] = i == 3 ? NAN : 1;"):gsub("deform_k", "field_k")),
    "wh_kernel_field_k")
  rejects("a field that moves points",
    "field.k: SIGSEGV on 1 made-up point: it wrote to x, which it may only read", 11,
    (deformer("if (b->count) b->x[0] = 1;"):gsub("deform_k", "field_k")), "wh_kernel_field_k")
  rejects("exit", "deform.k: it ended the process (status 3) on no points", 0, deformer "exit(3);")
  rejects("_exit", "deform.k: it ended the process (status 4) on 1 made-up point", 0,
    deformer "if (b->count) _exit(4);")
  rejects("a signal to itself", "deform.k: it was killed by SIGTERM on no points", 15, deformer "raise(SIGTERM);")
  rejects("a write to the mesh", "deform.k: SIGSEGV on 1 made-up point: it wrote to position, which it may only read",
    11, whole "if (j->mesh->point_count) *(float *)j->mesh->position = 1;")
  rejects("a write to its parameters", "deform.k: SIGSEGV on no points: it wrote to params, which it may only read", 11,
    deformer "*(float *)b->params = 1;")
  rejects("a crash when it is loaded", "SIGSEGV when it was loaded: it touched address 0x8", 11,
    deformer("", "__attribute__((constructor)) static void begin(void) { *(volatile int *)8 = 1; }\n"), "-")
  rejects("a crash when it is unloaded", "SIGSEGV when it was unloaded: it touched address 0x8", 11,
    deformer("", "__attribute__((destructor)) static void end(void) { *(volatile int *)8 = 1; }\n"), "-")
  rejects("a descriptor that points nowhere",
    "deform.k: SIGSEGV when its descriptor was read: it touched address 0x1234", 11,
    deformer("", "", ".run = run, .source = (const char *)0x1234"), "-")
  rejects("a library without the kernel", "deform.other: it is not in the library", 0,
    deformer "", "wh_kernel_deform_other")
  rejects("a huge allocation that is not looked at", "deform.k: SIGSEGV on no points: it touched address 0x0", 11,
    deformer "volatile char *p = malloc(((size_t)1 << 40) + none); *p = 1;")

  local state = [[
    static void *prepare(const wh_host *h, const wh_geometry *m, const void *p)
    { char *s = h->alloc(h, 100); %s return s; }
    static void release(const wh_host *h, void *s) { %s }
  ]]
  local entries = ".run = run, .prepare = prepare, .release = release"
  rejects("a crash in prepare",
    "deform.k: SIGSEGV in prepare() for no points: it went past the end of what host->alloc gave", 11,
    deformer("", state:format("s[128 + none] = 1;", "h->free(h, s);"), entries))
  rejects("an overrun in prepare",
    "deform.k: it wrote past the end of what host->alloc gave in release() for no points", 0,
    deformer("", state:format("s[100] = 1;", "h->free(h, s);"), entries))
  rejects("a crash in release", "deform.k: SIGSEGV in release() for no points: it touched address 0x8", 11,
    deformer("", state:format("", "*(volatile int *)8 = 1;"), entries))
  rejects("a state that is freed twice",
    "deform.k: it freed what host->alloc did not give, or freed it twice, in release() for no points", 0,
    deformer("", state:format("", "h->free(h, s); h->free(h, s);"), entries))

  it("says which line it was", function()
    local _, _, offset, library = verdict(deformer("\n\n*(volatile int *)8 = 1;"))
    local _, said = command.shell(folder, ("addr2line -e %s %s"):format(command.quote(library), offset))
    local line
    for text in io.lines((library:gsub("so$", "c"))) do
      line = (line or 0) + 1
      if text:find("*(volatile int *)8 = 1;", 1, true) then break end
    end
    assert.equal(("%s:%d\n"):format(library:gsub("so$", "c"), line), said)
  end)

  it("says where in the kernel a library function was called", function()
    local _, _, offset, library = verdict(deformer "abort();")
    local _, said = command.shell(folder, ("addr2line -f -e %s %s"):format(command.quote(library), offset))
    assert.equal("run", said:match "^[^\n]*")
  end)

  it("goes on after each bad one, after it was killed, for two threads, and where SIGCHLD is ignored", function()
    local good, bad = build("good", deformer ""), build("bad", deformer "abort();")
    local status, said = command.shell(folder, ("timeout 60 %s again %s %s wh_kernel_deform_k"):format(program,
      command.quote(bad), command.quote(good)))
    assert.equal("wrong 0 0 0\n", said)
    assert.equal(0, status)
  end)

  it("takes overflow from huge points, and a NaN from a NaN, for no mistake", function()
    assert.equal("good", (verdict(deformer "for (uint32_t i = 0; i < b->count; i++) b->x[i] *= b->x[i];")))
    assert.equal("good", (verdict(whole [[for (uint32_t i = 0; i < 3 * j->mesh->point_count; i++)
      j->position[i] = j->mesh->position[i] * 1e30f;]])))
  end)

  it("gives a kernel what it needs, and nothing else", function()
    assert.equal("good", (verdict(deformer([[
      if (b->count && b->attribute[0][0] < 0 || b->count && b->attribute[0][0] > 1) abort();
      if (b->count > 7 && b->x[7] > -2 && b->x[7] < 2 && fabsf(b->x[7]) > 1e-3f &&
          fabsf(b->nx[7] * b->nx[7] + b->ny[7] * b->ny[7] + b->nz[7] * b->nz[7] - 1) > 1e-3f) abort();]],
      "", ".run = run, .needs = WH_NEEDS_NORMALS"))))
    assert.equal("deform.k: SIGSEGV on 1 made-up point: it wrote to attribute[0], which it may only read",
      (verdict(deformer "if (b->count) *(float *)b->attribute[0] = 1;")))
    local checks = [[
      static void *prepare(const wh_host *h, const wh_geometry *m, const void *p)
      { if (%s) abort(); return h->alloc(h, 1); }
      static void release(const wh_host *h, void *s) { h->free(h, s); }
    ]]
    assert.equal("good", (verdict(deformer("",
      checks:format "m->position || m->triangle || m->triangle_count", entries))))
    assert.equal("good", (verdict(deformer("",
      checks:format "!m->position || m->point_count > 1 && (!m->triangle || m->triangle_count < 2048)",
      entries .. ", .needs = WH_NEEDS_POSITIONS | WH_NEEDS_TRIANGLES"))))
  end)

  it("takes the descriptor of an older whorl", function()
    local old = ".size = offsetof(wh_kernel, state), .run = run"
    local after = ", .state = (const char *)0x1234"
    assert.equal("good", (verdict(deformer("", "", old .. after), "-")))
    assert.equal("good", (verdict(deformer("", "", old))))
  end)

  it("looks at thousands of allocations", function()
    local many = [[
      static void *prepare(const wh_host *h, const wh_geometry *m, const void *p)
      {
          char **s = h->alloc(h, 3000 * sizeof *s);
          for (int i = 0; i < 3000; i++)
              memset(s[i] = h->alloc(h, i), 1, i + (i == %d));
          return s;
      }
      static void release(const wh_host *h, void *s)
      {
          for (int i = 0; i < 3000; i++)
              h->free(h, ((char **)s)[i]);
          h->free(h, s);
      }
    ]]
    assert.equal("good", (verdict(deformer("", many:format(-1), entries))))
    assert.equal("deform.k: it wrote past the end of what host->alloc gave in release() for no points",
      (verdict(deformer("", many:format(2900), entries))))
  end)

  it("tries samplers", function()
    local function sampler(block, body, seconds)
      return (verdict(head .. ([[
WH_NO_PARAMS(sample_k)
static bool plan(const wh_host *h, const wh_geometry *m, const void *p, const void *s, wh_sample_plan *out)
{
    *out = (wh_sample_plan){.candidates = 100000, .wanted = 10, .block = %s};
    return true;
}
static uint32_t sample(const wh_sample_block *b)
{
    for (uint32_t i = 0; i < b->count; i++)
        b->x[i] = b->y[i] = b->z[i] = b->value[i] = 1, b->id[i] = b->first + i;
    %s
}
WH_KERNEL(sample_k, .doc = "d", .plan = plan, .sample = sample);
]]):format(block, body), "wh_kernel_sample_k", seconds))
    end
    assert.equal("good", sampler("300", "return b->count;"))
    assert.equal("sample.k: its plan's block is 0, not 1 .. 1048576, on no points", sampler("0", "return 0;"))
    assert.equal("sample.k: it says that it kept 301 of 300 candidates on no points", sampler("300", "return 301;"))
    assert.equal("sample.k: it wrote past the end of id on no points", sampler("299", "b->id[299] = 1; return 0;"))
    assert.equal("sample.k: y of kept point 5 is not a number on the mesh",
      sampler("300", "if (b->mesh->point_count > 9999) b->y[5] = NAN; return 9;"))
    assert.equal("sample.k: it ran longer than 0.2 s on no points",
      sampler("70000", "if (b->first == 70000 && b->count == 4096) pause(); return 0;", 0.2))
  end)

  it("lets a kernel pass, and says so, when there is no helper", function()
    local library = build("untried", deformer "abort();")
    command.shell(folder, ("mkdir -p there/spec there/lib/whorl && cp %s there/spec/canary"):format(program))
    command.shell(folder, ("cp -a %s/lib/libwhorl.so* there/lib"):format(os.getenv "WHORL_BUILD"))
    local function try()
      local _, said = command.shell(folder, ("there/spec/canary try %s wh_kernel_deform_k"):format(library))
      return said:match "^[^\n]*"
    end
    assert.matches("^not tried: /.*/lib/whorl/whorl%-canary cannot be started: No such file or directory$", try())
    command.write(folder .. "/there/lib/whorl/whorl-canary", "#!/bin/sh\nexit 1\n")
    command.shell(folder, "chmod +x there/lib/whorl/whorl-canary")
    assert.equal("not tried: the helper ends before it begins", try())
  end)

  it("makes meshes and says what is wrong with them", function()
    local function maker(body)
      return verdict((head .. [[
WH_NO_PARAMS(mesh_k)
static bool make(const wh_make *m)
{
    float *p; uint32_t *t;
    ]] .. body .. [[
    return true;
}
WH_KERNEL(mesh_k, .doc = "d", .make = make);
]]), "wh_kernel_mesh_k")
    end
    local begin = "if (!m->begin(m, 3, 1, &p, &t)) return false; memset(p, 0, 36);"
    assert.equal("good", (maker(begin .. "t[0] = 0; t[1] = 1; t[2] = 2;")))
    assert.equal("mesh.k: it left triangle 0 of its mesh unwritten", (maker(begin)))
    assert.equal("mesh.k: triangle 0 of its mesh uses point 3 of 3, counted from 0",
      (maker(begin .. "t[0] = 0; t[1] = 1; t[2] = 3;")))
    assert.equal("mesh.k: it did not call begin() when it made its mesh", (maker ""))
    assert.equal("mesh.k: it called begin() more than once when it made its mesh", (maker(begin .. begin)))
    assert.equal("mesh.k: SIGSEGV when it made its mesh: it went past the end of triangle",
      (maker(begin .. "memset(t, 0, 13);")))
  end)
end)

describe("the fast tier", function()
  setup(function() folder, remove = command.folder() end)
  teardown(function() remove() end)

  local function compile(text)
    command.write(folder .. "/k.c", text)
    local _, said = command.shell(folder, ('timeout 60 %s compile "$PWD/k.c" "$PWD/k.so" %s'):format(program, include))
    return said
  end

  it("compiles a kernel that passes, and can say which line was wrong", function()
    local said = compile(deformer "for (uint32_t i = 0; i < b->count; i++) b->x[i] += wh_sin(b->y[i]) * sinf(1);")
    if said:find("without libtcc", 1, true) then return pending "built without libtcc" end
    assert.matches("^good\nms [%d.]+\ngood\nms [%d.]+\n$", said)
    local _, tried = command.shell(folder, ('%s try "$PWD/k.so" wh_kernel_deform_k'):format(program))
    assert.matches("^good\n", tried)
    compile(deformer "*(volatile int *)8 = 1;")
    _, tried = command.shell(folder, ('%s try "$PWD/k.so" wh_kernel_deform_k'):format(program))
    assert.matches("^deform.k: SIGSEGV on no points: it touched address 0x8\n", tried)
    local _, line = command.shell(folder, "addr2line -e k.so " .. tried:match "offset (%x+)")
    assert.matches("/k.c:12\n$", line)
  end)

  it("makes libraries that put no code on the stack", function()
    if compile(deformer()):find("without libtcc", 1, true) then return pending "built without libtcc" end
    local _, said, complained = command.shell(folder, [[luajit -e 'require "ffi".load "./k.so"' -e '
      for line in io.lines "/proc/self/maps" do
        if line:find("[stack]", 1, true) then print(line:match " (%S+)") end
      end']])
    assert.equal("rw-p\n", said, complained)
  end)

  it("tells the first error as the compiler words it", function()
    local said = compile(deformer "b->x[0] = ;")
    if said:find("without libtcc", 1, true) then return pending "built without libtcc" end
    assert.matches("^/[^\n]*/k.c:%d+: error: [^\n]+\nms [%d.]+\n$", said)
  end)
end)
