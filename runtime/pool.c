/* pool.c - a list of jobs that sleeping threads help with. */
#include "pool.h"
#include "os.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SPIN_TURNS 2000 /* of wh__relax: tens of microseconds */

typedef struct job {
    void (*work)(void *context, uint32_t i);
    void *context;
    uint32_t count;
    atomic_ullong next;  /* first index that nobody has taken */
    atomic_uint helpers; /* threads inside, but for the caller; enters and leaves under the pool's lock */
    struct job *previous, *following;
} job;

struct wh_pool {
    pthread_mutex_t lock;
    pthread_cond_t work_came, helper_left;
    job *jobs;          /* newest first: a nested job is what its callers wait for */
    atomic_uint posted; /* jobs so far; changed under the lock */
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

/* Waking a sleeping thread costs as long as a small job: for so long it is cheaper to look again. */
static bool spin_until(atomic_uint *value, unsigned wanted, bool equal)
{
    for (int turn = 0; turn < SPIN_TURNS; turn++) {
        if ((atomic_load_explicit(value, memory_order_acquire) == wanted) == equal)
            return true;
        wh__relax();
    }
    return false;
}

static void help(wh_pool *p, job *j)
{
    atomic_fetch_add_explicit(&j->helpers, 1, memory_order_relaxed);
    pthread_mutex_unlock(&p->lock);
    work_on(j);
    pthread_mutex_lock(&p->lock);
    /* The last to leave: from here on the job may be gone. */
    if (atomic_fetch_sub_explicit(&j->helpers, 1, memory_order_release) == 1)
        pthread_cond_broadcast(&p->helper_left);
}

static void *helper(void *argument)
{
    wh_pool *p = argument;
    pthread_mutex_lock(&p->lock);
    while (!p->stop) {
        job *j = open_job(p);
        if (j) {
            help(p, j);
            continue;
        }
        const unsigned posted = atomic_load_explicit(&p->posted, memory_order_relaxed);
        pthread_mutex_unlock(&p->lock);
        spin_until(&p->posted, posted, false);
        pthread_mutex_lock(&p->lock);
        if (posted == atomic_load_explicit(&p->posted, memory_order_relaxed) && !p->stop)
            pthread_cond_wait(&p->work_came, &p->lock);
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
    atomic_fetch_add_explicit(&p->posted, 1, memory_order_release);
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
    pthread_mutex_unlock(&p->lock);
    if (spin_until(&j->helpers, 0, true))
        return;
    pthread_mutex_lock(&p->lock);
    while (atomic_load_explicit(&j->helpers, memory_order_acquire))
        pthread_cond_wait(&p->helper_left, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

void wh__pool_run(wh_pool *p, uint32_t count, void (*work)(void *context, uint32_t i), void *context)
{
    if (count < 2 || p->started == 0) {
        for (uint32_t i = 0; i < count; i++)
            work(context, i);
        return;
    }
    job j = {.work = work, .context = context, .count = count};
    enter(p, &j);
    work_on(&j);
    leave(p, &j);
}
