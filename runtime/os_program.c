/* os_program.c - os.h for every POSIX system: dynamic libraries and other programs. */
#define _GNU_SOURCE
#include "os.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

void *wh__library_open(const char *path, char *why, size_t why_size)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library && why_size) {
        const char *text = dlerror();
        snprintf(why, why_size, "%s", text ? text : "unknown error");
    }
    return library;
}

void *wh__library_symbol(void *library, const char *name)
{
    return dlsym(library, name);
}

void wh__library_close(void *library)
{
    if (library)
        dlclose(library);
}

/* Messages must be in the language that is read here. A copy of the environment: other threads may use the host's. */
static int spawn_in_english(pid_t *child, char *const argv[], const posix_spawn_file_actions_t *files,
                            const posix_spawnattr_t *attributes)
{
    size_t count = 0, n = 0;
    while (environ && environ[count])
        count++;
    char **copy = malloc((count + 2) * sizeof *copy);
    if (!copy)
        return ENOMEM;
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], "LC_ALL=", 7) != 0)
            copy[n++] = environ[i];
    copy[n++] = (char *)"LC_ALL=C";
    copy[n] = NULL;
    const int why = posix_spawnp(child, argv[0], files, attributes, argv, copy);
    free(copy);
    return why;
}

/* The child starts with the default signals, nothing blocked, and no input: a host may have changed any of them. */
static int spawn(pid_t *child, char *const argv[], int output)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int why = posix_spawn_file_actions_init(&files);
    if (why)
        return why;
    why = posix_spawnattr_init(&attributes);
    if (why) {
        posix_spawn_file_actions_destroy(&files);
        return why;
    }
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    /* Input last: in a host without a standard input, output may be descriptor 0. */
    if (!(why = posix_spawn_file_actions_adddup2(&files, output, 1)) &&
        !(why = posix_spawn_file_actions_adddup2(&files, output, 2)) &&
        !(why = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0)))
        why = spawn_in_english(child, argv, &files, &attributes);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return why;
}

static int exit_status(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return -1; /* a host that ignores SIGCHLD, or collects every child, took it */
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int cannot_run(const char *program, int why, char **output)
{
    char text[512];
    snprintf(text, sizeof text, "cannot run %.300s: %s", program, strerror(why));
    *output = strdup(text);
    return -1;
}

int wh__run_command(char *const argv[], char **output)
{
    int ends[2];
    pid_t child;
    *output = NULL;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return cannot_run(argv[0], errno, output);
    int why = spawn(&child, argv, ends[1]);
    close(ends[1]);
    size_t size;
    if (!why && !(*output = wh__read_all(ends[0], 65536, 4 << 20, &size)))
        *output = strdup(strerror(errno));
    close(ends[0]);
    return why ? cannot_run(argv[0], why, output) : exit_status(child);
}

static bool is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

bool wh__find_program(wh_path *out, const char *name)
{
    if (strchr(name, '/'))
        return is_program(name) && wh__path_join(out, "", name);
    const char *path = getenv("PATH");
    if (!path || !*path)
        path = "/usr/local/bin:/usr/bin:/bin";
    while (*name) {
        int length = (int)strcspn(path, ":");
        wh_path folder, program;
        snprintf(folder.s, sizeof folder.s, "%.*s", length ? length : 1, length ? path : "."); /* empty: here */
        if (wh__path_join(&program, folder.s, name) && is_program(program.s))
            return wh__path_join(out, "", program.s);
        if (!path[length])
            break;
        path += length + 1;
    }
    return false;
}

/* "file:line", perhaps with " (discriminator 3)" behind it; "??:0", "??:?" or "file:?" when it does not know. */
static bool parse_source_line(char *text, char *file, size_t size, uint32_t *line)
{
    char *more = strstr(text, " (discriminator ");
    if (more)
        *more = 0;
    char *colon = strrchr(text, ':');
    if (!colon || colon == text || strncmp(text, "??", 2) == 0 || colon[1] < '1' || colon[1] > '9')
        return false;
    char *end;
    unsigned long number = strtoul(colon + 1, &end, 10);
    *colon = 0;
    if (*end || number > UINT32_MAX || strlen(text) >= size)
        return false;
    snprintf(file, size, "%s", text);
    *line = (uint32_t)number;
    return true;
}

bool wh__source_line(const char *library, uint64_t address, char *file, size_t size, uint32_t *line)
{
    wh_path program;
    if (!wh__find_program(&program, "addr2line"))
        return false;
    char number[32], *output;
    snprintf(number, sizeof number, "0x%llx", (unsigned long long)address);
    char *const argv[] = {program.s, "-e", (char *)library, number, NULL};
    const int status = wh__run_command(argv, &output); /* -1 too when a host that collects every child took it */
    bool known = (status == 0 || status == -1) && output;
    if (known) {
        size_t length = strlen(output);
        while (length && output[length - 1] == '\n')
            output[--length] = 0;
        char *last = strrchr(output, '\n'); /* complaints about the debug information come before */
        known = parse_source_line(last ? last + 1 : output, file, size, line);
    }
    free(output);
    return known;
}
