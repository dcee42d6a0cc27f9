/* canary.h - the helper process: it compiles with the fast tier, and tries new kernels before this process runs them.
 * It is started when it is first needed, stays warm, and is started again after it died. A session has one; calls from
 * several threads wait for each other. [any] */
#ifndef WH_CANARY_H
#define WH_CANARY_H
#include "os.h"
#include "whorl_kernel.h"

typedef struct wh__canary wh__canary;

wh__canary *wh__canary_open(void);    /* starts nothing yet; NULL: memory is short */
void wh__canary_close(wh__canary *c); /* ends the helper; NULL is fine */

bool wh__canary_has_compiler(void); /* whether this whorl was built with libtcc */

/* Compiles C files with libtcc to a shared library of that name. false: why holds the first message ("file:line: text"
 * as libtcc words it, or that the helper died); the caller waits for the optimised build in silence. */
bool wh__canary_compile(wh__canary *c, char *const *source, uint32_t count, const char *include_folder, const char *out,
                        char *why, size_t why_size);

typedef struct {        /* one call of a kernel as the pipeline has it */
    const char *symbol; /* "wh_kernel_deform_twist" */
    const void *params; /* param_size bytes in the layout of the new library */
    uint32_t param_size;
    uint32_t attribute_count; /* of its parameters that name point attributes: it gets so many arrays, from 0 to 1 */
} wh__trial_call;

typedef struct { /* the last real input, or a part of it */
    uint32_t point_count, triangle_count;
    const float *position;    /* xyz, packed */
    const uint32_t *triangle; /* or NULL */
    double time;
} wh__trial_mesh;

typedef struct {
    const char *library;
    const wh__trial_call *call;
    uint32_t call_count;        /* 0: only load the library and read its descriptors */
    const wh__trial_mesh *mesh; /* NULL: only made-up input */
    double seconds;             /* time limit of the whole trial */
} wh__trial;

typedef struct {
    char text[400];  /* what is wrong, without the file: "deform.twist: SIGSEGV on 1024 points that are NaN: it
                        touched address 0x0" */
    int signal;      /* 0: no fault: a time limit, an overrun, a NaN */
    uint64_t offset; /* of the instruction in the library's file (an address for addr2line); 0: unknown */
    uint64_t
        caller; /* of the call that led to it, for an instruction that stands in no line of the source; 0: unknown */
    double milliseconds;
} wh__verdict;

/* Runs every call on: 0, 1 and 1024 made-up points, points that are NaN, infinite, huge and tiny, and the mesh; with a
 * guard page behind (and before) every array. Wrong is: a fault, a time limit, a write outside its arrays, a NaN or
 * infinity from finite points of the real mesh or of the made-up ordinary points, the end of the process. When the
 * helper cannot be started the answer is true, and out->text says why. */
bool wh__canary_try(wh__canary *c, const wh__trial *t, wh__verdict *out);
#endif
