/* module.h - a loaded library, the kernels in it, and what those kernels have prepared. */
#ifndef WH_MODULE_H
#define WH_MODULE_H
#include "guard.h"
#include "history.h"
#include "layout.h"
#include "lend.h"
#include "os.h"
#include "whorl.h"
#include <pthread.h>
#include <stdatomic.h>

typedef struct wh__module wh__module;
typedef struct wh__kernel wh__kernel;

/* What prepare() built: shared by every cook that has the same mesh and parameters. */
typedef struct wh__state {
    uint64_t key;
    enum { WH_STATE_BUILDING, WH_STATE_READY, WH_STATE_FAILED } status;
    uint32_t users;
    atomic_ullong used; /* the clock when it was last asked for */
    void *data;
    struct wh__state *next;
} wh__state;

/* The states of a kernel. Generations that declare the same state share one, so that a reload keeps what was built. */
typedef struct wh__states {
    pthread_mutex_t lock;
    pthread_cond_t built;
    wh__state *first;
    atomic_ullong clock;
    atomic_ullong given_up; /* states so far, and those that were to be, but for a thread that had borrowed them */
    wh__kernel *attached;   /* newest first: its release() is the one that is called */
    wh__kernel *older;      /* the generation before, while it has something to migrate; its module is kept */
} wh__states;

#define WH_MOST_KERNELS 32 /* in one module */

struct wh__kernel { /* one kernel of one module */
    wh__module *module;
    wh_kernel desc; /* a copy: that of an older header is shorter */
    wh_kind kind;
    const char *id;     /* "deform.twist"; lasts as long as the library */
    const char *symbol; /* "wh_kernel_deform_twist"; lasts as long as the library */
    wh__layout *layout; /* of its parameters */
    wh__states *states;
    wh__kernel *next_attached;
};

/* One source and its generations; shared by those who look at it and by every module that came from it. */
typedef struct {
    atomic_uint users;
    char word[64];
    wh_path source; /* as messages name it */
    wh_path cache;  /* folder of built libraries and of the copies that are mapped */
    bool builtin;   /* came with whorl: no history */
    wh__history history;
} wh__origin;

wh__origin *wh__origin_new(const char *word, const char *source, const char *cache, uint64_t place, bool builtin);
wh__origin *wh__origin_keep(wh__origin *o);
void wh__origin_drop(wh__origin *o); /* NULL is fine */

struct wh__module {
    atomic_uint users; /* the registry, and every plan */
    void *library;
    bool copied;
    bool fast;         /* built by the fast tier */
    atomic_bool stays; /* mapped for ever: note says why, or release() crashed */
    atomic_bool bad;   /* it crashed: nobody may run it again */
    wh__origin *origin;
    uint32_t generation;
    uint64_t key;         /* of what it was built from */
    atomic_uint before;   /* the generation that was live before it; 0: none */
    uintptr_t begin, end; /* of its code */
    uintptr_t base;       /* where addresses in the file begin */
    wh_path path;         /* what is mapped: a copy of our own, or the library that came with whorl */
    char note[240];
    uint32_t kernel_count;
    wh__kernel kernel[WH_MOST_KERNELS];
};

typedef struct {
    const char *library;
    wh__origin *origin; /* kept */
    bool copy;          /* map a copy in the origin's cache in its place */
    uint32_t generation;
    uint64_t key;
    bool fast;
    double loaded, checked; /* out: milliseconds of these steps */
} wh__module_request;

/* Loads library and checks every kernel in it (symbols wh_kernel_KIND_WORD). NULL: why holds the reason, without the
 * file. */
wh__module *wh__module_load(wh__module_request *r, char *why, size_t why_size);
void wh__module_keep(wh__module *m);
void wh__module_drop(wh__module *m);                        /* the last one releases what was prepared, and unloads */
wh__kernel *wh__module_find(wh__module *m, const char *id); /* NULL: it has no such kernel */

/* The state for key, built by prepare() when nobody has it yet; another thread that builds it is waited for. *held must
 * go to wh__state_drop. NULL: prepare() failed, and host->fail has been called. */
typedef struct {
    uint64_t key;
    const wh_host *host;
    void *context;
    void *(*prepare)(void *context); /* calls prepare() under guard */
    bool (*migrate)(void *context, void *state);
} wh__state_request;
wh__state *wh__state_get(wh__kernel *k, const wh__state_request *r);
void wh__state_drop(wh__kernel *k, wh__state *s);
/* The thread uses a state that it has had, without any lock, until wh__state_return. false: some state of that kernel
 * was given up since given_up was read, perhaps this one. While the kernel's module is pinned. */
static inline bool wh__state_borrow(wh__thread *t, const wh__kernel *k, wh__state *s, uint64_t given_up)
{
    wh__states *all = k->states;
    atomic_store(&t->borrowed, s);
    if (atomic_load(&all->given_up) == given_up) {
        const uint64_t clock = atomic_load_explicit(&all->clock, memory_order_relaxed);
        if (atomic_load_explicit(&s->used, memory_order_relaxed) != clock) /* mostly it is: nothing to write */
            atomic_store_explicit(&s->used, clock, memory_order_relaxed);
        return true;
    }
    atomic_store_explicit(&t->borrowed, NULL, memory_order_release);
    return false;
}

static inline void wh__state_return(wh__thread *t)
{
    atomic_store_explicit(&t->borrowed, NULL, memory_order_release);
}
/* now takes over what old has prepared, as far as both declare it. Before now is published. */
void wh__states_adopt(wh__kernel *now, wh__kernel *old);

/* Calls release() under guard. */
void wh__kernel_release(wh__kernel *k, const wh_host *host, void *data);
/* Whether the text of WH_STATE and the compiled struct agree. */
bool wh__state_check(const wh_kernel *d, char *why, size_t why_size);

const char *wh__kind_name(wh_kind kind);
const char *wh__intern(const char *text); /* one copy for ever: for names that outlive their module. [any] */
extern const wh_host wh__plain_host;      /* alloc and free only: for release() outside a cook */
#endif
