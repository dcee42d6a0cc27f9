/* mesh_obj.c - reads Wavefront OBJ: v and f; everything else is stepped over.
 *
 * Wavefront Technologies, Advanced Visualizer Manual, appendix B1, Object Files. Colours after the coordinates are a
 * common extension; they are kept when every point has one. */
#include "error.h"
#include "mesh_parse.h"
#include <stdlib.h>

typedef struct {
    wh_text text;
    float *position, *colour;
    size_t points, position_room, colours, colour_room; /* rooms in floats */
    wh_faces faces;
    int64_t largest; /* point that a face uses, from 1, and its line: points may come after faces */
    uint32_t largest_line;
} reader;

static wh_status bad_point(const reader *r)
{
    wh_word w = wh__peek_word(&r->text);
    if (!w.s[0])
        return wh__fail(WH_ERR_IO, "%s:%u: a point has fewer than 3 coordinates", r->text.path, r->text.line);
    return wh__fail(WH_ERR_IO, "%s:%u: '%s' is not a number", r->text.path, r->text.line, w.s);
}

/* Blanks, and lines that go on after a backslash. */
static void skip_gap(wh_text *t)
{
    for (;;) {
        wh__skip_blanks(t);
        if (t->end - t->at < 2 || t->at[0] != '\\' || (t->at[1] != '\n' && t->at[1] != '\r'))
            return;
        t->at++;
        wh__skip_newline(t);
    }
}

static bool statement_ends(const wh_text *t)
{
    return wh__line_ends(t) || *t->at == '#';
}

/* A comment ends with its line; any other statement may go on after a backslash. */
static void skip_statement(wh_text *t)
{
    while (!statement_ends(t)) {
        if (*t->at == '\\')
            skip_gap(t);
        if (!statement_ends(t))
            t->at++;
    }
    wh__skip_line(t);
}

static bool push3(float **items, size_t count, size_t *room, const float v[3])
{
    if (count * 3 + 3 > *room && !wh__grow((void **)items, room, sizeof(float)))
        return false;
    for (int k = 0; k < 3; k++)
        (*items)[count * 3 + (size_t)k] = v[k];
    return true;
}

/* x y z, x y z w, x y z red green blue, or these and one more. */
static wh_status read_point(reader *r)
{
    float v[7];
    int n = 0;
    for (skip_gap(&r->text); n < 7 && !statement_ends(&r->text); skip_gap(&r->text), n++) {
        if (wh__scan_float(&r->text, '#', v + n) || wh__scan_special(&r->text, v + n))
            continue;
        return bad_point(r);
    }
    if (n < 3)
        return bad_point(r);
    if (r->points == UINT32_MAX)
        return wh__fail(WH_ERR_IO, "%s:%u: more than 4294967295 points", r->text.path, r->text.line);
    if (!push3(&r->position, r->points++, &r->position_room, v))
        return wh__out_of_memory(r->text.path);
    if (n >= 6 && !push3(&r->colour, r->colours++, &r->colour_room, v + 3))
        return wh__out_of_memory(r->text.path);
    skip_statement(&r->text);
    return WH_OK;
}

static bool skip_reference(wh_text *t)
{
    int64_t unused;
    if (t->at < t->end && *t->at == '/')
        return true;
    return statement_ends(t) || wh__is_blank(*t->at) || wh__scan_integer(t, '/', &unused);
}

/* point, point/texture, point//normal, point/texture/normal */
static bool scan_corner(wh_text *t, int64_t *point)
{
    if (!wh__scan_integer(t, '/', point))
        return false;
    for (int k = 0; k < 2 && t->at < t->end && *t->at == '/'; k++) {
        t->at++;
        if (!skip_reference(t))
            return false;
    }
    return wh__line_ends(t) || wh__is_blank(*t->at);
}

static wh_status bad_corner(const reader *r, int64_t point, uint32_t line)
{
    if (point == 0)
        return wh__fail(WH_ERR_IO, "%s:%u: face uses point 0 (points count from 1)", r->text.path, line);
    if (point < 0)
        return wh__fail(WH_ERR_IO, "%s:%u: face uses point %lld but only %zu come before it", r->text.path, line,
                        (long long)point, r->points);
    return wh__fail(WH_ERR_IO, "%s:%u: face uses point %lld but the file has %zu (points count from 1)", r->text.path,
                    line, (long long)point, r->points);
}

static wh_status read_corner(reader *r)
{
    wh_text before = r->text;
    int64_t point, points = (int64_t)r->points;
    if (!scan_corner(&r->text, &point))
        return wh__fail(WH_ERR_IO, "%s:%u: '%s' is not a corner (point, or point/texture/normal)", before.path,
                        before.line, wh__peek_word(&before).s);
    if (point == 0 || point < -points)
        return bad_corner(r, point, before.line);
    if (point < 0)
        point += points + 1;
    if (point > r->largest) {
        r->largest = point;
        r->largest_line = before.line;
    }
    return wh__faces_corner(&r->faces, (uint32_t)(point - 1)) ? WH_OK : wh__out_of_memory(before.path);
}

static wh_status read_face(reader *r)
{
    uint32_t line = r->text.line;
    for (skip_gap(&r->text); !statement_ends(&r->text); skip_gap(&r->text)) {
        wh_status status = read_corner(r);
        if (status != WH_OK)
            return status;
    }
    size_t corners = r->faces.corners - r->faces.first;
    if (corners < 3)
        return wh__fail(WH_ERR_IO, "%s:%u: a face has %zu corners (at least 3 are needed)", r->text.path, line,
                        corners);
    wh__skip_line(&r->text);
    return wh__faces_end(&r->faces) ? WH_OK : wh__out_of_memory(r->text.path);
}

static wh_status read_statements(reader *r)
{
    wh_text *t = &r->text;
    while (t->at < t->end) {
        wh_status status = WH_OK;
        wh__skip_blanks(t);
        wh_text after = {.at = t->at + 1, .end = t->end};
        bool letter = t->at < t->end && (wh__line_ends(&after) || wh__is_blank(*after.at));
        char keyword = letter ? *t->at : 0;
        if (keyword == 'v' || keyword == 'f') {
            t->at++;
            status = keyword == 'v' ? read_point(r) : read_face(r);
        } else {
            skip_statement(t);
        }
        if (status != WH_OK)
            return status;
    }
    return r->largest > (int64_t)r->points ? bad_corner(r, r->largest, r->largest_line) : WH_OK;
}

static wh_status add_colours(reader *r, wh_mesh *m)
{
    static const char *const name[] = {"red", "green", "blue"};
    for (size_t k = 0; r->colours && r->colours == r->points && k < 3; k++) {
        float *value = malloc(r->points * sizeof *value);
        if (!value)
            return wh__out_of_memory(r->text.path);
        for (size_t i = 0; i < r->points; i++)
            value[i] = r->colour[3 * i + k];
        wh_status status = wh__mesh_add_attribute(m, name[k], value);
        if (status != WH_OK)
            return status;
    }
    return WH_OK;
}

static wh_status finish(reader *r, wh_mesh *m)
{
    float *less = r->points ? realloc(r->position, r->points * 3 * sizeof *less) : NULL;
    m->position = less ? less : r->position;
    m->point_count = (uint32_t)r->points;
    r->position = NULL;
    wh_status status = wh__faces_finish(&r->faces, m);
    return status == WH_OK ? add_colours(r, m) : status;
}

wh_status wh__obj_read(wh_mesh *m, const char *path, const char *bytes, size_t size)
{
    reader r = {.text = {.path = path, .at = bytes, .end = bytes + size, .line = 1}};
    wh__skip_mark(&r.text);
    wh_status status = read_statements(&r);
    if (status == WH_OK)
        status = finish(&r, m);
    free(r.position);
    free(r.colour);
    wh__faces_free(&r.faces);
    return status;
}
