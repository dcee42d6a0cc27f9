/* guard.h - the way back out of a kernel that faults or never ends. */
#ifndef WH_GUARD_H
#define WH_GUARD_H
#include "thread.h"
#include <stddef.h>
#include <stdint.h>

typedef struct {       /* how a call ended that did not return */
    int signal;        /* SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT; 0: the time limit */
    uintptr_t address; /* that was touched, for SIGSEGV and SIGBUS */
    uintptr_t at;      /* the instruction in the kernel, or in the kernel the call that led to it; 0: not found */
    uintptr_t caller;  /* where it was called from in the kernel, for an instruction that stands in no line of the
                          source, as in the stub of a library's function; 0: not found */
    char text[96];     /* "SIGSEGV: it touched address 0x0", "it ran longer than 2 s" */
} wh__fault;

typedef struct {          /* what is called, as far as the guard has to know it */
    uintptr_t begin, end; /* of the kernel's code in memory; 0, 0: unknown */
    double seconds;       /* longest time that the thread may work in one call, or sleep in it; 0: no limit */
} wh__guarded_code;

/* Installs the handlers (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT and one real-time signal) and starts the watchdog;
 * counted: the last remove puts the old handlers back, unless somebody put his own over ours. A second install, or one
 * beside handlers that came later, never saves our own handler as the old one. Faults outside guarded calls go to the
 * handler that was there before. false: why says what failed. [any] */
bool wh__guard_install(char *why, size_t why_size);
void wh__guard_remove(void);

/* Calls call(context) on the calling thread. true: it returned. false: it faulted or ran too long; *fault says how, the
 * call's stack frames are gone and so is whatever it held. Without an install it just calls. Guarded calls nest: a
 * fault ends the innermost one. */
bool wh__guarded(wh__thread *t, const wh__guarded_code *code, void (*call)(void *context), void *context,
                 wh__fault *fault);

/* One guarded call for many kernels, so that they share its price: a fault is a kernel's only between open and close,
 * which are for threads with t->region > 0. The time limit is that of each. */
bool wh__guarded_region(wh__thread *t, double seconds, void (*work)(void *context, uint32_t i), void *context,
                        uint32_t i, wh__fault *fault);
static inline void wh__guard_open(wh__thread *t, uintptr_t begin, uintptr_t end); /* of the code called next */
static inline void wh__guard_close(wh__thread *t);

/* Around whatever a kernel calls of ours: faults there are not the kernel's, and there nothing may be cut short. What
 * leave returns goes to enter. The time limit starts anew at enter. */
int wh__guard_leave(wh__thread *t);
void wh__guard_enter(wh__thread *t, int was);

/* The calling thread ends, t is about to be another's: thread.c says so. */
void wh__guard_forget(wh__thread *t);

/* What is done around every single call stands here, so that it needs no call itself. */
struct wh__guard_now {     /* the call that runs now; struct wh__guard begins with it */
    _Atomic uint64_t word; /* count << 4 | number of the frame that a fault ends; 0: a fault is not ours */
    uint64_t count;        /* of the words so far */
    uintptr_t begin, end;  /* of the code of the innermost call */
};

/* Only the thread itself writes its word. Release: what the frame says is there before the word that names it. */
static inline void wh__guard_arm(struct wh__guard_now *n, unsigned number)
{
    atomic_store_explicit(&n->word, number ? ++n->count << 4 | number : 0, memory_order_release);
}

static inline void wh__guard_open(wh__thread *t, uintptr_t begin, uintptr_t end)
{
    struct wh__guard_now *n = t->guard;
    n->begin = begin;
    n->end = end;
    wh__guard_arm(n, (unsigned)t->region);
}

static inline void wh__guard_close(wh__thread *t)
{
    wh__guard_arm(t->guard, 0);
}
#endif
