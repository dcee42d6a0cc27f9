/* mesh_parse.c - text, numbers, polygons and welding for the mesh readers.
 *
 * Decimal to float: W. Clinger, How to Read Floating Point Numbers Accurately, PLDI 1990. The digits are scaled in
 * double; the few results too near the middle of two floats for that to decide are left to strtof. */
#include "mesh_parse.h"
#include "error.h"
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void wh__skip_mark(wh_text *t)
{
    if (t->end - t->at >= 3 && memcmp(t->at, "\xef\xbb\xbf", 3) == 0)
        t->at += 3;
}

void wh__skip_newline(wh_text *t)
{
    if (t->at == t->end)
        return;
    if (*t->at++ == '\r' && t->at < t->end && *t->at == '\n')
        t->at++;
    t->line++;
}

void wh__skip_line(wh_text *t)
{
    while (!wh__line_ends(t))
        t->at++;
    wh__skip_newline(t);
}

wh_word wh__peek_word(const wh_text *t)
{
    wh_word w;
    size_t n = 0;
    for (const char *c = t->at; c < t->end && !wh__is_blank(*c) && *c != '\n' && *c != '\r' && n < 40; c++)
        w.s[n++] = *c > ' ' && *c < 127 ? *c : '?';
    if (n == 40)
        memcpy(w.s + 37, "...", 3);
    w.s[n] = 0;
    return w;
}

bool wh__take_word(wh_text *t, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(t->end - t->at) < n || strncasecmp(t->at, word, n) != 0)
        return false;
    wh_text after = {.at = t->at + n, .end = t->end};
    if (!wh__line_ends(&after) && !wh__is_blank(*after.at))
        return false;
    t->at += n;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool ends_number(const char *c, const char *end, char stop)
{
    return c == end || wh__is_blank(*c) || *c == '\n' || *c == '\r' || *c == stop;
}

/* All digits without their point, and an exponent: strtof then has no decimal point to look for in the locale. */
static float exact_float(const char *c, const char *digits_end, int64_t exponent)
{
    char text[160]; /* 112 digits decide any float; one more stands for the rest */
    size_t n = 0;
    int64_t scale = exponent;
    bool after_point = false, rest = false;
    for (; c < digits_end; c++) {
        if (!is_digit(*c)) {
            after_point = true;
            continue;
        }
        if (n < 120 && (n > 0 || *c != '0'))
            text[n++] = *c;
        else if (n > 0 && (scale++, *c != '0'))
            rest = true;
        scale -= after_point;
    }
    if (rest) {
        text[n++] = '1';
        scale--;
    }
    scale = scale < -99999 ? -99999 : scale > 99999 ? 99999 : scale;
    snprintf(text + n, sizeof text - n, "e%d", (int)scale);
    return n ? strtof(text, NULL) : 0;
}

/* False: too near the middle of two floats, or out of the range of normal ones. The scaling errs by less than 4 units
 * in the last place of the double. */
static bool scale_float(uint64_t digits, int64_t exponent, float *out)
{
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (exponent < -44 || exponent > 22)
        return false;
    double d = (double)digits;
    if (exponent < -22) {
        d /= power[22];
        exponent += 22;
    }
    d = exponent < 0 ? d / power[-exponent] : d * power[exponent];
    if (d < FLT_MIN || d > 1e38)
        return false;
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    int64_t middle = (int64_t)(bits & 0x1fffffff) - 0x10000000; /* the 29 bits that a float has not */
    *out = (float)d;
    return middle < -8 || middle > 8;
}

static bool scan_exponent(const char **at, const char *end, int64_t *out)
{
    const char *c = *at;
    bool negative = false;
    int64_t e = 0;
    if (c < end && (*c == '-' || *c == '+'))
        negative = *c++ == '-';
    if (c == end || !is_digit(*c))
        return false;
    for (; c < end && is_digit(*c); c++)
        e = e < 100000 ? e * 10 + (*c - '0') : e;
    *at = c;
    *out = negative ? -e : e;
    return true;
}

bool wh__scan_float(wh_text *t, char stop, float *out)
{
    const char *c = t->at, *end = t->end;
    bool negative = false, any = false;
    if (c < end && (*c == '-' || *c == '+'))
        negative = *c++ == '-';
    const char *first = c;
    const uint64_t full = 1000000000000000000u;
    uint64_t digits = 0;
    int64_t exponent = 0, shift = 0;
    for (; c < end && is_digit(*c); c++, any = true) {
        if (digits < full)
            digits = digits * 10 + (uint64_t)(*c - '0');
        else
            shift++;
    }
    if (c < end && *c == '.') {
        for (c++; c < end && is_digit(*c); c++, any = true) {
            if (digits >= full)
                continue;
            digits = digits * 10 + (uint64_t)(*c - '0');
            shift--;
        }
    }
    const char *digits_end = c;
    if (!any || (c < end && (*c | 32) == 'e' && (c++, !scan_exponent(&c, end, &exponent))) ||
        !ends_number(c, end, stop))
        return false;
    float value = 0;
    if (digits && !scale_float(digits, exponent + shift, &value))
        value = exact_float(first, digits_end, exponent);
    *out = negative ? -value : value;
    t->at = c;
    return true;
}

bool wh__scan_integer(wh_text *t, char stop, int64_t *out)
{
    const char *c = t->at, *end = t->end;
    bool negative = false;
    int64_t value = 0;
    if (c < end && (*c == '-' || *c == '+'))
        negative = *c++ == '-';
    const char *first = c;
    for (; c < end && is_digit(*c); c++) {
        if (value >= 100000000000000000)
            return false;
        value = value * 10 + (*c - '0');
    }
    if (c == first || !ends_number(c, end, stop))
        return false;
    *out = negative ? -value : value;
    t->at = c;
    return true;
}

bool wh__scan_special(wh_text *t, float *out)
{
    wh_text c = *t;
    const bool negative = c.at < c.end && *c.at == '-';
    c.at += c.at < c.end && (*c.at == '-' || *c.at == '+');
    if (wh__take_word(&c, "nan"))
        *out = NAN;
    else if (wh__take_word(&c, "inf") || wh__take_word(&c, "infinity"))
        *out = negative ? -INFINITY : INFINITY;
    else
        return false;
    t->at = c.at;
    return true;
}

bool wh__grow(void **items, size_t *room, size_t size)
{
    size_t more = *room ? *room + *room / 2 : 1024;
    void *moved = realloc(*items, more * size);
    if (!moved)
        return false;
    *items = moved;
    *room = more;
    return true;
}

/* The first polygon that is no triangle: from now on each has its start. */
static bool start_starts(wh_faces *f)
{
    f->start_room = f->count + f->count / 2 + 1024;
    f->start = malloc(f->start_room * sizeof *f->start);
    if (!f->start)
        return false;
    for (size_t i = 0; i <= f->count; i++)
        f->start[i] = (uint32_t)(i * 3);
    return true;
}

bool wh__faces_end(wh_faces *f)
{
    if (f->corners > UINT32_MAX)
        return false;
    if (!f->start && f->corners - f->first != 3 && !start_starts(f))
        return false;
    f->count++;
    f->first = f->corners;
    if (!f->start)
        return true;
    if (f->count == f->start_room && !wh__grow((void **)&f->start, &f->start_room, sizeof *f->start))
        return false;
    f->start[f->count] = (uint32_t)f->corners;
    return true;
}

void wh__faces_free(wh_faces *f)
{
    free(f->index);
    free(f->start);
    *f = (wh_faces){0};
}

static uint32_t *shrink(uint32_t *items, size_t count)
{
    uint32_t *less = realloc(items, count * sizeof *items);
    return less ? less : items;
}

wh_status wh__faces_finish(wh_faces *f, wh_mesh *m)
{
    if (!f->count) {
        wh__faces_free(f);
        return WH_OK;
    }
    uint32_t *index = shrink(f->index, f->corners), count = (uint32_t)f->count;
    uint32_t *start = f->start ? shrink(f->start, f->count + 1) : NULL;
    *f = (wh_faces){0};
    return wh__mesh_set_faces(m, start, index, count);
}

static size_t hash_point(const float p[3])
{
    uint32_t b[3];
    memcpy(b, p, sizeof b);
    uint64_t h = b[0] * 0x9e3779b97f4a7c15u;
    h = (h ^ (h >> 29) ^ b[1]) * 0xbf58476d1ce4e5b9u;
    h = (h ^ (h >> 32) ^ b[2]) * 0x94d049bb133111ebu;
    return (size_t)(h ^ (h >> 31));
}

static uint32_t *find_slot(const wh_weld *w, const float p[3])
{
    size_t mask = w->slot_count - 1, i = hash_point(p) & mask;
    while (w->slot[i] && memcmp(w->position + (size_t)3 * (w->slot[i] - 1), p, 3 * sizeof *p) != 0)
        i = (i + 1) & mask;
    return w->slot + i;
}

static bool rehash(wh_weld *w)
{
    uint32_t *old = w->slot;
    size_t count = w->slot_count ? w->slot_count * 4 : 4096;
    w->slot = calloc(count, sizeof *w->slot);
    if (!w->slot) {
        w->slot = old;
        return false;
    }
    w->slot_count = count;
    for (size_t i = 0; i < w->count; i++)
        *find_slot(w, w->position + 3 * i) = (uint32_t)(i + 1);
    free(old);
    return true;
}

bool wh__weld_point(wh_weld *w, const float p[3], uint32_t *index)
{
    float q[3] = {p[0] + 0.0f, p[1] + 0.0f, p[2] + 0.0f}; /* -0 becomes 0 */
    if (w->count * 2 >= w->slot_count && !rehash(w))
        return false;
    uint32_t *slot = find_slot(w, q);
    if (!*slot) {
        if (w->count == UINT32_MAX - 1 || (w->count == w->room && !wh__grow((void **)&w->position, &w->room, sizeof q)))
            return false;
        memcpy(w->position + 3 * w->count, q, sizeof q);
        *slot = (uint32_t)++w->count;
    }
    *index = *slot - 1;
    return true;
}

void wh__weld_free(wh_weld *w)
{
    free(w->position);
    free(w->slot);
    *w = (wh_weld){0};
}

void wh__weld_finish(wh_weld *w, wh_mesh *m)
{
    float *less = w->count ? realloc(w->position, w->count * 3 * sizeof *less) : NULL;
    free(m->position);
    m->position = less ? less : w->position;
    m->point_count = (uint32_t)w->count;
    w->position = NULL;
    wh__weld_free(w);
}

wh_status wh__out_of_memory(const char *path)
{
    return wh__fail(WH_ERR_MEMORY, "%s: memory is short (the mesh is too large for this machine)", path);
}

void wh__mesh_warn(wh_mesh *m, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t before = m->note ? strlen(m->note) : 0, after = strlen(text);
    char *note = realloc(m->note, before + after + 3);
    if (!note)
        return;
    m->note = note;
    if (before) {
        memcpy(note + before, "; ", 2);
        before += 2;
    }
    memcpy(note + before, text, after + 1);
}
