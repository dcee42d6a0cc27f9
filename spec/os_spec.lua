--- What the seam to the operating system says of libraries and files, and the history of generations on disk. The
--- functions are hidden in the library: spec/programs/os.c is built with their sources.
local command = require "spec.support.command"
local ffi = require "ffi"

local program = command.quote(os.getenv "WHORL_BUILD" .. "/spec/os")
local folder, remove

--- What the program says, the folder of the spec taken out.
local function ask(words, ...)
  local status, said, complained = command.shell(folder, ("timeout 60 %s %s"):format(program, words:format(...)))
  assert.are.same({ 0, "" }, { status, complained })
  return (said:gsub(folder:gsub("%p", "%%%0") .. "/", ""))
end

local function has(compiler)
  return os.execute(("command -v %s >/dev/null 2>&1"):format(compiler)) == 0
end

--- Those of these compilers that are here.
local function compilers(...)
  local found = {}
  for _, compiler in ipairs { ... } do
    if has(compiler) then
      found[#found + 1] = compiler
    end
  end
  return found
end

--- Builds a library in the folder. false: this compiler cannot.
local function build(compiler, source, flags, text)
  command.write(folder .. "/" .. source, text)
  local line = ("%s %s -fPIC -shared -o k.so %s"):format(compiler, flags, source)
  return command.shell(folder, line) == 0
end

local function imports(compiler, text, flags)
  assert.is_true(build(compiler, "k.c", flags or "", text), compiler)
  return ask "imports k.so"
end

before_each(function()
  folder, remove = command.folder()
end)

after_each(function()
  remove()
end)

describe("the import check", function()
  local ends = ", which would end the host (return, or call host->fail)"
  local verdicts = {
    { "passes what goes with unloading", "plain: \n", [[
      #include <math.h>
      #include <setjmp.h>
      #include <stdlib.h>
      static jmp_buf back;
      static void leave(void) {}
      float f(float x) { if (x > 1) abort(); if (x < 0) longjmp(back, 1); return sqrtf(x) + atexit(leave); }]] },
    { "passes a function of the kernel's own that has such a name", "plain: \n", [[
      int kill(int a, int b) { return a + b; }
      int f(void) { return kill(1, 2); }]] },
    { "refuses exit", "refused: it calls exit" .. ends .. "\n", [[
      #include <stdlib.h>
      void f(void) { exit(1); }]] },
    { "refuses raise", "refused: it calls raise" .. ends .. "\n", [[
      #include <signal.h>
      void f(void) { raise(SIGTERM); }]] },
    { "refuses fork",
      "refused: it calls fork, which would start another process in the host (do that outside of the kernel)\n", [[
      #include <unistd.h>
      int f(void) { return fork(); }]] },
    { "refuses a function that is only pointed at",
      "refused: it calls setlocale, which would change the host's locale (leave it alone)\n", [[
      #include <locale.h>
      char *(*f)(int, const char *) = setlocale;]] },
    { "tells the worst of several", "refused: it calls _exit" .. ends .. ", and 2 more like it\n", [[
      #define _GNU_SOURCE
      #include <stdlib.h>
      #include <pthread.h>
      #include <unistd.h>
      int f(pthread_t *t) { pthread_create(t, 0, 0, 0); if (setenv("a", "b", 1)) _exit(1); return chdir("/"); }]] },
    { "keeps what starts a thread", "keep: it calls pthread_create, whose thread may still run\n", [[
      #include <pthread.h>
      int f(pthread_t *t) { return pthread_create(t, 0, 0, 0); }]] },
    { "keeps what installs a handler", "keep: it calls sigaction, whose handler may stay\n", [[
      #define _GNU_SOURCE
      #include <signal.h>
      int f(void) { return sigaction(SIGINT, 0, 0); }]] },
    { "keeps what calls back when a thread ends",
      "keep: it calls pthread_key_create, whose destructor runs when a thread ends\n", [[
      #include <pthread.h>
      int f(pthread_key_t *k) { return pthread_key_create(k, 0); }]] },
  }
  for _, verdict in ipairs(verdicts) do
    it(verdict[1], function()
      for _, compiler in ipairs(compilers("cc", "clang", "tcc")) do
        assert.are.equal(verdict[2], imports(compiler, verdict[3]), compiler)
      end
    end)
  end

  it("reads either kind of symbol hash", function()
    for _, style in ipairs { "gnu", "sysv" } do
      assert.are.equal("refused: it calls exit" .. ends .. "\n", imports("cc", [[
        #include <stdlib.h>
        void f(void) { exit(1); }]], "-Wl,--hash-style=" .. style))
    end
  end)

  it("keeps OpenMP", function()
    local text = "void f(int *x) {\n#pragma omp parallel for\nfor (int i = 0; i < 9; i++) x[i] = i; }"
    if not build("cc", "k.c", "-fopenmp", text) then
      return pending "no OpenMP here"
    end
    assert.is_truthy(ask("imports k.so"):match "^keep: it calls [%w_]+, whose threads stay, and %d+ more like it\n$")
  end)

  it("keeps what the loader keeps", function()
    assert.are.equal("keep: it is linked with -z nodelete, which no loader unloads\n",
      imports("cc", "int f(void) { return 1; }", "-Wl,-z,nodelete"))
  end)

  it("keeps thread_local destructors and unique symbols of C++", function()
    if not has "g++" then
      return pending "no g++ here"
    end
    assert.is_true(build("g++", "k.cc", "", [[
      struct A { int *p; A() : p(new int(1)) {} ~A() { delete p; } };
      thread_local A a;
      int f() { return *a.p; }]]))
    assert.are.equal("keep: it calls __cxa_thread_atexit, whose destructor runs when a thread ends\n",
      ask "imports k.so")
    assert.is_true(build("g++", "k.cc", "-std=c++17 -fgnu-unique", [[
      template <class T> struct B { static inline int n = 3; };
      int f() { return ++B<int>::n; }]]))
    assert.are.equal("keep: it defines _ZN1BIiE1nE, a unique symbol, which no loader unloads\n", ask "imports k.so")
  end)

  it("refuses what is not a whole library, wherever it ends", function()
    imports("cc", "int f(void) { return 1; }")
    local whole = command.read(folder .. "/k.so")
    for _, size in ipairs { 0, 1, 63, 64, 100, 1000, #whole - 1 } do
      command.write(folder .. "/k.so", whole:sub(1, size))
      local expected = size < 64 and "too short for a library" or "truncated"
      assert.are.equal(("refused: it is %s\n"):format(expected), ask "imports k.so")
    end
    command.write(folder .. "/k.so", ("not a library\n"):rep(100))
    assert.are.equal("refused: it is not an ELF library\n", ask "imports k.so")
    assert.are.equal("refused: it cannot be read: No such file or directory\n", ask "imports none.so")
  end)

  it("refuses a library without a section table", function()
    imports("cc", "int f(void) { return 1; }")
    local bytes = command.read(folder .. "/k.so")
    local none = ("\0"):rep(8)
    command.write(folder .. "/k.so", bytes:sub(1, 40) .. none .. bytes:sub(49, 60) .. none:sub(1, 4) .. bytes:sub(65))
    assert.are.equal("refused: it has no section table (build it without --strip-section-headers)\n",
      ask "imports k.so")
  end)

  it("never fails on a damaged library", function()
    imports("cc", "#include <stdlib.h>\nvoid f(void) { exit(1); }")
    local whole = command.read(folder .. "/k.so")
    local bytes = ffi.new("uint8_t[?]", #whole)
    math.randomseed(7)
    for round = 1, 30 do
      ffi.copy(bytes, whole, #whole)
      for _ = 1, 5 do
        local from = round % 2 == 0 and #whole - 64 * 20 or 0 -- the section table; the header and what follows
        bytes[from + math.random(0, round % 3 == 0 and 63 or 64 * 20 - 1)] = math.random(0, 255)
      end
      command.write(folder .. "/k.so", ffi.string(bytes, #whole))
      assert.is_truthy(ask("imports k.so"):match "^%l+: [^\n]*\n$")
      assert.is_truthy(ask("symbols k.so f"))
    end
  end)
end)

describe("the line of an address", function()
  local text = [[
    static int one;
    int helper(int x)
    {
        return x * 3 + one;
    }
    int known(int *p)
    {
        return *p + helper(*p);
    }]]

  it("is known from the debug information of the compilers", function()
    if not has "addr2line" then
      return pending "no addr2line here"
    end
    for _, compiler in ipairs(compilers("gcc", "clang", "tcc")) do
      command.write(folder .. "/k.c", text)
      local flags = compiler == "tcc" and "-g" or "-g1 -O0"
      assert.are.equal(0, command.shell(folder, ("%s %s -fPIC -shared -o k.so %s/k.c"):format(compiler, flags, folder)))
      assert.are.equal("k.c:3\n", ask "where k.so helper", compiler) -- the brace that opens it
      assert.are.equal("k.c:7\n", ask "where k.so known", compiler)
      assert.are.equal("unknown\n", ask "line k.so 0x7fffffffffff")
      local _, said = command.shell(folder, ("PATH=/none %s where k.so known"):format(program))
      assert.are.equal("unknown\n", said)
    end
  end)

  it("is told without what addr2line adds to it", function()
    if not (has "addr2line" and has "gcc") then
      return pending "no addr2line or no gcc here"
    end
    build("gcc", "k.c", "-g1 -O2", [[
      int known(int *p)
      {
          int sum = 0;
          for (int i = 0; i < p[0]; i++) sum += p[i] > 3 ? p[i] * p[i + 1] : 7;
          return sum;
      }]])
    local _, said = command.shell(folder, "nm -D k.so")
    local first, added = tonumber(said:match "(%x+) T known", 16), 0
    for address = first, first + 48, 3 do
      local _, raw = command.shell(folder, ("addr2line -e k.so 0x%x"):format(address))
      local plain, count = raw:gsub(" %(discriminator %d+%)", "")
      added = added + count
      assert.are.equal((plain:gsub("^.*/", "")), ask("line k.so 0x%x", address))
    end
    assert.is_true(added > 0)
  end)

  it("is unknown without them", function()
    assert.is_true(build("cc", "k.c", "-g0", text))
    assert.are.equal("unknown\n", ask "where k.so known")
    assert.are.equal("unknown\n", ask "line none.so 0x1000")
    command.write(folder .. "/k.so", "not a library")
    assert.are.equal("unknown\n", ask "line k.so 0x1000")
  end)
end)

describe("the signature of a file", function()
  it("changes with every save, whatever its time says", function()
    local seen, path = {}, folder .. "/a"
    local function differs(what)
      local signature = ask "signature a"
      assert.is_truthy(signature:match "^%x+\n$")
      assert.is_nil(seen[signature], what)
      seen[signature] = true
    end
    command.write(path, "one")
    command.shell(folder, "touch -d @1000000000 a")
    differs "first"
    assert.are.equal(ask "signature a", ask "signature a")
    command.write(path, "two more")
    command.shell(folder, "touch -d @1000000000 a")
    differs "size"
    command.write(path .. ".new", "two more")
    command.shell(folder, "touch -d @1000000000 a.new && mv a.new a")
    differs "inode"
    command.shell(folder, "touch -d @1000000001 a")
    differs "time"
  end)

  it("is 0 for what is no file", function()
    assert.are.equal(("0"):rep(16) .. "\n", ask "signature none")
    assert.are.equal(("0"):rep(16) .. "\n", ask "signature .")
  end)
end)

describe("a network folder", function()
  it("is told from a local one as stat tells them", function()
    local _, kind = command.shell(folder, "stat -f -c %T .")
    local network = kind:match "nfs" or kind:match "smb" or kind:match "cifs" or kind:match "fuse" or kind:match "v9fs"
    local expected = network and "network\n" or "local\n"
    assert.are.equal(expected, ask "network .")
    assert.are.equal(expected, ask("network %s/not/there/yet", folder))
    assert.are.equal("local\n", ask "network /proc")
    assert.are.equal("local\n", ask "network ''")
  end)
end)

describe("a lock between processes", function()
  it("is had by one at a time, and goes with its process", function()
    local function hold(name)
      local line = ("cd %s && echo $$ > pid && exec %s lock l > %s"):format(command.quote(folder), program, name)
      return assert(io.popen(line, "w"))
    end
    local function said(name)
      for _ = 1, 500 do
        local text = command.read(folder .. "/" .. name)
        if text and text:find "\n" then
          return text
        end
        os.execute "sleep 0.01"
      end
    end
    local first = hold "first"
    assert.are.equal("locked\n", said "first")
    assert.are.equal("busy\n", ask "lock l")
    first:close() -- its input ends
    assert.are.equal("locked\n", ask "lock l")
    local second = hold "second"
    assert.are.equal("locked\n", said "second")
    assert.are.equal(0, command.shell(folder, "kill -KILL $(cat pid)"))
    assert.are.equal("locked\n", ask "lock l")
    second:close()
    assert.are.equal("busy\n", ask "lock no/such/folder")
    assert.are.equal("busy\n", ask "lock .")
  end)
end)

describe("the history", function()
  local function history(words, ...)
    return ask("history . twist " .. words, ...)
  end

  local function touch(...)
    for _, name in ipairs { ... } do
      command.write(folder .. "/" .. name, "")
    end
  end

  local function libraries()
    local _, said = command.shell(folder, "ls | grep so$")
    return said
  end

  it("is empty where there is none", function()
    assert.are.equal("", history "read")
    assert.are.equal("gone\n", history "library a")
    history "mark 1 good ''"
    history "trim 0"
    assert.are.equal("", history "read")
    assert.are.equal("0\n", ask "history nowhere twist add a 1 full")
  end)

  it("numbers generations, and keeps times to the last bit", function()
    assert.are.equal("1\n", history "add a 1700000000.1234567 full")
    assert.are.equal("2\n", history "add b 1700000001.5 fast")
    assert.are.equal("1\n", ask "history . bend add a 5 full")
    assert.are.equal("3\n", history "add ffffffffffffffff -1 full")
    assert.are.equal(("1 a %.17g full built []\n2 b 1700000001.5 fast built []\n3 ffffffffffffffff 0 full built []\n")
      :format(1700000000.1234567), history "read")
  end)

  it("gives the newest key its number again, and replaces fast by optimised", function()
    assert.are.equal("1\n", history "add a 1 fast")
    assert.are.equal("1\n", history "add a 2 full")
    assert.are.equal("1\n", history "add a 3 fast")
    assert.are.equal("1 a 1 full built []\n", history "read")
    assert.are.equal("2\n", history "add b 4 full")
    assert.are.equal("3\n", history "add a 5 full")
  end)

  it("never gives the number of a bad one again, and never clears it", function()
    history "add a 1 full"
    history "add b 2 full"
    history "add a 3 full"
    history "mark 3 good ''"
    history "mark 3 bad 'SIGSEGV: it touched\naddress 0x0\t!'"
    history "mark 3 good ''"
    history "mark 9 bad ''"
    assert.are.equal("4\n", history "add a 4 full")
    assert.are.equal("1 a 1 full bad [SIGSEGV: it touched address 0x0 !]\n2 b 2 full built []\n" ..
      "3 a 3 full bad [SIGSEGV: it touched address 0x0 !]\n4 a 4 full built []\n", history "read")
  end)

  it("cuts a long note between two characters", function()
    history "add a 1 full"
    history("mark 1 bad %s", ("ä"):rep(300))
    assert.are.equal(("1 a 1 full bad [%s]\n"):format(("ä"):rep(119)), history "read")
  end)

  it("finds the optimised library first", function()
    assert.are.equal("gone\n", history "library ab")
    touch "twist-00000000000000ab.fast.so"
    assert.are.equal("twist-00000000000000ab.fast.so fast\n", history "library ab")
    touch "twist-00000000000000ab.so"
    assert.are.equal("twist-00000000000000ab.so full\n", history "library ab")
  end)

  it("forgets the oldest with their libraries, but not the newest good one, nor what is held", function()
    for key = 1, 8 do
      assert.are.equal(key .. "\n", history("add %x 1 full", key == 7 and 4 or key))
      touch(("twist-%016x.so"):format(key), ("twist-%016x.fast.so"):format(key))
    end
    history "mark 1 good ''"
    history "mark 3 good ''"
    touch "bend-0000000000000001.so"
    history "trim 20"
    assert.are.equal(17, select(2, libraries():gsub("\n", "")))
    history "trim 2 2 99"
    assert.are.equal("2 2 1 full built []\n3 3 1 full good []\n7 4 1 full built []\n8 8 1 full built []\n",
      history "read")
    assert.are.equal("bend-0000000000000001.so\n" ..
      "twist-0000000000000002.fast.so\ntwist-0000000000000002.so\n" ..
      "twist-0000000000000003.fast.so\ntwist-0000000000000003.so\n" ..
      "twist-0000000000000004.fast.so\ntwist-0000000000000004.so\n" .. -- the library of 7 too
      "twist-0000000000000007.fast.so\ntwist-0000000000000007.so\n" .. -- nobody's
      "twist-0000000000000008.fast.so\ntwist-0000000000000008.so\n", libraries())
    history "mark 8 bad ''"
    history "trim 0"
    assert.are.equal("3 3 1 full good []\n8 8 1 full bad []\n", history "read")
    assert.are.equal("9\n", history "add 8 1 full")
  end)

  it("counts those that can run, and forgets all but the newest eight of the others", function()
    for key = 1, 3 do history(("add %x 1 full"):format(key)) end
    history "mark 1 good ''"
    history "mark 2 good ''"
    for key = 4, 13 do
      history(("add %x 1 full"):format(key))
      history(("mark %d %s ''"):format(key, key % 2 == 0 and "bad" or "refused"))
    end
    history "trim 2"
    local kept = {}
    for generation in history("read"):gmatch "(%d+) %x+ [^\n]*\n" do kept[#kept + 1] = tonumber(generation) end
    assert.are.same({ 2, 3, 6, 7, 8, 9, 10, 11, 12, 13 }, kept)
  end)

  it("never gives a number twice, also when all are forgotten", function()
    history "add a 1 full"
    history "add b 1 full"
    history "trim 0"
    assert.are.equal("", history "read")
    assert.are.equal("3\n", history "add b 1 full")
  end)

  it("holds a thousand, and the newest good one", function()
    assert.are.equal(0, command.shell(folder, program .. " history . twist add 1 1 full 2 && " ..
      program .. " history . twist mark 2 good ''"))
    local all = history "add 100 1 full 1004"
    assert.are.equal("1006\n", all:match "%d+\n$")
    local read = history "read"
    assert.are.equal(1000, select(2, read:gsub("\n", "")))
    assert.are.equal("2 2 1 full good []\n8 105 1 full built []\n", read:match "^[^\n]*\n[^\n]*\n")
  end)

  it("drops damaged lines and keeps the others", function()
    history "add a 1 full 4"
    history "mark 2 bad 'a note'"
    local path = folder .. "/twist.history"
    local whole = command.read(path)
    local lines = {}
    for line in whole:gmatch "[^\n]+" do
      lines[#lines + 1] = line
    end
    assert.are.equal(5, #lines)
    lines[2] = lines[2]:gsub("full", "fast")
    lines[4] = lines[4]:sub(1, 30)
    command.write(path, "\0garbage\n\n" .. table.concat(lines, "\n"))
    assert.are.equal("2 b 1 full bad [a note]\n4 d 1 full built []\n", history "read")
    assert.are.equal("5\n", history "add e 1 full")
    command.write(path, ("\255"):rep(100000))
    assert.are.equal("", history "read")
    assert.are.equal("1\n", history "add a 1 full")
    command.write(path, whole:match "^[^\n]+\n") -- the number survives without the records
    assert.are.equal("5\n", history "add a 1 full")
  end)

  it("does not replace what it cannot read", function()
    assert.are.equal(0, command.shell(folder, "mkdir twist.history"))
    assert.are.equal("", history "read")
    assert.are.equal("0\n", history "add a 1 full")
  end)

  it("loses nothing when two processes write at the same time", function()
    local one = ("timeout 60 %s history . twist add %%s 1 full 100 > %%s"):format(program)
    local status = command.shell(folder, ("%s & %s; wait $!"):format(one:format("1000", "first"),
      one:format("2000", "second")))
    assert.are.equal(0, status)
    local numbers, count = {}, 0
    for _, name in ipairs { "first", "second" } do
      for number in command.read(folder .. "/" .. name):gmatch "%d+" do
        assert.is_nil(numbers[number])
        numbers[number], count = true, count + 1
      end
    end
    assert.are.equal(200, count)
    local seen, last = {}, 0
    for number, key in history("read"):gmatch "(%d+) (%x+) 1 full built %[%]\n" do
      assert.are.equal(last + 1, tonumber(number))
      last, seen[key] = last + 1, true
    end
    assert.are.equal(200, last)
    for i = 0, 99 do
      assert.is_true(seen[("%x"):format(0x1000 + i)] and seen[("%x"):format(0x2000 + i)])
    end
  end)
end)
