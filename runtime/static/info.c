/* info.c - what this library was built with. */
#include "info.h"
#include "whorl.h"

const char *wh_build_info(void)
{
    return BUILD_INFO "\nreload: no\ncanary: no\nkernels: linked in";
}
