/* beside.c - where files that come with the library are. Linked into a program, the library is that program, which may
 * be anywhere: then they are where whorl was to be installed. */
#include "build.h"

bool wh__beside_library(wh_path *out, const char *relative)
{
    wh_path library, folder, found;
    if (wh__library_path(&library)) {
        snprintf(folder.s, sizeof folder.s, "%.*s", (int)(wh__base_name(library.s) - library.s), library.s);
        if (wh__path_join(out, folder.s, relative) && wh__path_real(&found, out->s))
            return true;
    }
    return wh__path_join(out, WHORL_INSTALLED, relative);
}
