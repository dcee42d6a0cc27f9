/* lua.h - Lua states with limits: each pipeline file runs in one of its own. */
#ifndef WH_LUA_H
#define WH_LUA_H
#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>

/* A state with the standard libraries, the compiler off so that limits hold, and package.path at whorl's own Lua files.
 * NULL when memory is short. [the state belongs to one thread at a time] */
lua_State *wh__lua_new(void);
void wh__lua_free(lua_State *L);
/* The next pcalls together may run this many million instructions, and 0.05 seconds for each of these but 2 at most;
 * then they fail with a message that names no place. */
void wh__lua_allow(lua_State *L, int million_steps);
/* lua_pcall(arguments, results); on failure the message is on the stack as a string. */
bool wh__lua_call(lua_State *L, int arguments, int results);
/* Pushes require(module)[function]; on failure a message, and false. */
bool wh__lua_function(lua_State *L, const char *module, const char *function);
#endif
