/* beside.c - where files that come with the library are. */
#include "build.h"

bool wh__beside_library(wh_path *out, const char *relative)
{
    wh_path library, folder;
    if (!wh__library_path(&library))
        return false;
    snprintf(folder.s, sizeof folder.s, "%.*s", (int)(wh__base_name(library.s) - library.s), library.s);
    return wh__path_join(out, folder.s, relative);
}
