/* plan.h - a pipeline file come down to data: what a cook pins and reads, and nobody changes. */
#ifndef WH_PLAN_H
#define WH_PLAN_H
#include "module.h"

struct lua_State;

typedef struct { /* one call of a kernel in the file */
    wh__kernel *kernel;
    wh_role role;
    char name[64];
    char at[512];            /* "file:line" */
    uint32_t common, params; /* offsets into the plan's values */
    uint32_t attribute[WH_MOST_ATTRIBUTES], attribute_count;
    uint32_t mask_first, mask_count; /* into ops; 0: no mask */
    _Atomic double milliseconds;     /* of the last cook; for people */
    atomic_bool enabled;
} wh__call;

typedef struct {
    wh_op_kind kind;
    uint32_t call;
    float value;
} wh__op;

typedef struct {
    char name[64];
    uint32_t first, count; /* into ops */
} wh__named_field;

typedef struct {        /* a value that each cook writes */
    uint32_t to, count; /* offset into the values; components */
    wh_value_type type;
    bool function;
    uint32_t index; /* of the function of time, or of the exposed parameter */
} wh__patch;

typedef struct {
    char *id, *label, *unit, *doc, *choices;
    char *was; /* the id that it had in earlier generations of its kernel, or "" */
    uint32_t type, count;
    double init[4], min, max;
} wh__param;

typedef struct { /* the host's settings of the exposed parameters; never changed, only replaced */
    atomic_uint users;
    uint32_t count;
    double value[][4];
} wh__settings;

typedef struct { /* a file of the project as it was when the plan was made */
    char *path, *text;
    size_t size;
} wh__source;

typedef struct {
    wh__source *item;
    size_t count;
} wh__sources;

typedef struct { /* the Lua of one load of the file: its functions of time and its policy live here */
    atomic_uint users;
    struct lua_State *lua;
    pthread_mutex_t lock;
    char *json; /* under the lock; made when asked for */
} wh__program;

typedef struct wh__plan {
    atomic_uint users;
    wh__call **call; /* each on its own: they hold atomics */
    uint32_t call_count;
    wh__op *op;
    uint32_t op_count;
    wh__named_field *field;
    uint32_t field_count;
    wh__patch *patch;
    uint32_t patch_count;
    wh__param *param;
    uint32_t param_count;
    unsigned char *value; /* parameter structs and wh_common of every call, as the file has them */
    uint32_t value_size;
    uint32_t function_count;
    wh_reload reload;
    bool simple;          /* its stages need nothing but points: no states, attributes, normals or whole meshes */
    wh__program *program; /* shared by the plans that were rebound from this one */
} wh__plan;

/* Runs the file in a Lua of its own and lowers it. Every mistake goes to fail(context, file, line, text); NULL then. */
typedef struct {
    const char *file;   /* path of the pipeline file, as messages name it */
    const char *folder; /* that relative paths start from */
    const char *host;
    uint64_t seed;
    wh__kernel **kernel; /* that the file may use */
    uint32_t kernel_count;
    const wh__sources *replay; /* texts to use in place of the files, or NULL */
    wh__sources *sources;      /* out: what was read, on failure too */
    char ***pattern;           /* out: reload.kernels, on failure too where the file got so far */
    uint32_t *pattern_count;
    void *context;
    void (*fail)(void *context, const char *file, uint32_t line, const char *text);
    void (*print)(void *context, const char *text);
} wh__plan_request;

wh__plan *wh__plan_load(const wh__plan_request *r);
void wh__plan_keep(wh__plan *p);
void wh__plan_drop(wh__plan *p); /* the last one drops its kernels; NULL is fine */
/* The same plan with every kernel of module `from` taken from module `to`; parameters cross by name. NULL: `to` lacks a
 * kernel, or memory is short. [any] */
wh__plan *wh__plan_rebind(const wh__plan *p, const wh__module *from, wh__module *to);
void wh__plan_finish(wh__plan *p); /* once its calls are complete */
bool wh__plan_uses(const wh__plan *p, const wh__module *m);
/* Asks the pipeline's policy; without a plan the defaults answer. Problems of the policy itself go to why ("" when all
 * is well). [main] */
void wh__plan_decide(wh__plan *p, wh_change *change, char *why, size_t why_size);
const char *wh__plan_json(wh__plan *p);

/* Calls the functions of time; 4 doubles each. WH_ERR_CONFIG with file:line on failure. [any] */
wh_status wh__plan_functions(wh__plan *p, double seconds, double (*out)[4]);

/* Writes the values of an exposed parameter or a function of time to their place. */
void wh__apply_patch(unsigned char *value, const wh__patch *p, const double from[4]);

void wh__sources_free(wh__sources *s);
wh__settings *wh__settings_new(uint32_t count);
void wh__settings_drop(wh__settings *s);
#endif
