/* whorl.h - open a Lua pipeline, keep it fresh while it is edited, run it on meshes.
 *
 * Metres, seconds, right-handed; triangles counter-clockwise from outside. Strings are UTF-8.
 * [main] only the thread that called wh_open on that session. [any] any thread, any number at once.
 * Strings handed out last until the next [main] call on the session, unless a line says otherwise.
 * Structs begin with their size, set by the caller to sizeof; every other member: zero means default.
 * A function that can fail returns a wh_status and leaves its results alone when it is not WH_OK; wh_last_error then
 * holds one line, "file:line: what is wrong (what to do)" where a file is to blame. */
#ifndef WHORL_H
#define WHORL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#define WH_VERSION 100 /* major * 10000 + minor * 100 + patch */
#if defined(_WIN32)
#define WH_API __declspec(dllexport)
#else
#define WH_API __attribute__((visibility("default")))
#endif
#ifdef __cplusplus
extern "C" {
#endif
/* ffi-begin: LuaJIT and ctypes read these lines too; no macro but WH_API */
typedef struct wh_session wh_session; /* one pipeline file, its kernels, its Lua, its threads */
typedef struct wh_mesh wh_mesh;       /* a mesh that the library owns */

typedef enum {
    WH_OK,
    WH_ERR_ARGUMENT, /* a NULL, a wrong size, an unknown name, a value out of range, a mesh that is not one */
    WH_ERR_CONFIG,   /* the pipeline file, or one of its functions of time */
    WH_ERR_BUILD,    /* a compiler's message */
    WH_ERR_KERNEL,   /* a kernel was refused, or said that it cannot go on */
    WH_ERR_MEMORY,
    WH_ERR_IO,       /* a file that cannot be read or written, or is malformed */
    WH_ERR_CANCELLED /* wh_cancel */
} wh_status;

typedef struct {
    uint32_t size;           /* sizeof(wh_options) */
    uint32_t threads;        /* that cook, the caller's included; default: one for each core; at most 256 */
    const char *kernel_path; /* more folders of kernel sources (.c, folders of .c) and libraries (.so), split by ':';
                                later ones win over earlier ones, over those beside the pipeline and over whorl's own */
    const char *cache_path;  /* built kernels; default: $XDG_CACHE_HOME/whorl or ~/.cache/whorl */
    const char *compiler;    /* default: $CC, then cc, gcc, clang, whichever is found first */
    const char *host;        /* what a pipeline reads as host.name; default "library" */
    uint64_t seed;           /* in place of the seed of every sampler, modulo its range; default: the file's own */
    bool frozen;             /* look at files during wh_open only, and never run an older kernel in place of one that
                                fails: render farms */
    bool unguarded;          /* install no signal handlers: a kernel that crashes takes the host with it */
} wh_options;

typedef struct { /* one float for each point: a mask, a painted weight */
    const char *name;
    const float *value;
    size_t stride; /* bytes from value to value; default: packed */
} wh_attribute;

typedef struct { /* a value of an exposed parameter, for one cook alone */
    const char *id;
    double value[4]; /* held to the parameter's range, and rounded where that is whole; NaN: as without it */
} wh_setting;

typedef struct {   /* a mesh of the caller's, borrowed for one call */
    uint32_t size; /* sizeof(wh_view) */
    uint32_t point_count, triangle_count, attribute_count;
    const float *position;    /* xyz for each point */
    size_t stride;            /* bytes from point to point; default: packed, 12 */
    const uint32_t *triangle; /* three indices each; NULL for a point cloud */
    const wh_attribute *attribute;
    uint64_t topology; /* change it whenever the triangles change; default: they are compared each time */
    const float *rest; /* xyz for each point, packed: where it was before it was deformed, for samplers that follow;
                          default: where it is */
    uint64_t moves;    /* change it whenever a point moves; default: positions are compared each time */
    const wh_setting *setting; /* in place of what wh_param_set has set; the id that a parameter had before will do, if
                                  its own is not among them; ids that the pipeline does not have are passed over */
    uint32_t setting_count;
    const float *weight; /* one for each point, packed, for wh_deform: the share that it goes of its way, painted or an
                            envelope; 0 leaves it exactly, 1 takes the result exactly, NaN is 0; default: 1 for all */
} wh_view;

typedef struct {   /* a sample; the library owns what it points to until wh_points_free */
    uint32_t size; /* sizeof(wh_points) */
    uint32_t count;
    float *position; /* xyz for each point */
    uint64_t *id;    /* stable: the same point keeps its id from cook to cook */
    float *value;    /* winding number of each point; 1 on the surface */
    /* Of a sampler with attributes or follow, else 0 and NULL: */
    uint32_t *triangle; /* the triangle that was nearest; UINT32_MAX: the mesh has none with an area */
    float *place;       /* weights of its second and third corner at the place that was nearest; 2 for each point */
    uint32_t attribute_count;
    wh_attribute *attribute; /* those of the mesh at that place, and surface_distance, which is the last */
} wh_points;

typedef enum {
    WH_EV_RELOADED = 1, /* a file or kernel was taken over; results change when the revision did */
    WH_EV_REJECTED,     /* a file or kernel was refused; the last good one runs on; text says why */
    WH_EV_PARAMS,       /* the list of parameters changed; text says how */
    WH_EV_FILE,         /* a file given to wh_watch changed */
    WH_EV_LOG,          /* print() in the pipeline file, or a warning */
    WH_EV_STEP,         /* a reload came one step further; text says which */
    WH_EV_DIAGNOSTIC, /* one message of the compiler, an error or a warning; follows the WH_EV_REJECTED of its build */
    WH_EV_READY,      /* a kernel passed and waits: for wh_publish, or because another generation is pinned */
    WH_EV_NOTE        /* how a kernel goes about its work, for whoever looks closely */
} wh_event_kind;

typedef enum { /* the steps of a reload, in their order */
               WH_STEP_NOTICED = 1,
               WH_STEP_BUILT,   /* compiled, or found in the cache, or a library of somebody else's */
               WH_STEP_LOADED,  /* beside what runs */
               WH_STEP_CHECKED, /* descriptor, layout, imports */
               WH_STEP_CANARY,  /* tried in the helper process */
               WH_STEP_PUBLISHED,
               WH_STEP_RETIRED /* the generation before it is unloaded */
} wh_reload_step;

typedef struct {
    uint32_t size;         /* sizeof(wh_event) */
    uint32_t kind, status; /* wh_event_kind, wh_status */
    uint32_t line, column; /* in the file that text begins with; 0: unknown */
    const char *subject;   /* file, or kernel as "deform.twist" */
    const char *text;      /* file:line: what. Until the next wh_next_event */
    double saved;          /* when the file was saved, seconds since 1970; 0: unknown */
    double milliseconds;   /* from noticing it to now; 0: unknown */
    uint64_t revision;     /* of the session after it */
    uint32_t step;         /* wh_reload_step of WH_EV_STEP, whose milliseconds are those of this step alone */
    uint32_t generation;   /* of the kernel that it is about; 0: none */
    bool fast;             /* about the fast tier's build */
} wh_event;

typedef enum { WH_FLOAT = 1, WH_INT, WH_BOOL, WH_CHOICE } wh_param_type;

typedef struct {          /* a parameter that the pipeline exposes, for the host's own interface */
    uint32_t size;        /* sizeof(wh_param) */
    uint32_t type, count; /* wh_param_type; components, 1 .. 4 */
    const char *id;       /* stable name: "bend.angle", or what expose() was told */
    const char *was;      /* the id that it had in earlier generations of its kernel, or "" */
    const char *label, *unit, *doc;
    const char *choices; /* "x|y|z" for WH_CHOICE, whose value is the number from 0; else "" */
    double init[4], value[4];
    double min, max; /* inclusive, for each component */
} wh_param;

typedef struct {              /* a kernel that pipelines can use now */
    uint32_t size;            /* sizeof(wh_kernel_info) */
    uint32_t generation;      /* 1 for the first that was loaded */
    const char *id;           /* "deform.twist" */
    const char *doc, *source; /* one sentence; the paper or other source of the method, or "" */
    const char *params;       /* the declaration as it stands in the C file */
    const char *path;         /* file it was built from, or library it was loaded from */
    bool builtin;             /* came with whorl */
    bool fast;                /* built by the fast tier; the optimised build is on its way */
    bool pinned;              /* wh_generation_use */
} wh_kernel_info;

typedef enum {
    WH_GENERATION_KEPT = 1, /* can be gone back to */
    WH_GENERATION_LIVE,
    WH_GENERATION_READY, /* passed; waits to be published */
    WH_GENERATION_BAD    /* rejected by the canary, or it crashed: never run again */
} wh_generation_state;

typedef struct {   /* one generation of a kernel's source; they survive a restart */
    uint32_t size; /* sizeof(wh_generation_info) */
    uint32_t generation, state;
    bool fast;        /* only the fast tier's build is there */
    double saved;     /* when its source was saved, seconds since 1970 */
    const char *note; /* why it is bad, or "" */
} wh_generation_info;

typedef struct {             /* how far the results of two generations are apart */
    uint32_t size;           /* sizeof(wh_difference) */
    uint32_t point_count;    /* points compared: those of the mesh, or the sample's that both have */
    double largest, mean;    /* distance of a point from itself, metres */
    uint32_t largest_at;     /* its index; for a sample the index in a */
    uint32_t only_a, only_b; /* points of a sample that the other has not, by id */
} wh_difference;

typedef struct {   /* a stage of the pipeline that runs now */
    uint32_t size; /* sizeof(wh_stage_info) */
    uint32_t generation;
    const char *kernel, *name; /* "deform.twist", "sample.inside"; the name it was given, or "" */
    bool enabled;              /* as of the last cook */
    double milliseconds;       /* of thread time in the last cook that ran it */
} wh_stage_info;

typedef struct {   /* a picture of the caller's, sRGB, rows from the top */
    uint32_t size; /* sizeof(wh_image) */
    uint32_t width, height;
    uint32_t channels;    /* bytes of a pixel: 3 for RGB, 4 for RGBA, whose alpha is straight */
    const uint8_t *pixel; /* the first row's leftmost */
    size_t stride;        /* bytes from row to row; default: packed */
} wh_image;

/* Opens a pipeline. When the file is wrong or not there, *out is still a session, the status says what, and the first
 * good save revives it; *out is NULL only for WH_ERR_ARGUMENT and WH_ERR_MEMORY. May run a compiler. lua_path NULL: no
 * pipeline, only kernels. The caller owns the session. [main] */
WH_API wh_status wh_open(const char *lua_path, const wh_options *options, wh_session **out);
/* NULL is fine. No [any] call may be running. Waits for running compilers. Not for a session that came through fork().
 * [main] */
WH_API void wh_close(wh_session *s);

/* Notices saved files, runs Lua, starts and collects builds, publishes what passed; never waits for a compiler or a
 * cook. Returns the revision: when it moves, results change. Call when idle; with nothing to do it costs microseconds.
 * In a frozen session it only returns the revision. [main] */
WH_API uint64_t wh_poll(wh_session *s);
/* Sleeps until wh_poll may have something to do, a signal arrives, or so many milliseconds passed. [main] */
WH_API void wh_wait(wh_session *s, uint32_t milliseconds);
/* Ends a wh_wait of another thread, now or its next; not in a frozen session, nor where the system gives no directory
 * events. Safe in a signal handler. [any] */
WH_API void wh_wake(wh_session *s);
/* Publishes what waits because the pipeline says publish = "by-hand" (or its policy does). Returns the revision. [main]
 */
WH_API uint64_t wh_publish(wh_session *s);
/* Takes the oldest event; false: none left. [main] */
WH_API bool wh_next_event(wh_session *s, wh_event *out);
/* Watches one more file, a mesh say, and raises WH_EV_FILE when it was saved. [main] */
WH_API wh_status wh_watch(wh_session *s, const char *path);

WH_API uint32_t wh_param_count(const wh_session *s);                              /* [main] */
WH_API wh_status wh_param_at(const wh_session *s, uint32_t index, wh_param *out); /* [main] */
/* Sets all components of one parameter; out of range is WH_ERR_ARGUMENT. Cooks that began before are not changed.
 * [main] */
WH_API wh_status wh_param_set(wh_session *s, const char *id, const double value[4]);

WH_API uint32_t wh_kernel_count(const wh_session *s);                                    /* sorted by id. [main] */
WH_API wh_status wh_kernel_at(const wh_session *s, uint32_t index, wh_kernel_info *out); /* [main] */
/* The generations of the source that a kernel comes from, oldest first; none for those that came with whorl. [main] */
WH_API uint32_t wh_generation_count(const wh_session *s, const char *kernel);
WH_API wh_status wh_generation_at(const wh_session *s, const char *kernel, uint32_t index, wh_generation_info *out);
/* Makes a generation live, with every kernel of its source: it stays until the next save, or, pinned, whatever is
 * saved, until this is called again. 0: the newest good one. WH_ERR_ARGUMENT: there is none, or it is bad, or the
 * pipeline does not load with it; then nothing changes. [main] */
WH_API wh_status wh_generation_use(wh_session *s, const char *kernel, uint32_t generation, bool pin);
/* Cooks the pipeline with two generations of a kernel, the same otherwise: deforms in, or, for a sampler, samples it.
 * distance: NULL, or one float for each point of the mesh. Changes nothing that runs. [main] */
WH_API wh_status wh_compare(wh_session *s, const char *kernel, uint32_t a, uint32_t b, const wh_view *in,
                            double seconds, wh_difference *out, float *distance);
WH_API uint32_t wh_stage_count(const wh_session *s); /* in the order of the file. [main] */
WH_API wh_status wh_stage_at(const wh_session *s, uint32_t index, wh_stage_info *out); /* [main] */
/* What the pipeline that runs reads of a mesh that it deforms: more than its points, and the point attribute of that
 * index, until NULL; an attribute that several kernels read may come twice. [main] */
WH_API bool wh_needs_mesh(const wh_session *s);
WH_API const char *wh_needs_attribute(const wh_session *s, uint32_t index);
/* What is wrong now, the last that was refused and is not mended, or "". [main] */
WH_API const char *wh_message(const wh_session *s);
/* The session at a glance, as JSON: file, runs, revision, message, stages with kernel, name, generation, pinned,
 * enabled and milliseconds. "null" when memory is short. [main] */
WH_API const char *wh_status_json(wh_session *s);
/* The pipeline that runs, as JSON: the plain data that the Lua file came down to. "null" without one. [main] */
WH_API const char *wh_plan_json(const wh_session *s);

/* Runs the deformers on in and writes xyz for each point to out, packed. out must not overlap in, and may be half
 * written when this fails. A reload or a parameter set during the call changes the next call, never this one. A
 * pipeline's functions of time are called one after the other, for all cooks: they should be short, and end with an
 * error when they are not. [any] */
WH_API wh_status wh_deform(const wh_session *s, const wh_view *in, double seconds, float *out);
/* Evaluates a field that the pipeline names in `fields`, or "winding", at count query points (xyz, packed). Fields that
 * measure a mesh measure in. out: count floats. Where in says topology and moves, a thread that asks for the same field
 * of the same mesh again pays little more than the call of the kernel. [any] */
WH_API wh_status wh_field(const wh_session *s, const char *name, const wh_view *in, double seconds, const float *query,
                          uint32_t count, float *out);
/* Runs the sampler of that name (NULL: the first) on in as it is given: deform first, and set in->rest for those that
 * follow. The same mesh, file, kernels and seed give the same points in the same order, whatever the threads. out must
 * be zero but for its size. [any] */
WH_API wh_status wh_sample(const wh_session *s, const char *name, const wh_view *in, double seconds, wh_points *out);
WH_API void wh_points_free(wh_points *p); /* zeroes it but for its size; NULL is fine. [any] */
/* Makes the mesh that the pipeline declares (mesh.sphere { … }); WH_ERR_ARGUMENT when it declares none. The caller owns
 * the mesh. [any] */
WH_API wh_status wh_source(const wh_session *s, double seconds, wh_mesh **out);
/* Running cooks end with WH_ERR_CANCELLED as soon as they can; later ones are not touched. Safe in a signal handler.
 * [any] */
WH_API void wh_cancel(wh_session *s);
/* Share of the work of the running cooks that is done, 0 .. 1; *what (optional) becomes the kernel at work, a string
 * that lasts as long as the library, or "". 1 when none runs. While wh_open builds kernels *out is there already, for
 * this function alone (read it as an atomic), and *what is "building kernels". [any] */
WH_API double wh_progress(const wh_session *s, const char **what);

/* Reads OBJ, PLY, STL, and with assimp more, by content and name. Point order is kept; polygons are kept for writing
 * and split into triangles for everything else. Problems are WH_ERR_IO with "path:line: …" or "path: byte N: …". [any]
 */
WH_API wh_status wh_mesh_read(const char *path, wh_mesh **out);
WH_API void wh_mesh_free(wh_mesh *m); /* NULL is fine. [any] */
/* A view that lasts as long as the mesh. view->size must be set. [any] */
WH_API wh_status wh_mesh_view(const wh_mesh *m, wh_view *view);
/* A warning that came with reading (order may have changed, points not used, …), or "". Lasts as long as the mesh.
 * [any] */
WH_API const char *wh_mesh_note(const wh_mesh *m);
/* Copies positions, 3 floats a point, packed, into the mesh. Not while a view of it is in use. [any] */
WH_API void wh_mesh_set_positions(wh_mesh *m, const float *position);
/* Write to a temporary file beside path and rename; the ending decides: .ply (binary), .obj, .usda; points also .csv
 * and .usda (Points), or .instancer.usda (PointInstancer). [any] */
WH_API wh_status wh_mesh_write(const wh_mesh *m, const char *path);
WH_API wh_status wh_points_write(const wh_points *p, const char *path);
/* Writes a picture in the same way: .png. WH_ERR_IO where the library was built without libpng. [any] */
WH_API wh_status wh_image_write(const wh_image *image, const char *path);

WH_API const char *wh_last_error(void); /* this thread's last failure; "" when there was none. Until its next. [any] */
WH_API const char *wh_data_path(void);  /* folder of the Lua files. Lasts as long as the library. [any] */
WH_API const char *wh_build_info(void); /* lines of "key: value": compiler, flags, LuaJIT, optional parts. [any] */
WH_API uint32_t wh_version(void);       /* the library's WH_VERSION. [any] */
/* ffi-end */
#ifdef __cplusplus
}
#endif
#endif
