/* pool.h - the session's threads. Any number of callers at once; a caller works on its own job, so jobs may nest. */
#ifndef WH_POOL_H
#define WH_POOL_H
#include <stdbool.h>
#include <stdint.h>

typedef struct wh_pool wh_pool;

wh_pool *wh__pool_new(uint32_t threads); /* the caller of a job is one of them; NULL when memory is short */
void wh__pool_free(wh_pool *p);          /* no job may be running */
uint32_t wh__pool_threads(const wh_pool *p);

/* Calls work(context, i) once for each i below count and returns when all are done. work may run on any thread. */
void wh__pool_run(wh_pool *p, uint32_t count, void (*work)(void *context, uint32_t i), void *context);
#endif
