/* state.c - what prepare() built: who has it, how long it is kept, how it outlives a reload. */
#include "module.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_STATES 2 /* prepared states kept for later cooks, for each kernel */

static wh__state *find_state(const wh__states *all, uint64_t key)
{
    for (wh__state *s = all->first; s; s = s->next)
        if (s->key == key && s->status != WH_STATE_FAILED)
            return s;
    return NULL;
}

static void take_out(wh__states *all, wh__state *s)
{
    wh__state **at = &all->first;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
}

/* Counts first: then a thread that borrows it sees that, or is seen here. */
static bool give_up(wh__states *all, wh__state *s)
{
    atomic_fetch_add(&all->given_up, 1);
    if (wh__is_borrowed(s))
        return false;
    take_out(all, s);
    return true;
}

/* Takes the longest unused state out of the list once there are too many idle ones. */
static wh__state *take_oldest(wh__states *all)
{
    uint32_t idle = 0;
    wh__state *oldest = NULL;
    for (wh__state *s = all->first; s; s = s->next) {
        if (s->users)
            continue;
        idle++;
        if (!oldest || s->used < oldest->used)
            oldest = s;
    }
    return idle > IDLE_STATES && give_up(all, oldest) ? oldest : NULL;
}

static wh__state *add_state(wh__states *all, uint64_t key)
{
    wh__state *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    *s = (wh__state){.key = key, .users = 1, .used = ++all->clock, .next = all->first};
    all->first = s;
    return s;
}

/* Somebody else builds it, or has. NULL: that failed, for reasons of that cook, such as being cancelled. */
static wh__state *share(wh__kernel *k, wh__state *s)
{
    wh__states *all = k->states;
    s->users++;
    s->used = ++all->clock;
    while (s->status == WH_STATE_BUILDING)
        pthread_cond_wait(&all->built, &all->lock);
    const bool ready = s->status == WH_STATE_READY;
    pthread_mutex_unlock(&all->lock);
    if (!ready)
        wh__state_drop(k, s);
    return ready ? s : NULL;
}

/* ---- the text of WH_STATE ---- */

typedef struct {
    char type[64], name[64];
    size_t offset, size;
} wh__field;

/* Bytes of a number's type; 0: not a number. */
static size_t number_size(const char *type)
{
    static const struct {
        const char *name;
        size_t size;
    } known[] = {{"char", 1},     {"bool", 1},
                 {"int8_t", 1},   {"uint8_t", 1},
                 {"int16_t", 2},  {"uint16_t", 2},
                 {"int", 4},      {"int32_t", 4},
                 {"uint32_t", 4}, {"float", 4},
                 {"double", 8},   {"int64_t", 8},
                 {"uint64_t", 8}, {"size_t", sizeof(size_t)}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(type, known[i].name) == 0)
            return known[i].size;
    return 0;
}

static bool next_word(const char **at, char *word, size_t size)
{
    size_t n = 0;
    while (isspace((unsigned char)**at))
        ++*at;
    while ((isalnum((unsigned char)**at) || **at == '_') && n + 1 < size)
        word[n++] = *(*at)++;
    word[n] = 0;
    while (isspace((unsigned char)**at))
        ++*at;
    return n > 0;
}

/* The next "type [*] name [ [count] ] ;" of the text; *end is where the members so far end. false: no more, or not one
 * of these. */
static bool next_field(const char **at, size_t *end, wh__field *f)
{
    size_t unit, count = 1;
    if (!next_word(at, f->type, sizeof f->type - 1))
        return false;
    unit = number_size(f->type);
    if (**at == '*') {
        ++*at;
        strcat(f->type, "*");
        unit = sizeof(void *);
    }
    if (unit == 0 || !next_word(at, f->name, sizeof f->name))
        return false;
    if (**at == '[') {
        char *behind;
        count = strtoul(*at + 1, &behind, 10);
        *at = *behind == ']' ? behind + 1 : behind;
    }
    while (isspace((unsigned char)**at))
        ++*at;
    if (**at != ';' || count == 0 || count > 65536)
        return false;
    ++*at;
    f->offset = (*end + unit - 1) / unit * unit;
    f->size = unit * count;
    *end = f->offset + f->size;
    return true;
}

bool wh__state_check(const wh_kernel *d, char *why, size_t size)
{
    const char *at = d->state;
    size_t end = 0, largest = 1;
    for (wh__field f; next_field(&at, &end, &f);) {
        const size_t unit = strchr(f.type, '*') ? sizeof(void *) : number_size(f.type);
        largest = unit > largest ? unit : largest;
    }
    const size_t declared = (end + largest - 1) / largest * largest;
    if (declared == d->state_size && at[strspn(at, " \t\n")] == 0)
        return true;
    snprintf(why, size,
             "the state of %s is not what its text declares (use WH_STATE, with numbers, pointers and arrays of them, "
             "and .state_size = sizeof of it)",
             d->name);
    return false;
}

/* ---- migration ---- */

/* The link to the generation before is for the first state that is built: then it goes, and that generation with it. */
static wh__kernel *take_link(wh__kernel *k)
{
    pthread_mutex_lock(&k->states->lock);
    wh__kernel *older = k->states->older;
    k->states->older = NULL;
    pthread_mutex_unlock(&k->states->lock);
    return older;
}

/* Its idle state of that key, now the caller's; NULL: none. */
static void *take_idle(wh__kernel *k, uint64_t key)
{
    pthread_mutex_lock(&k->states->lock);
    wh__state *s = find_state(k->states, key);
    void *data = s && s->status == WH_STATE_READY && s->users == 0 ? s->data : NULL;
    if (data && !give_up(k->states, s))
        data = NULL;
    pthread_mutex_unlock(&k->states->lock);
    if (data)
        free(s);
    return data;
}

/* Copies members of the same name and type, and takes them from the old struct, so that its release() leaves them. */
static void move_members(const wh__kernel *now, void *to, const wh__kernel *old, void *from)
{
    const char *here = now->desc.state;
    size_t end = 0;
    for (wh__field f; next_field(&here, &end, &f);) {
        const char *there = old->desc.state;
        size_t old_end = 0;
        for (wh__field g; next_field(&there, &old_end, &g);) {
            if (strcmp(f.name, g.name) != 0 || strcmp(f.type, g.type) != 0 || f.size != g.size)
                continue;
            memcpy((char *)to + f.offset, (char *)from + g.offset, f.size);
            memset((char *)from + g.offset, 0, g.size);
        }
    }
}

static void *migrate(wh__kernel *k, const wh__state_request *r)
{
    wh__kernel *older = take_link(k);
    void *from = older ? take_idle(older, r->key) : NULL;
    void *to = from ? r->host->alloc(r->host, k->desc.state_size) : NULL;
    bool ok = false;
    if (to) {
        memset(to, 0, k->desc.state_size);
        move_members(k, to, older, from);
        ok = r->migrate(r->context, to);
        if (!ok)
            wh__kernel_release(k, r->host, to);
    }
    if (from)
        wh__kernel_release(older, r->host, from);
    if (older)
        wh__module_drop(older->module);
    return ok ? to : NULL;
}

/* ---- building ---- */

static wh__state *build_state(wh__kernel *k, wh__state *s, const wh__state_request *r)
{
    wh__states *all = k->states;
    void *data = k->desc.migrate ? migrate(k, r) : NULL;
    if (!data)
        data = r->prepare(r->context);
    /* In a cook that has stopped, parts may have been skipped: nobody else may have that. */
    if (data && !r->host->parallel_for(r->host, 0, NULL, NULL)) {
        wh__kernel_release(k, r->host, data);
        data = NULL;
    }
    pthread_mutex_lock(&all->lock);
    s->data = data;
    s->status = data ? WH_STATE_READY : WH_STATE_FAILED;
    pthread_cond_broadcast(&all->built);
    pthread_mutex_unlock(&all->lock);
    if (data)
        return s;
    r->host->fail(r->host, "it could not prepare for this mesh");
    wh__state_drop(k, s);
    return NULL;
}

wh__state *wh__state_get(wh__kernel *k, const wh__state_request *r)
{
    wh__states *all = k->states;
    for (;;) {
        pthread_mutex_lock(&all->lock);
        wh__state *s = find_state(all, r->key);
        if (!s)
            break;
        if ((s = share(k, s)))
            return s;
    }
    wh__state *s = add_state(all, r->key);
    pthread_mutex_unlock(&all->lock);
    if (s)
        return build_state(k, s, r);
    r->host->fail(r->host, "out of memory");
    return NULL;
}

void wh__state_drop(wh__kernel *k, wh__state *s)
{
    if (!s)
        return;
    wh__states *all = k->states;
    pthread_mutex_lock(&all->lock);
    s->users--;
    wh__state *old = NULL;
    if (s->users == 0 && s->status == WH_STATE_FAILED)
        take_out(all, old = s);
    else
        old = take_oldest(all);
    pthread_mutex_unlock(&all->lock);
    if (old && old->data)
        wh__kernel_release(k, &wh__plain_host, old->data);
    free(old);
}

/* ---- from one generation to the next ---- */

static bool same_state(const wh__kernel *a, const wh__kernel *b)
{
    return a->desc.state_size == b->desc.state_size && strcmp(a->desc.state, b->desc.state) == 0;
}

static void share_states(wh__kernel *now, wh__kernel *old)
{
    wh__states *own = now->states, *all = old->states;
    pthread_mutex_lock(&all->lock);
    now->states = all;
    now->next_attached = all->attached;
    all->attached = now;
    pthread_mutex_unlock(&all->lock);
    pthread_cond_destroy(&own->built);
    pthread_mutex_destroy(&own->lock);
    free(own);
}

void wh__states_adopt(wh__kernel *now, wh__kernel *old)
{
    if (!old || now == old || now->states == old->states || !now->desc.state || !old->desc.state ||
        atomic_load(&old->module->bad) || now->states->first)
        return;
    if (same_state(now, old)) {
        share_states(now, old);
    } else if (now->desc.migrate && !now->states->older) {
        wh__module_keep(old->module);
        now->states->older = old;
    }
}
