/* builtin.c - the kernels that are linked in, offered as those that come with whorl. */
#include "linked.h"
#include "session.h"
#include <string.h>

#define RANK_BUILTIN 0

static void offer(wh_session *s, const char *word, const char *library)
{
    char why[600] = "out of memory";
    wh__origin *o = wh__origin_new(word, library, "", 0, true);
    wh__module_request r = {.library = word, .origin = o, .generation = 1};
    wh__module *m = o ? wh__module_load(&r, why, sizeof why) : NULL;
    wh__origin_drop(o);
    if (m)
        wh__registry_offer(s, library, RANK_BUILTIN, 0, 0, m);
    else
        wh__push_event(s, WH_EV_REJECTED, word, "%s: %s", word, why)->status = WH_ERR_KERNEL;
}

void wh__builtin_open(wh_session *s)
{
    wh_path library;
    const char *last = "";
    if (!wh__library_path(&library))
        library.s[0] = 0;
    for (const wh__linked *l = wh__linked_kernels; l->word; last = l->word, l++)
        if (strcmp(l->word, last) != 0)
            offer(s, l->word, library.s);
    wh__registry_commit(s, WH_USE_FRESH);
}
