/* fault.c - how a trial ends badly: a signal, the clock, or a check. The verdict goes to the host and the process ends
 * at once; exit handlers, destructors and what else the kernel left behind do not run. */
#define _GNU_SOURCE
#include "helper.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#define WORDS_OF_STACK 512 /* that are searched for the kernel's call */

static wh__progress nowhere, *at = &nowhere;
static char limit_text[48];
static double half_over;
static wh_path library;
static uintptr_t stack_top;
static char handler_stack[65536];

void wh__answer(const wh__reply *r)
{
    while (send(WH_CANARY_SOCKET, r, sizeof *r, MSG_NOSIGNAL) < 0 && errno == EINTR)
        ;
}

void wh__now_at(const char *who, const char *when)
{
    snprintf(at->who, sizeof at->who, "%s", who);
    snprintf(at->when, sizeof at->when, "%s", when);
}

static _Noreturn void reject(const char *format, va_list list, bool here)
{
    wh__reply r = {.size = sizeof r};
    int used = snprintf(r.text, sizeof r.text, "%s%s", at->who, at->who[0] ? ": " : "");
    used += vsnprintf(r.text + used, sizeof r.text - (size_t)used, format, list);
    if (here && (size_t)used < sizeof r.text)
        snprintf(r.text + used, sizeof r.text - (size_t)used, " %s", at->when);
    wh__answer(&r);
    _exit(0);
}

void wh__reject(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    reject(format, list, false);
}

void wh__reject_here(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    reject(format, list, true);
}

/* ---- in a signal handler: nothing here allocates or takes a lock ---- */

static void put(wh__reply *r, const char *text)
{
    size_t n = strnlen(r->text, sizeof r->text - 1);
    while (*text && n < sizeof r->text - 1)
        r->text[n++] = *text++;
    r->text[n] = 0;
}

static void put_address(wh__reply *r, uintptr_t a)
{
    char digits[2 + 16 + 1], *d = digits + sizeof digits - 1;
    *d = 0;
    do
        *--d = "0123456789abcdef"[a & 15];
    while (a >>= 4);
    *--d = 'x';
    *--d = '0';
    put(r, d);
}

static uintptr_t parse_hex(const char **s)
{
    uintptr_t value = 0;
    for (;; (*s)++) {
        const char c = **s;
        const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return value;
        value = value << 4 | (uintptr_t)digit;
    }
}

typedef struct {
    uintptr_t base, begin, end; /* of the file; of its code */
} code_range;

/* "7f00-7f10 r-xp 00001000 00:01 42   /folder/file.so" */
static void take_line(const char *line, code_range *c)
{
    const char *s = line;
    const uintptr_t begin = parse_hex(&s);
    s += *s == '-';
    const uintptr_t end = parse_hex(&s);
    const char *path = strchr(s, '/');
    if (!path || strncmp(path, library.s, strlen(library.s)) != 0)
        return;
    if (!c->base)
        c->base = begin;
    if (s[0] == ' ' && s[3] != 'x')
        return;
    if (!c->begin)
        c->begin = begin;
    c->end = end;
}

/* From the system's own list: the loader's may be locked, or not finished while constructors run. */
static code_range find_code(void)
{
    static char text[8192];
    code_range c = {0, 0, 0};
    size_t used = 0;
    const int file = library.s[0] ? open("/proc/self/maps", O_RDONLY | O_CLOEXEC) : -1;
    for (ssize_t n; file >= 0 && (n = read(file, text + used, sizeof text - 1 - used)) > 0;) {
        used += (size_t)n;
        text[used] = 0;
        char *line = text;
        for (char *end; (end = strchr(line, '\n')); line = end + 1) {
            *end = 0;
            take_line(line, &c);
        }
        used = (size_t)(text + used - line);
        if (used == sizeof text - 1)
            used = 0;
        memmove(text, line, used);
    }
    if (file >= 0)
        close(file);
    return c;
}

static void registers(const ucontext_t *u, uintptr_t *instruction, uintptr_t *stack)
{
#if defined(__x86_64__)
    *instruction = (uintptr_t)u->uc_mcontext.gregs[REG_RIP];
    *stack = (uintptr_t)u->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
    *instruction = (uintptr_t)u->uc_mcontext.pc;
    *stack = (uintptr_t)u->uc_mcontext.sp;
#else
    (void)u;
    *instruction = *stack = 0;
#endif
}

/* The newest call on the stack that is the library's; 0: none. */
static uint64_t call_offset(const code_range *c, uintptr_t stack)
{
    uintptr_t word[WORDS_OF_STACK];
    struct iovec to = {word, sizeof word}, from = {(void *)(stack & ~(uintptr_t)7), sizeof word};
    if (stack < stack_top && stack_top - from.iov_len < (uintptr_t)from.iov_base)
        from.iov_len = stack_top - (uintptr_t)from.iov_base;
    const ssize_t n = process_vm_readv(getpid(), &to, 1, &from, 1, 0); /* reads what may not be there */
    for (ssize_t i = 0; i < n / (ssize_t)sizeof *word; i++)
        if (word[i] > c->begin && word[i] < c->end)
            return word[i] - 1 - c->base; /* the call is before where it returns to */
    return 0;
}

/* The instruction, when it is the library's, and the call that led to it. */
static void put_offsets(wh__reply *r, const ucontext_t *u)
{
    const code_range c = find_code();
    uintptr_t instruction, stack;
    registers(u, &instruction, &stack);
    r->caller = call_offset(&c, stack);
    r->offset = instruction >= c.begin && instruction < c.end ? instruction - c.base : r->caller;
}

static bool is_stack_overflow(uintptr_t address)
{
    struct rlimit most;
    if (getrlimit(RLIMIT_STACK, &most) != 0 || most.rlim_cur == RLIM_INFINITY)
        return false;
    const uintptr_t depth = stack_top - address, limit = most.rlim_cur;
    return address < stack_top && depth > limit - limit / 16 && depth < limit + (16u << 20);
}

static void put_touch(wh__reply *r, uintptr_t address, uintptr_t instruction)
{
    const wh__guarded_array *a = wh__array_at(address);
    if (a) {
        const bool inside = address >= (uintptr_t)a->page && address < (uintptr_t)a->page + a->page_size;
        put(r, inside                          ? "it wrote to "
               : address >= (uintptr_t)a->page ? "it went past the end of "
                                               : "it went before the start of ");
        put(r, a->name);
        put(r, inside ? ", which it may only read" : "");
    } else if (is_stack_overflow(address)) {
        put(r, "its stack overflowed");
    } else {
        put(r, address == instruction ? "it jumped to address " : "it touched address ");
        put_address(r, address);
    }
}

static void put_detail(wh__reply *r, const siginfo_t *i, const ucontext_t *u)
{
    uintptr_t instruction, stack;
    registers(u, &instruction, &stack);
    put(r, ": ");
    if (i->si_signo == SIGSEGV || i->si_signo == SIGBUS)
        put_touch(r, (uintptr_t)i->si_addr, instruction);
    else if (i->si_signo == SIGFPE)
        put(r, i->si_code == FPE_INTDIV ? "it divided an integer by zero" : "an arithmetic error");
    else if (i->si_signo == SIGILL)
        put(r, "it ran into what is no instruction");
    else
        put(r, "it called abort, or the C library found its memory spoiled");
}

static const char *signal_name(int number)
{
    return number == SIGSEGV  ? "SIGSEGV"
           : number == SIGBUS ? "SIGBUS"
           : number == SIGFPE ? "SIGFPE"
           : number == SIGILL ? "SIGILL"
                              : "SIGABRT";
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    wh__reply r = {.size = sizeof r, .late = number == SIGALRM, .signal = number == SIGALRM ? 0 : number};
    put_offsets(&r, context);
    put(&r, at->who);
    put(&r, at->who[0] ? ": " : "");
    put(&r, number == SIGALRM ? limit_text : signal_name(number));
    put(&r, " ");
    put(&r, at->when);
    if (number != SIGALRM)
        put_detail(&r, info, context);
    wh__answer(&r);
    _exit(0);
}

/* SA_RESETHAND: a second fault, in the handler, ends the process, and the host says what it can. */
void wh__fault_install(void)
{
    static const int caught[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};
    const stack_t stack = {.ss_sp = handler_stack, .ss_size = sizeof handler_stack};
    struct sigaction a = {.sa_sigaction = on_signal, .sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND)};
    stack_top = (uintptr_t)__builtin_frame_address(0) + 4096;
    sigaltstack(&stack, NULL);
    sigfillset(&a.sa_mask);
    for (int i = 0; i < 5; i++)
        sigdelset(&a.sa_mask, caught[i]);
    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++)
        sigaction(caught[i], &a, NULL);
}

void wh__fault_library(const char *path)
{
    if (!wh__path_real(&library, path))
        library.s[0] = 0;
}

static void set_clock(double seconds)
{
    const struct itimerval t = {
        .it_value = {.tv_sec = (time_t)seconds, .tv_usec = (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6)}};
    setitimer(ITIMER_REAL, &t, NULL);
}

void wh__fault_begin(wh__progress *shared, double seconds)
{
    at = shared;
    library.s[0] = 0;
    snprintf(limit_text, sizeof limit_text, "it ran longer than %g s", seconds);
    half_over = wh__now() + seconds / 2;
    set_clock(seconds > 0.001 ? seconds : 0.001);
}

bool wh__fault_half_over(void)
{
    return wh__now() >= half_over;
}

void wh__fault_end(void)
{
    set_clock(0);
    at = &nowhere;
}
