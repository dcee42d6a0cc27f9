/* job.h - one build of one unit, on a thread of its own. */
#ifndef WH_JOB_H
#define WH_JOB_H
#include "build.h"

struct wh__job {
    wh__job *next;
    wh__units *units;
    wh__unit *unit; /* only its address, and word, path, shown, type and origin, which never change */
    wh__job_kind kind;
    uint32_t save; /* which of the unit's */
    uint64_t known_key;
    char **part; /* files that went into it: sources and what they include, then what the compiler adds */
    uint32_t part_count;
    uint32_t sources; /* of them, the first ones, that are compiled */
    uint32_t scanned; /* of them, the first ones, that the scan found: those of the key */
    double began;     /* seconds since 1970 */
    char *compiler;
    wh__trial_plan *trial;
    uint32_t held[2]; /* generations that must stay loadable */
    double saved_at;
    pthread_t thread;
    wh__take take;
    uint64_t key;    /* of what was built */
    bool known_good; /* it comes from the cache, and ran before */
    bool recorded;   /* its text is the newest generation's already */
};

void wh__job_work(wh__job *j);

bool wh__list_add(char ***list, uint32_t *count, const char *text);
void wh__list_free(char **list, uint32_t count);
bool wh__has_ending(const char *name, const char *ending);
bool wh__folder_of(const char *path, wh_path *out);
bool wh__is_word(const char *word);
#endif
