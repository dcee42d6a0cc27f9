/* input.h - a copy of the last real input, for canaries. */
#ifndef WH_INPUT_H
#define WH_INPUT_H
#include "canary.h"
#include "whorl.h"
#include <pthread.h>
#include <stdatomic.h>

#define WH_MOST_INPUT 131072 /* points, and twice as many triangles: of a larger mesh the first */

typedef struct {
    atomic_uint users;
    wh__trial_mesh mesh;
} wh__input;

typedef struct {
    pthread_mutex_t lock;
    wh__input *last;
} wh__inputs;

void wh__inputs_init(wh__inputs *i);
void wh__inputs_free(wh__inputs *i);
void wh__inputs_take(wh__inputs *i, const wh_view *v, double seconds); /* [any] */
wh__input *wh__inputs_last(wh__inputs *i);                             /* NULL: none; goes to wh__input_drop. [any] */
void wh__input_drop(wh__input *i);                                     /* NULL is fine */
#endif
