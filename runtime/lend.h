/* lend.h - what the runtime lends to lua/whorl/lower.lua while it turns a pipeline file into a plan. Internal; Lua
 * reads the lines between the marks, after those of whorl_kernel.h. Strings are copied by the callee. */
#ifndef WH_LEND_H
#define WH_LEND_H
#include "whorl_kernel.h"

/* ffi-begin */
typedef enum { WH_ROLE_STAGE = 1, WH_ROLE_SAMPLE, WH_ROLE_MESH, WH_ROLE_FIELD } wh_role;
typedef enum { WH_OP_FIELD = 1, WH_OP_CONST, WH_OP_ADD, WH_OP_SUB, WH_OP_MUL } wh_op_kind;
typedef enum { WH_VALUE_FLOAT = 1, WH_VALUE_INT, WH_VALUE_BOOL } wh_value_type;

typedef struct { /* what every stage has beside its kernel's parameters */
    float envelope;
    int32_t enabled;
    int32_t attributes, follow; /* of samplers */
} wh_common;

typedef struct { /* one exposed parameter */
    const char *id, *label, *unit, *doc, *choices;
    const char *was;      /* the id that it would have by its parameter's former name, or "" */
    uint32_t type, count; /* wh_param_type of whorl.h */
    double init[4], min, max;
} wh_exposed;

typedef enum { WH_CANARY_LAST_INPUT, WH_CANARY_MADE_UP, WH_CANARY_OFF } wh_canary_mode;
typedef enum { WH_PUBLISH_BETWEEN_FRAMES, WH_PUBLISH_AT_ONCE, WH_PUBLISH_BY_HAND } wh_publish_mode;
typedef enum { WH_ON_ERROR_KEEP_LAST, WH_ON_ERROR_FAIL } wh_on_error;
typedef enum { WH_WATCH_AUTO, WH_WATCH_EVENT, WH_WATCH_POLL } wh_watch_mode;

typedef struct { /* reload { … }; all zero is the default */
    wh_canary_mode canary;
    wh_publish_mode publish;
    wh_on_error on_error;
    wh_watch_mode watch;
    uint32_t keep;     /* generations that can be gone back to; 0: 8 */
    double time_limit; /* seconds that one call of a kernel may take; 0: 10 */
    bool has_policy;   /* the file brings a policy of its own */
} wh_reload;

typedef enum { WH_CHANGE_SAVED = 1, WH_CHANGE_READY } wh_change_step;
typedef struct {         /* what the policy is asked about */
    wh_change_step step; /* saved: what canary? ready: publish? */
    const char *kernel;  /* "deform.twist" */
    uint32_t generation; /* 0 when step is saved */
    bool fast;
    const char *params;  /* how its parameters differ from those that run, or "" */
    double milliseconds; /* since it was noticed */
    /* out */
    wh_canary_mode canary;
    wh_publish_mode publish;
    bool refuse;
    char reason[200]; /* of a refusal */
} wh_change;

typedef struct wh_load wh_load; /* a plan in the making */
typedef struct {
    wh_load *load;
    const char *file; /* the pipeline file */
    const char *host; /* host.name */
    uint64_t seed;    /* 0: the file's own */
    /* The kernels of this plan; index is their handle below. NULL past the last. */
    const wh_kernel *(*kernel)(wh_load *l, uint32_t index);
    /* Text of a file of the project; NULL: *message says why. Remembered as a dependency. */
    const char *(*read)(wh_load *l, const char *path, size_t *size, const char **message);
    void (*print)(wh_load *l, const char *text);
    void (*fail)(wh_load *l, const char *file, uint32_t line, const char *text); /* one mistake in the file */
    /* A call of a kernel; returns its parameter struct, zeroed, good until the next call. NULL: memory is short. */
    void *(*call)(wh_load *l, wh_role role, uint32_t kernel, const char *name, const char *at);
    wh_common *(*common)(wh_load *l);               /* of the last call; good until the next call */
    void (*attribute)(wh_load *l, uint32_t offset); /* this string in the last call names a point attribute */
    /* Each cook writes count values into the last call: offset into its params, or -1 envelope, -2 enabled, -3
     * attributes, -4 follow. */
    void (*patch)(wh_load *l, int32_t offset, wh_value_type type, uint32_t count, bool function, uint32_t index);
    uint32_t (*call_index)(wh_load *l);          /* of the last call, for op() */
    void (*mask)(wh_load *l, uint32_t call);     /* the following ops are the mask of this call */
    void (*field)(wh_load *l, const char *name); /* the following ops are the named field */
    void (*op)(wh_load *l, wh_op_kind kind, uint32_t call, float value);
    void (*expose)(wh_load *l, const wh_exposed *e);
    void (*functions)(wh_load *l, uint32_t count);    /* of time; cook(t, out) fills 4 doubles for each */
    void (*kernels)(wh_load *l, const char *pattern); /* reload.kernels, once for each pattern */
    void (*reload)(wh_load *l, const wh_reload *r);
} wh_lend;
/* ffi-end */
#endif
