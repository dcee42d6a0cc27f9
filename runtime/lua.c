/* lua.c - Lua states with limits on memory, steps and time. */
#include "lua.h"
#include "os.h"
#include "whorl.h"
#include <luajit.h>
#include <lualib.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MOST_MEMORY ((size_t)256 << 20)
#define STEP 200 /* instructions between two looks at the clock: few, as one of them may be a costly call into C */
#define LAST_WORDS 1000000 /* instructions that a stopped file's messages may take */

typedef struct {
    size_t used;
    int64_t steps;   /* times STEP, left */
    double deadline; /* as wh__now */
} limits;

static void *limited_alloc(void *context, void *p, size_t old, size_t size)
{
    limits *l = context;
    if (!p)
        old = 0;
    if (size == 0) {
        l->used -= old;
        free(p);
        return NULL;
    }
    if (size > old && l->used - old + size > MOST_MEMORY)
        return NULL;
    void *moved = realloc(p, size);
    if (moved)
        l->used += size - old;
    return moved;
}

static limits *limits_of(lua_State *L)
{
    void *context;
    lua_getallocf(L, &context);
    return context;
}

static void count_steps(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    limits *l = limits_of(L);
    if (--l->steps >= 0 && wh__now() < l->deadline)
        return;
    l->steps = LAST_WORDS / STEP;
    l->deadline = INFINITY;
    /* Not luaL_error: it would put the place of whorl's own Lua in front. */
    lua_pushliteral(L, "this runs too long: stopped (a pipeline only describes the work; is there an endless loop?)");
    lua_error(L);
}

static int open_libraries(lua_State *L)
{
    luaL_openlibs(L);
    lua_getglobal(L, "package");
    lua_pushfstring(L, "%s/?.lua;%s/?/init.lua", wh_data_path(), wh_data_path());
    lua_setfield(L, -2, "path");
    lua_pushliteral(L, "");
    lua_setfield(L, -2, "cpath");
    return 0;
}

lua_State *wh__lua_new(void)
{
    limits *l = calloc(1, sizeof *l);
    lua_State *L = l ? lua_newstate(limited_alloc, l) : NULL;
    if (!L) {
        free(l);
        return NULL;
    }
    /* Compiled code never reaches a count hook: without the compiler the step limit holds. */
    luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    if (lua_cpcall(L, (lua_CFunction)open_libraries, NULL) != 0) {
        wh__lua_free(L);
        return NULL;
    }
    luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    wh__lua_allow(L, 100);
    lua_sethook(L, count_steps, LUA_MASKCOUNT, STEP);
    return L;
}

void wh__lua_free(lua_State *L)
{
    if (!L)
        return;
    limits *l = limits_of(L);
    lua_close(L);
    free(l);
}

void wh__lua_allow(lua_State *L, int million_steps)
{
    limits *l = limits_of(L);
    l->steps = million_steps * (int64_t)1000000 / STEP;
    l->deadline = wh__now() + fmin(2, million_steps * 0.05);
}

bool wh__lua_call(lua_State *L, int arguments, int results)
{
    if (lua_pcall(L, arguments, results, 0) == 0)
        return true;
    if (!lua_isstring(L, -1)) {
        lua_pop(L, 1);
        lua_pushliteral(L, "not enough memory");
    }
    return false;
}

static int get_function(lua_State *L)
{
    const char *const *names = lua_touserdata(L, 1);
    lua_getglobal(L, "require");
    lua_pushstring(L, names[0]);
    lua_call(L, 1, 1);
    lua_getfield(L, -1, names[1]);
    return 1;
}

bool wh__lua_function(lua_State *L, const char *module, const char *function)
{
    const char *names[2] = {module, function};
    lua_pushcfunction(L, get_function);
    lua_pushlightuserdata(L, names);
    return wh__lua_call(L, 1, 1);
}
