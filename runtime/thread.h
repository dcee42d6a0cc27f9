/* thread.h - what each thread that cooks has: room for its work between guard pages, and a place that says which
 * shared data it is reading. */
#ifndef WH_THREAD_H
#define WH_THREAD_H
#include "whorl_kernel.h"
#include <stdatomic.h>
#include <stdbool.h>

#define WH_MOST_DEPTH 16                     /* of a field expression's stack */
#define WH_MOST_ATTRIBUTES 4                 /* attribute parameters of one kernel */
#define WH_THREAD_MEMORY ((size_t)16 * 1024) /* bytes of room for one small cook */

typedef struct wh__thread wh__thread;
typedef struct { /* one block's arrays: a cook allocates nothing a block */
    _Alignas(64) float x[WH_BLOCK], y[WH_BLOCK], z[WH_BLOCK];
    _Alignas(64) float nx[WH_BLOCK], ny[WH_BLOCK], nz[WH_BLOCK];
    _Alignas(64) float ox[WH_BLOCK], oy[WH_BLOCK], oz[WH_BLOCK];
    _Alignas(64) float weight[WH_MOST_DEPTH][WH_BLOCK];
    _Alignas(64) float attribute[WH_MOST_ATTRIBUTES][WH_BLOCK];
    uint64_t first;
    uint32_t count;
    bool has_normals;
    wh__thread *thread;
    wh_block block; /* what kernels get: the part that is the same for all of them stays from one to the next */
} wh__arrays;

struct wh__thread {
    wh__arrays *arrays;     /* a guard page before and after: a kernel that runs off them faults, and spoils nothing */
    unsigned char *memory;  /* WH_THREAD_MEMORY bytes, 64-byte aligned, for the cook that this thread runs */
    _Atomic(void *) pinned; /* what this thread reads and nobody may free; NULL: nothing */
    _Atomic(void *) borrowed;    /* the state that it uses without being among its users; NULL: none */
    struct wh__again *again;     /* again.h */
    struct wh__guard_now *guard; /* guard.h */
    int region;                  /* frame of the guarded region that it is in; 0: one without a guard; -1: none */
    const void *calling;         /* the call whose kernel runs in it */
    uint32_t cooks;              /* that it has run; only some of the small ones are timed */
    atomic_bool used;            /* by a thread that lives */
    wh__thread *next;            /* of all that there ever were: slots are used again, never freed */
};

/* Initial-exec: the address is one addition away, also in a library, and needs no allocation when it is first used. */
extern __thread wh__thread *wh__thread_mine __attribute__((tls_model("initial-exec"), visibility("hidden")));
wh__thread *wh__thread_new(void); /* for wh__thread_self alone */

/* The calling thread's own; made on its first call, given back when the thread ends. NULL: memory is short. [any] */
static inline wh__thread *wh__thread_self(void)
{
    return wh__thread_mine ? wh__thread_mine : wh__thread_new();
}

/* Hazard pointers (M. Michael, 2004). A pin is the load of a pointer that other threads may replace: until the unpin,
 * wh__is_pinned is true of what it returned. One pin a thread at a time. No lock, and nothing to wait for. */
bool wh__is_pinned(const void *p); /* by any thread; p must not be in any place any more that can be pinned from */
bool wh__is_borrowed(const void *state);

/* The store must be seen before the second load is made (sequentially consistent, both): then either that load sees
 * the replacement, or who replaced it sees the pin. */
static inline void *wh__pin_pointer(wh__thread *t, _Atomic(void *) *from)
{
    void *p = atomic_load_explicit(from, memory_order_relaxed);
    for (;;) {
        atomic_store(&t->pinned, p);
        void *again = atomic_load(from);
        if (again == p)
            return p;
        p = again;
    }
}

static inline void wh__unpin_pointer(wh__thread *t)
{
    atomic_store_explicit(&t->pinned, NULL, memory_order_release);
}
#endif
