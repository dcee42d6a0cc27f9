/* simd.h - WH_LANES floats at once, written once for every machine with the vector types of gcc and clang.
 *
 * Comparisons (a < b) give a vint whose lanes are -1 (true) or 0; & | ^ ~ combine masks. The few things that the vector
 * types cannot say are intrinsics here, and nowhere else. Sums over lanes have one order on every machine with so many
 * lanes; v_rsqrt differs in its last bits from machine to machine. */
#ifndef WH_WINDING_SIMD_H
#define WH_WINDING_SIMD_H
#include "whorl_kernel.h"
#include <string.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#ifndef WH_LANES
#if defined(__AVX512F__) && defined(__AVX512DQ__)
#define WH_LANES 16
#elif defined(__AVX__)
#define WH_LANES 8
#else
#define WH_LANES 4
#endif
#endif

#if WH_LANES == 16 && defined(__AVX512F__) && defined(__AVX512DQ__)
#define WH_SIMD_512 1
#elif WH_LANES == 8 && defined(__AVX__)
#define WH_SIMD_256 1
#elif WH_LANES == 4 && defined(__SSE2__)
#define WH_SIMD_128 1
#endif

typedef float vfloat __attribute__((vector_size(4 * WH_LANES), may_alias));
typedef int32_t vint __attribute__((vector_size(4 * WH_LANES), may_alias));

typedef float vquad __attribute__((vector_size(16), may_alias)); /* four floats on every machine */

/* ---- in and out */

WH_INLINE vfloat v_set(float a)
{
    return a - (vfloat){0}; /* a vector less the zero vector: every lane a, -0 included */
}

WH_INLINE vint vi_set(int32_t a)
{
    return a - (vint){0};
}

WH_INLINE vfloat v_load(const float *p) /* any alignment */
{
    vfloat v;
    memcpy(&v, p, sizeof v);
    return v;
}

WH_INLINE void v_store(float *p, vfloat v) /* any alignment */
{
    memcpy(p, &v, sizeof v);
}

WH_INLINE vint vi_load(const void *p)
{
    vint v;
    memcpy(&v, p, sizeof v);
    return v;
}

WH_INLINE void vi_store(void *p, vint v)
{
    memcpy(p, &v, sizeof v);
}

WH_INLINE vint vi_lanes(void) /* 0, 1, 2 … */
{
    vint v;
    for (int k = 0; k < WH_LANES; k++)
        v[k] = k;
    return v;
}

WH_INLINE vint v_to_int(vfloat a) /* towards zero; |a| < 2^31 */
{
    return __builtin_convertvector(a, vint);
}

WH_INLINE vfloat v_from_int(vint a)
{
    return __builtin_convertvector(a, vfloat);
}

/* ---- lane by lane */

WH_INLINE vfloat v_and(vint mask, vfloat a) /* a where the mask is set, else 0 */
{
    return (vfloat)(mask & (vint)a);
}

WH_INLINE vfloat v_select(vint mask, vfloat yes, vfloat no)
{
#if defined(WH_SIMD_256)
    return (vfloat)_mm256_blendv_ps((__m256)no, (__m256)yes, (__m256)mask);
#else
    return (vfloat)((mask & (vint)yes) | (~mask & (vint)no));
#endif
}

WH_INLINE vint vi_select(vint mask, vint yes, vint no)
{
    return (mask & yes) | (~mask & no);
}

WH_INLINE vfloat v_min(vfloat a, vfloat b) /* b where either is a NaN */
{
#if defined(WH_SIMD_512)
    return (vfloat)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(WH_SIMD_256)
    return (vfloat)_mm256_min_ps((__m256)a, (__m256)b);
#elif defined(WH_SIMD_128)
    return (vfloat)_mm_min_ps((__m128)a, (__m128)b);
#else
    return v_select(a < b, a, b);
#endif
}

WH_INLINE vfloat v_max(vfloat a, vfloat b) /* b where either is a NaN */
{
#if defined(WH_SIMD_512)
    return (vfloat)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(WH_SIMD_256)
    return (vfloat)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(WH_SIMD_128)
    return (vfloat)_mm_max_ps((__m128)a, (__m128)b);
#else
    return v_select(a > b, a, b);
#endif
}

WH_INLINE vfloat v_abs(vfloat a)
{
    return (vfloat)((vint)a & INT32_MAX);
}

WH_INLINE vfloat v_sqrt(vfloat a) /* rounded correctly */
{
#if defined(WH_SIMD_512)
    return (vfloat)_mm512_sqrt_ps((__m512)a);
#elif defined(WH_SIMD_256)
    return (vfloat)_mm256_sqrt_ps((__m256)a);
#elif defined(WH_SIMD_128)
    return (vfloat)_mm_sqrt_ps((__m128)a);
#else
    vfloat r;
    for (int k = 0; k < WH_LANES; k++)
        r[k] = sqrtf(a[k]);
    return r;
#endif
}

/* 1 / sqrt(a) within 0.04 %; a > 0. */
WH_INLINE vfloat v_rsqrt_rough(vfloat a)
{
#if defined(WH_SIMD_512)
    return (vfloat)_mm512_rsqrt14_ps((__m512)a);
#elif defined(WH_SIMD_256)
    return (vfloat)_mm256_rsqrt_ps((__m256)a);
#elif defined(WH_SIMD_128)
    return (vfloat)_mm_rsqrt_ps((__m128)a);
#else
    return 1 / v_sqrt(a);
#endif
}

/* 1 / sqrt(a) within 4 ulp; a a normal number > 0. */
WH_INLINE vfloat v_rsqrt(vfloat a)
{
    vfloat r = v_rsqrt_rough(a);
#if defined(WH_SIMD_512) || defined(WH_SIMD_256) || defined(WH_SIMD_128)
    r *= 1.5f - 0.5f * a * r * r; /* a step of Newton's method */
#endif
    return r;
}

WH_INLINE vquad q_min(vquad a, vquad b)
{
#if defined(__SSE2__)
    return (vquad)_mm_min_ps((__m128)a, (__m128)b);
#else
    for (int k = 0; k < 4; k++)
        a[k] = a[k] < b[k] ? a[k] : b[k];
    return a;
#endif
}

WH_INLINE vquad q_max(vquad a, vquad b)
{
#if defined(__SSE2__)
    return (vquad)_mm_max_ps((__m128)a, (__m128)b);
#else
    for (int k = 0; k < 4; k++)
        a[k] = a[k] > b[k] ? a[k] : b[k];
    return a;
#endif
}

/* ---- over all lanes */

WH_INLINE uint32_t v_bits(vint mask) /* bit k: lane k of the mask is set */
{
#if defined(WH_SIMD_512)
    return (uint32_t)_mm512_movepi32_mask((__m512i)mask);
#elif defined(WH_SIMD_256)
    return (uint32_t)_mm256_movemask_ps((__m256)mask);
#elif defined(WH_SIMD_128)
    return (uint32_t)_mm_movemask_ps((__m128)mask);
#else
    uint32_t bits = 0;
    for (int k = 0; k < WH_LANES; k++)
        bits |= ((uint32_t)mask[k] >> 31) << k;
    return bits;
#endif
}

WH_INLINE vint v_mask(uint32_t bits) /* what v_bits takes apart */
{
    return ((vi_set((int32_t)bits) >> vi_lanes()) & 1) != 0;
}

WH_INLINE bool v_any(vint mask)
{
    return v_bits(mask) != 0;
}

WH_INLINE bool v_all(vint mask)
{
    return v_bits(mask) == (1u << WH_LANES) - 1;
}

WH_INLINE float v_sum(vfloat a)
{
    float f[WH_LANES];
    v_store(f, a);
    for (int half = WH_LANES / 2; half; half /= 2)
        for (int k = 0; k < half; k++)
            f[k] += f[k + half];
    return f[0];
}

WH_INLINE float v_least(vfloat a)
{
    float f[WH_LANES];
    v_store(f, a);
    for (int half = WH_LANES / 2; half; half /= 2)
        for (int k = 0; k < half; k++)
            f[k] = f[k] < f[k + half] ? f[k] : f[k + half];
    return f[0];
}

WH_INLINE float v_greatest(vfloat a)
{
    return -v_least(-a);
}
#endif
