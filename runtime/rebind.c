/* rebind.c - the same plan with other generations of its kernels, without Lua: what a swap of kernels and the way back
 * from a crash are made of. */
#include "plan.h"
#include <stdlib.h>
#include <string.h>

static void *copy_list(const void *list, uint32_t count, size_t size)
{
    void *copy = malloc((size_t)(count ? count : 1) * size);
    if (copy && count)
        memcpy(copy, list, count * size);
    return copy;
}

static bool copy_text(char **to, const char *from)
{
    *to = strdup(from ? from : "");
    return *to;
}

static bool copy_params(wh__plan *to, const wh__plan *from)
{
    to->param = calloc(from->param_count + 1, sizeof *to->param);
    for (; to->param && to->param_count < from->param_count; to->param_count++) {
        const wh__param *f = &from->param[to->param_count];
        wh__param *t = &to->param[to->param_count];
        *t = *f;
        t->id = t->label = t->unit = t->doc = t->choices = t->was = NULL;
        if (!copy_text(&t->id, f->id) || !copy_text(&t->label, f->label) || !copy_text(&t->unit, f->unit) ||
            !copy_text(&t->doc, f->doc) || !copy_text(&t->choices, f->choices) || !copy_text(&t->was, f->was)) {
            to->param_count++;
            return false;
        }
    }
    return to->param;
}

static wh__kernel *other(const wh__call *c, const wh__module *from, wh__module *to)
{
    return c->kernel->module == from ? wh__module_find(to, c->kernel->id) : c->kernel;
}

static uint32_t aligned(uint32_t offset)
{
    return (offset + 15) & ~15u;
}

/* The strings that name attributes, in the order of the new declaration. */
static void find_attributes(wh__call *c)
{
    const wh__layout *l = c->kernel->layout;
    c->attribute_count = 0;
    for (uint32_t i = 0; i < l->count && c->attribute_count < WH_MOST_ATTRIBUTES; i++)
        if (l->member[i].attribute)
            c->attribute[c->attribute_count++] = l->member[i].offset;
}

static wh__call *copy_call(const wh__call *old, wh__kernel *kernel)
{
    wh__call *c = malloc(sizeof *c);
    if (!c)
        return NULL;
    memcpy(c, old, sizeof *c);
    c->kernel = kernel;
    wh__module_keep(kernel->module);
    return c;
}

static bool copy_calls(wh__plan *to, const wh__plan *from, const wh__module *old, wh__module *now)
{
    to->call = calloc(from->call_count + 1, sizeof *to->call);
    uint32_t size = 0;
    for (uint32_t i = 0; to->call && i < from->call_count; i++) {
        wh__kernel *k = other(from->call[i], old, now);
        wh__call *c = k ? copy_call(from->call[i], k) : NULL;
        if (!c)
            return false;
        to->call[to->call_count++] = c;
        c->common = aligned(size);
        c->params = aligned(c->common + (uint32_t)sizeof(wh_common));
        size = c->params + k->layout->size;
    }
    to->value_size = size;
    to->value = calloc(1, size + 16);
    return to->call && to->value;
}

static void copy_values(wh__plan *to, const wh__plan *from)
{
    for (uint32_t i = 0; i < to->call_count; i++) {
        const wh__call *f = from->call[i];
        wh__call *t = to->call[i];
        memcpy(to->value + t->common, from->value + f->common, sizeof(wh_common));
        if (t->kernel == f->kernel) {
            memcpy(to->value + t->params, from->value + f->params, t->kernel->layout->size);
            continue;
        }
        wh__layout_migrate(f->kernel->layout, from->value + f->params, t->kernel->layout, to->value + t->params);
        find_attributes(t);
    }
}

static const wh__member *member_at(const wh__layout *l, uint32_t offset)
{
    for (uint32_t i = 0; i < l->count; i++)
        if (l->member[i].offset == offset)
            return &l->member[i];
    return NULL;
}

static wh_value_type value_type(const wh__member *m)
{
    return m->type == WH_MEMBER_FLOAT ? WH_VALUE_FLOAT : m->type == WH_MEMBER_BOOL ? WH_VALUE_BOOL : WH_VALUE_INT;
}

/* false: what it wrote to is gone. */
static bool move_patch(wh__patch *p, const wh__call *f, const wh__call *t)
{
    if (p->to < f->params) {
        p->to = t->common + (p->to - f->common);
        return true;
    }
    const wh__member *old = member_at(f->kernel->layout, p->to - f->params);
    const wh__member *now = old ? wh__layout_heir(t->kernel->layout, old) : NULL;
    if (!now || now->type == WH_MEMBER_STRING)
        return false;
    p->to = t->params + now->offset;
    p->count = now->count < p->count ? now->count : p->count;
    p->type = value_type(now);
    return true;
}

static bool copy_patches(wh__plan *to, const wh__plan *from)
{
    to->patch = copy_list(from->patch, from->patch_count, sizeof *to->patch);
    for (uint32_t i = 0; to->patch && i < from->patch_count; i++) {
        wh__patch p = from->patch[i];
        uint32_t call = from->call_count;
        while (call > 0 && from->call[call - 1]->common > p.to)
            call--;
        if (call > 0 && move_patch(&p, from->call[call - 1], to->call[call - 1]))
            to->patch[to->patch_count++] = p;
    }
    return to->patch;
}

static wh__plan *fill(wh__plan *to, const wh__plan *from, const wh__module *old, wh__module *now)
{
    to->op = copy_list(from->op, from->op_count, sizeof *to->op);
    to->field = copy_list(from->field, from->field_count, sizeof *to->field);
    if (!to->op || !to->field || !copy_params(to, from) || !copy_calls(to, from, old, now))
        return NULL;
    copy_values(to, from);
    if (!copy_patches(to, from))
        return NULL;
    to->op_count = from->op_count;
    to->field_count = from->field_count;
    to->function_count = from->function_count;
    to->reload = from->reload;
    wh__plan_finish(to);
    return to;
}

wh__plan *wh__plan_rebind(const wh__plan *p, const wh__module *from, wh__module *to)
{
    wh__plan *now = calloc(1, sizeof *now);
    if (!now)
        return NULL;
    now->users = 1;
    now->program = p->program;
    atomic_fetch_add(&p->program->users, 1);
    if (fill(now, p, from, to))
        return now;
    wh__plan_drop(now);
    return NULL;
}

bool wh__plan_uses(const wh__plan *p, const wh__module *m)
{
    for (uint32_t i = 0; i < p->call_count; i++)
        if (p->call[i]->kernel->module == m)
            return true;
    return false;
}
