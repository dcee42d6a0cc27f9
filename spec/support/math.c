/* math.c - the math section of whorl_kernel.h as functions over arrays, for spec/math_spec.lua. */
#include "whorl_kernel.h"

static inline float sine_of_turns(float turns)
{
    float s, c;
    wh_sincos_turns(turns, &s, &c);
    return s;
}

static inline float cosine_of_turns(float turns)
{
    float s, c;
    wh_sincos_turns(turns, &s, &c);
    return c;
}

#define OVER_ARRAY(name, expression)                                                                                   \
    WH_EXPORT void name(const float *restrict from, float *restrict to, uint32_t count)                                \
    {                                                                                                                  \
        for (uint32_t i = 0; i < count; i++) {                                                                         \
            const float x = from[i];                                                                                   \
            to[i] = expression;                                                                                        \
        }                                                                                                              \
    }

OVER_ARRAY(spec_sin, wh_sin(x))
OVER_ARRAY(spec_cos, wh_cos(x))
OVER_ARRAY(spec_sine_of_turns, sine_of_turns(x))
OVER_ARRAY(spec_cosine_of_turns, cosine_of_turns(x))
OVER_ARRAY(spec_exp, wh_exp(x))
OVER_ARRAY(spec_floor, wh_floor(x))
OVER_ARRAY(spec_min, wh_min(x, 2.0f))
OVER_ARRAY(spec_max, wh_max(x, 2.0f))
OVER_ARRAY(spec_clamp, wh_clamp(x, -1.0f, 2.0f))
OVER_ARRAY(spec_mix, wh_mix(3.0f, -7.0f, x))
OVER_ARRAY(spec_step, wh_step(2.0f, 2.0f, x))
OVER_ARRAY(spec_smoothstep, wh_smoothstep(-1.5f, 2.25f, x))
OVER_ARRAY(spec_noise, wh_noise(x, x * 0.7f, x * -1.3f, 5))

/* Noise at xyz triples, each point with the seed that is its number divided by 1000. */
WH_EXPORT void spec_noise_at(const float *restrict point, float *restrict to, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        to[i] = wh_noise(point[3 * i], point[3 * i + 1], point[3 * i + 2], i / 1000);
    }
}
