/* builtin.c - the kernels that came with whorl: of each, the build for the newest instruction set of this machine. */
#include "session.h"
#include <string.h>

#define RANK_BUILTIN 0

static bool find_library(const char *word, wh_path *out)
{
    static const char *const levels[] = {"x86-64-v4", "x86-64-v3", "."};
    wh_path folder, level;
    char name[80];
    snprintf(name, sizeof name, "%s.so", word);
    if (!wh__beside_library(&folder, WHORL_KERNELS_REL))
        return false;
    for (size_t i = wh__isa_level() == 4 ? 0 : wh__isa_level() == 3 ? 1 : 2; i < 3; i++)
        if (wh__path_join(&level, folder.s, levels[i]) && wh__path_join(out, level.s, name) &&
            wh__path_real(out, out->s))
            return true;
    return false;
}

static wh__module *load(const char *word, wh_path *library, char *why, size_t why_size)
{
    wh__origin *o = wh__origin_new(word, library->s, "", 0, true);
    if (!o)
        return NULL;
    wh__module_request r = {.library = library->s, .origin = o, .generation = 1};
    wh__module *m = wh__module_load(&r, why, why_size);
    wh__origin_drop(o);
    return m;
}

wh__module *wh__builtin_load(const char *word)
{
    wh_path library;
    char why[256];
    return find_library(word, &library) ? load(word, &library, why, sizeof why) : NULL;
}

static void offer(void *context, const char *name)
{
    wh_session *s = context;
    wh_path library;
    char word[64], why[600] = "out of memory";
    const size_t length = strlen(name);
    if (length < 4 || length - 3 >= sizeof word || strcmp(name + length - 3, ".so") != 0)
        return;
    snprintf(word, sizeof word, "%.*s", (int)(length - 3), name);
    if (!find_library(word, &library))
        return;
    wh__module *m = load(word, &library, why, sizeof why);
    if (m)
        wh__registry_offer(s, library.s, RANK_BUILTIN, 0, 0, m);
    else
        wh__push_event(s, WH_EV_REJECTED, word, "%s: %s", library.s, why)->status = WH_ERR_KERNEL;
}

void wh__builtin_open(wh_session *s)
{
    wh_path folder;
    if (wh__beside_library(&folder, WHORL_KERNELS_REL))
        wh__each_file(folder.s, offer, s);
    wh__registry_commit(s, WH_USE_FRESH);
}
