/* history.h - the generations of one kernel source, on disk beside the libraries that were built from it: they survive
 * a restart. Every function may be called from any thread. */
#ifndef WH_HISTORY_H
#define WH_HISTORY_H
#include "os.h"

#define WH_PARTS_ENDING ".parts" /* of what a build keeps beside its library, and goes with it */

typedef enum {
    WH_RECORD_BUILT = 1, /* built, and nothing bad is known */
    WH_RECORD_GOOD,      /* it ran */
    WH_RECORD_REFUSED, /* by the compiler, or at the trial's time limit: not run, but tried again when it is saved again
                        */
    WH_RECORD_BAD      /* rejected by the canary, or quarantined: never run again */
} wh__record_state;

typedef struct {
    uint32_t generation;
    uint64_t key; /* fingerprint of what it was built from */
    double saved; /* seconds since 1970 */
    bool fast;    /* only the fast tier's library is there */
    wh__record_state state;
    char note[240]; /* why it is bad; one line */
} wh__record;

typedef struct { /* oldest first */
    wh__record *item;
    uint32_t count;
} wh__records;

/* folder/stem.history; the libraries are folder/stem-KEY.so and folder/stem-KEY.fast.so, KEY as %016llx. */
typedef struct {
    wh_path folder;
    char stem[128];
    pthread_mutex_t lock;
} wh__history;

void wh__history_init(wh__history *h, const char *folder, const char *stem);
void wh__history_free(wh__history *h);
/* Takes back the newest generation, when it is that one and nothing but a fast build that never ran. */
void wh__history_take_back(wh__history *h, uint32_t generation);
/* What is on disk; a missing or damaged file is an empty list. The caller frees item. */
wh__records wh__history_read(wh__history *h);
/* The generation of that key: the newest one's number when it has this key (and is not bad), else a new one, one above
 * the highest so far. Keeps `fast` up to date: an optimised library replaces a fast one. 0: the file could not be
 * written. */
uint32_t wh__history_add(wh__history *h, uint64_t key, double saved, bool fast);
/* States only get worse: what is bad stays so. Every record with the key of a bad one is bad: it is the same library.
 * note: what is bad; NULL is fine. */
void wh__history_mark(wh__history *h, uint32_t generation, wh__record_state state, const char *note);
/* The library of a generation: the optimised one when it is there. false: gone. */
bool wh__history_library(wh__history *h, uint64_t key, wh_path *out, bool *fast);
void wh__history_path(const wh__history *h, uint64_t key, bool fast, wh_path *out); /* where it is or would be */
/* Forgets all but the newest `most` records that can run and a few of the others, and removes the libraries (both
 * tiers) of what it forgets; never forgets the newest good one, nor those in `held`. */
void wh__history_trim(wh__history *h, uint32_t most, const uint32_t *held, uint32_t held_count);
#endif
