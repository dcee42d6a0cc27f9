/* mesh_ply.c - reads PLY: text, and binary of either byte order.
 *
 * Greg Turk, The PLY Polygon File Format, 1994. Read are the elements vertex (x, y, z; other scalars become
 * attributes, as floats), face and tristrips; all others are stepped over. In text each line is one entry of an
 * element. Memory is asked for only after the header's counts were found possible for the length of the file. */
#include "error.h"
#include "mesh_parse.h"
#include <stdlib.h>
#include <string.h>

enum { MOST_ELEMENTS = 32, MOST_PROPERTIES = 1024, NAME = 64 };

typedef enum { NONE, INT8, UINT8, INT16, UINT16, INT32, UINT32, FLOAT32, FLOAT64 } type;

static const struct {
    const char *name, *other_name;
    uint32_t size;
} types[] = {{"", "", 0},           {"char", "int8", 1},     {"uchar", "uint8", 1},
             {"short", "int16", 2}, {"ushort", "uint16", 2}, {"int", "int32", 4},
             {"uint", "uint32", 4}, {"float", "float32", 4}, {"double", "float64", 8}};

typedef struct {
    char name[NAME];
    type item, count; /* count NONE: one value, no list */
    float *value;     /* where the values of a point go, or NULL */
    size_t stride;    /* in floats */
} property;

typedef struct {
    char name[NAME];
    uint64_t count;
    uint32_t first, properties;
    uint32_t line; /* in the header */
} element;

typedef enum { TEXT, LITTLE, BIG } format;

typedef struct {
    wh_mesh *mesh;
    wh_text text; /* at: where reading goes on, in binary data too */
    const char *begin;
    bool has_format, returns; /* lines end with \r alone */
    format format;
    uint32_t element_count, property_count;
    uint32_t points_line; /* 0: no points yet */
    element elements[MOST_ELEMENTS];
    property properties[MOST_PROPERTIES];
    wh_faces faces;
} reader;

#define FAIL_LINE(r, line, message, ...)                                                                               \
    wh__fail(WH_ERR_IO, "%s:%u: " message, (r)->text.path, (uint32_t)(line), ##__VA_ARGS__)

/* A failure in the data, at a value: its line in text, its byte in a binary file. */
#define FAIL_DATA(r, where, message, ...)                                                                              \
    ((r)->format == TEXT                                                                                               \
         ? wh__fail(WH_ERR_IO, "%s:%u: " message, (r)->text.path, (r)->text.line, __VA_ARGS__)                         \
         : wh__fail(WH_ERR_IO, "%s: byte %zu: " message, (r)->text.path, (size_t)((where) - (r)->begin), __VA_ARGS__))

/* ---- header ---- */

typedef struct {
    char s[4][NAME]; /* "property list uchar int vertex_indices": the fifth is in last */
    char last[NAME];
    uint32_t count;
} words;

/* Takes the next line; false at the end of the file. */
static bool header_line(reader *r, wh_text *line)
{
    wh_text *t = &r->text;
    const char *end = memchr(t->at, r->returns ? '\r' : '\n', (size_t)(t->end - t->at));
    if (!end)
        return false;
    *line = *t;
    line->end = end > t->at && end[-1] == '\r' ? end - 1 : end;
    t->at = end + 1;
    t->line++;
    return true;
}

static bool split(wh_text line, words *w)
{
    for (w->count = 0, wh__skip_blanks(&line); line.at < line.end; wh__skip_blanks(&line)) {
        const char *start = line.at;
        while (line.at < line.end && !wh__is_blank(*line.at))
            line.at++;
        size_t n = (size_t)(line.at - start);
        if (w->count == 5 || n >= NAME || memchr(start, 0, n))
            return false;
        char *word = w->count == 4 ? w->last : w->s[w->count];
        memcpy(word, start, n);
        word[n] = 0;
        w->count++;
    }
    return true;
}

static type find_type(const char *name)
{
    for (type t = INT8; t <= FLOAT64; t++) {
        if (strcmp(name, types[t].name) == 0 || strcmp(name, types[t].other_name) == 0)
            return t;
    }
    return NONE;
}

static wh_status header_format(reader *r, const words *w, uint32_t line)
{
    static const char *const names[] = {"ascii", "binary_little_endian", "binary_big_endian"};
    if (w->count != 3 || strcmp(w->s[2], "1.0") != 0)
        return FAIL_LINE(r, line, "the format must be %s",
                         "'ascii', 'binary_little_endian' or 'binary_big_endian' 1.0");
    for (int f = TEXT; f <= BIG; f++) {
        if (strcmp(w->s[1], names[f]) == 0) {
            r->format = (format)f;
            r->has_format = true;
            return WH_OK;
        }
    }
    return FAIL_LINE(r, line, "unknown format '%s' (ascii, binary_little_endian or binary_big_endian)", w->s[1]);
}

static bool is_faces(const element *e)
{
    return strcmp(e->name, "face") == 0 || strcmp(e->name, "tristrips") == 0;
}

static wh_status header_element(reader *r, const words *w, uint32_t line)
{
    wh_text number = {.at = w->s[2], .end = w->s[2] + (w->count == 3 ? strlen(w->s[2]) : 0)};
    int64_t count;
    if (w->count != 3)
        return FAIL_LINE(r, line, "an element needs a name and a count");
    wh_word word = wh__peek_word(&number);
    if (!wh__scan_integer(&number, '\n', &count) || count < 0)
        return FAIL_LINE(r, line, "'%s' is not a count", word.s);
    if (r->element_count == MOST_ELEMENTS)
        return FAIL_LINE(r, line, "more than %d elements", MOST_ELEMENTS);
    for (uint32_t i = 0; i < r->element_count; i++) {
        if (strcmp(r->elements[i].name, w->s[1]) == 0)
            return FAIL_LINE(r, line, "element %s is declared twice", w->s[1]);
    }
    element *e = &r->elements[r->element_count++];
    *e = (element){.count = (uint64_t)count, .first = r->property_count, .line = line};
    memcpy(e->name, w->s[1], NAME);
    if (count > UINT32_MAX && (is_faces(e) || strcmp(e->name, "vertex") == 0))
        return FAIL_LINE(r, line, "%lld are more than 4294967295", (long long)count);
    return WH_OK;
}

static wh_status header_property(reader *r, const words *w, uint32_t line)
{
    bool list = w->count == 5 && strcmp(w->s[1], "list") == 0;
    if (!list && w->count != 3)
        return FAIL_LINE(r, line, "a property is 'property %s'", "TYPE NAME' or 'property list TYPE TYPE NAME");
    if (r->element_count == 0)
        return FAIL_LINE(r, line, "a property stands before the first element");
    if (r->property_count == MOST_PROPERTIES)
        return FAIL_LINE(r, line, "more than %d properties", MOST_PROPERTIES);
    const char *item = list ? w->s[3] : w->s[1], *name = list ? w->last : w->s[2];
    property p = {.item = find_type(item), .count = list ? find_type(w->s[2]) : NONE};
    if (p.item == NONE || (list && p.count == NONE))
        return FAIL_LINE(r, line, "unknown type '%s'", p.item == NONE ? item : w->s[2]);
    if (p.count >= FLOAT32)
        return FAIL_LINE(r, line, "the length of a list cannot be a %s", w->s[2]);
    element *e = &r->elements[r->element_count - 1];
    for (uint32_t i = 0; i < e->properties; i++) {
        if (strcmp(r->properties[e->first + i].name, name) == 0)
            return FAIL_LINE(r, line, "property %s is declared twice", name);
    }
    memcpy(p.name, name, NAME);
    r->properties[r->property_count++] = p;
    e->properties++;
    return WH_OK;
}

static wh_status header_statement(reader *r, wh_text line, bool *ended)
{
    words w;
    wh__skip_blanks(&line);
    if (line.at == line.end || wh__take_word(&line, "comment") || wh__take_word(&line, "obj_info"))
        return WH_OK;
    wh_word first = wh__peek_word(&line);
    if (!split(line, &w))
        return FAIL_LINE(r, line.line, "too many or too long words after '%s'", first.s);
    *ended = strcmp(w.s[0], "end_header") == 0;
    if (*ended)
        return WH_OK;
    if (strcmp(w.s[0], "format") == 0)
        return header_format(r, &w, line.line);
    if (strcmp(w.s[0], "element") == 0)
        return header_element(r, &w, line.line);
    if (strcmp(w.s[0], "property") == 0)
        return header_property(r, &w, line.line);
    return FAIL_LINE(r, line.line, "unknown word '%s' in the header", first.s);
}

static wh_status read_header(reader *r)
{
    wh_text line = r->text;
    bool ended = false;
    wh__skip_line(&line);
    r->returns = line.at > r->begin && line.at[-1] == '\r';
    if (!header_line(r, &line) || line.end - line.at != 3 || memcmp(line.at, "ply", 3) != 0)
        return FAIL_LINE(r, 1, "a PLY file begins with the line '%s'", "ply");
    while (!ended) {
        if (!header_line(r, &line))
            return FAIL_LINE(r, r->text.line, "the file ends in the header (is it complete?)");
        wh_status status = header_statement(r, line, &ended);
        if (status != WH_OK)
            return status;
    }
    return r->has_format ? WH_OK : FAIL_LINE(r, r->text.line - 1, "the header has no format");
}

/* ---- values ---- */

static double load(const char *at, type t, bool big)
{
    const unsigned char *b = (const unsigned char *)at;
    uint32_t size = types[t].size;
    uint64_t bits = 0;
    for (uint32_t i = 0; i < size; i++)
        bits |= (uint64_t)b[big ? size - 1 - i : i] << (8 * i);
    uint32_t low = (uint32_t)bits;
    float f;
    double d;
    switch (t) {
    case INT8:
        return (int8_t)low;
    case INT16:
        return (int16_t)low;
    case INT32:
        return (int32_t)low;
    case FLOAT32:
        memcpy(&f, &low, sizeof f);
        return (double)f;
    case FLOAT64:
        memcpy(&d, &bits, sizeof d);
        return d;
    default:
        return low;
    }
}

static bool scan(wh_text *t, type kind, double *out)
{
    float f;
    int64_t i;
    if (kind >= FLOAT32) {
        if (!wh__scan_float(t, '\n', &f) && !wh__scan_special(t, &f))
            return false;
        *out = (double)f;
        return true;
    }
    if (!wh__scan_integer(t, '\n', &i))
        return false;
    *out = (double)i;
    return true;
}

static wh_status ends_early(const reader *r, const element *e, uint64_t i)
{
    return FAIL_DATA(r, r->text.end, "the file ends in element %s, number %llu of %llu (is it complete?)", e->name,
                     (unsigned long long)i, (unsigned long long)e->count);
}

static wh_status bad_text(const reader *r, const element *e, uint64_t i)
{
    if (r->text.at == r->text.end)
        return ends_early(r, e, i);
    if (wh__line_ends(&r->text))
        return FAIL_LINE(r, r->text.line, "the line has too few values for element %s", e->name);
    return FAIL_LINE(r, r->text.line, "'%s' is not a number of the right type", wh__peek_word(&r->text).s);
}

static wh_status value(reader *r, const element *e, uint64_t i, type kind, double *out)
{
    wh_text *t = &r->text;
    if (r->format == TEXT) {
        wh__skip_blanks(t);
        return scan(t, kind, out) ? WH_OK : bad_text(r, e, i);
    }
    if ((size_t)(t->end - t->at) < types[kind].size)
        return ends_early(r, e, i);
    *out = load(t->at, kind, r->format == BIG);
    t->at += types[kind].size;
    return WH_OK;
}

/* Reads the length of a list, which no file that is shorter can have. */
static wh_status list_length(reader *r, const element *e, uint64_t i, const property *p, size_t *length)
{
    double n = 0;
    const char *where = r->text.at;
    wh_status status = value(r, e, i, p->count, &n);
    if (status != WH_OK)
        return status;
    size_t left = (size_t)(r->text.end - r->text.at), least = r->format == TEXT ? 2 : types[p->item].size;
    if (n < 0)
        return FAIL_DATA(r, where, "a list has a length of %.0f", n);
    if (n * (double)least > (double)left + (r->format == TEXT))
        return FAIL_DATA(r, where, "a list of %.0f does not fit into the rest of the file (is it complete?)", n);
    *length = (size_t)n;
    return WH_OK;
}

static wh_status skip_property(reader *r, const element *e, uint64_t i, const property *p)
{
    size_t length = 1;
    double unused;
    wh_status status = p->count == NONE ? WH_OK : list_length(r, e, i, p, &length);
    while (length-- > 0 && status == WH_OK)
        status = value(r, e, i, p->item, &unused);
    return status;
}

/* In text: over blank lines to the next entry, and from an entry to its end. */
static void begin_entry(reader *r)
{
    if (r->format != TEXT)
        return;
    wh__skip_blanks(&r->text);
    while (r->text.at < r->text.end && wh__line_ends(&r->text)) {
        wh__skip_newline(&r->text);
        wh__skip_blanks(&r->text);
    }
}

static wh_status end_entry(reader *r, const element *e)
{
    if (r->format != TEXT)
        return WH_OK;
    wh__skip_blanks(&r->text);
    if (!wh__line_ends(&r->text))
        return FAIL_LINE(r, r->text.line, "the line has more values than element %s", e->name);
    wh__skip_newline(&r->text);
    return WH_OK;
}

/* ---- elements ---- */

/* Whether the rest of the file can hold the element at all: before memory is asked for. */
static wh_status check_size(const reader *r, const element *e)
{
    uint64_t least = 0, left = (uint64_t)(r->text.end - r->text.at) + (r->format == TEXT); /* the last line end */
    for (uint32_t k = 0; k < e->properties; k++) {
        const property *p = &r->properties[e->first + k];
        least += r->format == TEXT ? 2 : types[p->count == NONE ? p->item : p->count].size;
    }
    if (least == 0 || e->count <= left / least)
        return WH_OK;
    return FAIL_DATA(r, r->text.at, "%llu of element %s do not fit into the rest of the file (is it complete?)",
                     (unsigned long long)e->count, e->name);
}

static property *find_property(reader *r, const element *e, const char *name)
{
    for (uint32_t k = 0; k < e->properties; k++) {
        property *p = &r->properties[e->first + k];
        if (strcmp(p->name, name) == 0)
            return p;
    }
    return NULL;
}

static wh_status place_positions(reader *r, const element *e)
{
    static const char *const names[] = {"x", "y", "z"};
    property *p[3];
    for (int k = 0; k < 3; k++) {
        p[k] = find_property(r, e, names[k]);
        if (!p[k] || p[k]->count != NONE)
            return FAIL_LINE(r, e->line, "element vertex has no property %s", names[k]);
    }
    wh_status status = wh__mesh_reserve(r->mesh, (uint32_t)e->count, 0);
    for (int k = 0; k < 3 && status == WH_OK; k++) {
        p[k]->value = r->mesh->position + k;
        p[k]->stride = 3;
    }
    return status;
}

static wh_status place_attributes(reader *r, const element *e)
{
    for (uint32_t k = 0; k < e->properties; k++) {
        property *p = &r->properties[e->first + k];
        if (p->value || p->count != NONE)
            continue;
        p->value = malloc((size_t)e->count * sizeof *p->value);
        p->stride = 1;
        if (!p->value)
            return wh__out_of_memory(r->text.path);
        wh_status status = wh__mesh_add_attribute(r->mesh, p->name, p->value);
        if (status != WH_OK)
            return status;
    }
    return WH_OK;
}

static wh_status read_point(reader *r, const element *e, uint64_t i)
{
    for (uint32_t k = 0; k < e->properties; k++) {
        const property *p = &r->properties[e->first + k];
        double d = 0;
        wh_status status = p->value ? value(r, e, i, p->item, &d) : skip_property(r, e, i, p);
        if (status != WH_OK)
            return status;
        if (p->value)
            p->value[i * p->stride] = (float)d;
    }
    return WH_OK;
}

static wh_status read_points(reader *r, const element *e)
{
    r->points_line = e->line;
    if (e->count == 0)
        return WH_OK;
    wh_status status = place_positions(r, e);
    if (status == WH_OK)
        status = place_attributes(r, e);
    for (uint64_t i = 0; i < e->count && status == WH_OK; i++) {
        begin_entry(r);
        status = read_point(r, e, i);
        if (status == WH_OK)
            status = end_entry(r, e);
    }
    return status;
}

/* In a strip, -1 ends it and the next one begins. */
static wh_status read_index(reader *r, const element *e, uint64_t i, const property *p, bool strip, int64_t *point)
{
    double d = 0;
    const char *where = r->text.at;
    wh_status status = value(r, e, i, p->item, &d);
    if (status != WH_OK)
        return status;
    *point = (int64_t)d;
    if (strip && d == -1)
        return WH_OK;
    if (d < 0 || d >= r->mesh->point_count)
        return FAIL_DATA(r, where, "%s %llu uses point %.0f but the file has %u (both count from 0)", e->name,
                         (unsigned long long)i, d, r->mesh->point_count);
    return WH_OK;
}

static wh_status read_face(reader *r, const element *e, uint64_t i, const property *p)
{
    const char *where = r->text.at;
    size_t length = 0;
    wh_status status = list_length(r, e, i, p, &length);
    if (status == WH_OK && length < 3)
        return FAIL_DATA(r, where, "face %llu (counted from 0) has %zu corners (at least 3 are needed)",
                         (unsigned long long)i, length);
    while (length-- > 0 && status == WH_OK) {
        int64_t point;
        status = read_index(r, e, i, p, false, &point);
        if (status == WH_OK && !wh__faces_corner(&r->faces, (uint32_t)point))
            return wh__out_of_memory(r->text.path);
    }
    if (status == WH_OK && !wh__faces_end(&r->faces))
        return wh__out_of_memory(r->text.path);
    return status;
}

/* Every second triangle of a strip turns the other way; those with a point twice only stitch strips together. */
static bool add_strip_triangle(wh_faces *f, const int64_t last[2], int64_t point, size_t number)
{
    if (last[0] == last[1] || last[1] == point || point == last[0])
        return true;
    bool odd = number & 1;
    return wh__faces_corner(f, (uint32_t)last[odd]) && wh__faces_corner(f, (uint32_t)last[!odd]) &&
           wh__faces_corner(f, (uint32_t)point) && wh__faces_end(f);
}

static wh_status read_strips(reader *r, const element *e, uint64_t i, const property *p)
{
    size_t length = 0, in_strip = 0;
    int64_t last[2] = {0, 0}, point;
    wh_status status = list_length(r, e, i, p, &length);
    while (length-- > 0 && status == WH_OK) {
        status = read_index(r, e, i, p, true, &point);
        if (status != WH_OK)
            return status;
        if (point < 0) {
            in_strip = 0;
            continue;
        }
        if (in_strip >= 2 && !add_strip_triangle(&r->faces, last, point, in_strip - 2))
            return wh__out_of_memory(r->text.path);
        last[0] = last[1];
        last[1] = point;
        in_strip++;
    }
    return status;
}

static wh_status find_list(reader *r, const element *e, const property **list)
{
    const property *p = find_property(r, e, "vertex_indices");
    if (!p)
        p = find_property(r, e, "vertex_index");
    if (!p || p->count == NONE || p->item >= FLOAT32)
        return FAIL_LINE(r, e->line, "element %s has no list of integers vertex_indices", e->name);
    if (!r->points_line)
        return FAIL_LINE(r, e->line, "element %s stands before element vertex", e->name);
    *list = p;
    return WH_OK;
}

static wh_status read_faces(reader *r, const element *e)
{
    const property *list = NULL;
    bool strips = strcmp(e->name, "tristrips") == 0;
    wh_status status = e->count ? find_list(r, e, &list) : WH_OK;
    for (uint64_t i = 0; i < e->count && status == WH_OK; i++) {
        begin_entry(r);
        for (uint32_t k = 0; k < e->properties && status == WH_OK; k++) {
            const property *p = &r->properties[e->first + k];
            status = p != list ? skip_property(r, e, i, p) : strips ? read_strips(r, e, i, p) : read_face(r, e, i, p);
        }
        if (status == WH_OK)
            status = end_entry(r, e);
    }
    return status;
}

static wh_status skip_element(reader *r, const element *e)
{
    wh_status status = WH_OK;
    if (e->properties == 0) /* its entries take no room, so that their count has no limit */
        return WH_OK;
    for (uint64_t i = 0; i < e->count && status == WH_OK; i++) {
        begin_entry(r);
        for (uint32_t k = 0; k < e->properties && status == WH_OK; k++)
            status = skip_property(r, e, i, &r->properties[e->first + k]);
        if (status == WH_OK)
            status = end_entry(r, e);
    }
    return status;
}

static wh_status read_elements(reader *r)
{
    for (uint32_t k = 0; k < r->element_count; k++) {
        const element *e = &r->elements[k];
        wh_status status = check_size(r, e);
        if (status != WH_OK)
            return status;
        if (strcmp(e->name, "vertex") == 0)
            status = read_points(r, e);
        else
            status = is_faces(e) ? read_faces(r, e) : skip_element(r, e);
        if (status != WH_OK)
            return status;
    }
    begin_entry(r);
    if (r->text.at < r->text.end)
        wh__mesh_warn(r->mesh, "%zu bytes after the last element were not read", (size_t)(r->text.end - r->text.at));
    return WH_OK;
}

wh_status wh__ply_read(wh_mesh *m, const char *path, const char *bytes, size_t size)
{
    reader *r = calloc(1, sizeof *r);
    if (!r)
        return wh__out_of_memory(path);
    r->mesh = m;
    r->begin = bytes;
    r->text = (wh_text){.path = path, .at = bytes, .end = bytes + size, .line = 1};
    wh_status status = read_header(r);
    if (status == WH_OK)
        status = read_elements(r);
    if (status == WH_OK)
        status = wh__faces_finish(&r->faces, m);
    wh__faces_free(&r->faces);
    free(r);
    return status;
}
