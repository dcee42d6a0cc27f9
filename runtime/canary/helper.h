/* helper.h - what the files of the helper program share. It has one thread, one library at a time, and ends with the
 * first verdict against it. */
#ifndef WH_CANARY_HELPER_H
#define WH_CANARY_HELPER_H
#include "canary_wire.h"
#include "os.h"
#include "whorl_kernel.h"

/* ---- fault.c: verdicts ---- */

void wh__fault_install(void);
void wh__fault_begin(wh__progress *shared, double seconds); /* of one request; starts its clock */
void wh__fault_end(void);
/* Half of the time is over: a kernel that is slow on much input is not wrong; what was tried has to do. */
bool wh__fault_half_over(void);
void wh__fault_library(const char *path); /* whose code is looked for in a fault */
/* What is done now: "deform.twist", "on the mesh". It is told when the process ends. */
void wh__now_at(const char *who, const char *when);
/* The verdict "who: text" or, with wh__reject_here, "who: text when". */
_Noreturn void wh__reject(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void wh__reject_here(const char *format, ...) __attribute__((format(printf, 1, 2)));
void wh__answer(const wh__reply *r);

/* ---- guarded.c: arrays that a kernel cannot leave unnoticed ---- */

typedef struct {
    const char *name; /* as a verdict calls it; NULL: this entry is free */
    char *map, *page; /* with the guards; without */
    size_t map_size, page_size;
    char *begin; /* of size bytes that end, but for the rest of a cache line, where the pages end */
    size_t size;
    bool fixed; /* read-only for the kernel */
} wh__guarded_array;

/* Room for an array of up to room bytes, placed for size = room, alignment 4 or 64; NULL: memory is short. */
wh__guarded_array *wh__array_new(const char *name, size_t room, size_t alignment);
wh__guarded_array *wh__array_of_file(const char *name, int file, uint64_t at, size_t size);
void wh__array_free(wh__guarded_array *a); /* NULL is fine */
void wh__array_place(wh__guarded_array *a, size_t size);
void wh__array_fix(wh__guarded_array *a, bool fixed);
void wh__array_check(const wh__guarded_array *a); /* rejects when something was written beside it */
/* The array whose guards or bytes hold this address, or NULL; safe in a signal handler. */
const wh__guarded_array *wh__array_at(uintptr_t address);

/* Services for kernels. */
extern const wh_host wh__trial_host;
extern bool wh__trial_refused; /* host->fail was called */
void wh__trial_free_all(void); /* what the kernel left */

/* ---- heap.c: malloc's memory ---- */

void wh__heap_begin(void);
void wh__heap_check(void); /* rejects when it is spoiled */
void wh__heap_use(void);   /* what is spoiled often shows when it is used next */

/* ---- input.c: what a kernel is tried on ---- */

typedef struct {
    const char *name;  /* "1024 made-up points" */
    wh_geometry shape; /* whole */
    float *normal;     /* of each point, when a kernel asked for them; kept */
    double time;
    bool ordinary; /* finite points must come out finite */
    bool closed;   /* for kernels that look at the shape; those that do not get loose points of the same name */
    bool loose;
} wh__input;

#define WH_MADE_UP 8
extern wh__input wh__made_up[WH_MADE_UP];
void wh__make_inputs(void);           /* once for all trials; one without room has a size of 0 */
void wh__make_normals(wh__input *in); /* unless it has them */
void wh__map_mesh(wh__input *in, const wh__request *r, int file, wh__guarded_array *held[2]);

/* ---- trial.c, compile.c ---- */

/* Both reject, or return when all is well. */
void wh__load_only(const char *path);
void wh__run_trial(const wh__request *r, const char *items, int file);
void wh__compile(const wh__request *r, const char *items, wh__reply *out);
#endif
