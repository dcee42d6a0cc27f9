/* pool.c - a list of jobs that sleeping threads help with. */
#include "pool.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

typedef struct job {
    void (*work)(void *context, uint32_t i);
    void *context;
    uint32_t count;
    atomic_ullong next; /* first index that nobody has taken */
    uint32_t helpers;   /* threads inside, but for the caller; under the pool's lock */
    struct job *previous, *following;
} job;

struct wh_pool {
    pthread_mutex_t lock;
    pthread_cond_t work_came, helper_left;
    job *jobs; /* newest first: a nested job is what its callers wait for */
    bool stop;
    uint32_t threads, started;
    pthread_t thread[];
};

static void work_on(job *j)
{
    /* 64 bits: the counter runs past count by one for each thread. */
    for (uint64_t i; (i = atomic_fetch_add_explicit(&j->next, 1, memory_order_relaxed)) < j->count;)
        j->work(j->context, (uint32_t)i);
}

static job *open_job(wh_pool *p)
{
    for (job *j = p->jobs; j; j = j->following)
        if (atomic_load_explicit(&j->next, memory_order_relaxed) < j->count)
            return j;
    return NULL;
}

static void *helper(void *argument)
{
    wh_pool *p = argument;
    pthread_mutex_lock(&p->lock);
    while (!p->stop) {
        job *j = open_job(p);
        if (!j) {
            pthread_cond_wait(&p->work_came, &p->lock);
            continue;
        }
        j->helpers++;
        pthread_mutex_unlock(&p->lock);
        work_on(j);
        pthread_mutex_lock(&p->lock);
        if (--j->helpers == 0)
            pthread_cond_broadcast(&p->helper_left);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

wh_pool *wh__pool_new(uint32_t threads)
{
    wh_pool *p = calloc(1, sizeof *p + threads * sizeof p->thread[0]);
    if (!p)
        return NULL;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work_came, NULL);
    pthread_cond_init(&p->helper_left, NULL);
    p->threads = threads ? threads : 1;
    while (p->started + 1 < p->threads && !pthread_create(&p->thread[p->started], NULL, helper, p))
        p->started++;
    return p;
}

void wh__pool_free(wh_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->work_came);
    pthread_mutex_unlock(&p->lock);
    for (uint32_t i = 0; i < p->started; i++)
        pthread_join(p->thread[i], NULL);
    pthread_cond_destroy(&p->helper_left);
    pthread_cond_destroy(&p->work_came);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

uint32_t wh__pool_threads(const wh_pool *p)
{
    return p->threads;
}

static void enter(wh_pool *p, job *j)
{
    pthread_mutex_lock(&p->lock);
    j->following = p->jobs;
    if (p->jobs)
        p->jobs->previous = j;
    p->jobs = j;
    pthread_cond_broadcast(&p->work_came);
    pthread_mutex_unlock(&p->lock);
}

static void leave(wh_pool *p, job *j)
{
    pthread_mutex_lock(&p->lock);
    if (j->previous)
        j->previous->following = j->following;
    else
        p->jobs = j->following;
    if (j->following)
        j->following->previous = j->previous;
    while (j->helpers)
        pthread_cond_wait(&p->helper_left, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

void wh__pool_run(wh_pool *p, uint32_t count, void (*work)(void *context, uint32_t i), void *context)
{
    job j = {.work = work, .context = context, .count = count};
    if (count < 2 || p->started == 0) {
        work_on(&j);
        return;
    }
    enter(p, &j);
    work_on(&j);
    leave(p, &j);
}
