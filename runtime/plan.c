/* plan.c - run a pipeline file in Lua, and collect what lua/whorl/lower.lua says it comes down to. */
#include "plan.h"
#include "build.h"
#include "error.h"
#include "lua.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOAD_STEPS 100 /* million Lua instructions: about a second */
#define COOK_STEPS 10

struct wh_load {
    const wh__plan_request *request;
    wh__plan *plan;
    wh__call *call;     /* the last one */
    uint32_t *op_count; /* of the mask or field that ops go to */
    uint32_t mistakes;
    bool no_memory;
};

static const char too_much_memory[] =
    "needs more than 256 MB to read (a pipeline only describes the work; make it smaller)";

/* ---- growing ---- */

/* Appends one zeroed item of that size to *items. NULL when memory is short, and the load fails. */
static void *append(wh_load *l, void *items, uint32_t *count, size_t size)
{
    void **list = items;
    if ((*count & (*count - 1)) == 0) { /* 0 or a power of two: full */
        void *grown = realloc(*list, (*count ? *count * 2 : 1) * size);
        if (!grown) {
            l->no_memory = true;
            return NULL;
        }
        *list = grown;
    }
    return memset((char *)*list + (*count)++ * size, 0, size);
}

static char *copy_text(wh_load *l, const char *text)
{
    char *copy = strdup(text ? text : "");
    if (!copy)
        l->no_memory = true;
    return copy;
}

/* ---- sources ---- */

static const wh__source *find_source(const wh__sources *s, const char *path)
{
    for (size_t i = 0; s && i < s->count; i++)
        if (strcmp(s->item[i].path, path) == 0)
            return &s->item[i];
    return NULL;
}

static const wh__source *keep_source(wh__sources *s, const char *path, char *text, size_t size)
{
    wh__source *grown = realloc(s->item, (s->count + 1) * sizeof *grown);
    char *copy = strdup(path);
    if (grown)
        s->item = grown;
    if (!grown || !copy) {
        free(copy);
        free(text);
        return NULL;
    }
    s->item[s->count] = (wh__source){copy, text, size};
    return &s->item[s->count++];
}

void wh__sources_free(wh__sources *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->item[i].path);
        free(s->item[i].text);
    }
    free(s->item);
    *s = (wh__sources){NULL, 0};
}

static char *read_source(const wh__plan_request *r, const char *path, size_t *size)
{
    const wh__source *old = find_source(r->replay, path);
    wh_path full;
    if (!old)
        return wh__path_join(&full, r->folder, path) ? wh__read_file(full.s, size) : NULL;
    char *copy = malloc(old->size + 1);
    if (copy)
        memcpy(copy, old->text, old->size + 1);
    *size = old->size;
    return copy;
}

static const char *lend_read(wh_load *l, const char *path, size_t *size, const char **message)
{
    const wh__source *known = find_source(l->request->sources, path);
    if (!known) {
        char *text = read_source(l->request, path, size);
        *message = text ? "out of memory" : strerror(errno);
        /* A missing file is a dependency too: the pipeline loads again once it is there. */
        known = keep_source(l->request->sources, path, text, text ? *size : 0);
    }
    if (!known || !known->text)
        return NULL;
    *size = known->size;
    return known->text;
}

/* ---- what is lent ---- */

static const wh_kernel *lend_kernel(wh_load *l, uint32_t index)
{
    return index < l->request->kernel_count ? &l->request->kernel[index]->desc : NULL;
}

static void lend_print(wh_load *l, const char *text)
{
    l->request->print(l->request->context, text);
}

static void lend_fail(wh_load *l, const char *file, uint32_t line, const char *text)
{
    l->mistakes++;
    if (strcmp(text, "not enough memory") == 0)
        text = too_much_memory;
    l->request->fail(l->request->context, file, line, text);
}

/* Room for size bytes at the end of the values, zeroed and aligned for any member. */
static bool add_values(wh_load *l, uint32_t size, uint32_t *offset)
{
    wh__plan *p = l->plan;
    const uint32_t start = (p->value_size + 15) & ~15u;
    unsigned char *grown = realloc(p->value, start + size + 16);
    if (!grown) {
        l->no_memory = true;
        return false;
    }
    memset(grown + p->value_size, 0, start + size + 16 - p->value_size);
    p->value = grown;
    p->value_size = start + size;
    *offset = start;
    return true;
}

static void *lend_call(wh_load *l, wh_role role, uint32_t kernel, const char *name, const char *at)
{
    wh__call *c = calloc(1, sizeof *c);
    wh__call **slot = c ? append(l, &l->plan->call, &l->plan->call_count, sizeof *slot) : NULL;
    if (!slot) {
        free(c);
        l->no_memory = true;
        return NULL;
    }
    *slot = l->call = c;
    c->kernel = l->request->kernel[kernel];
    wh__module_keep(c->kernel->module);
    c->role = role;
    snprintf(c->name, sizeof c->name, "%s", name ? name : "");
    snprintf(c->at, sizeof c->at, "%s", at);
    if (!add_values(l, sizeof(wh_common), &c->common) || !add_values(l, c->kernel->desc.param_size, &c->params))
        return NULL;
    return l->plan->value + c->params;
}

static wh_common *lend_common(wh_load *l)
{
    return (wh_common *)(void *)(l->plan->value + l->call->common);
}

static void lend_attribute(wh_load *l, uint32_t offset)
{
    if (l->call->attribute_count < WH_MOST_ATTRIBUTES)
        l->call->attribute[l->call->attribute_count++] = offset;
}

static void lend_patch(wh_load *l, int32_t offset, wh_value_type type, uint32_t count, bool function, uint32_t index)
{
    wh__patch *p = append(l, &l->plan->patch, &l->plan->patch_count, sizeof *p);
    if (!p)
        return;
    static const size_t common[] = {offsetof(wh_common, envelope), offsetof(wh_common, enabled),
                                    offsetof(wh_common, attributes), offsetof(wh_common, follow)};
    const uint32_t to =
        offset >= 0 ? l->call->params + (uint32_t)offset : l->call->common + (uint32_t)common[-1 - offset];
    *p = (wh__patch){.to = to, .count = count, .type = type, .function = function, .index = index};
}

static uint32_t lend_call_index(wh_load *l)
{
    return l->plan->call_count - 1;
}

static void lend_mask(wh_load *l, uint32_t call)
{
    l->plan->call[call]->mask_first = l->plan->op_count;
    l->op_count = &l->plan->call[call]->mask_count;
}

static void lend_field(wh_load *l, const char *name)
{
    wh__named_field *f = append(l, &l->plan->field, &l->plan->field_count, sizeof *f);
    if (!f)
        return;
    snprintf(f->name, sizeof f->name, "%s", name);
    f->first = l->plan->op_count;
    l->op_count = &f->count;
}

static void lend_op(wh_load *l, wh_op_kind kind, uint32_t call, float value)
{
    wh__op *o = append(l, &l->plan->op, &l->plan->op_count, sizeof *o);
    if (!o)
        return;
    *o = (wh__op){kind, call, value};
    ++*l->op_count;
}

static void lend_expose(wh_load *l, const wh_exposed *e)
{
    wh__param *p = append(l, &l->plan->param, &l->plan->param_count, sizeof *p);
    if (!p)
        return;
    *p = (wh__param){.id = copy_text(l, e->id),
                     .label = copy_text(l, e->label),
                     .unit = copy_text(l, e->unit),
                     .doc = copy_text(l, e->doc),
                     .choices = copy_text(l, e->choices),
                     .was = copy_text(l, e->was),
                     .type = e->type,
                     .count = e->count,
                     .min = e->min,
                     .max = e->max};
    memcpy(p->init, e->init, sizeof p->init);
}

static void lend_functions(wh_load *l, uint32_t count)
{
    l->plan->function_count = count;
}

static void lend_kernels(wh_load *l, const char *pattern)
{
    char **p = append(l, l->request->pattern, l->request->pattern_count, sizeof *p);
    if (p)
        *p = copy_text(l, pattern);
}

static void lend_reload(wh_load *l, const wh_reload *r)
{
    l->plan->reload = *r;
}

/* ---- loading ---- */

static wh_lend lend_to(wh_load *l)
{
    return (wh_lend){.load = l,
                     .file = l->request->file,
                     .host = l->request->host,
                     .seed = l->request->seed,
                     .kernel = lend_kernel,
                     .read = lend_read,
                     .print = lend_print,
                     .fail = lend_fail,
                     .call = lend_call,
                     .common = lend_common,
                     .attribute = lend_attribute,
                     .patch = lend_patch,
                     .call_index = lend_call_index,
                     .mask = lend_mask,
                     .field = lend_field,
                     .op = lend_op,
                     .expose = lend_expose,
                     .functions = lend_functions,
                     .kernels = lend_kernels,
                     .reload = lend_reload};
}

/* A failure of the machinery, not one that lower.lua reported itself. */
static void report(wh_load *l, const char *message)
{
    if (l->no_memory || strstr(message, "not enough memory"))
        message = too_much_memory;
    lend_fail(l, l->request->file, 0, message);
}

static void lower(wh_load *l, lua_State *L)
{
    wh_lend lend = lend_to(l);
    wh__lua_allow(L, LOAD_STEPS);
    bool ok = wh__lua_function(L, "whorl.lower", "load");
    if (ok) {
        wh_path include, header;
        if (!wh__include_folder(&include) || !wh__lend_header(&header))
            include.s[0] = header.s[0] = 0;
        lua_pushlightuserdata(L, &lend);
        lua_pushfstring(L, "%s/whorl_kernel.h", include.s);
        lua_pushstring(L, header.s);
        ok = wh__lua_call(L, 3, 3); /* cook, json, decide */
    }
    if (!ok || l->no_memory) {
        report(l, ok ? "" : lua_tostring(L, -1));
        return;
    }
    lua_setfield(L, LUA_REGISTRYINDEX, "whorl.decide");
    lua_setfield(L, LUA_REGISTRYINDEX, "whorl.json");
    lua_setfield(L, LUA_REGISTRYINDEX, "whorl.cook");
}

static wh__program *new_program(void)
{
    wh__program *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->users = 1;
    g->lua = wh__lua_new();
    pthread_mutex_init(&g->lock, NULL);
    return g;
}

static void drop_program(wh__program *g)
{
    if (!g || atomic_fetch_sub(&g->users, 1) != 1)
        return;
    wh__lua_free(g->lua);
    free(g->json);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

static wh__plan *new_plan(wh__program *program)
{
    wh__plan *p = calloc(1, sizeof *p);
    if (!p) {
        drop_program(program);
        return NULL;
    }
    p->users = 1;
    p->program = program;
    return p;
}

static bool needs_points_only(const wh__call *c)
{
    const wh_kernel *d = &c->kernel->desc;
    return !d->prepare && !d->deform && !(d->needs & WH_NEEDS_NORMALS) && c->attribute_count == 0;
}

static bool is_simple_stage(const wh__plan *p, const wh__call *c)
{
    bool simple = needs_points_only(c);
    for (uint32_t i = c->mask_first; i < c->mask_first + c->mask_count; i++)
        simple = simple && (p->op[i].kind != WH_OP_FIELD || needs_points_only(p->call[p->op[i].call]));
    return simple;
}

void wh__plan_finish(wh__plan *p)
{
    p->simple = true;
    for (uint32_t i = 0; i < p->call_count; i++)
        p->simple = p->simple && (p->call[i]->role != WH_ROLE_STAGE || is_simple_stage(p, p->call[i]));
}

wh__plan *wh__plan_load(const wh__plan_request *r)
{
    wh_load l = {.request = r, .plan = new_plan(new_program())};
    if (!l.plan || !l.plan->program || !l.plan->program->lua) {
        r->fail(r->context, r->file, 0, "out of memory");
        wh__plan_drop(l.plan);
        return NULL;
    }
    lower(&l, l.plan->program->lua);
    if (l.mistakes == 0) {
        wh__plan_finish(l.plan);
        return l.plan;
    }
    wh__plan_drop(l.plan);
    return NULL;
}

void wh__plan_keep(wh__plan *p)
{
    atomic_fetch_add(&p->users, 1);
}

static void free_param(wh__param *p)
{
    free(p->id);
    free(p->label);
    free(p->unit);
    free(p->doc);
    free(p->choices);
    free(p->was);
}

void wh__plan_drop(wh__plan *p)
{
    if (!p || atomic_fetch_sub(&p->users, 1) != 1)
        return;
    for (uint32_t i = 0; i < p->call_count; i++) {
        wh__module_drop(p->call[i]->kernel->module);
        free(p->call[i]);
    }
    for (uint32_t i = 0; p->param && i < p->param_count; i++)
        free_param(&p->param[i]);
    free(p->call);
    free(p->op);
    free(p->field);
    free(p->patch);
    free(p->param);
    free(p->value);
    drop_program(p->program);
    free(p);
}

/* ---- functions of time ---- */

/* A file may have filled its memory, and then any call of Lua's interface can fail: all of them run protected. */
typedef struct {
    double seconds;
    double (*out)[4];
    wh_change *change;
    char *text; /* message, or JSON; malloc'ed */
} protected_call;

static int call_functions(lua_State *L)
{
    protected_call *c = lua_touserdata(L, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, "whorl.cook");
    lua_pushnumber(L, c->seconds);
    lua_pushlightuserdata(L, c->out);
    lua_call(L, 2, 1);
    if (!lua_isnil(L, -1))
        c->text = strdup(lua_tostring(L, -1));
    return 0;
}

static int call_json(lua_State *L)
{
    protected_call *c = lua_touserdata(L, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, "whorl.json");
    lua_call(L, 0, 1);
    c->text = strdup(lua_tostring(L, -1));
    return 0;
}

static int call_decide(lua_State *L)
{
    protected_call *c = lua_touserdata(L, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, "whorl.decide");
    lua_pushlightuserdata(L, c->change);
    lua_call(L, 1, 1);
    if (!lua_isnil(L, -1))
        c->text = strdup(lua_tostring(L, -1));
    return 0;
}

/* False: c->text, when there is memory for it, says why. */
static bool call_protected(wh__plan *p, int million_steps, lua_CFunction function, protected_call *c)
{
    lua_State *L = p->program->lua;
    wh__lua_allow(L, million_steps);
    if (lua_cpcall(L, function, c) == 0)
        return true;
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "not enough memory";
    free(c->text);
    c->text = strdup(text);
    lua_pop(L, 1);
    lua_gc(L, LUA_GCCOLLECT, 0); /* memory that this call filled is there for the next */
    return false;
}

wh_status wh__plan_functions(wh__plan *p, double seconds, double (*out)[4])
{
    if (p->function_count == 0)
        return WH_OK;
    protected_call c = {.seconds = seconds, .out = out};
    wh_status status = WH_OK;
    pthread_mutex_lock(&p->program->lock);
    if (!call_protected(p, COOK_STEPS, call_functions, &c) || c.text)
        status = wh__fail(WH_ERR_CONFIG, "%s", c.text ? c.text : "out of memory");
    pthread_mutex_unlock(&p->program->lock);
    free(c.text);
    return status;
}

/* What stands in the file is the answer of a file without a policy: Lua is asked only where it can say something else.
 */
void wh__plan_decide(wh__plan *p, wh_change *change, char *why, size_t why_size)
{
    why[0] = 0;
    change->canary = p ? p->reload.canary : WH_CANARY_LAST_INPUT;
    change->publish = p ? p->reload.publish : WH_PUBLISH_BETWEEN_FRAMES;
    if (!p || !p->reload.has_policy)
        return;
    protected_call c = {.change = change};
    pthread_mutex_lock(&p->program->lock);
    if (!call_protected(p, COOK_STEPS, call_decide, &c) || c.text)
        snprintf(why, why_size, "%s", c.text ? c.text : "out of memory");
    pthread_mutex_unlock(&p->program->lock);
    free(c.text);
}

const char *wh__plan_json(wh__plan *p)
{
    protected_call c = {.text = NULL};
    pthread_mutex_lock(&p->program->lock);
    if (!p->program->json && call_protected(p, LOAD_STEPS, call_json, &c))
        p->program->json = c.text;
    else
        free(c.text);
    pthread_mutex_unlock(&p->program->lock);
    return p->program->json ? p->program->json : "null";
}

wh__settings *wh__settings_new(uint32_t count)
{
    wh__settings *s = calloc(1, sizeof *s + count * sizeof s->value[0]);
    if (!s)
        return NULL;
    s->users = 1;
    s->count = count;
    return s;
}

void wh__settings_drop(wh__settings *s)
{
    if (s && atomic_fetch_sub(&s->users, 1) == 1)
        free(s);
}
