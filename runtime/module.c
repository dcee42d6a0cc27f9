/* module.c - load a library beside the others, check what it says of itself, unload it when its last user left. */
#include "module.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KINDS 4
#define SYMBOL_PREFIX "wh_kernel_"
#define LONGEST_TEXT 65536
#define RELEASE_SECONDS 10.0
#define LARGEST_PARAMS 65536
#define SMALLEST_DESCRIPTOR offsetof(wh_kernel, state) /* of the first header; later members are only appended */

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

/* ---- origins ---- */

wh__origin *wh__origin_new(const char *word, const char *source, const char *cache, uint64_t place, bool builtin)
{
    wh__origin *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    char stem[128];
    o->users = 1;
    o->builtin = builtin;
    snprintf(o->word, sizeof o->word, "%s", word);
    snprintf(o->source.s, sizeof o->source.s, "%s", source);
    snprintf(o->cache.s, sizeof o->cache.s, "%s", cache);
    snprintf(stem, sizeof stem, "%s-%016llx", word, (unsigned long long)place);
    wh__history_init(&o->history, cache, stem);
    return o;
}

wh__origin *wh__origin_keep(wh__origin *o)
{
    atomic_fetch_add(&o->users, 1);
    return o;
}

void wh__origin_drop(wh__origin *o)
{
    if (!o || atomic_fetch_sub(&o->users, 1) != 1)
        return;
    wh__history_free(&o->history);
    free(o);
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

/* Nothing else may be looked at before these agree. */
static bool check_version(const wh_kernel *d, const char *name, char *why, size_t size)
{
    if (d->abi != WH_KERNEL_ABI)
        snprintf(why, size,
                 "%s was built for kernel interface %u, this whorl has %d (rebuild it with this whorl's "
                 "whorl_kernel.h)",
                 name, d->abi, WH_KERNEL_ABI);
    else if (d->size < SMALLEST_DESCRIPTOR || d->size > sizeof(wh_kernel))
        snprintf(why, size,
                 "the descriptor of %s has %u bytes, this whorl's has %zu (rebuild it with this whorl's "
                 "whorl_kernel.h)",
                 name, d->size, sizeof(wh_kernel));
    else
        return true;
    return false;
}

static bool check_descriptor(const wh_kernel *d, wh_kind kind, const char *name, char *why, size_t size)
{
    if (bad_text(d->name) || strcmp(d->name, name) != 0)
        snprintf(why, size, "the descriptor of %s gives another name (use WH_KERNEL)", name);
    else if (bad_text(d->params) || d->param_size > LARGEST_PARAMS || (d->param_size == 0) != (d->params[0] == 0))
        snprintf(why, size, "the parameters of %s are not described (use WH_PARAMS or WH_NO_PARAMS)", name);
    else if (bad_text(d->doc))
        snprintf(why, size, "%s has no .doc (say in one sentence what it does)", name);
    else if (!has_entry(d, kind))
        snprintf(why, size, "%s has nothing to run (%s)", name, entry_advice(kind));
    else if (d->field && kind != WH_FIELD)
        snprintf(why, size, "%s is no field, but has .field (leave it out)", name);
    else if (!d->prepare != !d->release)
        snprintf(why, size, "%s has only one of .prepare and .release (set both)", name);
    else if ((d->state && bad_text(d->state)) || (d->state && !d->prepare) || (d->migrate && !d->state))
        snprintf(why, size, "%s declares a state that it does not prepare (set .prepare, .state and .state_size)",
                 name);
    else
        return true;
    return false;
}

static wh__states *new_states(wh__kernel *k)
{
    wh__states *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->built, NULL);
    s->attached = k;
    return s;
}

typedef struct {
    wh__module *module;
    char *why;
    size_t why_size;
    bool ok;
} search;

static bool add_kernel(search *s, const char *symbol, wh_kind kind, const char *word)
{
    wh__module *m = s->module;
    const char *name = symbol + strlen(SYMBOL_PREFIX);
    const wh_kernel *d = wh__library_symbol(m->library, symbol);
    if (!d || m->kernel_count == WH_MOST_KERNELS || !check_version(d, name, s->why, s->why_size))
        return false;
    wh__kernel *k = &m->kernel[m->kernel_count];
    memcpy(&k->desc, d, d->size);
    if (!check_descriptor(&k->desc, kind, name, s->why, s->why_size) ||
        (k->desc.state && !wh__state_check(&k->desc, s->why, s->why_size)))
        return false;
    k->layout = wh__layout_read(k->desc.name, k->desc.params, k->desc.param_size, s->why, s->why_size);
    if (!k->layout)
        return false;
    char id[80];
    snprintf(id, sizeof id, "%s.%.64s", wh__kind_name(kind), word);
    k->id = wh__intern(id);
    k->symbol = wh__intern(symbol);
    k->module = m;
    k->kind = kind;
    k->states = new_states(k);
    m->kernel_count++;
    return k->states;
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
        s->ok = add_kernel(s, symbol, kind, name + length + 1);
        return;
    }
}

static void find_kernels(void *context)
{
    search *s = context;
    snprintf(s->why, s->why_size, "more than %d kernels in it", WH_MOST_KERNELS);
    wh__library_symbols(s->module->path.s, SYMBOL_PREFIX, take_symbol, s);
    if (s->ok && s->module->kernel_count == 0)
        snprintf(s->why, s->why_size,
                 "no kernel in it (end it with WH_KERNEL(deform_%s, …), or field_, sample_, mesh_)",
                 s->module->origin->word);
    s->ok = s->ok && s->module->kernel_count;
}

/* A descriptor may lie: its pointers are followed under guard. */
static bool check_kernels(wh__module *m, char *why, size_t size)
{
    search s = {m, why, size, true};
    wh__fault fault;
    wh__thread *t = wh__thread_self();
    if (!t || wh__guarded(t, &(wh__guarded_code){m->begin, m->end, 0}, find_kernels, &s, &fault))
        return t && s.ok;
    snprintf(why, size, "its descriptor cannot be read: %s", fault.text);
    atomic_store(&m->bad, true);
    return false;
}

/* ---- loading ---- */

/* The loader begins its message with the path of the copy, which means nothing to anybody. */
static bool open_library(wh__module *m, char *why, size_t size)
{
    m->library = wh__library_open(m->path.s, why, size);
    const size_t length = strlen(m->path.s);
    if (!m->library && strncmp(why, m->path.s, length) == 0 && strncmp(why + length, ": ", 2) == 0)
        memmove(why, why + length + 2, strlen(why + length + 2) + 1);
    return m->library && wh__library_range(m->library, &m->begin, &m->end, &m->base);
}

/* The loader hands back the old library for an old name: every generation is mapped from a name of its own. */
static bool copy_library(const char *from, const wh__origin *o, wh_path *to, char *why, size_t size)
{
    static atomic_uint serial;
    char name[128];
    snprintf(name, sizeof name, "%.64s.%u.%u.so", o->word, wh__process_id(), atomic_fetch_add(&serial, 1));
    wh_map m;
    bool ok = wh__path_join(to, o->cache.s, name) && wh__map_open(from, &m);
    if (ok) {
        ok = wh__write_file(to->s, m.bytes, m.size);
        wh__map_close(&m);
    }
    if (!ok)
        snprintf(why, size, "cannot copy it to %.500s: %s", o->cache.s, strerror(errno));
    return ok;
}

typedef struct {
    wh__kernel *kernel;
    const wh_host *host;
    void *data;
} releasing;

static void call_release(void *context)
{
    const releasing *r = context;
    r->kernel->desc.release(r->host, r->data);
}

/* What crashes here is never unloaded: nobody knows what it left behind. */
void wh__kernel_release(wh__kernel *k, const wh_host *host, void *data)
{
    releasing r = {k, host, data};
    const wh__guarded_code code = {k->module->begin, k->module->end, RELEASE_SECONDS};
    wh__thread *t = wh__thread_self();
    wh__fault fault;
    if (t && !wh__guarded(t, &code, call_release, &r, &fault))
        atomic_store(&k->module->stays, true);
}

static void release_states(wh__kernel *k, wh__states *states)
{
    for (wh__state *s = states->first, *next; s; s = next) {
        next = s->next;
        if (s->data)
            wh__kernel_release(k, &wh__plain_host, s->data);
        free(s);
    }
    if (states->older)
        wh__module_drop(states->older->module);
    pthread_cond_destroy(&states->built);
    pthread_mutex_destroy(&states->lock);
    free(states);
}

/* The last of those that share the states releases them. */
static void detach(wh__kernel *k)
{
    wh__states *s = k->states;
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    wh__kernel **at = &s->attached;
    while (*at != k)
        at = &(*at)->next_attached;
    *at = k->next_attached;
    const bool last = !s->attached;
    pthread_mutex_unlock(&s->lock);
    k->states = NULL;
    if (last)
        release_states(k, s);
}

static void unload(wh__module *m)
{
    for (uint32_t i = 0; i < m->kernel_count; i++) {
        detach(&m->kernel[i]);
        wh__layout_drop(m->kernel[i].layout);
    }
    const bool stays = m->stays || atomic_load(&m->bad);
    if (m->library && !stays)
        wh__library_close(m->library);
    if (m->copied)
        remove(m->path.s);
    wh__origin_drop(m->origin);
    free(m);
}

static bool check_imports(wh__module *m, char *why, size_t size)
{
    const wh__imports imports = wh__library_imports(m->path.s, why, size);
    m->stays = imports == WH_IMPORTS_KEEP;
    if (m->stays)
        snprintf(m->note, sizeof m->note, "%.230s", why);
    return imports != WH_IMPORTS_REFUSED;
}

static bool load_steps(wh__module *m, wh__module_request *r, char *why, size_t size)
{
    const double start = wh__now();
    if (r->copy)
        m->copied = copy_library(r->library, m->origin, &m->path, why, size);
    if ((r->copy && !m->copied) || !wh__library_complete(m->path.s, why, size) ||
        !(m->origin->builtin || check_imports(m, why, size)) || !open_library(m, why, size))
        return false;
    const double loaded = wh__now();
    r->loaded = (loaded - start) * 1e3;
    const bool ok = check_kernels(m, why, size);
    r->checked = (wh__now() - loaded) * 1e3;
    return ok;
}

wh__module *wh__module_load(wh__module_request *r, char *why, size_t why_size)
{
    wh__module *m = calloc(1, sizeof *m);
    if (!m) {
        snprintf(why, why_size, "out of memory");
        return NULL;
    }
    m->users = 1;
    m->origin = wh__origin_keep(r->origin);
    m->generation = r->generation;
    m->key = r->key;
    m->fast = r->fast;
    snprintf(m->path.s, sizeof m->path.s, "%s", r->library);
    if (load_steps(m, r, why, why_size))
        return m;
    unload(m);
    return NULL;
}

void wh__module_keep(wh__module *m)
{
    atomic_fetch_add(&m->users, 1);
}

void wh__module_drop(wh__module *m)
{
    if (m && atomic_fetch_sub(&m->users, 1) == 1)
        unload(m);
}

wh__kernel *wh__module_find(wh__module *m, const char *id)
{
    for (uint32_t i = 0; i < m->kernel_count; i++)
        if (strcmp(m->kernel[i].id, id) == 0)
            return &m->kernel[i];
    return NULL;
}
