/* module.c - load a library beside the others, check what it says of itself, unload it when its last user left. */
#include "module.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KINDS 4
#define SYMBOL_PREFIX "wh_kernel_"
#define IDLE_STATES 2 /* prepared states kept for later cooks, for each kernel */
#define LONGEST_TEXT 65536
#define LARGEST_PARAMS 65536

static const char *const kind_names[KINDS] = {"deform", "field", "sample", "mesh"};

const char *wh__kind_name(wh_kind kind)
{
    return kind_names[kind - 1];
}

const char *wh__intern(const char *text)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct name {
        struct name *next;
        char text[];
    } * names;
    pthread_mutex_lock(&lock);
    struct name *n = names;
    while (n && strcmp(n->text, text) != 0)
        n = n->next;
    if (!n && (n = malloc(sizeof *n + strlen(text) + 1))) {
        memcpy(n->text, text, strlen(text) + 1);
        n->next = names;
        names = n;
    }
    pthread_mutex_unlock(&lock);
    return n ? n->text : "";
}

/* ---- descriptors ---- */

static bool has_entry(const wh_kernel *d, wh_kind kind)
{
    switch (kind) {
    case WH_DEFORM:
        return !d->run != !d->deform;
    case WH_FIELD:
        return d->run;
    case WH_SAMPLE:
        return d->plan && d->sample;
    case WH_MESH:
        return d->make;
    }
    return false;
}

static const char *entry_advice(wh_kind kind)
{
    static const char *const advice[KINDS] = {"set either .run or .deform", "set .run", "set .plan and .sample",
                                              "set .make"};
    return advice[kind - 1];
}

static bool bad_text(const char *text)
{
    return !text || strnlen(text, LONGEST_TEXT) == LONGEST_TEXT;
}

/* abi and size are read first: nothing else may be looked at before they agree. */
static bool check_descriptor(const wh_kernel *d, wh_kind kind, const char *symbol, char *why, size_t size)
{
    const char *name = symbol + strlen(SYMBOL_PREFIX);
    if (d->abi != WH_KERNEL_ABI)
        snprintf(why, size,
                 "%s was built for kernel interface %u, this whorl has %d (rebuild it with this whorl's "
                 "whorl_kernel.h)",
                 name, d->abi, WH_KERNEL_ABI);
    else if (d->size != sizeof(wh_kernel))
        snprintf(why, size,
                 "the descriptor of %s has %u bytes, this whorl's has %zu (rebuild it with this whorl's "
                 "whorl_kernel.h)",
                 name, d->size, sizeof(wh_kernel));
    else if (bad_text(d->name) || strcmp(d->name, name) != 0)
        snprintf(why, size, "the descriptor of %s gives another name (use WH_KERNEL)", name);
    else if (bad_text(d->params) || d->param_size > LARGEST_PARAMS || (d->param_size == 0) != (d->params[0] == 0))
        snprintf(why, size, "the parameters of %s are not described (use WH_PARAMS or WH_NO_PARAMS)", name);
    else if (bad_text(d->doc))
        snprintf(why, size, "%s has no .doc (say in one sentence what it does)", name);
    else if (!has_entry(d, kind))
        snprintf(why, size, "%s has nothing to run (%s)", name, entry_advice(kind));
    else if (!d->prepare != !d->release)
        snprintf(why, size, "%s has only one of .prepare and .release (set both)", name);
    else
        return true;
    return false;
}

typedef struct {
    wh__module *module;
    char *why;
    size_t why_size;
    bool ok;
} search;

static void add_kernel(wh__module *m, const wh_kernel *d, wh_kind kind, const char *word)
{
    wh__kernel *k = &m->kernel[m->kernel_count++];
    char id[80];
    snprintf(id, sizeof id, "%s.%.64s", wh__kind_name(kind), word);
    k->id = wh__intern(id);
    k->module = m;
    k->desc = d;
    k->kind = kind;
    pthread_mutex_init(&k->lock, NULL);
    pthread_cond_init(&k->built, NULL);
}

/* symbol: wh_kernel_deform_twist. */
static void take_symbol(void *context, const char *symbol)
{
    search *s = context;
    const char *name = symbol + strlen(SYMBOL_PREFIX);
    for (int kind = WH_DEFORM; s->ok && kind <= WH_MESH; kind++) {
        const size_t length = strlen(kind_names[kind - 1]);
        if (strncmp(name, kind_names[kind - 1], length) != 0 || name[length] != '_' || !name[length + 1])
            continue;
        const wh_kernel *d = wh__library_symbol(s->module->library, symbol);
        s->ok =
            d && s->module->kernel_count < WH_MOST_KERNELS && check_descriptor(d, kind, symbol, s->why, s->why_size);
        if (s->ok)
            add_kernel(s->module, d, kind, name + length + 1);
        return;
    }
}

static bool find_kernels(wh__module *m, const char *word, char *why, size_t size)
{
    search s = {m, why, size, true};
    snprintf(why, size, "more than %d kernels in it", WH_MOST_KERNELS);
    wh__library_symbols(m->path.s, SYMBOL_PREFIX, take_symbol, &s);
    if (s.ok && m->kernel_count == 0)
        snprintf(why, size, "no kernel in it (end it with WH_KERNEL(deform_%s, …), or field_, sample_, mesh_)", word);
    return s.ok && m->kernel_count;
}

/* ---- loading ---- */

/* The loader begins its message with the path of the copy, which means nothing to anybody. */
static bool open_library(wh__module *m, char *why, size_t size)
{
    m->library = wh__library_open(m->path.s, why, size);
    const size_t length = strlen(m->path.s);
    if (!m->library && strncmp(why, m->path.s, length) == 0 && strncmp(why + length, ": ", 2) == 0)
        memmove(why, why + length + 2, strlen(why + length + 2) + 1);
    return m->library;
}

/* The loader hands back the old library for an old name: every generation is mapped from a name of its own. */
static bool copy_library(const char *from, const char *folder, const char *word, wh_path *to, char *why, size_t size)
{
    static atomic_uint serial;
    char name[128];
    snprintf(name, sizeof name, "%.64s.%u.%u.so", word, wh__process_id(), atomic_fetch_add(&serial, 1));
    wh_map m;
    bool ok = wh__path_join(to, folder, name) && wh__map_open(from, &m);
    if (ok) {
        ok = wh__write_file(to->s, m.bytes, m.size);
        wh__map_close(&m);
    }
    if (!ok)
        snprintf(why, size, "cannot copy it to %.500s: %s", folder, strerror(errno));
    return ok;
}

static void unload(wh__module *m)
{
    if (m->library)
        wh__library_close(m->library);
    if (m->copied)
        remove(m->path.s);
    for (uint32_t i = 0; i < m->kernel_count; i++) {
        pthread_cond_destroy(&m->kernel[i].built);
        pthread_mutex_destroy(&m->kernel[i].lock);
    }
    free(m);
}

wh__module *wh__module_load(const char *library, const char *source, const char *copies, const char *word, char *why,
                            size_t why_size)
{
    wh__module *m = calloc(1, sizeof *m);
    if (!m) {
        snprintf(why, why_size, "out of memory");
        return NULL;
    }
    m->builtin = !copies;
    snprintf(m->source.s, sizeof m->source.s, "%s", source);
    snprintf(m->path.s, sizeof m->path.s, "%s", library);
    if (copies)
        m->copied = copy_library(library, copies, word, &m->path, why, why_size);
    if ((copies && !m->copied) || !wh__library_complete(m->path.s, why, why_size) || !open_library(m, why, why_size) ||
        !find_kernels(m, word, why, why_size)) {
        unload(m);
        return NULL;
    }
    m->users = 1;
    return m;
}

void wh__module_keep(wh__module *m)
{
    atomic_fetch_add(&m->users, 1);
}

static void release_states(wh__kernel *k)
{
    for (wh__state *s = k->states, *next; s; s = next) {
        next = s->next;
        if (s->data)
            k->desc->release(&wh__plain_host, s->data);
        free(s);
    }
    k->states = NULL;
}

void wh__module_drop(wh__module *m)
{
    if (!m || atomic_fetch_sub(&m->users, 1) != 1)
        return;
    for (uint32_t i = 0; i < m->kernel_count; i++)
        release_states(&m->kernel[i]);
    unload(m);
}

/* ---- prepared states ---- */

static wh__state *find_state(wh__kernel *k, uint64_t key)
{
    for (wh__state *s = k->states; s; s = s->next)
        if (s->key == key && s->status != WH_STATE_FAILED)
            return s;
    return NULL;
}

/* Takes the longest unused state out of the list once there are too many idle ones. */
static wh__state *take_oldest(wh__kernel *k)
{
    uint32_t idle = 0;
    wh__state **oldest = NULL;
    for (wh__state **at = &k->states; *at; at = &(*at)->next) {
        if ((*at)->users)
            continue;
        idle++;
        if (!oldest || (*at)->used < (*oldest)->used)
            oldest = at;
    }
    if (idle <= IDLE_STATES)
        return NULL;
    wh__state *s = *oldest;
    *oldest = s->next;
    return s;
}

static wh__state *add_state(wh__kernel *k, uint64_t key)
{
    wh__state *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    *s = (wh__state){.key = key, .users = 1, .used = ++k->clock, .next = k->states};
    k->states = s;
    return s;
}

/* Somebody else builds it, or has. NULL: that failed, for reasons of that cook, such as being cancelled. */
static wh__state *share(wh__kernel *k, wh__state *s)
{
    s->users++;
    s->used = ++k->clock;
    while (s->status == WH_STATE_BUILDING)
        pthread_cond_wait(&k->built, &k->lock);
    const bool ready = s->status == WH_STATE_READY;
    pthread_mutex_unlock(&k->lock);
    if (!ready)
        wh__state_drop(k, s);
    return ready ? s : NULL;
}

static wh__state *build_state(wh__kernel *k, wh__state *s, const wh_host *host, const wh_geometry *mesh,
                              const void *params)
{
    void *data = k->desc->prepare(host, mesh, params);
    /* In a cook that has stopped, parts may have been skipped: nobody else may have that. */
    if (data && !host->parallel_for(host, 0, NULL, NULL)) {
        k->desc->release(host, data);
        data = NULL;
    }
    pthread_mutex_lock(&k->lock);
    s->data = data;
    s->status = data ? WH_STATE_READY : WH_STATE_FAILED;
    pthread_cond_broadcast(&k->built);
    pthread_mutex_unlock(&k->lock);
    if (data)
        return s;
    host->fail(host, "it could not prepare for this mesh");
    wh__state_drop(k, s);
    return NULL;
}

wh__state *wh__state_get(wh__kernel *k, uint64_t key, const wh_host *host, const wh_geometry *mesh, const void *params)
{
    for (;;) {
        pthread_mutex_lock(&k->lock);
        wh__state *s = find_state(k, key);
        if (!s)
            break;
        if ((s = share(k, s)))
            return s;
    }
    wh__state *s = add_state(k, key);
    pthread_mutex_unlock(&k->lock);
    if (s)
        return build_state(k, s, host, mesh, params);
    host->fail(host, "out of memory");
    return NULL;
}

void wh__state_drop(wh__kernel *k, wh__state *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&k->lock);
    s->users--;
    wh__state *old = NULL;
    if (s->users == 0 && s->status == WH_STATE_FAILED) {
        wh__state **at = &k->states;
        while (*at != s)
            at = &(*at)->next;
        *at = s->next;
        old = s;
    } else {
        old = take_oldest(k);
    }
    pthread_mutex_unlock(&k->lock);
    if (old && old->data)
        k->desc->release(&wh__plain_host, old->data);
    free(old);
}
