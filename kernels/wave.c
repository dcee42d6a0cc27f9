/* wave.c - a sine wave that travels along one axis and moves points along another. */
#include "whorl_kernel.h"

/* clang-format off */
WH_PARAMS(deform_wave,
    float height    WH_UI(0.1, min = -1000, max = 1000, unit = "m", doc = "Largest distance that a point moves");
    float length    WH_UI(1, min = 1e-4, max = 1e4, unit = "m", doc = "Distance from crest to crest");
    float speed     WH_UI(1, min = -1000, max = 1000, unit = "m/s", doc = "How fast the crests travel along the axis");
    int   axis      WH_UI(0, choices = "x|y|z", doc = "Axis that the wave travels along");
    int   direction WH_UI(1, choices = "x|y|z", doc = "Axis that points move along");
)
/* clang-format on */

/* Part of a turn, -0.5 .. 0.5, in double: an hour into a shot the wave is as smooth as at its start. */
static float wave_phase(double turns)
{
    return (float)(turns - ((turns + WH_ROUND) - WH_ROUND));
}

static void deform_wave_run(const wh_block *b)
{
    const deform_wave *p = b->params;
    float *const axes[] = {b->x, b->y, b->z};
    const float *restrict along = axes[p->axis];
    const float phase = wave_phase(p->speed * b->time / p->length);
    const float inverse = 1.0f / p->length, height = p->height;
    const float whole = 12582912.0f; /* 1.5 * 2^23: adding it rounds to whole turns, which leave small numbers */
    float shift[WH_BLOCK];           /* along and moved may be the same array */
    for (uint32_t i = 0; i < b->count; i++) {
        const float turns = along[i] * inverse;
        float sine, cosine;
        wh_sincos_turns((turns - ((turns + whole) - whole)) - phase, &sine, &cosine);
        shift[i] = height * sine;
    }
    float *restrict moved = axes[p->direction];
    for (uint32_t i = 0; i < b->count; i++) {
        moved[i] += shift[i];
    }
}

WH_KERNEL(deform_wave, .doc = "A sine wave that travels along one axis and moves points along another",
          .run = deform_wave_run);
