/* canary.c - canary.h, the side in this process: starts the helper, asks it, and waits no longer than it said.
 *
 * The helper ends itself after every verdict against a kernel, so that nothing a bad kernel did to it can be held
 * against the next one. For the same reason a verdict counts only from a helper that had run nothing before. */
#define _GNU_SOURCE
#include "canary.h"
#include "canary_wire.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRACE 0.5          /* seconds that the helper has beyond the limit, which it keeps itself, to answer */
#define COMPILE_SECONDS 20 /* longest fast build */
#define DEFAULT_SECONDS 10 /* longest trial, when none is given */

extern char **environ;

struct wh__canary {
    pthread_mutex_t lock;
    pid_t helper; /* 0: none */
    int socket;
    bool used; /* this helper has run libraries, or libtcc */
};

wh__canary *wh__canary_open(void)
{
    wh__canary *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    pthread_mutex_init(&c->lock, NULL);
    c->socket = -1;
    return c;
}

bool wh__canary_has_compiler(void)
{
#ifdef WHORL_HAVE_LIBTCC
    return true;
#else
    return false;
#endif
}

/* ---- the process ---- */

static bool helper_program(wh_path *out)
{
    wh_path library, folder;
    if (!wh__library_path(&library))
        return false;
    snprintf(folder.s, sizeof folder.s, "%.*s", (int)(wh__base_name(library.s) - library.s), library.s);
    return wh__path_join(out, folder.s, WHORL_CANARY_REL);
}

/* Without what was preloaded into this process: it is for this process. malloc'ed; the strings are not copied. */
static char **helper_environment(void)
{
    size_t count = 0, kept = 0;
    while (environ && environ[count])
        count++;
    char **list = calloc(count + 1, sizeof *list);
    for (size_t i = 0; list && i < count; i++)
        if (strncmp(environ[i], "LD_PRELOAD=", 11) != 0)
            list[kept++] = environ[i];
    return list;
}

/* In a process group of its own: an interrupt from the terminal is not for it. */
static int set_attributes(posix_spawnattr_t *a)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(a, &none);
    posix_spawnattr_setsigdefault(a, &all);
    posix_spawnattr_setpgroup(a, 0);
    return posix_spawnattr_setflags(a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
}

/* The socket first: in a host without standard streams it may have one of their numbers. */
static int set_files(posix_spawn_file_actions_t *f, int socket)
{
    int why = posix_spawn_file_actions_adddup2(f, socket, WH_CANARY_SOCKET);
    for (int fd = 0; !why && fd < 3; fd++)
        why = posix_spawn_file_actions_addopen(f, fd, "/dev/null", O_RDWR, 0);
    return why;
}

static int spawn_helper(pid_t *out, const char *program, int socket)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    char name[] = "whorl-canary", *argv[] = {name, NULL};
    char **environment = helper_environment();
    int why = environment ? posix_spawn_file_actions_init(&files) : ENOMEM;
    if (why) {
        free(environment);
        return why;
    }
    why = posix_spawnattr_init(&attributes);
    if (!why) {
        if (!(why = set_attributes(&attributes)) && !(why = set_files(&files, socket)))
            why = posix_spawn(out, program, &files, &attributes, argv, environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    free(environment);
    return why;
}

static bool start(wh__canary *c, char *why, size_t why_size)
{
    wh_path program;
    int ends[2];
    if (c->helper)
        return true;
    if (!helper_program(&program)) {
        snprintf(why, why_size, "the helper program cannot be found");
        return false;
    }
    int failed = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ? errno : 0;
    if (!failed) {
        if ((failed = spawn_helper(&c->helper, program.s, ends[1])))
            close(ends[0]);
        close(ends[1]);
    }
    if (failed) {
        c->helper = 0;
        snprintf(why, why_size, "%.300s cannot be started: %s", program.s, strerror(failed));
        return false;
    }
    c->socket = ends[0];
    c->used = false;
    return true;
}

/* Waits until the deadline, then kills. -1: a host that ignores SIGCHLD, or collects every child, took the status.
 * The process is killed only while it is ours to wait for: its number may be another's later. */
static int reap(pid_t helper, double deadline)
{
    int status;
    for (useconds_t pause = 50;; pause = pause < 2000 ? pause * 2 : pause) {
        pid_t done = waitpid(helper, &status, WNOHANG);
        if (done == helper)
            return status;
        if (done < 0 && errno != EINTR)
            return -1;
        if (done == 0 && wh__now() >= deadline)
            kill(helper, SIGKILL);
        usleep(pause);
    }
}

static int stop(wh__canary *c, double deadline)
{
    if (!c->helper)
        return -1;
    int status = reap(c->helper, deadline);
    close(c->socket);
    c->helper = 0;
    c->socket = -1;
    return status;
}

void wh__canary_close(wh__canary *c)
{
    if (!c)
        return;
    stop(c, 0);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* ---- the file that goes with a request ---- */

typedef struct {
    char *bytes;
    size_t size, room;
    bool short_of_memory;
} items;

static void add(items *t, const void *bytes, size_t size)
{
    if (size > t->room - t->size) {
        const size_t room = (t->room + size) * 2 + 4096;
        char *more = realloc(t->bytes, room);
        if (!more) {
            t->short_of_memory = true;
            return;
        }
        t->bytes = more;
        t->room = room;
    }
    if (size)
        memcpy(t->bytes + t->size, bytes, size);
    t->size += size;
}

static void add_text(items *t, const char *text)
{
    add(t, text, strlen(text) + 1);
}

static uint64_t whole_pages(uint64_t size)
{
    return (size + WH_CANARY_PAGE - 1) / WH_CANARY_PAGE * WH_CANARY_PAGE;
}

static bool write_at(int file, const void *bytes, size_t size, uint64_t at)
{
    const char *from = bytes;
    while (size) {
        const ssize_t n = pwrite(file, from, size, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        from += n, at += (uint64_t)n, size -= (size_t)n;
    }
    return true;
}

/* -1: errno says why. */
static int make_file(wh__request *r, const items *t, const wh__trial_mesh *m)
{
    const size_t positions = m ? (size_t)m->point_count * 12 : 0, triangles = (size_t)r->triangle_count * 12;
    if (t->short_of_memory) {
        errno = ENOMEM;
        return -1;
    }
    const int file = memfd_create("whorl-trial", MFD_CLOEXEC);
    if (file < 0)
        return -1;
    r->items_size = t->size;
    r->position_at = WH_CANARY_PAGE + whole_pages(t->size);
    r->triangle_at = r->position_at + whole_pages(positions);
    const uint64_t end = r->triangle_at + whole_pages(triangles);
    if (ftruncate(file, (off_t)end) == 0 && write_at(file, t->bytes, t->size, WH_CANARY_PAGE) &&
        (!m || (write_at(file, m->position, positions, r->triangle_at - positions) &&
                write_at(file, m->triangle, triangles, end - triangles))))
        return file;
    const int why = errno;
    close(file);
    errno = why;
    return -1;
}

/* ---- asking ---- */

static bool send_request(int socket, const wh__request *r, int file)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec part = {(void *)r, sizeof *r};
    struct msghdr m = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.bytes};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&m);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof file);
    memcpy(CMSG_DATA(rights), &file, sizeof file);
    ssize_t n;
    while ((n = sendmsg(socket, &m, MSG_NOSIGNAL)) < 0 && errno == EINTR)
        ;
    return n == (ssize_t)sizeof *r;
}

typedef enum { ANSWERED, DIED, TOO_LONG } outcome;

static outcome receive(int socket, wh__reply *out, double deadline)
{
    for (;;) {
        const double left = deadline - wh__now();
        struct pollfd p = {.fd = socket, .events = POLLIN};
        const int ready = left > 0 ? poll(&p, 1, left > 60 ? 60000 : (int)(left * 1e3) + 1) : 0;
        if (ready == 0 && wh__now() >= deadline)
            return TOO_LONG;
        if (ready <= 0)
            continue;
        const ssize_t n = recv(socket, out, sizeof *out, MSG_DONTWAIT);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        out->text[sizeof out->text - 1] = 0;
        return n == (ssize_t)sizeof *out && out->size == sizeof *out ? ANSWERED : DIED;
    }
}

__attribute__((format(printf, 3, 4))) static void append(char *text, size_t size, const char *format, ...)
{
    const size_t used = strlen(text);
    va_list list;
    va_start(list, format);
    vsnprintf(text + used, size - used, format, list);
    va_end(list);
}

/* "SIGTERM"; glibc knows such names from 2.32 on. */
static void append_signal(char *text, size_t size, int number)
{
    static const char *const names[] = {
        [SIGHUP] = "HUP",   [SIGINT] = "INT",   [SIGQUIT] = "QUIT", [SIGILL] = "ILL",   [SIGTRAP] = "TRAP",
        [SIGABRT] = "ABRT", [SIGBUS] = "BUS",   [SIGFPE] = "FPE",   [SIGKILL] = "KILL", [SIGSEGV] = "SEGV",
        [SIGPIPE] = "PIPE", [SIGALRM] = "ALRM", [SIGTERM] = "TERM", [SIGXCPU] = "XCPU", [SIGSYS] = "SYS"};
    const bool known = number > 0 && (size_t)number < sizeof names / sizeof *names && names[number];
    if (known)
        append(text, size, "SIG%s", names[number]);
    else
        append(text, size, "signal %d", number);
}

/* What happened, from how the helper ended and where it was; false: it had not begun. */
static bool tell_death(wh__reply *out, outcome how, int status, double seconds, int file)
{
    wh__progress p = {{0}, {0}};
    if (pread(file, &p, sizeof p, 0) != (ssize_t)sizeof p)
        p = (wh__progress){{0}, {0}};
    *out = (wh__reply){.size = sizeof *out};
    append(out->text, sizeof out->text, "%.*s%s", (int)sizeof p.who - 1, p.who, p.who[0] ? ": " : "");
    if (how == TOO_LONG) {
        out->late = 1;
        append(out->text, sizeof out->text, "it ran longer than %g s", seconds);
    } else if (status != -1 && WIFSIGNALED(status)) {
        append(out->text, sizeof out->text, "it was killed by ");
        append_signal(out->text, sizeof out->text, WTERMSIG(status));
        out->signal = WTERMSIG(status);
    } else {
        append(out->text, sizeof out->text, "it ended the process");
        if (status != -1)
            append(out->text, sizeof out->text, " (status %d)", WEXITSTATUS(status));
    }
    append(out->text, sizeof out->text, "%s%.*s", p.when[0] ? " " : "", (int)sizeof p.when - 1, p.when);
    return p.when[0];
}

static bool send_or_restart(wh__canary *c, const wh__request *r, int file, char *why, size_t why_size)
{
    if (c->helper && send_request(c->socket, r, file))
        return true;
    stop(c, 0); /* it died since the last time */
    if (!start(c, why, why_size))
        return false;
    if (send_request(c->socket, r, file))
        return true;
    if (errno == EPIPE || errno == ECONNRESET)
        snprintf(why, why_size, "the helper ends before it begins");
    else
        snprintf(why, why_size, "the helper does not answer: %s", strerror(errno));
    stop(c, 0);
    return false;
}

/* false: there is no helper, and out->text says why; else out is its answer, or how it ended without one. */
static bool exchange(wh__canary *c, const wh__request *r, int file, wh__reply *out)
{
    for (int tries = 0; tries < 2; tries++) { /* somebody may have ended it in the meantime */
        *out = (wh__reply){.size = sizeof *out};
        if (!send_or_restart(c, r, file, out->text, sizeof out->text))
            return false;
        const double deadline = wh__now() + r->seconds + GRACE;
        const outcome how = receive(c->socket, out, deadline);
        if (how == ANSWERED)
            return true;
        const int status = stop(c, how == DIED ? deadline : 0);
        if (tell_death(out, how, status, r->seconds, file))
            return true;
    }
    snprintf(out->text, sizeof out->text, "the helper ends before it begins");
    return false;
}

static bool compile(wh__canary *c, const items *t, uint32_t count, char *why, size_t why_size)
{
    wh__request r = {.size = sizeof r, .kind = WH_CANARY_COMPILE, .seconds = COMPILE_SECONDS, .item_count = count};
    wh__reply reply;
    const int file = make_file(&r, t, NULL);
    if (file < 0) {
        snprintf(why, why_size, "no room for the request: %s", strerror(errno));
        return false;
    }
    const bool asked = exchange(c, &r, file, &reply);
    c->used = true;
    close(file);
    if (asked && reply.good)
        return true;
    snprintf(why, why_size, "%s", reply.text);
    if (asked && !c->helper)
        start(c, reply.text, sizeof reply.text); /* warm for the next */
    return false;
}

bool wh__canary_compile(wh__canary *c, char *const *source, uint32_t count, const char *include_folder, const char *out,
                        char *why, size_t why_size)
{
    if (!c || !wh__canary_has_compiler()) {
        snprintf(why, why_size, "this whorl was built without libtcc");
        return false;
    }
    items t = {0};
    add_text(&t, include_folder);
    add_text(&t, out);
    for (uint32_t i = 0; i < count; i++)
        add_text(&t, source[i]);
    pthread_mutex_lock(&c->lock);
    const bool good = compile(c, &t, count, why, why_size);
    pthread_mutex_unlock(&c->lock);
    free(t.bytes);
    return good;
}

static void describe(const wh__trial *t, wh__request *r, items *out)
{
    *r = (wh__request){.size = sizeof *r,
                       .kind = WH_CANARY_TRY,
                       .seconds = t->seconds > 0 ? t->seconds : DEFAULT_SECONDS,
                       .item_count = t->call_count};
    if (t->mesh) {
        r->has_mesh = 1;
        r->time = t->mesh->time;
        r->point_count = t->mesh->point_count;
        r->triangle_count = t->mesh->triangle ? t->mesh->triangle_count : 0;
    }
    add_text(out, t->library);
    for (uint32_t i = 0; i < t->call_count; i++) {
        const wh__trial_call *k = &t->call[i];
        const wh__wire_call size = {k->param_size, k->attribute_count};
        add_text(out, k->symbol);
        add(out, &size, sizeof size);
        add(out, k->params, k->param_size);
    }
}

/* What is wrong in a helper that ran other libraries may be their doing: it counts when it comes again in a new one. */
static bool ask_until_sure(wh__canary *c, const wh__request *r, int file, wh__reply *out)
{
    for (;;) {
        const bool fresh = !c->helper || !c->used;
        if (!exchange(c, r, file, out))
            return false;
        if (out->good) {
            c->used = true;
            return true;
        }
        char why[400];
        stop(c, 0);
        start(c, why, sizeof why); /* warm for the next */
        if (fresh || out->late)
            return true;
    }
}

static bool try_it(wh__canary *c, const wh__trial *t, wh__reply *out)
{
    wh__request r;
    wh__reply answer;
    items list = {0};
    describe(t, &r, &list);
    const int file = make_file(&r, &list, t->mesh);
    const int why = errno;
    free(list.bytes);
    if (file < 0) {
        snprintf(out->text, sizeof out->text, "not tried: no room for the trial: %s", strerror(why));
        return true;
    }
    const bool asked = ask_until_sure(c, &r, file, &answer);
    close(file);
    if (asked)
        *out = answer;
    else
        snprintf(out->text, sizeof out->text, "not tried: %.380s", answer.text);
    return !asked || answer.good;
}

bool wh__canary_try(wh__canary *c, const wh__trial *t, wh__verdict *out)
{
    const double before = wh__now();
    wh__reply reply = {.size = sizeof reply};
    *out = (wh__verdict){.signal = 0};
    if (!c) {
        snprintf(out->text, sizeof out->text, "not tried: out of memory");
        return true;
    }
    pthread_mutex_lock(&c->lock);
    const bool good = try_it(c, t, &reply);
    pthread_mutex_unlock(&c->lock);
    memcpy(out->text, reply.text, sizeof out->text);
    out->signal = reply.signal;
    out->offset = reply.offset;
    out->caller = reply.caller;
    out->milliseconds = (wh__now() - before) * 1e3;
    return good;
}
