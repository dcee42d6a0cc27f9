/* whorl_kernel.h - all that a kernel includes. C11, nothing to link.
 *
 * A kernel is a C file with one declaration of its parameters, one function and one descriptor; its file name is its
 * word in Lua: twist.c defines deform_twist, which a pipeline calls deform.twist. A kernel keeps no globals, starts no
 * threads, installs no handlers, and allocates nothing in run(): it may run on many blocks on many threads at once.
 *
 * Metres, seconds, degrees where a parameter says deg; right-handed; triangles counter-clockwise from outside.
 * Pointers that a kernel is given are borrowed for that call. */
#ifndef WHORL_KERNEL_H
#define WHORL_KERNEL_H
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WH_KERNEL_ABI 1 /* raised when a member moves; new members are only appended */
#define WH_BLOCK 1024   /* most points in a wh_block */

/* ffi-begin: LuaJIT reads these lines too, so no macros */
typedef enum { WH_DEFORM = 1, WH_FIELD, WH_SAMPLE, WH_MESH } wh_kind; /* the part of the name before the first _ */

typedef enum {
    WH_NEEDS_NORMALS = 1,   /* block.nx, ny, nz: unit vertex normals, area weighted, of the points as they enter */
    WH_NEEDS_TRIANGLES = 2, /* geometry.triangle; prepared state is rebuilt when the topology changes */
    WH_NEEDS_POSITIONS = 4, /* geometry.position in prepare(); prepared state is rebuilt when points move */
    WH_STATE_OF_MESH = 8    /* prepared state depends on the mesh alone: it is kept when parameters change */
} wh_needs;

typedef struct {   /* a mesh; what a kernel did not ask for is NULL and 0 */
    uint32_t size; /* sizeof(wh_geometry) */
    uint32_t point_count, triangle_count;
    const float *position;    /* xyz for each point, metres */
    const uint32_t *triangle; /* three indices for each triangle, all below point_count */
} wh_geometry;

typedef struct wh_host wh_host;
struct wh_host {                                    /* services lent for one call; all safe on any thread */
    uint32_t size;                                  /* sizeof(wh_host) */
    void *(*alloc)(const wh_host *h, size_t bytes); /* 64-byte aligned, uninitialised; NULL when memory is short */
    void (*free)(const wh_host *h, void *p);        /* NULL is fine */
    /* Calls work(context, i) once for every i below count, spread over the threads, and returns when all are done;
     * false when the cook was cancelled (then some i were skipped and the result will not be used). */
    bool (*parallel_for)(const wh_host *h, uint32_t count, void (*work)(void *context, uint32_t i), void *context);
    void (*fail)(const wh_host *h, const char *reason); /* the cook fails with this reason; the first call counts */
    void (*warn)(const wh_host *h, const char *text);   /* becomes a log event of the session */
    void (*note)(const wh_host *h, const char *text);   /* how it works, for whoever looks closely: a note event */
};

typedef struct {               /* at most WH_BLOCK points as 64-byte aligned arrays that do not overlap */
    uint32_t size;             /* sizeof(wh_block) */
    uint32_t count;            /* points in the block; 0 is possible */
    uint64_t first;            /* index of the first in the mesh, or in the queries */
    float *x, *y, *z;          /* metres, object space; a deformer moves them, a field only reads them */
    float *value;              /* a field writes here; NULL for a deformer */
    const float *nx, *ny, *nz; /* normals when the kernel needs them and the points are those of a mesh, else NULL */
    const float *const *attribute; /* attribute[k]: values of the k-th parameter declared with attribute = true */
    const void *params;            /* the kernel's struct, every value in its range */
    const void *state;             /* from prepare(), or NULL */
    double time;                   /* seconds */
} wh_block;

typedef struct {   /* a deformer that must see the whole mesh at once */
    uint32_t size; /* sizeof(wh_deform_job) */
    const wh_host *host;
    const wh_geometry *mesh; /* points as they enter */
    float *position;         /* xyz for each point: write the result of every point; never mesh->position */
    const void *params, *state;
    double time;
} wh_deform_job;

typedef struct {   /* a field at many points at once */
    uint32_t size; /* sizeof(wh_field_job) */
    uint32_t count;
    const wh_host *host;
    const float *position; /* xyz for each point, metres, object space */
    float *value;          /* write the value of every point */
    const void *params, *state;
    double time;
} wh_field_job;

typedef struct {         /* what a sampler intends; the runtime calls sample() for blocks of candidates in parallel */
    uint64_t candidates; /* at most this many are tried, in order 0, 1, 2 … */
    uint64_t wanted;     /* the first so many that are kept make the result; UINT64_MAX: all that are kept */
    uint32_t block;      /* most candidates in one call of sample(), 1 .. 1048576 */
    uint64_t own[4];     /* whatever the kernel's blocks should know; 0 unless it writes here */
} wh_sample_plan;

typedef struct {   /* candidates first .. first + count - 1 */
    uint32_t size; /* sizeof(wh_sample_block) */
    uint32_t count;
    uint64_t first;
    float *x, *y, *z; /* write the kept points here, packed at the front, in candidate order */
    float *value;     /* the measure that decided, for each kept point: its winding number */
    uint64_t *id;     /* stable identity of each kept point, unique in the sample */
    const wh_host *host;
    const wh_geometry *mesh;
    const void *params, *state;
    double time;
    const wh_sample_plan *plan;
} wh_sample_block;

typedef struct wh_make wh_make;
struct wh_make {   /* lent to make(), which builds a mesh from its parameters */
    uint32_t size; /* sizeof(wh_make) */
    const wh_host *host;
    const void *params;
    double time;
    /* Call once: gives room for the mesh. false when memory is short. Then write every position and every index. */
    bool (*begin)(const wh_make *m, uint32_t points, uint32_t triangles, float **position, uint32_t **triangle);
};

typedef struct {
    uint32_t abi, size;         /* WH_KERNEL_ABI, sizeof(wh_kernel) */
    uint32_t param_size, needs; /* bytes of the parameter struct; wh_needs bits */
    const char *name, *doc;     /* "deform_twist"; one sentence */
    const char *params;         /* the text of WH_PARAMS, "" when there are none */
    const char *source;         /* paper or other source of the method, or NULL */
    /* Optional. Builds once per mesh and parameters what is dear to build, such as a tree; shared by all blocks and
     * threads until release(). NULL means failure: call host->fail first. [one thread at a time for one state] */
    void *(*prepare)(const wh_host *h, const wh_geometry *mesh, const void *params);
    void (*release)(const wh_host *h, void *state);
    void (*run)(const wh_block *b);         /* deform, field: one block [any thread] */
    void (*deform)(const wh_deform_job *j); /* deform: the whole mesh, in place of run [any thread] */
    bool (*plan)(const wh_host *h, const wh_geometry *mesh, const void *params, const void *state,
                 wh_sample_plan *out);            /* sample: false after host->fail */
    uint32_t (*sample)(const wh_sample_block *b); /* sample: returns how many were kept [any thread] */
    bool (*make)(const wh_make *m);               /* mesh: false after host->fail */
    /* Optional: what prepare() returns, declared with WH_STATE. Then prepared state outlives a reload: as it stands
     * when the next generation declares the same text; else, when that one has migrate, its members that have a name
     * and a type of the old are copied, the others are zero, and migrate fills them in (false: prepare() builds anew).
     * So the state must begin at what prepare() returned, come from host->alloc, and point at nothing in the kernel
     * itself. */
    const char *state;
    uint32_t state_size;
    bool (*migrate)(const wh_host *h, const wh_geometry *mesh, const void *params, void *state);
    void (*field)(const wh_field_job *j); /* field: optional, beside run, for many points at once [any thread] */
} wh_kernel;
/* ffi-end */

#ifdef _WIN32
#define WH_EXPORT __declspec(dllexport)
#else
#define WH_EXPORT __attribute__((visibility("default")))
#endif

/* Members of the parameter struct, each followed by WH_UI(default, key = value …), which the compiler never sees and
 * whorl reads from the text. Types: float, int, bool, float or int name[2 .. 4], char name[N] for a string.
 * Keys: min, max (inclusive, for each component), unit ("m", "deg", "s", "hz" …), doc (one sentence),
 * choices = "x|y|z" for an int that names one of them from 0 up, attribute = true for a string that names a point
 * attribute, was = "old" for a parameter that had another name before. Defaults: a number, true or false, "text", { 0,
 * 1, 0 }, or for choices the name's number. */
#define WH_PARAMS(T, ...)                                                                                              \
    typedef struct {                                                                                                   \
        __VA_ARGS__                                                                                                    \
    } T;                                                                                                               \
    static const char T##_text[] = #__VA_ARGS__;
/* The struct that prepare() returns, for a state that outlives a reload: WH_STATE(tree, uint32_t count; float *x;), and
 * in the descriptor .state = WH_STATE_TEXT(tree), .state_size = sizeof(tree). Members: numbers, pointers to what
 * host->alloc gave, and arrays of them. */
#define WH_STATE(T, ...)                                                                                               \
    typedef struct {                                                                                                   \
        __VA_ARGS__                                                                                                    \
    } T;                                                                                                               \
    static const char T##_state_text[] = #__VA_ARGS__;
#define WH_STATE_TEXT(T) T##_state_text
#define WH_NO_PARAMS(T)                                                                                                \
    typedef char T;                                                                                                    \
    static const char T##_text[] = "";
#define WH_UI(...)

/* The descriptor: WH_KERNEL(deform_twist, .doc = "…", .run = deform_twist_run); after WH_PARAMS(deform_twist, …). */
#define WH_KERNEL(T, ...)                                                                                              \
    WH_EXPORT extern const wh_kernel wh_kernel_##T;                                                                    \
    const wh_kernel wh_kernel_##T = {.abi = WH_KERNEL_ABI,                                                             \
                                     .size = sizeof(wh_kernel),                                                        \
                                     .param_size = sizeof T##_text > 1 ? sizeof(T) : 0,                                \
                                     .name = #T,                                                                       \
                                     .params = T##_text,                                                               \
                                     __VA_ARGS__}

#define WH_RAD 0.01745329251994329577f /* radians in a degree */

/* math-begin */
/* Float functions that give the same bits under every compiler (build with -ffp-contract=off and without -ffast-math)
 * and that -O3 -fno-math-errno -fno-trapping-math vectorises in a plain loop. Only the sign and payload of a NaN may
 * differ. Nothing here is undefined for any argument. sqrtf is rounded correctly everywhere.
 *
 * sin, cos, exp: W. J. Cody and W. Waite, Software Manual for the Elementary Functions, 1980: reduction by a constant
 * split in parts whose products are exact, then a minimax polynomial; both in double. Adding 1.5 * 2^52 rounds a double
 * to the nearest integer and leaves that integer in its low bits. */
#define WH_ROUND 6755399441055744.0

typedef union {
    double d;
    uint64_t u;
} wh_double_bits;

#if defined(__GNUC__) && !defined(__TINYC__)
#define WH_INLINE static inline __attribute__((always_inline)) /* or a loop with a call in it stays scalar */
#else
#define WH_INLINE static inline
#endif

WH_INLINE float wh_min(float a, float b) /* b when either is a NaN */
{
    return a < b ? a : b;
}

WH_INLINE float wh_max(float a, float b) /* b when either is a NaN */
{
    return a > b ? a : b;
}

WH_INLINE float wh_clamp(float x, float low, float high) /* low for a NaN */
{
    return wh_min(wh_max(x, low), high);
}

WH_INLINE float wh_mix(float a, float b, float t) /* a at 0, b at 1; error for 0 <= t <= 1: 2 ulp of the larger */
{
    return a * (1.0f - t) + b * t;
}

WH_INLINE float wh_step(float a, float b, float x) /* 0 at a, 1 at b, straight between; a == b: 1 above it, else 0 */
{
    return wh_clamp((x - a) / (b - a), 0.0f, 1.0f);
}

WH_INLINE float wh_smoothstep(float a, float b, float x) /* wh_step, eased in and out; error below 3e-7 of t */
{
    float t = wh_step(a, b, x);
    return t * t * (3.0f - 2.0f * t);
}

WH_INLINE float wh_floor(float x) /* exact; above 2^23 every float is whole; NaN and infinity come back */
{
    float shift = x < 0.0f ? -8388608.0f : 8388608.0f;
    float nearest = (x + shift) - shift;
    float down = nearest > x ? nearest - 1.0f : nearest;
    float size = x < 0.0f ? -x : x;
    return size < 8388608.0f ? down : x;
}

/* sin(r + n pi) for |r| <= pi / 2, n the integer in the low bits of turns. */
WH_INLINE float wh__sin_reduced(double r, wh_double_bits turns)
{
    double s = r * r;
    double p = -2.3889104032675582e-8 * s + 2.7525263495417919e-6;
    p = p * s - 1.9840861058037127e-4;
    p = p * s + 8.3333309732718788e-3;
    p = p * s - 0.16666666616790811;
    p = p * s + 0.99999999998290892;
    wh_double_bits y = {r * p};
    y.u ^= turns.u << 63;
    return (float)y.d;
}

/* x - k pi, with pi in parts of 22, 22 and 53 bits; exact but for the last for |k| < 2^30. */
WH_INLINE double wh__less_pi(double x, double k)
{
    return ((x - k * 3.141592025756836) - k * 6.278328328335192e-7) - k * 1.2446744343793227e-13;
}

/* Radians. Error below 0.501 ulp to |x| = 2^31; beyond, where floats are 41 turns apart, the sine of 0; NaN for a NaN
 * and for infinity. */
WH_INLINE float wh_sin(float x)
{
    float size = x < 0.0f ? -x : x;
    double a = size < 2147483648.0f ? x : x - x;
    wh_double_bits turns = {a * 0.31830988618379067154 + WH_ROUND};
    return wh__sin_reduced(wh__less_pi(a, turns.d - WH_ROUND), turns);
}

WH_INLINE float wh_cos(float x) /* as wh_sin; error below 0.501 ulp */
{
    float size = x < 0.0f ? -x : x;
    double a = size < 2147483648.0f ? x : x - x;
    wh_double_bits turns = {a * 0.31830988618379067154 - 0.5 + WH_ROUND};
    double r = wh__less_pi(a, turns.d - WH_ROUND + 0.5);
    return wh__sin_reduced(-r, turns);
}

typedef union {
    float f;
    uint32_t u;
} wh_float_bits;

/* Sine and cosine of an angle in turns (degrees / 360), for rotations: several times as fast as wh_sin and wh_cos, for
 * taking whole quarters off turns is exact in float. Error below 1.7 ulp, and below 9e-8. From 2^20 turns on, where
 * floats are an eighth of a turn apart, and for a NaN, those of 0. */
WH_INLINE void wh_sincos_turns(float turns, float *sine, float *cosine)
{
    const float shift = 12582912.0f; /* 1.5 * 2^23: rounds to the nearest integer, as WH_ROUND does */
    float t = wh_clamp(turns, -1048576.0f, 1048576.0f);
    wh_float_bits quarters = {4.0f * t + shift};
    float r = t - 0.25f * (quarters.f - shift), s = r * r, ss = s * s;
    float p = (-75.4403458f * s + 81.5936432f) * ss + (-41.341671f * s - 1.74845553e-07f);
    float q = (59.2429085f * s - 85.4436417f) * ss + (64.9393234f * s - 19.7392082f);
    p = r * p + r * 6.28318548f; /* 2 pi in two parts */
    q = q * s + 1.0f;
    wh_float_bits first = {(quarters.u & 1) ? q : p}, second = {(quarters.u & 1) ? p : q};
    first.u ^= (quarters.u & 2) << 30;
    second.u ^= ((quarters.u + 1) & 2) << 30;
    *sine = first.f;
    *cosine = second.f;
}

/* Error below 0.54 ulp. 0 where the result would be below FLT_MIN, 3.4028e38 where it would be above FLT_MAX; NaN for a
 * NaN. */
WH_INLINE float wh_exp(float x)
{
    double a = wh_clamp(x, -87.33654f, 88.72283f);
    wh_double_bits power = {a * 1.4426950408889634074 + WH_ROUND};
    double r = a - (power.d - WH_ROUND) * 0.69314718055994530942;
    double p = 1.3941118895837001e-3 * r + 8.3751347746243252e-3;
    p = p * r + 4.1666352771112211e-2;
    p = p * r + 0.16666415414041178;
    p = p * r + 0.50000000471460574;
    p = p * r + 1.0000000377388713;
    p = p * r + 1.0;
    power.u = (power.u << 52) + ((uint64_t)1023 << 52);
    float y = (float)(p * power.d);
    return x > -87.33654f ? y : x == x ? 0.0f : x;
}

/* The hash is lowbias32 of C. Wellons, https://nullprogram.com/blog/2018/07/31/ */
WH_INLINE uint32_t wh_hash(uint32_t h)
{
    h ^= h >> 16;
    h *= 0x7feb352du;
    h ^= h >> 15;
    h *= 0x846ca68bu;
    return h ^ h >> 16;
}

/* Slope at a corner of the lattice times the way from it: towards one of the twelve edges of a cube. */
WH_INLINE float wh__noise_corner(uint32_t corner, float x, float y, float z)
{
    int32_t edge = (int32_t)(wh_hash(corner) >> 28);
    float u = edge < 8 ? x : y;
    float v = edge < 4 ? y : (edge & 13) == 12 ? x : z;
    return ((edge & 1) ? -u : u) + ((edge & 2) ? -v : v);
}

WH_INLINE float wh__noise_fade(float t)
{
    return t * t * t * (t * (t * 6.0f - 15.0f) + 10.0f);
}

/* Gradient noise: smooth, 0 at whole coordinates, within -1.04 .. 1.04, mean 0. Coordinates stop at 2^23 either way;
 * a NaN or an infinity gives a NaN. Error below 3e-6. K. Perlin, Improving Noise, SIGGRAPH 2002, with a hash in place
 * of his table; the multipliers are those of M. Teschner et al., Optimized Spatial Hashing, VMV 2003. */
WH_INLINE float wh_noise(float x, float y, float z, uint32_t seed)
{
    const uint32_t kx = 73856093u, ky = 19349663u, kz = 83492791u;
    float cx = wh_clamp(x, -8388608.0f, 8388608.0f), fx = wh_floor(cx), tx = (cx - fx) + (x - x);
    float cy = wh_clamp(y, -8388608.0f, 8388608.0f), fy = wh_floor(cy), ty = (cy - fy) + (y - y);
    float cz = wh_clamp(z, -8388608.0f, 8388608.0f), fz = wh_floor(cz), tz = (cz - fz) + (z - z);
    uint32_t x0 = (uint32_t)(int32_t)fx * kx + wh_hash(seed), x1 = x0 + kx;
    uint32_t y0 = (uint32_t)(int32_t)fy * ky, y1 = y0 + ky;
    uint32_t z0 = (uint32_t)(int32_t)fz * kz, z1 = z0 + kz;
    float u = wh__noise_fade(tx), v = wh__noise_fade(ty), w = wh__noise_fade(tz);
    float sx = tx - 1.0f, sy = ty - 1.0f, sz = tz - 1.0f;
    float a = wh_mix(wh__noise_corner(x0 ^ y0 ^ z0, tx, ty, tz), wh__noise_corner(x1 ^ y0 ^ z0, sx, ty, tz), u);
    float b = wh_mix(wh__noise_corner(x0 ^ y1 ^ z0, tx, sy, tz), wh__noise_corner(x1 ^ y1 ^ z0, sx, sy, tz), u);
    float c = wh_mix(wh__noise_corner(x0 ^ y0 ^ z1, tx, ty, sz), wh__noise_corner(x1 ^ y0 ^ z1, sx, ty, sz), u);
    float d = wh_mix(wh__noise_corner(x0 ^ y1 ^ z1, tx, sy, sz), wh__noise_corner(x1 ^ y1 ^ z1, sx, sy, sz), u);
    return wh_mix(wh_mix(a, b, v), wh_mix(c, d, v), w);
}
/* math-end */
#endif
