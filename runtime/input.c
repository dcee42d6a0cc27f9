/* input.c - keep the first points of the last mesh that was cooked, with the triangles among them. */
#include "input.h"
#include <stdlib.h>
#include <string.h>

void wh__inputs_init(wh__inputs *i)
{
    pthread_mutex_init(&i->lock, NULL);
    i->last = NULL;
}

void wh__input_drop(wh__input *i)
{
    if (!i || atomic_fetch_sub(&i->users, 1) != 1)
        return;
    free((void *)i->mesh.position);
    free((void *)i->mesh.triangle);
    free(i);
}

void wh__inputs_free(wh__inputs *i)
{
    wh__input_drop(i->last);
    pthread_mutex_destroy(&i->lock);
}

static uint32_t copy_triangles(uint32_t *to, const wh_view *v, uint32_t points)
{
    uint32_t count = 0;
    for (uint32_t i = 0; v->triangle && i < v->triangle_count && count < 2 * WH_MOST_INPUT; i++) {
        const uint32_t *t = v->triangle + (size_t)i * 3;
        if (t[0] < points && t[1] < points && t[2] < points)
            memcpy(to + (size_t)count++ * 3, t, 12);
    }
    return count;
}

static wh__input *copy_input(const wh_view *v, double seconds)
{
    wh__input *i = calloc(1, sizeof *i);
    const uint32_t points = v->point_count < WH_MOST_INPUT ? v->point_count : WH_MOST_INPUT;
    const size_t triangles = v->triangle_count < 2 * WH_MOST_INPUT ? v->triangle_count : 2 * WH_MOST_INPUT;
    const size_t stride = v->stride ? v->stride : 12;
    float *position = malloc((size_t)points * 12 + 1);
    uint32_t *triangle = malloc(triangles * 12 + 1);
    if (!i || !position || !triangle) {
        free(i);
        free(position);
        free(triangle);
        return NULL;
    }
    for (size_t k = 0; k < points; k++)
        memcpy(position + k * 3, (const char *)v->position + k * stride, 12);
    i->users = 1;
    i->mesh = (wh__trial_mesh){.point_count = points,
                               .triangle_count = copy_triangles(triangle, v, points),
                               .position = position,
                               .triangle = triangle,
                               .time = seconds};
    return i;
}

void wh__inputs_take(wh__inputs *i, const wh_view *v, double seconds)
{
    wh__input *now = copy_input(v, seconds);
    if (!now)
        return;
    if (pthread_mutex_trylock(&i->lock) != 0) { /* a cook waits for nobody */
        wh__input_drop(now);
        return;
    }
    wh__input *old = i->last;
    i->last = now;
    pthread_mutex_unlock(&i->lock);
    wh__input_drop(old);
}

wh__input *wh__inputs_last(wh__inputs *i)
{
    pthread_mutex_lock(&i->lock);
    wh__input *last = i->last;
    if (last)
        atomic_fetch_add(&last->users, 1);
    pthread_mutex_unlock(&i->lock);
    return last;
}
