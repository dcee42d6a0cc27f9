/* halve.c - see halve.h. The place with a given rank is found by counting places in equal intervals and going on with
 * those of one interval only. */
#include "halve.h"
#include "simd.h"

#define BINS 256
#define SMALL 64 /* so few are ranked by comparing each with each, which is a plain loop without branches */

static float key_of(const wh_place *p, int axis)
{
    return (&p->x)[axis];
}

/* The longest side of the box, and its ends. */
static int longest_side(const wh_place *place, uint32_t count, float *low, float *high)
{
    vquad least = {place->x, place->y, place->z, 0}, most = least;
    for (uint32_t i = 0; i < count; i++) {
        vquad p;
        memcpy(&p, place + i, sizeof p);
        least = q_min(least, p);
        most = q_max(most, p);
    }
    const vquad size = most - least;
    const int axis = size[0] >= size[1] && size[0] >= size[2] ? 0 : size[1] >= size[2] ? 1 : 2;
    *low = least[axis];
    *high = most[axis];
    return axis;
}

static void range_of(const wh_place *place, uint32_t count, int axis, float *low, float *high)
{
    *low = *high = key_of(place, axis);
    for (uint32_t i = 1; i < count; i++) {
        *low = wh_min(*low, key_of(place + i, axis));
        *high = wh_max(*high, key_of(place + i, axis));
    }
}

/* Puts the places in order of their interval's relation to the one that holds rank `left`: below, in, above. Returns
 * how many are below; *within: how many in. */
static uint32_t part(wh_place *place, wh_place *spare, uint32_t count, int axis, float low, float scale, uint32_t left,
                     uint32_t *within)
{
    uint32_t number[BINS] = {0}, chosen = 0, below = 0;
    for (uint32_t i = 0; i < count; i++)
        number[(int32_t)((key_of(place + i, axis) - low) * scale)]++;
    while (below + number[chosen] < left)
        below += number[chosen++];
    uint32_t next[3] = {0, below, below + number[chosen]};
    *within = number[chosen];
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t bin = (uint32_t)(int32_t)((key_of(place + i, axis) - low) * scale);
        spare[next[(bin >= chosen) + (bin > chosen)]++] = place[i];
    }
    memcpy(place, spare, count * sizeof *place);
    return below;
}

/* Numbers in the order of the keys, all different: the last bits are the place's own. */
static int32_t distinct_key(float key, uint32_t i)
{
    int32_t bits;
    memcpy(&bits, &key, sizeof bits);
    bits ^= bits >> 31 & INT32_MAX;
    return (bits & -SMALL) | (int32_t)i;
}

static void sort_small(wh_place *place, wh_place *spare, uint32_t count, int axis)
{
    int32_t key[SMALL], rank[SMALL] = {0};
    const uint32_t end = (count + 7) & ~7u; /* a multiple of what fits a vector */
    for (uint32_t i = 0; i < end; i++)
        key[i] = i < count ? distinct_key(key_of(place + i, axis), i) : INT32_MAX;
    for (uint32_t j = 0; j < count; j++)
        for (uint32_t i = 0; i < end; i++)
            rank[i] += key[j] < key[i];
    for (uint32_t i = 0; i < count; i++)
        spare[rank[i]] = place[i];
    memcpy(place, spare, count * sizeof *place);
}

void wh__halve(wh_place *place, wh_place *spare, uint32_t count, uint32_t left)
{
    float low, high;
    if (left == 0 || left >= count)
        return;
    const int axis = longest_side(place, count, &low, &high);
    while (count > SMALL && high - low > 1e-30f) {
        uint32_t within, below = part(place, spare, count, axis, low, (BINS - 0.01f) / (high - low), left, &within);
        left -= below;
        if (left == within)
            return;
        place += below;
        spare += below;
        count = within;
        range_of(place, count, axis, &low, &high);
    }
    if (count <= SMALL)
        sort_small(place, spare, count, axis);
}
