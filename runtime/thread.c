/* thread.c - thread.h: one mapping a slot, a list that only grows, hazard pointers.
 * Paper: M. Michael, Hazard Pointers: Safe Memory Reclamation for Lock-Free Objects, IEEE TPDS 15(6), 2004. */
#define _GNU_SOURCE
#include "thread.h"
#include "again.h"
#include "guard.h"
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

static _Atomic(wh__thread *) slots; /* newest first; never freed: wh__is_pinned walks it without a lock */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key; /* only for its destructor */
static bool has_key;

__thread wh__thread *wh__thread_mine;

static void give_back(wh__thread *t)
{
    atomic_store(&t->pinned, NULL);
    atomic_store(&t->borrowed, NULL);
    t->region = -1;
    wh__guard_forget(t);
    atomic_store(&t->used, false);
}

/* A destructor that runs after this one may cook again: it gets a slot anew, and the system calls this again. */
static void thread_ends(void *slot)
{
    wh__thread_mine = NULL;
    give_back(slot);
}

/* The other threads are not in the child: what they pinned is nobody's. */
static void child_begins(void)
{
    for (wh__thread *t = atomic_load(&slots); t; t = t->next)
        if (t != wh__thread_mine) {
            atomic_store(&t->pinned, NULL);
            atomic_store(&t->borrowed, NULL);
            atomic_store(&t->used, false);
        }
}

static void set_up(void)
{
    has_key = pthread_key_create(&key, thread_ends) == 0;
    pthread_atfork(NULL, NULL, child_begins);
}

/* When the library is unloaded, threads that live on must not call thread_ends. What the slots hold stays mapped: this
 * also runs when the process exits, and then other threads may still be cooking. */
__attribute__((destructor)) static void library_ends(void)
{
    if (has_key)
        pthread_key_delete(key);
}

static size_t whole_pages(size_t size, size_t page)
{
    return (size + page - 1) / page * page;
}

typedef struct {
    wh__thread thread;
    wh__again again;
} slot;

/* slot | guard | arrays | guard | memory | guard. The arrays end where the guard begins (their size is a multiple of
 * 64), and the slot lies before a guard, out of the way of a kernel that runs off its arrays. */
static wh__thread *new_slot(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t own = whole_pages(sizeof(slot), page), arrays = whole_pages(sizeof(wh__arrays), page);
    size_t memory = whole_pages(WH_THREAD_MEMORY, page), size = own + arrays + memory + 3 * page;
    unsigned char *at = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    unsigned char *arrays_at = at + own + page, *memory_at = arrays_at + arrays + page;
    const int read_write = PROT_READ | PROT_WRITE;
    if (mprotect(at, own, read_write) != 0 || mprotect(arrays_at, arrays, read_write) != 0 ||
        mprotect(memory_at, memory, read_write) != 0) {
        munmap(at, size);
        return NULL;
    }
    wh__thread *t = &((slot *)at)->thread;
    t->again = &((slot *)at)->again;
    t->arrays = (wh__arrays *)(arrays_at + arrays - sizeof(wh__arrays));
    t->memory = memory_at;
    t->region = -1;
    atomic_init(&t->used, true);
    t->next = atomic_load(&slots);
    while (!atomic_compare_exchange_weak(&slots, &t->next, t))
        ;
    return t;
}

static wh__thread *free_slot(void)
{
    for (wh__thread *t = atomic_load(&slots); t; t = t->next) {
        bool used = false;
        if (atomic_compare_exchange_strong(&t->used, &used, true))
            return t;
    }
    return new_slot();
}

wh__thread *wh__thread_new(void)
{
    pthread_once(&once, set_up);
    wh__thread *t = has_key ? free_slot() : NULL;
    if (t && pthread_setspecific(key, t) != 0) {
        give_back(t);
        return NULL;
    }
    wh__thread_mine = t;
    return t;
}

bool wh__is_borrowed(const void *state)
{
    for (wh__thread *t = atomic_load(&slots); t; t = t->next)
        if (atomic_load(&t->borrowed) == state)
            return true;
    return false;
}

bool wh__is_pinned(const void *p)
{
    for (wh__thread *t = atomic_load(&slots); t; t = t->next)
        if (atomic_load(&t->pinned) == p)
            return true;
    return false;
}
