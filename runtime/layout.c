/* layout.c - declarations are read by lua/whorl/schema.lua, in one Lua state that is kept; values cross by name. */
#include "layout.h"
#include "lua.h"
#include "os.h"
#include "whorl.h"
#include <float.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_MEMBERS 64 /* as lua/whorl/schema.lua has it */
#define MOST_KNOWN 64
#define MOST_READINGS 256 /* of one Lua state: LuaJIT never forgets a struct, and knows 65536 types at most */
#define READ_STEPS 100    /* million Lua instructions */

/* ---- made and freed ---- */

static char *copy_text(const char *text, bool *ok)
{
    char *copy = text ? strdup(text) : NULL;
    *ok = *ok && (copy || !text);
    return copy;
}

/* The member's texts stay the caller's. */
static wh__layout *new_layout(const wh__member *member, uint32_t count, uint32_t size)
{
    wh__layout *l = calloc(1, sizeof *l);
    wh__member *copy = calloc(count + 1, sizeof *copy);
    if (!l || !copy) {
        free(l);
        free(copy);
        return NULL;
    }
    *l = (wh__layout){.users = 1, .size = size, .count = count, .member = copy};
    bool ok = true;
    for (uint32_t i = 0; i < count; i++) {
        copy[i] = member[i];
        copy[i].text = copy_text(member[i].text, &ok);
        copy[i].choices = copy_text(member[i].choices, &ok);
    }
    if (ok)
        return l;
    wh__layout_drop(l);
    return NULL;
}

wh__layout *wh__layout_keep(wh__layout *l)
{
    if (l)
        atomic_fetch_add(&l->users, 1);
    return l;
}

void wh__layout_drop(wh__layout *l)
{
    if (!l || atomic_fetch_sub(&l->users, 1) != 1)
        return;
    for (uint32_t i = 0; i < l->count; i++) {
        free(l->member[i].text);
        free(l->member[i].choices);
    }
    free(l->member);
    free(l);
}

/* ---- read before ---- */

typedef struct {
    char *kernel, *text; /* NULL: an empty place */
    size_t length;       /* of text */
    uint32_t size;
    uint64_t used; /* when, in readings */
    wh__layout *layout;
} known;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all that follows */
static known known_layout[MOST_KNOWN];
static uint64_t readings;
static lua_State *state;
static uint32_t state_readings;

static wh__layout *find_known(const char *kernel, const char *text, size_t length, uint32_t size)
{
    for (known *k = known_layout; k < known_layout + MOST_KNOWN; k++) {
        const bool same = k->text && k->size == size && k->length == length && memcmp(k->text, text, length) == 0;
        if (!same || strcmp(k->kernel, kernel) != 0)
            continue;
        k->used = ++readings;
        return wh__layout_keep(k->layout);
    }
    return NULL;
}

static void forget(known *k)
{
    free(k->kernel);
    free(k->text);
    wh__layout_drop(k->layout);
    *k = (known){.used = 0};
}

static void remember(const char *kernel, const char *text, size_t length, uint32_t size, wh__layout *l)
{
    known *oldest = known_layout;
    for (known *k = known_layout; k < known_layout + MOST_KNOWN; k++)
        if (k->used < oldest->used)
            oldest = k;
    forget(oldest);
    *oldest = (known){strdup(kernel), strdup(text), length, size, ++readings, wh__layout_keep(l)};
    if (!oldest->kernel || !oldest->text)
        forget(oldest);
}

/* When the process ends, or a host unloads the library. A thread that is reading now keeps what it uses. */
__attribute__((destructor)) static void forget_all(void)
{
    if (pthread_mutex_trylock(&lock) != 0)
        return;
    for (known *k = known_layout; k < known_layout + MOST_KNOWN; k++)
        forget(k);
    wh__lua_free(state);
    state = NULL;
    pthread_mutex_unlock(&lock);
}

/* ---- read ---- */

typedef struct {
    const char *kernel, *text;
    size_t length;
    uint32_t size;
    wh__member member[MOST_MEMBERS];
} reading;

static int push_arguments(lua_State *L)
{
    reading *r = lua_touserdata(L, 1);
    const char *data = wh_data_path();
    lua_pushlstring(L, r->text, r->length);
    lua_pushinteger(L, r->size);
    lua_pushstring(L, r->kernel);
    lua_pushlightuserdata(L, r->member);
    lua_pushlstring(L, data, (size_t)(wh__base_name(data) - data)); /* the folder that the Lua folder is in */
    lua_pushliteral(L, "layout.h");
    lua_concat(L, 2);
    return 5;
}

/* Leaves schema.describe's two results on the stack, or false and a message. */
static bool describe(lua_State *L, reading *r)
{
    wh__lua_allow(L, READ_STEPS);
    if (!wh__lua_function(L, "whorl.schema", "describe"))
        return false;
    lua_pushcfunction(L, push_arguments);
    lua_pushlightuserdata(L, r);
    return wh__lua_call(L, 1, 5) && wh__lua_call(L, 5, 2);
}

static void renew_state(void)
{
    wh__lua_free(state);
    state = wh__lua_new();
    state_readings = 0;
}

/* A state that failed, for want of memory perhaps, is not used again. */
static bool describe_in_state(reading *r)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        if (!state || attempt > 0 || state_readings >= MOST_READINGS)
            renew_state();
        if (!state)
            return false;
        state_readings++;
        lua_settop(state, 0);
        memset(r->member, 0, sizeof r->member);
        if (describe(state, r))
            return true;
    }
    return false;
}

static wh__layout *read_in_state(reading *r, char *why, size_t why_size)
{
    const bool done = describe_in_state(r);
    if (done && lua_isnumber(state, -2)) {
        wh__layout *l = new_layout(r->member, (uint32_t)lua_tointeger(state, -2), r->size);
        if (!l)
            snprintf(why, why_size, "out of memory");
        return l;
    }
    const char *message = state ? lua_tostring(state, -1) : NULL;
    snprintf(why, why_size, "%s", message ? message : "out of memory");
    if (done)
        return NULL;
    wh__lua_free(state);
    state = NULL;
    return NULL;
}

wh__layout *wh__layout_read(const char *kernel, const char *text, uint32_t size, char *why, size_t why_size)
{
    const size_t length = strlen(text);
    pthread_mutex_lock(&lock);
    wh__layout *l = find_known(kernel, text, length, size);
    if (!l) {
        static reading r; /* too large for a small stack */
        r.kernel = kernel, r.text = text, r.length = length, r.size = size;
        l = read_in_state(&r, why, why_size);
        if (l)
            remember(kernel, text, length, size, l);
        if (state)
            lua_settop(state, 0);
    }
    pthread_mutex_unlock(&lock);
    return l;
}

/* ---- by name ---- */

const wh__member *wh__layout_find(const wh__layout *l, const char *name)
{
    for (uint32_t i = 0; i < l->count; i++)
        if (strcmp(l->member[i].name, name) == 0)
            return &l->member[i];
    return NULL;
}

static const wh__member *find_was(const wh__layout *l, const char *was)
{
    for (uint32_t i = 0; i < l->count; i++)
        if (l->member[i].was[0] && strcmp(l->member[i].was, was) == 0)
            return &l->member[i];
    return NULL;
}

/* Both ways: to a later generation, whose `was` tells, and back to an earlier one, told by m's. */
static const wh__member *relative(const wh__layout *other, const wh__member *m)
{
    const wh__member *found = wh__layout_find(other, m->name);
    if (!found && m->was[0])
        found = wh__layout_find(other, m->was);
    return found ? found : find_was(other, m->name);
}

const wh__member *wh__layout_heir(const wh__layout *to, const wh__member *m)
{
    return relative(to, m);
}

const wh__member *wh__layout_origin(const wh__layout *from, const wh__member *m)
{
    return relative(from, m);
}

/* Its origin, unless that lives on under its own name. */
static const wh__member *origin_of(const wh__layout *from, const wh__layout *to, const wh__member *m)
{
    const wh__member *o = wh__layout_origin(from, m);
    const bool renamed = o && strcmp(o->name, m->name) != 0;
    return renamed && wh__layout_find(to, o->name) ? NULL : o;
}

/* ---- values ---- */

static double read_number(const wh__member *m, const void *params, uint32_t k)
{
    const char *at = (const char *)params + m->offset;
    float f;
    int32_t i;
    switch (m->type) {
    case WH_MEMBER_FLOAT:
        memcpy(&f, at + k * sizeof f, sizeof f);
        return f;
    case WH_MEMBER_BOOL:
        return at[k] != 0;
    default:
        memcpy(&i, at + k * sizeof i, sizeof i);
        return i;
    }
}

static void write_number(const wh__member *m, void *params, uint32_t k, double v)
{
    char *at = (char *)params + m->offset;
    const float f = (float)v;
    if (m->type == WH_MEMBER_FLOAT) {
        memcpy(at + k * sizeof f, &f, sizeof f);
    } else if (m->type == WH_MEMBER_BOOL) {
        at[k] = v != 0;
    } else {
        const int32_t i = (int32_t)v;
        memcpy(at + k * sizeof i, &i, sizeof i);
    }
}

static void write_default(const wh__member *m, void *params)
{
    if (m->type == WH_MEMBER_STRING) {
        memset((char *)params + m->offset, 0, m->count);
        memcpy((char *)params + m->offset, m->text, strlen(m->text));
        return;
    }
    for (uint32_t k = 0; k < m->count; k++)
        write_number(m, params, k, m->init[k]);
}

void wh__layout_defaults(const wh__layout *l, void *params)
{
    if (l->size)
        memset(params, 0, l->size);
    for (uint32_t i = 0; i < l->count; i++)
        write_default(&l->member[i], params);
}

/* The length of word i of "x|y|z", which begins at *word; 0: there is none. */
static size_t choice_word(const char *choices, int i, const char **word)
{
    for (; i > 0 && choices; i--) {
        choices = strchr(choices, '|');
        choices = choices ? choices + 1 : NULL;
    }
    *word = choices;
    return i == 0 && choices ? strcspn(choices, "|") : 0;
}

/* The number that the word i of one member has in another; -1: none. */
static int same_choice(const wh__member *from, int i, const wh__member *to)
{
    const char *wanted, *word;
    const size_t wanted_length = choice_word(from->choices, i, &wanted);
    for (int k = 0; wanted_length > 0; k++) {
        const size_t length = choice_word(to->choices, k, &word);
        if (length == 0)
            return -1;
        if (length == wanted_length && memcmp(word, wanted, length) == 0)
            return k;
    }
    return -1;
}

static double fit(const wh__member *m, double v)
{
    if (m->type == WH_MEMBER_BOOL)
        return v != 0;
    if (m->type == WH_MEMBER_INT)
        v = round(v);
    return v < m->min ? m->min : v > m->max ? m->max : v;
}

static void cross_numbers(const wh__member *from, const void *old, const wh__member *to, void *params)
{
    for (uint32_t k = 0; k < from->count && k < to->count; k++) {
        const double v = read_number(from, old, k);
        if (!isnan(v))
            write_number(to, params, k, fit(to, v));
    }
}

static void cross_choice(const wh__member *from, const void *old, const wh__member *to, void *params)
{
    const int i = same_choice(from, (int)read_number(from, old, 0), to);
    if (i >= 0)
        write_number(to, params, 0, i);
}

static void cross_text(const wh__member *from, const void *old, const wh__member *to, void *params)
{
    const char *text = (const char *)old + from->offset;
    const size_t length = strnlen(text, from->count);
    if (length >= to->count)
        return;
    memset((char *)params + to->offset, 0, to->count);
    memcpy((char *)params + to->offset, text, length);
}

static bool is_number(const wh__member *m)
{
    return m->type <= WH_MEMBER_BOOL;
}

static void cross(const wh__member *from, const void *old, const wh__member *to, void *params)
{
    if (is_number(from) && is_number(to))
        cross_numbers(from, old, to, params);
    else if (from->type == WH_MEMBER_CHOICE && to->type == WH_MEMBER_CHOICE)
        cross_choice(from, old, to, params);
    else if (from->type == WH_MEMBER_STRING && to->type == WH_MEMBER_STRING)
        cross_text(from, old, to, params);
}

void wh__layout_migrate(const wh__layout *from, const void *old, const wh__layout *to, void *params)
{
    wh__layout_defaults(to, params);
    for (uint32_t i = 0; i < to->count; i++) {
        const wh__member *origin = origin_of(from, to, &to->member[i]);
        if (origin)
            cross(origin, old, &to->member[i], params);
    }
}

/* ---- differences in words ---- */

typedef struct {
    char *text;
    size_t size, used;
    bool full;
} list;

/* Adds one thing; what does not fit becomes one "…". */
__attribute__((format(printf, 2, 3))) static void add(list *l, const char *format, ...)
{
    static const char more[] = ", …";
    char item[400];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(item, sizeof item, format, arguments);
    va_end(arguments);
    if (l->full || length < 0)
        return;
    l->full = l->used + 2 + (size_t)length + sizeof more > l->size;
    const char *put = l->full ? more + (l->used ? 0 : 2) : item;
    const char *comma = l->used && !l->full ? ", " : "";
    if (l->used + strlen(comma) + strlen(put) < l->size)
        l->used += (size_t)snprintf(l->text + l->used, l->size - l->used, "%s%s", comma, put);
}

static void type_text(const wh__member *m, char text[64])
{
    static const char *const name[] = {"", "float", "int", "bool", "choice", "char"};
    char count[16] = "";
    if (m->count > 1)
        snprintf(count, sizeof count, "[%u]", m->count);
    snprintf(text, 64, "%s%s%s", m->attribute ? "attribute " : "", name[m->type], count);
}

static bool is_low(const wh__member *m)
{
    return m->min <= (m->type == WH_MEMBER_INT ? INT_MIN : -(double)FLT_MAX);
}

static bool is_high(const wh__member *m)
{
    return m->max >= (m->type == WH_MEMBER_INT ? INT_MAX : (double)FLT_MAX);
}

static void add_range(list *l, const wh__member *m)
{
    if (is_low(m) && is_high(m))
        add(l, "no range of %s", m->name);
    else if (is_high(m))
        add(l, "new range of %s from %.9g", m->name, m->min);
    else if (is_low(m))
        add(l, "new range of %s up to %.9g", m->name, m->max);
    else
        add(l, "new range of %s %.9g .. %.9g", m->name, m->min, m->max);
}

static bool same_type(const wh__member *a, const wh__member *b)
{
    return a->type == b->type && a->count == b->count && a->attribute == b->attribute;
}

static bool same_default(const wh__member *a, const wh__member *b)
{
    if (a->type == WH_MEMBER_STRING)
        return strcmp(a->text, b->text) == 0;
    if (a->type == WH_MEMBER_CHOICE)
        return same_choice(a, (int)a->init[0], b) == (int)b->init[0];
    for (uint32_t k = 0; k < a->count; k++)
        if (a->init[k] != b->init[k])
            return false;
    return true;
}

typedef void add_change(list *l, const wh__member *was, const wh__member *now);

static void add_renamed(list *l, const wh__member *was, const wh__member *now)
{
    if (strcmp(was->name, now->name) != 0)
        add(l, "renamed %s to %s", was->name, now->name);
}

static void add_retyped(list *l, const wh__member *was, const wh__member *now)
{
    char before[64], after[64];
    type_text(was, before);
    type_text(now, after);
    if (!same_type(was, now))
        add(l, "retyped %s from %s to %s", now->name, before, after);
}

static void add_limits(list *l, const wh__member *was, const wh__member *now)
{
    if (!same_type(was, now))
        return;
    if (now->type == WH_MEMBER_CHOICE && strcmp(was->choices, now->choices) != 0)
        add(l, "new choices of %s", now->name);
    else if (now->type <= WH_MEMBER_INT && (was->min != now->min || was->max != now->max))
        add_range(l, now);
}

static void add_default(list *l, const wh__member *was, const wh__member *now)
{
    if (same_type(was, now) && !same_default(was, now))
        add(l, "new default of %s", now->name);
}

static bool has_heir(const wh__layout *from, const wh__layout *to, const wh__member *m)
{
    for (uint32_t i = 0; i < to->count; i++)
        if (origin_of(from, to, &to->member[i]) == m)
            return true;
    return false;
}

void wh__layout_difference(const wh__layout *from, const wh__layout *to, char *text, size_t size)
{
    static add_change *const change[] = {add_renamed, add_retyped, add_limits, add_default};
    list l = {.text = text, .size = size};
    if (size)
        text[0] = 0;
    for (uint32_t i = 0; i < to->count; i++)
        if (!origin_of(from, to, &to->member[i]))
            add(&l, "added %s", to->member[i].name);
    for (uint32_t i = 0; i < from->count; i++)
        if (!has_heir(from, to, &from->member[i]))
            add(&l, "removed %s", from->member[i].name);
    for (size_t c = 0; c < sizeof change / sizeof *change; c++) {
        for (uint32_t i = 0; i < to->count; i++) {
            const wh__member *origin = origin_of(from, to, &to->member[i]);
            if (origin)
                change[c](&l, origin, &to->member[i]);
        }
    }
}
