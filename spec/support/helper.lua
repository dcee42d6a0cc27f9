--- Runs before the specs: a sanitizer that was preloaded into this process is not for the programs that it starts.
local ffi = require "ffi"
ffi.cdef "int unsetenv(const char *);"
ffi.C.unsetenv "LD_PRELOAD"
