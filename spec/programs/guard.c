/* guard.c - breaks kernels in every way that the guard promises to survive, and says what happened in one line.
 * Usage: guard NAME; `guard price` prints nanoseconds. Compiled with runtime/thread.c and runtime/guard_posix.c. */
#define _GNU_SOURCE
#include "../../runtime/guard.h"
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZER "address"
#elif defined(__SANITIZE_THREAD__)
#define SANITIZER "thread"
#else
#define SANITIZER "none"
#endif

/* What a call held that was ended is lost, and no mistake. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

/* What plays the kernel: code of a section of its own, whose bounds the linker knows, that no sanitizer watches. */
#define KERNEL                                                                                                         \
    static __attribute__((noinline, section("kernel_text"), no_sanitize("address", "thread", "undefined"),             \
                          no_stack_protector))
extern char __start_kernel_text[], __stop_kernel_text[];

static wh__thread *self;
static volatile int zero;
static wh__fault fault;

static wh__guarded_code code(double seconds)
{
    return (wh__guarded_code){(uintptr_t)__start_kernel_text, (uintptr_t)__stop_kernel_text, seconds};
}

static bool guarded(void (*call)(void *), void *context, double seconds)
{
    wh__guarded_code c = code(seconds);
    return wh__guarded(wh__thread_self(), &c, call, context, &fault);
}

static void start(void)
{
    char why[128] = "";
    if (!wh__guard_install(why, sizeof why)) {
        printf("install: %s\n", why);
        exit(2);
    }
    self = wh__thread_self();
}

/* --- the kernels -------------------------------------------------------------------------------------------------- */

KERNEL void good(void *context)
{
    *(int *)context += 1;
}

KERNEL void null(void *unused)
{
    volatile int *volatile p = NULL; /* volatile twice, or the compiler sees that it is NULL */
    (void)unused;
    *p = 1;
}

KERNEL void divide(void *unused)
{
    (void)unused;
    zero = 5 / zero;
}

KERNEL void bus(void *page)
{
    *(volatile char *)page = 1;
}

KERNEL void illegal(void *unused)
{
    (void)unused;
    __builtin_trap();
}

KERNEL void aborts(void *unused)
{
    (void)unused;
    abort();
}

KERNEL int recurse(int n)
{
    volatile char b[4096];
    b[0] = (char)n;
    return n < 0 ? 0 : recurse(n + 1) + b[0];
}

KERNEL void overflow(void *unused)
{
    (void)unused;
    zero = recurse(0) * 0;
}

KERNEL void jump(void *unused)
{
    void (*volatile f)(void) = (void (*)(void))(uintptr_t)0x1234;
    (void)unused;
    f();
    zero = 0;
}

KERNEL void smash(void *unused)
{
    volatile char b[16];
    volatile char *volatile at = b;
    (void)unused;
    for (int i = 0; i < 300; i++)
        at[i] = 0x41;
}

KERNEL void loop(void *unused)
{
    (void)unused;
    while (!zero)
        ;
}

KERNEL void hang_in_malloc(void *unused)
{
    (void)unused;
    while (!zero) {
        void *volatile p = malloc(64);
        free(p);
    }
}

KERNEL void pauses(void *unused)
{
    (void)unused;
    for (;;)
        pause();
}

KERNEL void free_twice(void *unused)
{
    void *volatile p = malloc(40);
    (void)unused;
    free(p);
    free(p);
}

KERNEL void run_off(void *unused)
{
    volatile float *x = wh__thread_self()->arrays->x;
    (void)unused;
    for (int i = 0; i < 1000000000; i++)
        x[i] = 1;
}

KERNEL void run_before(void *unused)
{
    volatile float *x = wh__thread_self()->arrays->x;
    (void)unused;
    for (int i = 0; i < 1000000000; i++)
        x[-i] = 1;
}

KERNEL void ends_thread(void *unused)
{
    (void)unused;
    pthread_exit(NULL);
}

/* --- what comes after --------------------------------------------------------------------------------------------- */

static bool ordinary_work(void)
{
    int count = 0;
    for (int i = 0; i < 1000; i++) {
        unsigned char *p = malloc((size_t)i * 7 + 1);
        if (!p)
            return false;
        memset(p, 1, (size_t)i * 7 + 1);
        free(p);
        guarded(good, &count, 0);
    }
    char text[32];
    FILE *f = tmpfile();
    bool wrote = f && fprintf(f, "%d", count) == 4;
    if (f)
        rewind(f);
    bool same = wrote && fgets(text, sizeof text, f) && strcmp(text, "1000") == 0;
    if (f)
        fclose(f);
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    bool open = !sigismember(&mask, SIGSEGV) && !sigismember(&mask, SIGABRT) && !sigismember(&mask, SIGUSR1);
    return same && open && !guarded(null, NULL, 0) && fault.signal == SIGSEGV;
}

static const char *where(void)
{
    wh__guarded_code c = code(0);
    return fault.at == 0 ? "nowhere" : fault.at >= c.begin && fault.at < c.end ? "in the kernel" : "outside";
}

static int one(void (*call)(void *), void *context, double seconds)
{
    start();
    bool returned = guarded(call, context, seconds);
    printf("%s; at: %s", returned ? "it returned" : fault.text, where());
    printf("; work: %s\n", ordinary_work() ? "right" : "wrong");
    wh__guard_remove();
    return 0;
}

static int fails(const char *name, void (*call)(void *))
{
    struct {
        const char *name, *not_under;
    } reports[] = {{"overflow", "address"}, {"smash", "address"}, {"free", "address"}, {"overflow", "thread"},
                   {"malloc", "address"},   {"free", "thread"},   {"loop", "thread"}};
    for (size_t i = 0; i < sizeof reports / sizeof *reports; i++)
        if (strcmp(name, reports[i].name) == 0 && strcmp(SANITIZER, reports[i].not_under) == 0)
            return puts("skipped"), 0;
    return one(call, NULL,
               strcmp(name, "loop") == 0 || strcmp(name, "malloc") == 0 || strcmp(name, "pause") == 0 ? 0.2 : 0);
}

static int past_the_end(void)
{
    FILE *f = tmpfile();
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (!f || ftruncate(fileno(f), (off_t)page) != 0)
        return 2;
    char *at = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(f), 0);
    int status = one(bus, at + page, 0);
    printf("address: %s\n", at == MAP_FAILED ? "none" : "mapped");
    return status;
}

/* A kernel calls ours, ours calls another kernel, and so on. */
KERNEL void outer(void *levels)
{
    int was = wh__guard_leave(wh__thread_self());
    if (--*(int *)levels >= 0) {
        bool returned = guarded(outer, levels, 0);
        printf("%s, ", returned ? "returned" : fault.text);
    }
    wh__guard_enter(wh__thread_self(), was);
    if (*(int *)levels < 0)
        null(NULL);
}

static int nested(int levels)
{
    start();
    bool returned = guarded(outer, &levels, 0);
    printf("%s; work: %s\n", returned ? "returned" : fault.text, ordinary_work() ? "right" : "wrong");
    return 0;
}

/* --- handlers of the host ----------------------------------------------------------------------------------------- */

static sigjmp_buf host_way;
static volatile int host_called, host_blocked;

static void host_handler(int number, siginfo_t *info, void *context)
{
    sigset_t mask;
    (void)info, (void)context;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    host_blocked = sigismember(&mask, SIGUSR1) && sigismember(&mask, number);
    host_called++;
    siglongjmp(host_way, 1);
}

static void set_host_handler(struct sigaction *old)
{
    struct sigaction a = {.sa_flags = SA_SIGINFO | SA_ONSTACK, .sa_sigaction = host_handler};
    sigemptyset(&a.sa_mask);
    sigaddset(&a.sa_mask, SIGUSR1);
    sigaction(SIGSEGV, &a, old);
}

KERNEL void fault_in_ours(void *unused)
{
    int was = wh__guard_leave(self);
    if (sigsetjmp(host_way, 1) == 0)
        null(unused);
    wh__guard_enter(self, was);
    null(unused);
}

static int leave(void)
{
    set_host_handler(NULL);
    start();
    bool returned = guarded(fault_in_ours, NULL, 0);
    printf("the host's handler: %d, blocked %d; %s; work: %s\n", host_called, host_blocked,
           returned ? "returned" : fault.text, ordinary_work() ? "right" : "wrong");
    return 0;
}

/* Ours, the host's over it, and ours once more: a fault of the host's comes to its handler, once. */
static int install(void)
{
    start();
    start();
    wh__guard_remove();
    bool counted = !guarded(null, NULL, 0);
    wh__guard_remove();
    wh__guard_remove();
    set_host_handler(NULL);
    start();
    start();
    bool works = !guarded(null, NULL, 0);
    if (sigsetjmp(host_way, 1) == 0)
        null(NULL);
    printf("counted %d, works %d, the host's handler: %d; work: %s\n", counted, works, host_called,
           ordinary_work() ? "right" : "wrong");
    return 0;
}

static struct sigaction below;

static void host_passes_on(int number, siginfo_t *info, void *context)
{
    if (++host_called > 10)
        _exit(9);
    below.sa_sigaction(number, info, context);
}

/* The host's handler came after ours and calls it; ours is removed and installed again meanwhile. */
static int behind(void)
{
    signal(SIGSEGV, SIG_DFL); /* a sanitizer has its own */
    start();
    struct sigaction a = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER, .sa_sigaction = host_passes_on}, now;
    sigaction(SIGSEGV, &a, &below);
    wh__guard_remove();
    sigaction(SIGSEGV, NULL, &now);
    bool left = now.sa_sigaction == host_passes_on;
    start();
    bool ends = !guarded(null, NULL, 0);
    printf("left %d, ends %d, passed on %d\n", left, ends, host_called);
    fflush(stdout);
    null(NULL);
    return 0;
}

static int restore(void)
{
    struct sigaction now;
    set_host_handler(NULL);
    start();
    sigaction(SIGSEGV, NULL, &now);
    bool ours = now.sa_sigaction != host_handler;
    wh__guard_remove();
    sigaction(SIGSEGV, NULL, &now);
    bool back = now.sa_sigaction == host_handler;
    for (int i = SIGRTMIN; i <= SIGRTMAX; i++) {
        sigaction(i, NULL, &now);
        back = back && now.sa_handler == SIG_DFL;
    }
    printf("ours %d, back %d\n", ours, back);
    return 0;
}

/* --- processes that die as they would have without us ------------------------------------------------------------- */

static void die_null(void)
{
    null(NULL);
}

static void die_abort(void)
{
    abort();
}

static void die_killed(void)
{
    kill(getpid(), SIGSEGV);
}

static void die_ignored(void)
{
    null(NULL);
}

static int status_of(void (*die)(void), bool ignored)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        for (int s = 1; s < 32; s++)
            signal(s, ignored && s == SIGSEGV ? SIG_IGN : SIG_DFL); /* a sanitizer has its own */
        start();
        int count = 0;
        if (guarded(null, NULL, 0) || !guarded(good, &count, 0))
            _exit(3);
        die();
        _exit(4);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

static int crash(void)
{
    bool right = status_of(die_null, false) == SIGSEGV && status_of(die_abort, false) == SIGABRT &&
                 status_of(die_killed, false) == SIGSEGV && status_of(die_ignored, true) == SIGSEGV &&
                 status_of(die_killed, true) == -4;
    printf("each died of its own signal: %d\n", right);
    return 0;
}

/* A child of a process whose watchdog runs: faults and the time limit work there too. */
static int forked(void)
{
    start();
    guarded(null, NULL, 1);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        bool fault_ends = !guarded(null, NULL, 0);
        bool time_ends = strcmp(SANITIZER, "thread") == 0 || (!guarded(loop, NULL, 0.05) && fault.signal == 0);
        _exit(fault_ends && time_ends && ordinary_work() ? 0 : 1);
    }
    int status = 1;
    waitpid(child, &status, 0);
    printf("the child: %d; work: %s\n", WEXITSTATUS(status), ordinary_work() ? "right" : "wrong");
    wh__guard_remove();
    return 0;
}

/* --- threads ------------------------------------------------------------------------------------------------------ */

enum { THREADS = 8, FAULTS = 2000 };
static _Atomic(void *) shared;

static void *fault_often(void *count)
{
    wh__thread *t = wh__thread_self();
    wh__guarded_code c = code(5);
    wh__fault f;
    int good_calls = 0;
    for (int i = 0; i < FAULTS; i++) {
        void *p = wh__pin_pointer(t, &shared);
        bool right = p == &zero && wh__is_pinned(p);
        right = right && !wh__guarded(t, &c, i % 2 ? null : divide, NULL, &f) && f.signal == (i % 2 ? SIGSEGV : SIGFPE);
        right = right && wh__guarded(t, &c, good, &good_calls, &f);
        wh__unpin_pointer(t);
        *(int *)count += right;
    }
    return t;
}

static int threads(void)
{
    pthread_t thread[THREADS];
    int count[THREADS] = {0}, all = 0;
    start();
    atomic_store(&shared, (void *)&zero);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, fault_often, &count[i]);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        all += count[i];
    }
    printf("%d of %d right, pinned %d; work: %s\n", all, THREADS * FAULTS, wh__is_pinned((void *)&zero),
           ordinary_work() ? "right" : "wrong");
    wh__guard_remove();
    return 0;
}

/* A destructor that runs after the slot was given back, and cooks. */
static pthread_key_t late;
static atomic_int late_right;

static void cooks_late(void *rounds)
{
    int count = 0;
    wh__guarded_code c = code(0);
    wh__fault f;
    wh__thread *t = wh__thread_self();
    late_right += !wh__guarded(t, &c, null, NULL, &f) && wh__guarded(t, &c, good, &count, &f) && count == 1;
    if ((uintptr_t)rounds > 1)
        pthread_setspecific(late, (void *)((uintptr_t)rounds - 1));
}

static void *ends_late(void *unused)
{
    (void)unused;
    void *slot = fault_often(&(int){0});
    pthread_setspecific(late, (void *)2);
    return slot;
}

static void *exits_in_kernel(void *unused)
{
    (void)unused;
    guarded(ends_thread, NULL, 1);
    return NULL;
}

static int ends(void)
{
    start();
    atomic_store(&shared, (void *)&zero);
    pthread_key_create(&late, cooks_late);
    void *first = NULL;
    bool same = true;
    for (int i = 0; i < 5; i++) {
        pthread_t t;
        void *slot = NULL;
        pthread_create(&t, NULL, ends_late, NULL);
        pthread_join(t, &slot);
        first = first ? first : slot;
        same = same && slot == first;
        if (strcmp(SANITIZER, "address") == 0) /* it does not see that frames are gone which it does not watch */
            continue;
        pthread_create(&t, NULL, exits_in_kernel, NULL);
        pthread_join(t, NULL);
    }
    printf("slots used again %d, late cooks right %d; work: %s\n", same, late_right,
           ordinary_work() ? "right" : "wrong");
    wh__guard_remove();
    return 0;
}

/* A thread that blocks every signal, with the denormal mode of a host, meets a fault and the watchdog. */
static void *blocks_all(void *result)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
#if defined(__x86_64__)
    unsigned modes = (__builtin_ia32_stmxcsr() & ~0x3fu) | 0x8040u; /* flush to zero, denormals are zero */
    __builtin_ia32_ldmxcsr(modes);
#endif
    bool right = !guarded(null, NULL, 0) && fault.signal == SIGSEGV;
    right = right && !guarded(pauses, NULL, 0.05) && fault.signal == 0;
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    right = right && sigismember(&mask, SIGUSR1) && !sigismember(&mask, SIGSEGV);
#if defined(__x86_64__)
    right = right && (__builtin_ia32_stmxcsr() & ~0x3fu) == (modes & ~0x3fu);
#endif
    *(bool *)result = right;
    return NULL;
}

static int blocked(void)
{
    pthread_t t;
    bool right = false;
    start();
    pthread_create(&t, NULL, blocks_all, &right);
    pthread_join(t, NULL);
    printf("right %d; work: %s\n", right, ordinary_work() ? "right" : "wrong");
    wh__guard_remove();
    return 0;
}

/* Calls that are each within the limit are not ended, however long all of them take; nor is what is ours. */
KERNEL void waits_in_ours(void *unused)
{
    (void)unused;
    int was = wh__guard_leave(self);
    nanosleep(&(struct timespec){0, 600000000}, NULL);
    wh__guard_enter(self, was);
}

KERNEL void waits(void *unused)
{
    (void)unused;
    nanosleep(&(struct timespec){0, 20000000}, NULL);
}

static int within(void)
{
    start();
    int ended = 0;
    for (int i = 0; i < 30; i++)
        ended += !guarded(waits, NULL, 0.3);
    ended += !guarded(waits_in_ours, NULL, 0.1);
    nanosleep(&(struct timespec){1, 500000000}, NULL); /* the watchdog sleeps now, and has to wake */
    bool wakes = !guarded(pauses, NULL, 0.1) && fault.signal == 0;
    printf("ended %d, wakes %d; work: %s\n", ended, wakes, ordinary_work() ? "right" : "wrong");
    wh__guard_remove();
    return 0;
}

/* --- the price ---------------------------------------------------------------------------------------------------- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void price_direct(int n, int *count)
{
    void (*volatile call)(void *) = good;
    for (int i = 0; i < n; i++)
        call(count);
}

static void price_guarded(int n, int *count)
{
    wh__guarded_code c = code(2);
    void (*volatile call)(void *) = good;
    for (int i = 0; i < n; i++)
        wh__guarded(self, &c, call, count, &fault);
}

static void price_pin(int n, int *count)
{
    for (int i = 0; i < n; i++) {
        *count += wh__pin_pointer(self, &shared) != NULL;
        wh__unpin_pointer(self);
    }
}

static double nanoseconds(void (*what)(int, int *))
{
    enum { N = 100000 }; /* short, so that some round is not disturbed */
    double best = 1e9;
    for (int i = 0; i < 200; i++) {
        int count = 0;
        double from = now();
        what(N, &count);
        double took = 1e9 * (now() - from) / N;
        best = took < best ? took : best;
    }
    return best;
}

static int price(void)
{
    start();
    atomic_store(&shared, (void *)&zero);
    double direct = nanoseconds(price_direct), with = nanoseconds(price_guarded);
    printf("direct %.1f ns, guarded %.1f ns, pin and unpin %.1f ns\n", direct, with, nanoseconds(price_pin));
    wh__guard_remove();
    return 0;
}

static int too_deep(void)
{
    return nested(9);
}

static int nest(void)
{
    return nested(2);
}

int main(int count, char **words)
{
    static const struct {
        const char *name;
        void (*kernel)(void *);
        int (*run)(void);
    } all[] = {{"null", null, NULL},          {"fpe", divide, NULL},         {"bus", NULL, past_the_end},
               {"ill", illegal, NULL},        {"abort", aborts, NULL},       {"overflow", overflow, NULL},
               {"jump", jump, NULL},          {"smash", smash, NULL},        {"loop", loop, NULL},
               {"malloc", hang_in_malloc, 0}, {"pause", pauses, NULL},       {"free", free_twice, NULL},
               {"run-off", run_off, NULL},    {"run-before", run_before, 0}, {"nested", NULL, nest},
               {"too-deep", NULL, too_deep},  {"leave", NULL, leave},        {"install", NULL, install},
               {"behind", NULL, behind},      {"restore", NULL, restore},    {"crash", NULL, crash},
               {"fork", NULL, forked},        {"threads", NULL, threads},    {"ends", NULL, ends},
               {"blocked", NULL, blocked},    {"within", NULL, within},      {"price", NULL, price}};
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    for (size_t i = 0; count == 2 && i < sizeof all / sizeof *all; i++)
        if (strcmp(words[1], all[i].name) == 0)
            return all[i].run ? all[i].run() : fails(all[i].name, all[i].kernel);
    fprintf(stderr, "usage: guard NAME\n");
    return 2;
}
