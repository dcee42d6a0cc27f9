/* live.h - what the parts of a session that follows saves share. All of it is [main]. */
#ifndef WH_LIVE_H
#define WH_LIVE_H
#include "session.h"

#define WH_RANK_BESIDE 1 /* of kernels beside the pipeline file */
#define WH_RANK_PATH 2   /* of the first folder of kernel_path */

/* notice.c: what was saved. */
void wh__source_path(const wh_session *s, const wh__source *source, wh_path *out);
void wh__watch_sources(wh_session *s);
void wh__choose_watch(wh_session *s);        /* events, looks, or both: as the plan that runs wants it */
void wh__notice_saves(wh_session *s);        /* marks what is to be read or built anew */
bool wh__same_as_tried(const wh_session *s); /* the pipeline's files are what was read last */

/* jobs.c: builds of what was saved. */
void wh__start_jobs(wh_session *s);
const char *wh__kernel_of(const wh_session *s, const wh__unit *unit); /* as messages name it */
void wh__decide(wh_session *s, wh_change *change);                    /* asks the policy of the plan that runs */

/* arrive.c: what they bring. */
void wh__take_builds(wh_session *s);

/* crashes.c: what cooks had to give up. */
void wh__take_crashes(wh_session *s);

/* attempt.c: a plan from files and kernels. Its mistakes are kept until it is known which attempt counts. */
typedef struct {
    char *file, *text;
    uint32_t line;
} wh__mistake;

typedef struct {
    wh__mistake *item;
    size_t count;
} wh__mistakes;

typedef struct {
    wh__mistakes mistakes, prints;
} wh__attempt;

/* from_disk: read the files anew, and remember them as tried; else the texts of the plan that runs. */
wh__plan *wh__try_plan(wh_session *s, wh__attempt *a, bool from_disk, wh__use use);
void wh__keep_mistake(wh__mistakes *m, const char *file, uint32_t line, const char *text);
/* An event for each; subject NULL: the file that each is in. */
void wh__reject(wh_session *s, const wh__mistakes *m, const char *subject);
void wh__show_prints(wh_session *s, const wh__attempt *a);
void wh__mistake_text(const wh_session *s, const wh__attempt *a, char *why, size_t size); /* of the first */
void wh__clear_attempt(wh__attempt *a);

/* publish.c: what cooks read. */
typedef struct {
    bool from_disk; /* the plan is that of the files as they are now */
    bool quiet;     /* results do not change: the same generation, better built */
    wh__use use;
} wh__publishing;

const wh__plan *wh__plan_of(const wh_session *s); /* that runs; NULL: none yet */
/* Takes the plan over. false: a kernel of it has crashed meanwhile, or memory is short. */
bool wh__publish_plan(wh_session *s, wh__plan *p, wh__publishing how);
/* With on_error = "fail", what is wrong stands in the way of every cook until it is mended. */
void wh__fail_cooks(wh_session *s, wh_status status, const char *text);

/* transact.c: which plan, and when. */
void wh__settle(wh_session *s);
bool wh__attempt_plan(wh_session *s, wh__attempt *a, bool from_disk, wh__use use); /* loads and publishes one */
bool wh__swap_arrived(wh_session *s);          /* without Lua, where new kernels fit in the place of the old ones */
bool wh__concerns_nobody(const wh_session *s); /* the plan that runs would come out the same with the new kernels */
bool wh__has_arrived(const wh_session *s);
#endif
