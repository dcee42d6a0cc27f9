/* info.h - the lines of wh_build_info that every build has. */
#ifndef WH_INFO_H
#define WH_INFO_H
#include <luajit.h>

#ifdef WHORL_HAVE_ASSIMP
#define HAS_ASSIMP "yes"
#else
#define HAS_ASSIMP "no"
#endif
#ifdef WHORL_HAVE_LIBTCC
#define HAS_LIBTCC "yes"
#else
#define HAS_LIBTCC "no"
#endif
#ifdef WHORL_HAVE_PNG
#define HAS_PNG "yes"
#else
#define HAS_PNG "no"
#endif
#define BUILD_INFO                                                                                                     \
    "version: " WHORL_VERSION "\ncompiler: " WHORL_BUILD_COMPILER "\nflags: " WHORL_BUILD_FLAGS                        \
    "\nkernel flags: " WHORL_KERNEL_FLAGS "\nluajit: " LUAJIT_VERSION "\nassimp: " HAS_ASSIMP "\nlibtcc: " HAS_LIBTCC  \
    "\npng: " HAS_PNG
#endif
