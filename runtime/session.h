/* session.h - the inside of wh_session. */
#ifndef WH_SESSION_H
#define WH_SESSION_H
#include "build.h"
#include "error.h"
#include "input.h"
#include "plan.h"
#include "pool.h"
#include "thread.h"

typedef struct wh__event {
    struct wh__event *next;
    wh_event event; /* subject and text owned */
} wh__event;

/* What cooks read: never changed, only replaced. [main] frees it, once no thread has it pinned. */
typedef struct wh__scene {
    uint64_t number; /* that no other scene of any session has */
    wh__plan *plan;  /* NULL: there is none yet */
    wh__settings *settings;
    wh_status status;
    char *failure; /* NULL, or why cooks fail: a kernel crashed that nothing can replace, or on_error = "fail" */
    struct wh__scene *next;
} wh__scene;

/* A kernel crashed in a cook: [main] tells of it, and puts the registry right. */
typedef struct wh__crash {
    struct wh__crash *next;
    wh__module *bad;  /* kept for ever */
    wh__module *good; /* what runs in its place, kept; NULL: nothing could */
    const char *id;
    char at[512]; /* "file:line" of the call in the pipeline */
    wh__fault fault;
} wh__crash;

typedef struct { /* one kernel by its id */
    const char *id;
    wh__kernel *live;        /* in use, or ready to be; NULL when only fresh is there */
    wh__kernel *fresh;       /* newer, not published yet; stays when the pipeline does not load with it */
    bool arrived;            /* fresh came since the last attempt */
    bool alone;              /* the one that WH_USE_ALONE takes */
    bool held;               /* fresh must not go live yet */
    bool told;               /* that fresh waits to be published by hand */
    bool refused;            /* fresh, by the policy; nothing is live */
    bool left;               /* its source has been saved without it */
    wh_publish_mode publish; /* of fresh */
    const char *path;        /* of the file that defines it; interned */
    uint32_t rank;
    double saved_at, noticed_at, arrived_at;
} wh__entry;

typedef struct { /* a generation that was replaced: it leaves once its last cook did */
    wh__module *module;
    const char *id;
    double since;
} wh__leaving;

typedef struct {
    char *text;
    wh_event_kind kind;
} wh__told;

struct wh_session {
    /* For cooks. */
    _Atomic(void *) scene; /* wh__scene */
    bool guarded, frozen;
    atomic_ullong cancels;
    wh_pool *pool;
    atomic_ullong work_done, work_total;
    _Atomic(const char *) at_work;
    atomic_bool wants_input; /* the next cook leaves a copy of its mesh for canaries */
    wh__inputs inputs;

    pthread_mutex_t publish_lock; /* of replacing the scene, and of these: */
    wh__scene *replaced;
    wh__crash *crashes, *last_crash;

    /* [main] only from here on. */
    uint64_t revision, seed;
    wh_path file, cache;
    wh_path folder; /* where the host was when it opened: relative paths start here */
    char *host, *compiler;
    wh__sources good;  /* of the plan that runs */
    wh__sources tried; /* as they were when the files were read last */
    bool tried_failed;
    bool file_saved; /* a file of the project may have changed */
    bool by_hand;    /* wh_publish was called */
    bool again;      /* what was tried was good, and could not be published at that moment */
    double saved_at, noticed_at, looked_at;
    double opened_at;                  /* wall time */
    bool *is_set;                      /* which parameters the host has set */
    char wrong_with[512], wrong[2048]; /* file or kernel, and what is wrong with it now; "" */
    char *status_json;                 /* the last that was handed out */
    wh__units units;
    wh__entry *entry;
    uint32_t entry_count;
    wh__leaving *leaving;
    uint32_t leaving_count;
    wh_watcher *watch;
    bool looks;     /* at every file now and then, beside or in place of directory events */
    bool holds;     /* a kernel waits for cooks to pause */
    bool unsettled; /* a file of the project changed at the last look, and may still be written */
    uint64_t tried_signature;
    char **watched;       /* files of wh_watch, real paths */
    double *watched_time; /* when each was saved, as far as is known */
    uint32_t watched_count;
    wh__event *first_event, *last_event, *taken_event;
    wh__records shown; /* what wh_generation_at speaks of */
    wh__origin *shown_of;

    /* What kernels say in cooks, under a lock of its own. */
    pthread_mutex_t told_lock;
    wh__told told[16];
    uint32_t told_count;
};

/* scene.c */
wh__scene *wh__scene_of(const wh_session *s); /* [main] */
/* Replaces plan and settings, which it takes over; failure NULL: cooks go on. false: a kernel of the plan has crashed
 * meanwhile, or memory is short; then they are dropped. [main] */
bool wh__scene_publish(wh_session *s, wh__plan *plan, wh__settings *settings, wh_status status, const char *failure);
bool wh__scene_set(wh_session *s, wh__settings *settings); /* takes them over. [main] */
void wh__scene_sweep(wh_session *s);                       /* frees what nobody reads any more. [main] */
void wh__scene_close(wh_session *s);
bool wh__scene_is_cooking(wh_session *s);
/* Under publish_lock: */
wh__scene *wh__scene_new(wh__plan *plan, wh__settings *settings, wh_status status, const char *failure);
void wh__scene_replace(wh_session *s, wh__scene *now);
bool wh__plan_crashed(const wh__plan *p); /* whether one of its kernels did; NULL is fine */

/* recover.c */
/* The generation `before` of an origin, else the newest below `below` that is not bad; NULL: none. [any] */
wh__module *wh__load_last_good(wh__origin *o, uint32_t before, uint32_t below);
/* A kernel of that plan crashed: its module never runs again, and the last good generation takes its place. true: cook
 * again. [any] */
bool wh__scene_recover(wh_session *s, wh__kernel *k, const char *at, const wh__fault *f);
wh__crash *wh__scene_take_crash(wh_session *s); /* the oldest, now the caller's; NULL: none. [main] */
bool wh__scene_has_crash(wh_session *s);        /* one that is not taken yet. [main] */
void wh__forget_crashes(wh_session *s);

/* events.c */
void wh__tell(wh_session *s, wh_event_kind kind, const char *text); /* WH_EV_LOG: a warning; WH_EV_NOTE [any] */
__attribute__((format(printf, 4, 5))) wh_event *wh__push_event(wh_session *s, wh_event_kind kind, const char *subject,
                                                               const char *format, ...);
void wh__push_step(wh_session *s, wh_reload_step step, const char *subject, const wh__module *m, double milliseconds);
void wh__free_events(wh_session *s);

/* registry.c */
typedef enum { WH_USE_FRESH, WH_USE_ARRIVED, WH_USE_ALONE, WH_USE_LIVE } wh__use;
/* Takes over the module. forced: whatever the ranks. */
void wh__registry_offer(wh_session *s, const char *shown, uint32_t rank, double saved_at, double noticed_at,
                        wh__module *m);
wh__kernel **wh__registry_list(const wh_session *s, wh__use use, uint32_t *count); /* malloc'ed */
bool wh__registry_has_fresh(const wh_session *s, bool arrived_only);
void wh__registry_commit(wh_session *s, wh__use use); /* what was used becomes live; raises the events */
void wh__registry_replace(wh_session *s, wh__module *bad, wh__module *good); /* good NULL: the entries go */
void wh__registry_withdraw(wh_session *s, wh__module *m);                    /* it was offered, and will not be used */
void wh__registry_sweep(wh_session *s);
wh__entry *wh__registry_find(const wh_session *s, const char *id);
void wh__registry_free(wh_session *s);

/* builtin.c: the kernels that came with whorl. */
void wh__builtin_open(wh_session *s);
wh__module *wh__builtin_load(const char *word); /* NULL: there is none of that word. [any] */

/* equip.c: watcher, guard, cache. Pushes events of what cannot be had. */
void wh__equip(wh_session *s, const wh_options *o);
void wh__unequip(wh_session *s);

/* live.c and what live.h lists: noticing saves, transactions, publishing. */
void wh__live_open(wh_session *s, const wh_options *o);
void wh__live_load(wh_session *s); /* the pipeline file, and the kernels that it names */
void wh__live_close(wh_session *s);
void wh__live_note(wh_session *s, const wh__module *m); /* it went live */
bool wh__live_is_pinned(const wh_session *s, const wh__origin *o);
/* Publishes the plan that runs with the kernels of m in place of those of its source, or loads the file anew with them.
 * false: why says what is in the way. */
bool wh__live_switch(wh_session *s, wh__module *m, char *why, size_t why_size);

/* status.c */
void wh__note_event(wh_session *s, wh_event_kind kind, const char *subject, const char *text); /* for wh_message */

/* params.c */
/* The four components of an exposed parameter in a cook of view: those of the view, put into held, or those of all. */
const double *wh__setting_of(const wh__plan *p, uint32_t index, const wh__settings *all, const wh_view *view,
                             double held[4]);
wh__settings *wh__settings_carry(wh_session *s, const wh__plan *next, bool **is_set); /* NULL: memory is short */
void wh__params_announce(wh_session *s, const wh__plan *old, const wh__plan *next);
#endif
