/* keys.c - a thread reads keys from the terminal, which does not wait for whole lines meanwhile and shows nothing of
 * them. Ctrl-C, Ctrl-\ and Ctrl-Z stay signals. */
#include "keys.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define MOST_KEYS 64
#define IN_BACKGROUND 200 /* milliseconds until the reader looks again whether keys are for us */
#define SAME_KEY 50       /* milliseconds in which what follows an escape belongs to it */
#define ESCAPE 27

static struct termios before, without_lines;
static atomic_bool is_started; /* and so both of the above are known */

static struct {
    pthread_t thread;
    int stop[2]; /* a pipe */
    wh_session *session;
} reader;

static struct {
    pthread_mutex_t lock;
    char key[MOST_KEYS];
    size_t count;
} pressed = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- the terminal ---- */

/* In the background the terminal is somebody else's. */
static void set_terminal(const struct termios *how)
{
    if (atomic_load(&is_started) && tcgetpgrp(STDIN_FILENO) == getpgrp())
        tcsetattr(STDIN_FILENO, TCSANOW, how);
}

void keys_restore_terminal(void)
{
    set_terminal(&before);
}

/* Stops as any program does, with the terminal as it was; what follows the raise happens after `fg`. */
static void on_stop(int number)
{
    const int error = errno;
    struct sigaction plain = {.sa_handler = SIG_DFL}, ours;
    sigset_t this, mask;
    keys_restore_terminal();
    sigaction(number, &plain, &ours);
    raise(number);
    sigemptyset(&this);
    sigaddset(&this, number);
    pthread_sigmask(SIG_UNBLOCK, &this, &mask);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    sigaction(number, &ours, NULL);
    set_terminal(&without_lines);
    errno = error;
}

static void on_continue(int number)
{
    const int error = errno;
    (void)number;
    set_terminal(&without_lines);
    errno = error;
}

static void on_death(int number)
{
    const struct sigaction plain = {.sa_handler = SIG_DFL};
    keys_restore_terminal();
    sigaction(number, &plain, NULL);
    raise(number);
}

/* What is ignored, or somebody else's, stays so. */
static void catch_signal(int number, void (*handler)(int))
{
    struct sigaction ours = {.sa_handler = handler, .sa_flags = SA_RESTART}, was;
    if (sigaction(number, NULL, &was) == 0 && !(was.sa_flags & SA_SIGINFO) && was.sa_handler == SIG_DFL)
        sigaction(number, &ours, NULL);
}

void keys_catch_signals(void)
{
    const int deadly[] = {SIGHUP, SIGQUIT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
        catch_signal(deadly[i], on_death);
    catch_signal(SIGTSTP, on_stop);
    catch_signal(SIGCONT, on_continue);
}

/* ---- the keys ---- */

static void keep_keys(const char *typed, size_t count)
{
    pthread_mutex_lock(&pressed.lock);
    for (size_t i = 0; i < count && typed[i] != ESCAPE && pressed.count < MOST_KEYS; i++)
        if (typed[i])
            pressed.key[pressed.count++] = typed[i];
    pthread_mutex_unlock(&pressed.lock);
}

/* Arrows and their like come as several bytes that begin with an escape, not always at once: they mean nothing here. */
static void skip_sequence(void)
{
    struct pollfd terminal = {.fd = STDIN_FILENO, .events = POLLIN};
    char typed[MOST_KEYS];
    while (poll(&terminal, 1, SAME_KEY) > 0 && read(STDIN_FILENO, typed, sizeof typed) > 0)
        ;
}

static void *read_keys(void *unused)
{
    struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = reader.stop[0], .events = POLLIN}};
    char typed[MOST_KEYS];
    for (;;) {
        poll(fds, 2, -1);
        if (fds[1].revents)
            return unused;
        const ssize_t count = read(STDIN_FILENO, typed, sizeof typed);
        if (count > 0) {
            keep_keys(typed, (size_t)count);
            wh_wake(reader.session);
            if (memchr(typed, ESCAPE, (size_t)count))
                skip_sequence();
        } else if (count == 0 || fds[0].revents & (POLLHUP | POLLNVAL)) {
            return unused; /* the terminal is gone */
        } else {
            poll(&fds[1], 1, IN_BACKGROUND); /* SIGTTIN is blocked here, so reading fails */
        }
    }
}

static bool start_reader(void)
{
    sigset_t all, mask;
    if (pipe(reader.stop) != 0)
        return false;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask); /* signals belong to the main thread: they must wake wh_wait */
    const bool ok = pthread_create(&reader.thread, NULL, read_keys, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    if (!ok) {
        close(reader.stop[0]);
        close(reader.stop[1]);
    }
    return ok;
}

bool keys_start(wh_session *s)
{
    if (atomic_load(&is_started) || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
        tcgetattr(STDIN_FILENO, &before) != 0)
        return false;
    without_lines = before;
    without_lines.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    without_lines.c_cc[VMIN] = 1;
    without_lines.c_cc[VTIME] = 0;
    reader.session = s;
    if (!start_reader())
        return false;
    atomic_store(&is_started, true);
    set_terminal(&without_lines);
    return true;
}

void keys_stop(void)
{
    if (!atomic_load(&is_started))
        return;
    keys_restore_terminal();
    atomic_store(&is_started, false);
    close(reader.stop[1]); /* which its other end shows */
    pthread_join(reader.thread, NULL);
    close(reader.stop[0]);
}

char keys_next(void)
{
    pthread_mutex_lock(&pressed.lock);
    const char key = pressed.count ? pressed.key[0] : 0;
    if (pressed.count)
        memmove(pressed.key, pressed.key + 1, --pressed.count);
    pthread_mutex_unlock(&pressed.lock);
    return key;
}
