/* build.h - kernel sources and libraries on disk, and the jobs that turn them into loaded modules. */
#ifndef WH_BUILD_H
#define WH_BUILD_H
#include "canary.h"
#include "input.h"
#include "module.h"

typedef enum { WH_UNIT_SOURCE, WH_UNIT_FOLDER, WH_UNIT_LIBRARY } wh__unit_type;
typedef enum { WH_JOB_FAST, WH_JOB_FULL } wh__job_kind;

typedef struct { /* what makes one module: twist.c, winding/, twist.so */
    char word[64];
    wh_path path;  /* real */
    wh_path shown; /* as the user wrote its folder: for messages */
    wh__unit_type type;
    uint32_t rank;      /* of its folder: kernels of higher ranks win */
    wh__origin *origin; /* its generations */
    bool dirty;         /* it was saved since a job last looked at it */
    bool busy[2];       /* a job of that kind is at it */
    bool full_wanted;   /* the last save still needs its full job */
    bool awaited;       /* no job has answered the last save yet */
    uint32_t saves;     /* that jobs have begun on */
    uint32_t answered;  /* the last of them that is optimised or refused: nothing else is to be said of it */
    uint64_t key[2];    /* fingerprint of what the last job of that kind saw; 0: the same text is to be tried again */
    uint64_t text;      /* fingerprint of what the first job that ended saw … */
    uint32_t text_save; /* … of this save */
    uint64_t crashed;   /* the text that crashed in a cook last */
    uint32_t pinned;    /* the generation that stays whatever is saved; 0: none */
    uint32_t denied;    /* the generation that the policy refused last */
    uint32_t live;      /* the generation that runs */
    bool chosen;        /* wh_generation_use picked it by number: builds of earlier saves do not take its place */
    bool refused;       /* the last save of it */
    uint32_t told;      /* the generation of which it was said that it waits for an unpin */
    uint64_t signature; /* of its files, when they are looked at and not announced */
    bool unsettled;     /* the signature has just changed: the file may still be written */
    char **part;        /* files it depends on, real paths */
    uint32_t part_count;
    double saved_at, noticed_at;
} wh__unit;

typedef struct {
    wh_path path, shown;
    char pattern[128]; /* of file names; "" takes all */
    uint32_t rank;
} wh__folder;

typedef struct { /* how the pipeline that runs uses one kernel */
    const char *id;
    wh__layout *layout; /* of params */
    void *params;
} wh__used;

typedef struct { /* on what a new generation is tried before it may run here */
    wh_canary_mode mode;
    wh__used *used;
    uint32_t used_count;
    wh__input *input; /* or NULL */
    double seconds;
    uint32_t keep; /* generations */
} wh__trial_plan;

void wh__trial_plan_free(wh__trial_plan *t);

typedef struct wh__job wh__job;

typedef struct {
    wh__unit **unit;
    uint32_t unit_count;
    wh__folder *folder;
    uint32_t folder_count;
    const char *compiler, *cache; /* borrowed; compiler NULL: find one */
    wh__canary *canary;           /* NULL in a frozen session: no fast tier, nothing is tried */
    bool fast;                    /* the fast tier answers saves first */
    pthread_mutex_t lock;
    wh__job *done; /* finished jobs, newest first; under the lock */
    pthread_cond_t finished;
    uint32_t running[2];
    bool rescan;       /* something that is no known unit was saved: look for new ones */
    wh_watcher *watch; /* woken when a job finished; may be NULL */
} wh__units;

typedef enum { WH_TAKE_NONE, WH_TAKE_UNCHANGED, WH_TAKE_LATER, WH_TAKE_MODULE, WH_TAKE_REFUSED } wh__take_kind;

typedef struct { /* what a finished job brought; LATER: the full job will tell */
    wh__take_kind kind;
    wh__unit *unit;
    wh__module *module; /* now the caller's */
    bool fast;          /* the job was a fast one */
    wh_status status;   /* of a refusal */
    uint32_t line, column, generation;
    uint64_t key;      /* of the text that it is about; 0: unknown */
    char text[1024];   /* file:line: what */
    char log[300];     /* what else is to be said, or "" */
    char **diagnostic; /* the compiler's messages, "file:line:column: error: what" */
    uint32_t diagnostic_count;
    double step[WH_STEP_RETIRED + 1]; /* milliseconds of each that was done; 0: it was not */
} wh__take;

void wh__take_free(wh__take *t); /* but for the module */

void wh__units_init(wh__units *u);
void wh__units_free(wh__units *u); /* waits for running compilers */
/* shown: how messages name the folder. */
bool wh__units_folder(wh__units *u, const char *path, const char *shown, const char *pattern, uint32_t rank);
void wh__units_scan(wh__units *u);                                                     /* new ones become dirty */
void wh__units_notice(wh__units *u, const char *folder, const char *name, double now); /* NULL: look at everything */
void wh__units_look(wh__units *u, double now); /* without events: by signatures; what is being written waits */
void wh__units_rewatch(wh__units *u);          /* folders may have come, gone, or moved */
/* The next unit that wants a job of which there is room for; NULL: none. */
wh__unit *wh__units_next(wh__units *u, wh__job_kind *kind);
/* Starts it; takes over the trial. */
void wh__units_begin(wh__units *u, wh__unit *unit, wh__job_kind kind, wh__trial_plan *t);
bool wh__units_busy(const wh__units *u);    /* something will come */
bool wh__units_awaited(const wh__units *u); /* a save has not been answered yet */
void wh__units_wait(wh__units *u);          /* until a job finished */
wh__take wh__units_take(wh__units *u);
wh__unit *wh__units_of(const wh__units *u, const wh__origin *o); /* NULL: none */

bool wh__beside_library(wh_path *out, const char *relative); /* a path relative to this library's folder */
bool wh__include_folder(wh_path *out);                       /* where whorl_kernel.h is */
bool wh__lend_header(wh_path *out);                          /* lend.h, beside the Lua files */
#endif
