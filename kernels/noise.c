/* noise.c - gradient noise: deform.noise moves points by it, field.noise is it.
 *
 * Octaves are summed, each half the size and half the strength of the one before, and the sum is scaled back so that
 * octaves add detail without adding strength. K. Perlin, Improving Noise, SIGGRAPH 2002. */
#include "whorl_kernel.h"

/* clang-format off */
WH_PARAMS(deform_noise,
    float amount   WH_UI(0.1, min = -1000, max = 1000, unit = "m", doc = "Largest distance moved along each axis");
    float size     WH_UI(1, min = 1e-4, max = 1e4, unit = "m", doc = "Size of the largest features");
    int   octaves  WH_UI(1, min = 1, max = 8, doc = "Layers of detail, each half the size of the one before");
    float speed[3] WH_UI({ 0, 0, 0 }, min = -1000, max = 1000, unit = "m/s", doc = "Velocity of the pattern");
    int   seed     WH_UI(0, min = 0, max = 1000000, doc = "Another number gives another pattern");
)

WH_PARAMS(field_noise,
    float size     WH_UI(1, min = 1e-4, max = 1e4, unit = "m", doc = "Size of the largest features");
    int   octaves  WH_UI(1, min = 1, max = 8, doc = "Layers of detail, each half the size of the one before");
    float speed[3] WH_UI({ 0, 0, 0 }, min = -1000, max = 1000, unit = "m/s", doc = "Velocity of the pattern");
    int   seed     WH_UI(0, min = 0, max = 1000000, doc = "Another number gives another pattern");
)
/* clang-format on */

typedef struct {
    float frequency, shift[3]; /* of the first octave; where the pattern has drifted to, in metres */
    int octaves;
    uint32_t seed;
} noise_pattern;

static noise_pattern noise_at(float size, int octaves, const float speed[3], int seed, double time)
{
    noise_pattern n = {1.0f / size, {0.0f, 0.0f, 0.0f}, octaves, (uint32_t)seed * 64u};
    for (int k = 0; k < 3; k++) {
        n.shift[k] = (float)(speed[k] * time);
    }
    return n;
}

/* Writes the noise of channel 0, 1 or 2. Each layer of each channel has a seed and an offset of its own: it is 0 at
 * whole coordinates, and these should not meet. */
static void noise_fill(const noise_pattern *n, uint32_t channel, const wh_block *b, float *restrict out)
{
    const float *restrict x = b->x, *restrict y = b->y, *restrict z = b->z;
    const float sx = n->shift[0], sy = n->shift[1], sz = n->shift[2];
    float frequency = n->frequency, strength = (float)(1 << (n->octaves - 1)) / (float)((1 << n->octaves) - 1);
    for (uint32_t i = 0; i < b->count; i++) {
        out[i] = 0.0f;
    }
    for (int octave = 0; octave < n->octaves; octave++, frequency *= 2.0f, strength *= 0.5f) {
        const uint32_t seed = n->seed + channel * 16u + (uint32_t)octave;
        const float offset = 0.37f * (float)(channel + 1) + 0.29f * (float)octave;
        for (uint32_t i = 0; i < b->count; i++) {
            out[i] += strength * wh_noise((x[i] - sx) * frequency + offset, (y[i] - sy) * frequency + offset,
                                          (z[i] - sz) * frequency + offset, seed);
        }
    }
}

static void noise_add(float *restrict x, const float *restrict by, float amount, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        x[i] += amount * by[i];
    }
}

static void deform_noise_run(const wh_block *b)
{
    const deform_noise *p = b->params;
    const noise_pattern n = noise_at(p->size, p->octaves, p->speed, p->seed, b->time);
    float by[3][WH_BLOCK]; /* all three before any point moves */
    for (uint32_t k = 0; k < 3; k++) {
        noise_fill(&n, k, b, by[k]);
    }
    noise_add(b->x, by[0], p->amount, b->count);
    noise_add(b->y, by[1], p->amount, b->count);
    noise_add(b->z, by[2], p->amount, b->count);
}

static void field_noise_run(const wh_block *b)
{
    const field_noise *p = b->params;
    const noise_pattern n = noise_at(p->size, p->octaves, p->speed, p->seed, b->time);
    float *restrict value = b->value;
    noise_fill(&n, 0, b, value);
    for (uint32_t i = 0; i < b->count; i++) {
        value[i] = wh_clamp(0.5f + 0.5f * value[i], 0.0f, 1.0f);
    }
}

WH_KERNEL(deform_noise, .doc = "Move points by three independent noises, one for each axis",
          .source = "Perlin, Improving Noise, 2002", .run = deform_noise_run);
WH_KERNEL(field_noise, .doc = "Smooth noise from 0 to 1, 0.5 on average", .source = "Perlin, Improving Noise, 2002",
          .run = field_noise_run);
