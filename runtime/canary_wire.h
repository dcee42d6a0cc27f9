/* canary_wire.h - what canary.c and the helper program say to each other: one wh__request and one wh__reply at a time
 * over a socket; everything that is large, and where the helper is, lies in a file in memory that goes with the
 * request. */
#ifndef WH_CANARY_WIRE_H
#define WH_CANARY_WIRE_H
#include <stdint.h>

#define WH_CANARY_SOCKET 3    /* the helper's end */
#define WH_CANARY_PAGE 65536u /* offsets in the file are multiples of it: no machine has larger pages */

typedef enum { WH_CANARY_COMPILE = 1, WH_CANARY_TRY } wh__request_kind;

typedef struct {
    uint32_t size; /* sizeof(wh__request): host and helper are of one build */
    uint32_t kind;
    double seconds, time;
    uint32_t item_count; /* source files; calls */
    uint32_t has_mesh;
    uint32_t point_count, triangle_count; /* of the mesh */
    uint64_t items_size;                  /* see below; from WH_CANARY_PAGE on */
    uint64_t position_at, triangle_at;    /* the arrays end where their last page ends */
} wh__request;

/* The items, one after the other, strings with their 0.
 * compile: include folder, result, source files.
 * try: library, then for each call: symbol, wh__wire_call, param_size bytes. */
typedef struct {
    uint32_t param_size, attribute_count;
} wh__wire_call;

typedef struct {    /* at the beginning of the file; written by the helper, read when it died without an answer */
    char who[80];   /* "deform.twist" or "" */
    char when[160]; /* "on 1024 made-up points" */
} wh__progress;

typedef struct {
    uint32_t size, good;
    uint32_t late; /* the verdict is that of the clock */
    int32_t signal;
    uint64_t offset, caller;
    char text[400];
} wh__reply;
#endif
