/* info.c - what this library was built with. */
#include "info.h"
#include "build.h"

#define RELOADS "\nreload: yes\ncanary: "

static const char *build_info = BUILD_INFO RELOADS "no";

static void find_helper(void)
{
    wh_path helper, program;
    if (wh__beside_library(&helper, WHORL_CANARY_REL) && wh__find_program(&program, helper.s))
        build_info = BUILD_INFO RELOADS "yes";
}

const char *wh_build_info(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_helper);
    return build_info;
}
