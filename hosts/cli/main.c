/* main.c - the whorl command: a Lua state that runs lua/whorl/cli.lua, and what Lua cannot do for itself: signals,
 * keys, and a progress line while a cook keeps the main thread busy. */
#include "keys.h"
#include "whorl.h"

#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <lua.h>
#include <lualib.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXIT_INTERRUPTED 130 /* as shells say it: 128 + SIGINT */
#define SAME_SIGNAL 0.5      /* seconds: some programs signal a process and then its group, which is it again */
#define PROGRESS_AFTER 1.0   /* seconds of a cook before the line appears */
#define OPENING_AFTER 0.5    /* and of opening a session */
#define PROGRESS_EVERY 0.1

static _Atomic(wh_session *) cooking; /* the session at work; NULL between cooks */
static _Atomic double interrupted_at; /* 0: never */
static wh_session *opened;            /* wh_open puts the session here, and then builds its kernels */

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The first signal ends the cook, and lets a file that is being written be finished; one more leaves at once. */
static void on_signal(int number)
{
    (void)number;
    double first = 0, now = seconds(CLOCK_MONOTONIC);
    if (atomic_compare_exchange_strong(&interrupted_at, &first, now)) {
        wh_session *s = atomic_load(&cooking);
        if (s)
            wh_cancel(s);
    } else if (now - first > SAME_SIGNAL) {
        static const char text[] = "whorl: interrupted again, left at once\n";
        keys_restore_terminal();
        ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
        (void)ignored;
        _exit(EXIT_INTERRUPTED);
    }
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: wh_wait must wake */
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* The progress line. Everything here is under the lock, so the line is gone before the main thread prints again. */
static struct {
    pthread_mutex_t lock;
    bool running; /* the thread */
    bool shown, opening;
    bool drawn, told;
    double started;
} progress = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void draw_line(double share, const char *what)
{
    fprintf(stderr, "\r\x1b[K%3.0f %%  %s", 100 * share, what);
    fflush(stderr);
    progress.drawn = true;
}

static void draw_cook(void)
{
    wh_session *s = atomic_load(&cooking);
    if (!s || seconds(CLOCK_MONOTONIC) - progress.started < PROGRESS_AFTER)
        return;
    const char *what = "";
    const double share = wh_progress(s, &what);
    draw_line(share, what);
}

/* What is no terminal gets one line. */
static void draw_opening(void)
{
    const wh_session *s = __atomic_load_n(&opened, __ATOMIC_ACQUIRE);
    const char *what = "";
    const double share = s ? wh_progress(s, &what) : 1;
    if (!*what || seconds(CLOCK_MONOTONIC) - progress.started < OPENING_AFTER)
        return;
    if (isatty(STDERR_FILENO))
        draw_line(share, what);
    else if (!progress.told)
        fprintf(stderr, "%s: the next start finds them in the cache\n", what);
    progress.told = true;
}

static void progress_draw(void)
{
    if (progress.shown && progress.opening)
        draw_opening();
    else if (progress.shown)
        draw_cook();
}

static void *progress_thread(void *unused)
{
    const struct timespec pause = {.tv_nsec = (long)(1e9 * PROGRESS_EVERY)};
    for (;;) {
        nanosleep(&pause, NULL);
        pthread_mutex_lock(&progress.lock);
        progress_draw();
        pthread_mutex_unlock(&progress.lock);
    }
    return unused;
}

static void progress_start(void)
{
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals belong to the main thread: they must wake wh_wait */
    if (pthread_create(&thread, NULL, progress_thread, NULL) == 0) {
        pthread_detach(thread);
        progress.running = true;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* What is to be shown from now on: the cook of a session, or the opening of one, or nothing. */
static void progress_of(wh_session *s, bool opening, bool show)
{
    pthread_mutex_lock(&progress.lock);
    if (show && !progress.running)
        progress_start();
    progress.started = seconds(CLOCK_MONOTONIC);
    atomic_store(&cooking, s);
    progress.shown = show;
    progress.opening = opening;
    progress.told = false;
    if (progress.drawn)
        fputs("\r\x1b[K", stderr);
    progress.drawn = false;
    pthread_mutex_unlock(&progress.lock);
}

/* command.cook(address): the session at this address cooks from now on; command.cook(): it is done. */
static int command_cook(lua_State *L)
{
    wh_session *s = (wh_session *)(uintptr_t)luaL_optnumber(L, 1, 0);
    progress_of(s, false, s && lua_toboolean(L, 2));
    return 0;
}

/* command.open(show): a session is opened, and wh_open is to put it where the result says. command.opened(): it is. */
static int command_open(lua_State *L)
{
    opened = NULL;
    progress_of(NULL, true, lua_toboolean(L, 1));
    lua_pushnumber(L, (double)(uintptr_t)&opened);
    return 1;
}

static int command_opened(lua_State *L)
{
    (void)L;
    progress_of(NULL, false, false);
    return 0;
}

static int command_interrupted(lua_State *L)
{
    lua_pushboolean(L, atomic_load(&interrupted_at) > 0);
    return 1;
}

static int command_is_terminal(lua_State *L)
{
    lua_pushboolean(L, isatty(luaL_checkint(L, 1)));
    return 1;
}

/* Seconds since 1970, the clock of the time at which a file was saved. */
static int command_now(lua_State *L)
{
    lua_pushnumber(L, seconds(CLOCK_REALTIME));
    return 1;
}

/* command.real_path(path): the same text for the same file, also when it is not there yet. */
static int command_real_path(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1), *slash = strrchr(path, '/');
    char real[PATH_MAX];
    if (realpath(path, real)) {
        lua_pushstring(L, real);
        return 1;
    }
    lua_pushlstring(L, path, slash ? (size_t)(slash - path) + 1 : 0);
    const char *folder = slash ? lua_tostring(L, -1) : ".";
    lua_pushfstring(L, "%s/%s", realpath(folder, real) ? real : folder, slash ? slash + 1 : path);
    return 1;
}

/* command.keys(address): true when the user can press keys, each of which wakes that session; command.keys(): no more.
 */
static int command_keys(lua_State *L)
{
    wh_session *s = (wh_session *)(uintptr_t)luaL_optnumber(L, 1, 0);
    if (!s)
        keys_stop();
    lua_pushboolean(L, s && keys_start(s));
    return 1;
}

static int command_next_key(lua_State *L)
{
    const char key = keys_next();
    if (!key)
        return 0;
    lua_pushlstring(L, &key, 1);
    return 1;
}

static const luaL_Reg functions[] = {
    {"cook", command_cook}, {"interrupted", command_interrupted}, {"is_terminal", command_is_terminal},
    {"keys", command_keys}, {"next_key", command_next_key},       {"now", command_now},
    {"open", command_open}, {"opened", command_opened},           {"real_path", command_real_path},
    {NULL, NULL},
};

static int traceback(lua_State *L)
{
    luaL_traceback(L, L, lua_tostring(L, 1), 1);
    return 1;
}

/* The files that came with this library, and nothing from LUA_PATH: the command must not depend on its surroundings. */
static void set_package_path(lua_State *L)
{
    const char *data = wh_data_path();
    lua_getglobal(L, "package");
    lua_pushfstring(L, "%s/?.lua;%s/?/init.lua", data, data);
    lua_setfield(L, -2, "path");
    lua_pop(L, 1);
}

static int run(lua_State *L, int argc, char **argv)
{
    set_package_path(L);
    lua_pushcfunction(L, traceback);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "whorl.cli");
    if (lua_pcall(L, 1, 1, 1) != 0)
        return -1;
    lua_createtable(L, argc, 0);
    for (int i = 1; i < argc; i++) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i);
    }
    lua_newtable(L);
    luaL_register(L, NULL, functions);
    if (lua_pcall(L, 2, 1, 1) != 0)
        return -1;
    return (int)lua_tointeger(L, -1);
}

/* A stream that the caller closed must not become the first file that is opened here. Writing to it still fails. */
static void fill_closed_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0)
            _exit(EXIT_FAILURE);
}

static void say_mistake(const char *why)
{
    static const char memory[] = "not enough memory"; /* as Lua says it */
    if (strncmp(why, memory, sizeof memory - 1) == 0)
        fputs("whorl: out of memory\n", stderr);
    else
        fprintf(stderr, "whorl: this is a mistake in whorl itself: %s\n", why);
}

int main(int argc, char **argv)
{
    fill_closed_streams();
    catch_signals();
    keys_catch_signals();
    lua_State *L = luaL_newstate();
    if (!L) {
        fputs("whorl: out of memory\n", stderr);
        return EXIT_FAILURE;
    }
    luaL_openlibs(L);
    int code = run(L, argc, argv);
    keys_stop(); /* after a mistake: its session is still open */
    if (code < 0) {
        const char *why = lua_tostring(L, -1);
        say_mistake(why ? why : "an error without a text");
        code = EXIT_FAILURE;
    }
    lua_close(L); /* closes sessions that are still open */
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_SUCCESS) {
        fputs("whorl: what was to be said could not be written to stdout\n", stderr);
        code = EXIT_FAILURE;
    }
    return code;
}
