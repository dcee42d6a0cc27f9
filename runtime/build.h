/* build.h - kernel sources and libraries on disk, and the jobs that turn them into loaded modules. */
#ifndef WH_BUILD_H
#define WH_BUILD_H
#include "module.h"

typedef enum { WH_UNIT_SOURCE, WH_UNIT_FOLDER, WH_UNIT_LIBRARY } wh__unit_type;

typedef struct { /* what makes one module: twist.c, winding/, twist.so */
    char word[64];
    wh_path path;  /* real */
    wh_path shown; /* as the user wrote its folder: for messages */
    wh__unit_type type;
    uint32_t rank; /* of its folder: kernels of higher ranks win */
    bool dirty;    /* it has to be built or loaded */
    bool busy;     /* a job is at it */
    uint64_t key;  /* fingerprint of what was taken last; 0: nothing yet */
    char **part;   /* files it depends on, real paths */
    uint32_t part_count;
    double saved_at, noticed_at;
} wh__unit;

typedef struct {
    wh_path path, shown;
    char pattern[128]; /* of file names; "" takes all */
    uint32_t rank;
} wh__folder;

typedef struct wh__job wh__job;

typedef struct {
    wh__unit **unit;
    uint32_t unit_count;
    wh__folder *folder;
    uint32_t folder_count;
    const char *compiler, *cache; /* borrowed; compiler NULL: find one */
    pthread_mutex_t lock;
    wh__job *done; /* finished jobs, newest first; under the lock */
    pthread_cond_t finished;
    uint32_t running;
    bool rescan;       /* something that is no known unit was saved: look for new ones */
    wh_watcher *watch; /* woken when a job finished; may be NULL */
} wh__units;

typedef enum { WH_TAKE_NONE, WH_TAKE_UNCHANGED, WH_TAKE_MODULE, WH_TAKE_REFUSED } wh__take_kind;

typedef struct { /* what a finished job brought */
    wh__take_kind kind;
    wh__unit *unit;
    wh__module *module; /* now the caller's */
    wh_status status;   /* of a refusal */
    uint32_t line, column;
    char text[1024]; /* file:line: what */
} wh__take;

void wh__units_init(wh__units *u);
void wh__units_free(wh__units *u); /* waits for running compilers */
/* shown: how messages name the folder. */
bool wh__units_folder(wh__units *u, const char *path, const char *shown, const char *pattern, uint32_t rank);
void wh__units_scan(wh__units *u);                                                     /* new ones become dirty */
void wh__units_notice(wh__units *u, const char *folder, const char *name, double now); /* NULL: look at everything */
void wh__units_rewatch(wh__units *u); /* folders may have come, gone, or moved */
void wh__units_start(wh__units *u);   /* jobs for dirty units, as many as there are cores */
bool wh__units_busy(const wh__units *u);
void wh__units_wait(wh__units *u); /* until a job finished */
wh__take wh__units_take(wh__units *u);

bool wh__include_folder(wh_path *out); /* where whorl_kernel.h is */
bool wh__lend_header(wh_path *out);    /* lend.h, beside the Lua files */
#endif
