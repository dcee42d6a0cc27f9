/* again.h - what a thread remembers of the last field that it asked for, so that to ask again costs little more than
 * the call of the kernel: the same field of the same mesh in the same scene has the same parameters and the same state.
 *
 * It keeps nothing alive. Each use proves anew that this is what a whole cook would find: the scene that is pinned now
 * is the same, by a number that no other has; the caller says by topology and moves that the mesh is; and since then no
 * state of the kernel was given up (wh__state_borrow). */
#ifndef WH_AGAIN_H
#define WH_AGAIN_H
#include "plan.h"

#define WH_AGAIN_PARAMS 256 /* bytes of parameters; a call with more is not remembered */

typedef struct wh__again {
    uint64_t scene;    /* its number; 0: nothing is remembered */
    uint64_t given_up; /* states of the kernel, then */
    wh_view view;
    const wh__named_field *field;
    const wh__call *call; /* the field is nothing else */
    wh__state *state;     /* NULL: the kernel prepares nothing */
    const void *data;
    size_t param_size;
    unsigned char params[WH_AGAIN_PARAMS];
} wh__again;
#endif
