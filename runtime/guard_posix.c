/* guard_posix.c - guard.h by signals: a fault, or the watchdog's signal, jumps back to the frame that made the call.
 *
 * What a broken kernel can reach decides where things lie. The jump buffers are in a mapping of their own, not on the
 * stack that a kernel overwrites; the handler runs on a stack of its own, because the kernel's may be full; and padding
 * lies between the kernel's frames and ours, so that a smash of some hundred bytes meets nothing that we need.
 *
 * One word a thread says which call may be ended now: wh__guarded and wh__guard_enter set it, wh__guard_leave clears
 * it, and it never has the same value again. So no call needs a clock: the watchdog notes when it first saw a word, and
 * the handler ends the call only if the word is still the one that the watchdog meant. */
#define _GNU_SOURCE
#include "guard.h"
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define MOST_NESTED 4
#define ARMED ((uint64_t)15)            /* the bits of a word that say which frame; the others count */
#define STACK_SIZE ((size_t)256 * 1024) /* of the handlers: a host's crash reporter may run there too */
#define PADDING 1024                    /* bytes between the kernel's frames and ours */
#define MOST_WORDS 4096                 /* of the stack that are searched for an address in the kernel */
#define NEAR_STACK ((uintptr_t)8192)    /* bytes from the stack's end, where a full one faults */
#define MOST_TRIES 500 /* a millisecond each, of the watchdog to meet the thread in the kernel's own code */
#define UNCHECKED __attribute__((no_sanitize("address", "thread", "undefined")))

/* The compiler's own setjmp keeps where to go on, and the stack; the other registers lie beside the return address of
 * `returns`, behind the padding. The sanitizers have to see a jump, to forget the frames
 * that are gone. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED 0
#endif
#if defined(__x86_64__) && !SANITIZED
typedef void *way_back[5];
#define REMEMBER(back) __builtin_setjmp(back)
#define GO(back) __builtin_longjmp(back, 1)
#else
typedef sigjmp_buf way_back;
#define REMEMBER(back) sigsetjmp(back, 0)
#define GO(back) siglongjmp(back, 1)
#endif

typedef struct {
    way_back back;
    uintptr_t stack; /* where the kernel's frames begin, at the highest address */
    _Atomic double seconds;
    uint32_t float_modes; /* of the caller */
    int signal, code;     /* what happened */
    uintptr_t address, at, caller;
    sigset_t mask;
} frame;

struct wh__guard {
    struct wh__guard_now now;
    _Atomic uint64_t asked;   /* the word of the call that the watchdog wants to end; 0: the signal has arrived */
    atomic_bool insist;       /* end it wherever it is */
    volatile unsigned ending; /* number of the frame that the handler is about to jump to */
    unsigned depth;           /* frames in use */
    frame frames[MOST_NESTED];
    unsigned char *stack; /* of the handlers, unless the thread had its own */

    /* Under `watch`. */
    struct wh__guard *next;
    pthread_t thread;
    bool alive;    /* thread may be used */
    uint64_t seen; /* the word at the last look, since when, and the thread's own processor time then */
    double since, worked;
    int tries;
};

/* A signal, and what was there before us. */
typedef struct {
    int signal;
    bool placed; /* our handler is there, or somebody who came later may call it */
    struct sigaction old;
} place;

static place places[] = {{.signal = SIGSEGV}, {.signal = SIGBUS},  {.signal = SIGFPE},
                         {.signal = SIGILL},  {.signal = SIGABRT}, {.signal = 0}};
enum { PLACES = sizeof places / sizeof *places };
static place *const watchdog_place = &places[PLACES - 1]; /* whichever real-time signal is free */

static pthread_mutex_t installs = PTHREAD_MUTEX_INITIALIZER; /* taken before watch */
static unsigned install_count;
static atomic_bool installed;

static pthread_mutex_t watch = PTHREAD_MUTEX_INITIALIZER; /* whoever holds it may use thread handles */
static pthread_cond_t watch_changed;
static pthread_t watchdog;
static bool watching, stopping;
static atomic_bool asleep = true; /* the watchdog has to be woken */
static struct wh__guard *guards;  /* of all slots */

static __thread struct wh__guard *mine __attribute__((tls_model("initial-exec")));

/* --- the processor ------------------------------------------------------------------------------------------------ */

typedef struct {
    uintptr_t ip, sp;
} registers;

static registers interrupted(const void *context)
{
    const ucontext_t *u = context;
    (void)u;
#if defined(__x86_64__)
    return (registers){(uintptr_t)u->uc_mcontext.gregs[REG_RIP], (uintptr_t)u->uc_mcontext.gregs[REG_RSP]};
#elif defined(__aarch64__)
    return (registers){(uintptr_t)u->uc_mcontext.pc, (uintptr_t)u->uc_mcontext.sp};
#else
    return (registers){0, 0};
#endif
}

/* A signal handler starts with the default rounding and denormal modes; the host may have others, and a jump out of the
 * handler must give them back, or its numbers change from then on. */
static void save_float_modes(uint32_t *out)
{
#if defined(__x86_64__)
    __asm__ volatile("stmxcsr %0" : "=m"(*out)); /* the builtin would read back what has hardly been stored */
#elif defined(__aarch64__)
    uint64_t modes;
    __asm__ volatile("mrs %0, fpcr" : "=r"(modes));
    *out = (uint32_t)modes;
#else
    *out = 0;
#endif
}

static void set_float_modes(uint32_t modes)
{
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr(modes);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)modes));
#else
    (void)modes;
#endif
}

/* --- which call may be ended -------------------------------------------------------------------------------------- */

static struct wh__guard *guard_of(const wh__thread *t)
{
    return (struct wh__guard *)t->guard;
}

static unsigned armed(struct wh__guard *g)
{
    return (unsigned)(atomic_load_explicit(&g->now.word, memory_order_relaxed) & ARMED);
}

static void arm(struct wh__guard *g, unsigned number)
{
    wh__guard_arm(&g->now, number);
}

int wh__guard_leave(wh__thread *t)
{
    struct wh__guard *g = guard_of(t);
    if (!g)
        return 0;
    unsigned was = armed(g);
    arm(g, 0);
    return (int)was;
}

void wh__guard_enter(wh__thread *t, int was)
{
    if (t->guard)
        wh__guard_arm(t->guard, (unsigned)was);
}

/* --- the handlers ------------------------------------------------------------------------------------------------- */

static bool in_code(const struct wh__guard *g, uintptr_t address)
{
    return address >= g->now.begin && address < g->now.end;
}

/* The newest call in the code: the first word up the stack that is an address in it is where that call returns to. sp
 * may be anything after a wild jump: if it cannot be read, on_fault comes again, and jumps. */
static UNCHECKED uintptr_t find_call(const struct wh__guard *g, const frame *f, uintptr_t sp)
{
    uintptr_t at = (sp + sizeof(uintptr_t) - 1) & ~(uintptr_t)(sizeof(uintptr_t) - 1);
    for (int i = 0; i < MOST_WORDS && at < f->stack; i++, at += sizeof(uintptr_t)) {
        uintptr_t word = *(const volatile uintptr_t *)at;
        if (in_code(g, word - 1))
            return word - 1;
    }
    return 0;
}

/* Where a full stack ends it cannot be read, and a second fault is better avoided where the first says enough. */
static bool is_stack_full(const frame *f, uintptr_t sp)
{
    return f->address - (sp - NEAR_STACK) < 2 * NEAR_STACK;
}

/* The mask of the moment of the fault: a handler may have been called with more signals blocked. */
static _Noreturn void jump_back(struct wh__guard *g)
{
    frame *f = &g->frames[g->ending - 1];
    g->ending = 0;
    pthread_sigmask(SIG_SETMASK, &f->mask, NULL);
    GO(f->back);
}

static _Noreturn void end_call(struct wh__guard *g, int number, const siginfo_t *info, const void *context)
{
    unsigned n = armed(g);
    frame *f = &g->frames[n - 1];
    arm(g, 0);
    f->signal = number;
    f->code = info->si_code;
    f->address = number == SIGSEGV || number == SIGBUS ? (uintptr_t)info->si_addr : 0;
    const registers r = interrupted(context);
    f->at = in_code(g, r.ip) ? r.ip : 0;
    f->caller = 0;
    memcpy(&f->mask, &((const ucontext_t *)context)->uc_sigmask, sizeof f->mask);
    g->ending = n;
    f->caller = f->at && is_stack_full(f, r.sp) ? 0 : find_call(g, f, r.sp);
    if (!f->at)
        f->at = f->caller;
    jump_back(g);
}

static place *place_of(int number)
{
    place *p = places;
    while (p->signal != number)
        p++;
    return p;
}

static bool is_handler(const struct sigaction *a)
{
    return (a->sa_flags & SA_SIGINFO) || (a->sa_handler != SIG_DFL && a->sa_handler != SIG_IGN);
}

/* As the kernel would have called it. */
static void call_old(const struct sigaction *a, int number, siginfo_t *info, void *context)
{
    sigset_t during = a->sa_mask, before;
    if (!(a->sa_flags & SA_NODEFER))
        sigaddset(&during, number);
    pthread_sigmask(SIG_BLOCK, &during, &before);
    if (a->sa_flags & SA_SIGINFO)
        a->sa_sigaction(number, info, context);
    else
        a->sa_handler(number);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* The default action, with its real core file and exit status: a faulting instruction only has to fault again. */
static void die_by(int number, bool repeats)
{
    struct sigaction a = {.sa_handler = SIG_DFL};
    sigaction(number, &a, NULL);
    if (!repeats)
        raise(number);
}

static void pass_on(int number, siginfo_t *info, void *context)
{
    place *p = place_of(number);
    struct sigaction old = p->old;
    bool repeats = info->si_code > 0 && number != SIGABRT;
    if (is_handler(&old)) {
        if (old.sa_flags & (int)SA_RESETHAND)
            p->old = (struct sigaction){.sa_handler = SIG_DFL};
        call_old(&old, number, info, context);
    } else if (old.sa_handler == SIG_DFL || repeats) { /* no process may ignore its own faults */
        die_by(number, repeats);
    }
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    struct wh__guard *g = mine;
    if (g && g->ending)
        jump_back(g);
    bool from_here = info->si_code > 0 || info->si_pid == getpid(); /* else: kill by somebody */
    if (g && armed(g) && from_here)
        end_call(g, number, info, context);
    pass_on(number, info, context);
}

/* In malloc, say, the thread holds a lock, and a jump would leave it locked: better wait for the kernel's own code. */
static void on_overtime(int number, siginfo_t *info, void *context)
{
    (void)number;
    struct wh__guard *g = mine;
    if (!g || info->si_pid != getpid())
        return;
    uint64_t asked = atomic_exchange(&g->asked, 0), word = atomic_load_explicit(&g->now.word, memory_order_relaxed);
    if (word != asked || (word & ARMED) == 0)
        return;
    if (atomic_load(&g->insist) || in_code(g, interrupted(context).ip))
        end_call(g, 0, info, context);
}

/* --- the watchdog ------------------------------------------------------------------------------------------------- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static double work_of(struct wh__guard *g)
{
    clockid_t id;
    struct timespec t;
    if (pthread_getcpuclockid(g->thread, &id) != 0 || clock_gettime(id, &t) != 0)
        return 0;
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* On a busy machine a thread gets little of each second, and that is no fault of its kernel: what counts is how long it
 * worked. One that sleeps hardly works at all, and one that does a little of both has ten times as long. */
static bool is_over(struct wh__guard *g, double clock, double limit)
{
    double passed = clock - g->since;
    if (passed <= limit || g->tries > 0) /* our signals are work, too: what was over stays over */
        return passed > limit;
    double worked = work_of(g) - g->worked;
    return worked > 0.9 * limit || worked < 0.002 + 0.001 * passed || passed > 10 * limit;
}

/* Seconds until it wants to look again; 0: no call with a time limit. A signal that has not arrived yet is not sent
 * again: real-time signals queue. */
static double look_at(struct wh__guard *g, double clock)
{
    uint64_t word = atomic_load_explicit(&g->now.word, memory_order_acquire);
    if (!g->alive || (word & ARMED) == 0)
        return 0;
    double limit = atomic_load_explicit(&g->frames[(word & ARMED) - 1].seconds, memory_order_relaxed);
    if (!(limit > 0))
        return 0;
    if (word != g->seen) {
        g->seen = word;
        g->since = clock;
        g->worked = work_of(g);
        g->tries = 0;
    }
    if (!is_over(g, clock, limit))
        return clamp(limit / 8, 0.005, 0.1);
    if (atomic_load(&g->asked) == 0) {
        atomic_store(&g->insist, g->tries++ >= MOST_TRIES);
        atomic_store(&g->asked, word);
        pthread_kill(g->thread, watchdog_place->signal);
    }
    return 0.001;
}

static double look_at_all(double clock)
{
    double soonest = 0;
    for (struct wh__guard *g = guards; g; g = g->next) {
        double next = look_at(g, clock);
        if (next > 0 && (soonest <= 0 || next < soonest))
            soonest = next;
    }
    return soonest;
}

static void wait_changed(double seconds)
{
    double until = now() + seconds;
    struct timespec t = {.tv_sec = (time_t)until, .tv_nsec = (long)(1e9 * (until - (double)(time_t)until))};
    pthread_cond_timedwait(&watch_changed, &watch, &t);
}

/* It sleeps when there was no call for a second. A call arms first and looks at `asleep` then, without a fence: the two
 * may pass each other by some nanoseconds, so the watchdog looks once more, a tick after it said that it sleeps.
 * Its clock stands still while the process is stopped, in a debugger for instance. */
static void *keep_watch(void *unused)
{
    (void)unused;
    double clock = 0, last = now(), busy = 0, tick = 0.005;
    pthread_mutex_lock(&watch);
    while (!stopping) {
        double t = now();
        clock += clamp(t - last, 0, 2 * tick + 0.01);
        last = t;
        double next = look_at_all(clock);
        if (next > 0) {
            busy = clock;
            tick = next;
            atomic_store(&asleep, false);
        } else if (atomic_load(&asleep)) {
            while (atomic_load(&asleep) && !stopping)
                pthread_cond_wait(&watch_changed, &watch);
            busy = clock;
            last = now();
            continue;
        } else if (clock - busy > 1) {
            atomic_store(&asleep, true);
        }
        wait_changed(tick);
    }
    pthread_mutex_unlock(&watch);
    return NULL;
}

/* Under `watch`. Signals of the host are for the host's threads. */
static int start_watchdog(void)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&watch_changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    stopping = false;
    int failed = pthread_create(&watchdog, NULL, keep_watch, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    watching = !failed;
    atomic_store(&asleep, failed != 0);
    return failed;
}

static void stop_watchdog(void)
{
    pthread_mutex_lock(&watch);
    bool was = watching;
    watching = false;
    stopping = true;
    if (was)
        pthread_cond_signal(&watch_changed);
    pthread_mutex_unlock(&watch);
    if (!was)
        return;
    pthread_join(watchdog, NULL);
    pthread_cond_destroy(&watch_changed);
    atomic_store(&asleep, true);
}

/* The call is not armed meanwhile: it must not be ended with the lock in its hands. A child after fork() has no
 * watchdog until it needs one. */
static __attribute__((noinline)) void wake_watchdog(struct wh__guard *g)
{
    unsigned was = armed(g);
    arm(g, 0);
    pthread_mutex_lock(&watch);
    if (watching) {
        atomic_store(&asleep, false);
        pthread_cond_signal(&watch_changed);
    } else if (atomic_load(&installed)) {
        start_watchdog();
    }
    pthread_mutex_unlock(&watch);
    arm(g, was);
}

static void before_fork(void)
{
    pthread_mutex_lock(&installs);
    pthread_mutex_lock(&watch);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&watch);
    pthread_mutex_unlock(&installs);
}

/* The child has the calling thread only. */
static void child_begins(void)
{
    watching = false;
    atomic_store(&asleep, true);
    for (struct wh__guard *g = guards; g; g = g->next) {
        atomic_store(&g->asked, 0);
        if (g != mine) {
            g->alive = false;
            g->depth = 0;
            arm(g, 0);
        }
    }
    after_fork();
}

/* --- install and remove ------------------------------------------------------------------------------------------- */

static void (*handler_of(const place *p))(int, siginfo_t *, void *)
{
    return p == watchdog_place ? on_overtime : on_fault;
}

static bool is_ours(const place *p, const struct sigaction *a)
{
    return (a->sa_flags & SA_SIGINFO) && a->sa_sigaction == handler_of(p);
}

/* A handler that came after ours may call ours: in front of it, each would call the other for ever. */
static bool put_handler(place *p)
{
    struct sigaction ours = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER, .sa_sigaction = handler_of(p)}, was;
    if (sigaction(p->signal, NULL, &was) != 0)
        return false;
    if (is_ours(p, &was) || (p->placed && is_handler(&was)))
        return true;
    p->old = was;
    p->placed = sigaction(p->signal, &ours, NULL) == 0;
    return p->placed;
}

/* false: somebody else's is over ours. The watchdog may have sent a signal that has not arrived, and by default it
 * kills: SIG_IGN throws it away. */
static bool take_handler(place *p)
{
    struct sigaction was, ignore = {.sa_handler = SIG_IGN};
    if (!p->placed)
        return true;
    if (sigaction(p->signal, NULL, &was) != 0 || !is_ours(p, &was))
        return false;
    if (p == watchdog_place)
        sigaction(p->signal, &ignore, NULL);
    sigaction(p->signal, &p->old, NULL);
    p->placed = false;
    return true;
}

static void stay_loaded(void)
{
    Dl_info self;
    if (dladdr((void *)(uintptr_t)on_fault, &self) && self.dli_fname)
        (void)!dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

static void take_handlers(void)
{
    bool all = true;
    for (place *p = places; p < places + PLACES; p++)
        all &= take_handler(p);
    if (!all)
        stay_loaded();
}

static bool choose_signal(void)
{
    if (watchdog_place->placed)
        return true;
    for (int i = SIGRTMAX; i >= SIGRTMIN; i--) {
        struct sigaction was;
        if (sigaction(i, NULL, &was) != 0 || is_handler(&was) || was.sa_handler != SIG_DFL)
            continue;
        watchdog_place->signal = i;
        return true;
    }
    return false;
}

static bool put_handlers(char *why, size_t why_size)
{
    if (!choose_signal()) {
        snprintf(why, why_size, "no real-time signal is free for the watchdog");
        return false;
    }
    for (place *p = places; p < places + PLACES; p++)
        if (!put_handler(p)) {
            snprintf(why, why_size, "no handler for signal %d: %s", p->signal, strerror(errno));
            take_handlers();
            return false;
        }
    return true;
}

static bool install(char *why, size_t why_size)
{
    if (!put_handlers(why, why_size))
        return false;
    pthread_mutex_lock(&watch);
    int failed = start_watchdog();
    pthread_mutex_unlock(&watch);
    if (failed) {
        snprintf(why, why_size, "the watchdog's thread does not start: %s", strerror(failed));
        take_handlers();
    }
    return !failed;
}

static void set_up_fork(void)
{
    pthread_atfork(before_fork, after_fork, child_begins);
}

bool wh__guard_install(char *why, size_t why_size)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_up_fork);
    pthread_mutex_lock(&installs);
    bool works = install_count > 0 || install(why, why_size);
    install_count += works;
    atomic_store(&installed, install_count > 0);
    pthread_mutex_unlock(&installs);
    return works;
}

void wh__guard_remove(void)
{
    pthread_mutex_lock(&installs);
    if (install_count > 0 && --install_count == 0) {
        atomic_store(&installed, false);
        stop_watchdog();
        take_handlers();
    }
    pthread_mutex_unlock(&installs);
}

/* --- a thread ----------------------------------------------------------------------------------------------------- */

/* no access | stack of the handlers | guard. Zeros are a guard that nobody uses. */
static struct wh__guard *new_guard(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = page + STACK_SIZE + sizeof(struct wh__guard);
    unsigned char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    mprotect(at, page, PROT_NONE);
    struct wh__guard *g = (struct wh__guard *)(at + page + STACK_SIZE);
    g->stack = at + page;
    pthread_mutex_lock(&watch);
    g->next = guards;
    guards = g;
    pthread_mutex_unlock(&watch);
    return g;
}

/* A fault whose signal is blocked kills the process, and a watchdog whose signal is blocked is none. */
static void unblock(void)
{
    sigset_t ours;
    sigemptyset(&ours);
    for (const place *p = places; p < places + PLACES; p++)
        sigaddset(&ours, p->signal);
    pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
}

static __attribute__((noinline)) struct wh__guard *prepare(wh__thread *t)
{
    struct wh__guard *g = t->guard ? guard_of(t) : new_guard();
    stack_t has;
    if (!g)
        return NULL;
    t->guard = &g->now;
    if (sigaltstack(NULL, &has) == 0 && (has.ss_flags & SS_DISABLE))
        sigaltstack(&(stack_t){.ss_sp = g->stack, .ss_size = STACK_SIZE}, NULL);
    unblock();
    pthread_mutex_lock(&watch);
    g->thread = pthread_self();
    g->alive = true;
    pthread_mutex_unlock(&watch);
    return mine = g;
}

/* A kernel may have ended the thread by pthread_exit: then a frame is still in use. */
void wh__guard_forget(wh__thread *t)
{
    struct wh__guard *g = guard_of(t);
    stack_t has;
    if (!g)
        return;
    arm(g, 0);
    g->depth = 0;
    pthread_mutex_lock(&watch);
    g->alive = false;
    atomic_store(&g->asked, 0);
    pthread_mutex_unlock(&watch);
    if (sigaltstack(NULL, &has) == 0 && has.ss_sp == g->stack)
        sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    mine = NULL;
}

/* --- a call ------------------------------------------------------------------------------------------------------- */

typedef struct {
    void (*work)(void *context, uint32_t i);
    void *context;
    uint32_t i;
} work;

/* The padding lies above the kernel's frames, below our return address and the frame that the jump goes back to. */
static __attribute__((noinline)) UNCHECKED void call_padded(frame *f, const work *w)
{
    unsigned char padding[PADDING];
    __asm__ volatile("" : : "r"(padding) : "memory");
    f->stack = (uintptr_t)padding;
    w->work(w->context, w->i);
    __asm__ volatile("" : : "r"(padding) : "memory"); /* or the call would be the last thing, and the padding gone */
}

/* Apart from wh__guarded: nothing here changes between the two returns of REMEMBER. */
static __attribute__((noinline)) bool returns(struct wh__guard *g, unsigned number, bool open, const work *w)
{
    frame *f = &g->frames[number - 1];
    if (REMEMBER(f->back) != 0)
        return false;
    if (open)
        arm(g, number);
    if (atomic_load_explicit(&asleep, memory_order_relaxed) &&
        atomic_load_explicit(&f->seconds, memory_order_relaxed) > 0)
        wake_watchdog(g);
    call_padded(f, w);
    return true;
}

static const char *name_of(int number)
{
    return number == SIGSEGV ? "SIGSEGV" : number == SIGBUS ? "SIGBUS" : number == SIGFPE ? "SIGFPE" : "SIGILL";
}

static void describe(const frame *f, wh__fault *fault)
{
    *fault = (wh__fault){.signal = f->signal, .address = f->address, .at = f->at, .caller = f->caller};
    char *text = fault->text;
    size_t size = sizeof fault->text;
    const char *name = name_of(f->signal);
    if (f->signal == 0)
        snprintf(text, size, "it ran longer than %g s", atomic_load(&f->seconds));
    else if (f->signal == SIGABRT)
        snprintf(text, size, "SIGABRT: abort was called");
    else if (f->code <= 0)
        snprintf(text, size, "%s: it was raised", name);
    else if (f->signal == SIGFPE)
        snprintf(text, size, "SIGFPE: it divided by zero, or the result has no room");
    else if (f->signal == SIGILL)
        snprintf(text, size, "SIGILL: it ran what is no instruction");
    else if (f->code == SI_KERNEL)
        snprintf(text, size, "%s: it used an address that cannot exist", name);
    else
        snprintf(text, size, "%s: it touched address 0x%jx", name, (uintmax_t)f->address);
}

static bool refuse(wh__fault *fault, const char *why)
{
    *fault = (wh__fault){0};
    snprintf(fault->text, sizeof fault->text, "%s", why);
    return false;
}

static inline __attribute__((always_inline)) bool guarded(wh__thread *t, const wh__guarded_code *code, bool open,
                                                          const work *w, wh__fault *fault)
{
    t->region = open ? -1 : 0;
    if (!atomic_load_explicit(&installed, memory_order_relaxed)) {
        w->work(w->context, w->i);
        return true;
    }
    struct wh__guard *g = mine ? mine : prepare(t);
    if (!g)
        return refuse(fault, "memory is short");
    const unsigned depth = g->depth, was = armed(g);
    const uintptr_t begin = g->now.begin, end = g->now.end;
    if (depth == MOST_NESTED)
        return refuse(fault, "guarded calls are nested too deeply");
    frame *f = &g->frames[depth];
    g->depth = depth + 1;
    g->now.begin = code->begin;
    g->now.end = code->end;
    save_float_modes(&f->float_modes);
    atomic_store_explicit(&f->seconds, code->seconds, memory_order_relaxed);
    t->region = open ? -1 : (int)depth + 1;
    bool returned = returns(g, depth + 1, open, w);
    g->depth = depth;
    g->now.begin = begin;
    g->now.end = end;
    if (open || was || !returned)
        arm(g, was);
    if (!returned) {
        set_float_modes(f->float_modes);
        describe(f, fault);
    }
    return returned;
}

typedef struct {
    void (*call)(void *context);
    void *context;
} one_call;

static void call_one(void *context, uint32_t i)
{
    const one_call *c = context;
    (void)i;
    c->call(c->context);
}

bool wh__guarded(wh__thread *t, const wh__guarded_code *code, void (*call)(void *context), void *context,
                 wh__fault *fault)
{
    const int region = t->region;
    const bool returned = guarded(t, code, true, &(work){call_one, &(one_call){call, context}, 0}, fault);
    t->region = region;
    return returned;
}

bool wh__guarded_region(wh__thread *t, double seconds, void (*run)(void *context, uint32_t i), void *context,
                        uint32_t i, wh__fault *fault)
{
    const bool returned = guarded(t, &(wh__guarded_code){0, 0, seconds}, false, &(work){run, context, i}, fault);
    t->region = -1;
    return returned;
}
