/* session.h - the inside of wh_session. */
#ifndef WH_SESSION_H
#define WH_SESSION_H
#include "build.h"
#include "error.h"
#include "plan.h"
#include "pool.h"

typedef struct wh__event {
    struct wh__event *next;
    wh_event event; /* subject and text owned */
} wh__event;

typedef struct { /* one kernel by its id, in the newest generations that loaded */
    const char *id;
    wh__kernel *live;  /* in use, or ready to be; NULL when only fresh is there */
    wh__kernel *fresh; /* newer, not published yet; stays when the pipeline does not load with it */
    bool arrived;      /* fresh came since the last attempt */
    bool alone;        /* the one that WH_USE_ALONE takes */
    const char *path;  /* of the file that defines it; interned */
    uint32_t rank, generations;
    double saved_at, noticed_at, arrived_at;
} wh__entry;

typedef struct { /* one mistake, kept until it is known which attempt counts */
    char *file, *text;
    uint32_t line;
} wh__mistake;

typedef struct {
    wh__mistake *item;
    size_t count;
} wh__mistakes;

struct wh_session {
    /* What cooks read. The lock is held for two pointer copies and two counts, nothing else. */
    pthread_mutex_t pin_lock;
    wh__plan *plan;
    wh__settings *settings;
    wh__plan *retired; /* plans that nobody uses any more, to be freed by [main] */
    atomic_ullong cancels;
    wh_pool *pool;
    atomic_ullong work_done, work_total;
    _Atomic(const char *) at_work;

    /* [main] only from here on. */
    bool frozen;
    uint64_t revision, seed;
    wh_path file, cache;
    wh_path folder; /* where the host was when it opened: relative paths start here */
    char *host, *compiler;
    wh__sources good;  /* of the plan that runs */
    wh__sources tried; /* as they were when the files were read last */
    bool tried_failed;
    bool file_saved; /* a file of the project may have changed */
    double saved_at, noticed_at, looked_at;
    bool *is_set; /* which parameters the host has set */
    wh__units units;
    wh__entry *entry;
    uint32_t entry_count;
    wh_watcher *watch;
    char **watched;       /* files of wh_watch, real paths */
    double *watched_time; /* when each was saved, as far as is known */
    uint32_t watched_count;
    wh__event *first_event, *last_event, *taken_event;

    /* From cooks: warnings, under their own lock. */
    pthread_mutex_t warn_lock;
    char *warning[16];
    uint32_t warning_count;
};

/* What one cook works with. */
typedef struct {
    wh__plan *plan;
    wh__settings *settings;
    unsigned long long cancels;
} wh__pinned;

bool wh__pin(wh_session *s, wh__pinned *out); /* false: there is no pipeline */
void wh__unpin(wh_session *s, wh__pinned *p);

/* events.c */
void wh__warn(wh_session *s, const char *text); /* any thread */
__attribute__((format(printf, 4, 5))) wh_event *wh__push_event(wh_session *s, wh_event_kind kind, const char *subject,
                                                               const char *format, ...);
void wh__free_events(wh_session *s);

/* registry.c */
typedef enum { WH_USE_FRESH, WH_USE_ARRIVED, WH_USE_ALONE, WH_USE_LIVE } wh__use;
void wh__registry_offer(wh_session *s, const wh__unit *unit, wh__module *m);       /* takes over the module */
wh__kernel **wh__registry_list(const wh_session *s, wh__use use, uint32_t *count); /* malloc'ed */
bool wh__registry_has_fresh(const wh_session *s, bool arrived_only);
void wh__registry_commit(wh_session *s, wh__use use); /* what was used becomes live; raises the events */
void wh__registry_free(wh_session *s);

/* params.c */
wh__settings *wh__settings_carry(wh_session *s, const wh__plan *next, bool **is_set); /* NULL: memory is short */
void wh__params_announce(wh_session *s, const wh__plan *old, const wh__plan *next);
#endif
