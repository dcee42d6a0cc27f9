/* guarded.c - arrays between pages that fault when they are touched, with a known pattern in what is left of their own
 * pages; and the services of wh_host, which give such arrays out. */
#define _GNU_SOURCE
#include "helper.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define GUARD 65536 /* bytes before and after: also a step of many points off the end is seen */
#define PATTERN 0xa7
#define MOST_ARRAYS 2100 /* the kernel's own, of those whose every byte is guarded, about 2000 */
#define GUARDED_ALLOCATIONS 2000

static wh__guarded_array array[MOST_ARRAYS];
static uint32_t guarded_allocations;
bool wh__trial_refused;

static const char allocated[] = "what host->alloc gave";

static wh__guarded_array *free_entry(void)
{
    for (uint32_t i = 0; i < MOST_ARRAYS; i++)
        if (!array[i].name)
            return &array[i];
    return NULL;
}

static size_t round_up(size_t size, size_t to)
{
    return (size + to - 1) / to * to;
}

static size_t page(void)
{
    static size_t size;
    return size ? size : (size = (size_t)sysconf(_SC_PAGESIZE));
}

static wh__guarded_array *reserve(const char *name, size_t page_size)
{
    wh__guarded_array *a = free_entry();
    const size_t map_size = page_size + 2 * (size_t)GUARD;
    char *map = a ? mmap(NULL, map_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) : MAP_FAILED;
    if (map == MAP_FAILED)
        return NULL;
    *a = (wh__guarded_array){
        .name = name, .map = map, .page = map + GUARD, .map_size = map_size, .page_size = page_size};
    return a;
}

wh__guarded_array *wh__array_new(const char *name, size_t room, size_t alignment)
{
    if (room > SIZE_MAX / 2)
        return NULL;
    wh__guarded_array *a = reserve(name, round_up(room + (room == 0), page()));
    if (!a)
        return NULL;
    if (mprotect(a->page, a->page_size, PROT_READ | PROT_WRITE) != 0) {
        wh__array_free(a);
        return NULL;
    }
    a->size = room;
    a->begin = a->page + a->page_size - round_up(room, alignment);
    memset(a->page, PATTERN, (size_t)(a->begin - a->page));
    memset(a->begin + room, PATTERN, (size_t)(a->page + a->page_size - a->begin) - room);
    return a;
}

wh__guarded_array *wh__array_of_file(const char *name, int file, uint64_t at, size_t size)
{
    const size_t page_size = round_up(size, WH_CANARY_PAGE);
    wh__guarded_array *a = reserve(name, page_size);
    if (!a)
        return NULL;
    if (size && mmap(a->page, page_size, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, (off_t)at) == MAP_FAILED) {
        wh__array_free(a);
        return NULL;
    }
    a->size = size;
    a->begin = a->page + page_size - size;
    a->fixed = true;
    return a;
}

void wh__array_free(wh__guarded_array *a)
{
    if (!a)
        return;
    munmap(a->map, a->map_size);
    a->name = NULL;
}

/* An array of no points keeps a cache line: reading its first element is harmless when whorl runs it. */
void wh__array_place(wh__guarded_array *a, size_t size)
{
    a->size = size;
    a->begin = a->page + a->page_size - round_up(size + (size == 0), 64);
    memset(a->page, PATTERN, (size_t)(a->begin - a->page));
    memset(a->begin + size, PATTERN, (size_t)(a->page + a->page_size - a->begin) - size);
}

void wh__array_fix(wh__guarded_array *a, bool fixed)
{
    if (a->fixed != fixed)
        mprotect(a->page, a->page_size, fixed ? PROT_READ : PROT_READ | PROT_WRITE);
    a->fixed = fixed;
}

static bool is_pattern(const char *from, const char *to)
{
    for (; from < to; from++)
        if ((unsigned char)*from != PATTERN)
            return false;
    return true;
}

void wh__array_check(const wh__guarded_array *a)
{
    if (a->fixed)
        return;
    if (!is_pattern(a->begin + a->size, a->page + a->page_size))
        wh__reject_here("it wrote past the end of %s", a->name);
    if (!is_pattern(a->page, a->begin))
        wh__reject_here("it wrote before the start of %s", a->name);
}

const wh__guarded_array *wh__array_at(uintptr_t address)
{
    for (uint32_t i = 0; i < MOST_ARRAYS; i++)
        if (array[i].name && address >= (uintptr_t)array[i].map &&
            address < (uintptr_t)array[i].map + array[i].map_size)
            return &array[i];
    return NULL;
}

/* ---- allocations of kernels ---- */

typedef struct plain plain;
struct plain { /* beyond so many: before and after the bytes a line that is looked at when they are freed */
    plain *next, *previous;
    size_t size;
    char pattern[40];
};
_Static_assert(sizeof(plain) == 64, "keeps the bytes aligned");

static plain *first_plain;

static void *alloc_plain(size_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        return NULL;
    plain *p = aligned_alloc(64, 64 + round_up(bytes, 64) + 64);
    if (!p)
        return NULL;
    *p = (plain){.next = first_plain, .size = bytes};
    if (first_plain)
        first_plain->previous = p;
    first_plain = p;
    memset(p->pattern, PATTERN, sizeof p->pattern);
    memset((char *)(p + 1) + bytes, PATTERN, round_up(bytes, 64) - bytes + 64);
    return p + 1;
}

static void free_plain(plain *p)
{
    const char *end = (const char *)(p + 1) + p->size;
    if (!is_pattern(p->pattern, p->pattern + sizeof p->pattern))
        wh__reject_here("it wrote before the start of %s, or freed what host->alloc did not give,", allocated);
    if (!is_pattern(end, end + round_up(p->size, 64) - p->size + 64))
        wh__reject_here("it wrote past the end of %s", allocated);
    if (p->next)
        p->next->previous = p->previous;
    *(p->previous ? &p->previous->next : &first_plain) = p->next;
    free(p);
}

static void *trial_alloc(const wh_host *h, size_t bytes)
{
    (void)h;
    if (guarded_allocations == GUARDED_ALLOCATIONS)
        return alloc_plain(bytes);
    wh__guarded_array *a = wh__array_new(allocated, bytes, 64);
    if (!a)
        return NULL;
    guarded_allocations++;
    return a->begin;
}

static void free_guarded(wh__guarded_array *a)
{
    wh__array_check(a);
    wh__array_free(a);
    guarded_allocations--;
}

static void trial_free(const wh_host *h, void *p)
{
    (void)h;
    if (!p)
        return;
    for (uint32_t i = 0; i < MOST_ARRAYS; i++)
        if (array[i].name == allocated && array[i].begin == p) {
            free_guarded(&array[i]);
            return;
        }
    for (plain *q = first_plain; q; q = q->next)
        if (q + 1 == p) {
            free_plain(q);
            return;
        }
    wh__reject_here("it freed what host->alloc did not give, or freed it twice,");
}

void wh__trial_free_all(void)
{
    for (uint32_t i = 0; guarded_allocations && i < MOST_ARRAYS; i++)
        if (array[i].name == allocated)
            free_guarded(&array[i]);
    while (first_plain)
        free_plain(first_plain);
}

static bool trial_parallel_for(const wh_host *h, uint32_t count, void (*work)(void *context, uint32_t i), void *context)
{
    (void)h;
    for (uint32_t i = 0; i < count; i++)
        work(context, i);
    return true;
}

static void trial_fail(const wh_host *h, const char *reason)
{
    (void)h;
    (void)reason;
    wh__trial_refused = true;
}

static void trial_warn(const wh_host *h, const char *text)
{
    (void)h;
    (void)text;
}

const wh_host wh__trial_host = {.size = sizeof(wh_host),
                                .alloc = trial_alloc,
                                .free = trial_free,
                                .parallel_for = trial_parallel_for,
                                .fail = trial_fail,
                                .warn = trial_warn,
                                .note = trial_warn};
