/* module.h - a loaded library, the kernels in it, and what those kernels have prepared. */
#ifndef WH_MODULE_H
#define WH_MODULE_H
#include "lend.h"
#include "os.h"
#include "whorl.h"
#include <pthread.h>
#include <stdatomic.h>

/* What prepare() built: shared by every cook that has the same mesh and parameters. */
typedef struct wh__state {
    uint64_t key;
    enum { WH_STATE_BUILDING, WH_STATE_READY, WH_STATE_FAILED } status;
    uint32_t users;
    uint64_t used; /* the kernel's clock when it was last asked for */
    void *data;
    struct wh__state *next;
} wh__state;

#define WH_MOST_KERNELS 32 /* in one module */

typedef struct wh__module wh__module;

typedef struct { /* one kernel of one module: a generation */
    wh__module *module;
    const wh_kernel *desc;
    wh_kind kind;
    const char *id; /* "deform.twist"; lasts as long as the library */
    uint32_t generation;
    pthread_mutex_t lock;
    pthread_cond_t built;
    wh__state *states;
    uint64_t clock;
} wh__kernel;

struct wh__module {
    atomic_uint users; /* the registry, and every plan */
    void *library;
    bool builtin, copied;
    wh_path source; /* for messages: the file it was built from, or the library that was found */
    wh_path path;   /* what is mapped: a copy of our own, or the library that came with whorl */
    uint32_t kernel_count;
    wh__kernel kernel[WH_MOST_KERNELS];
};

/* Loads library and checks every kernel in it (symbols wh_kernel_KIND_WORD). copies: folder for the fresh copy that is
 * mapped in its place; NULL maps the file itself. word names the copy, and the advice. NULL: why holds the reason,
 * without the file. */
wh__module *wh__module_load(const char *library, const char *source, const char *copies, const char *word, char *why,
                            size_t why_size);
void wh__module_keep(wh__module *m);
void wh__module_drop(wh__module *m); /* the last one releases what was prepared, and unloads */

/* The state for key, built by prepare() when nobody has it yet; another thread that builds it is waited for. *held must
 * go to wh__state_drop. NULL: prepare() failed, and host->fail has been called. */
wh__state *wh__state_get(wh__kernel *k, uint64_t key, const wh_host *host, const wh_geometry *mesh, const void *params);
void wh__state_drop(wh__kernel *k, wh__state *s);

const char *wh__kind_name(wh_kind kind);
const char *wh__intern(const char *text); /* one copy for ever: for names that outlive their module. [any] */
extern const wh_host wh__plain_host;      /* alloc and free only: for release() outside a cook */
#endif
