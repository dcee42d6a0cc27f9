/* mesh_stl.c - reads STL, binary and text, and joins the corners that lie at the same place to the bit.
 *
 * 3D Systems, StereoLithography Interface Specification, 1988. Normals are not read: the corners say the side. A
 * triangle with two corners at one place has no area and no effect on what is inside; it is left out with a note. */
#include "error.h"
#include "mesh_parse.h"
#include <stdlib.h>
#include <string.h>

enum { HEADER = 84, RECORD = 50 };

typedef struct {
    const char *path;
    wh_weld weld;
    wh_faces faces;
    size_t flat; /* triangles left out */
} reader;

static uint32_t load32(const char *bytes)
{
    const unsigned char *b = (const unsigned char *)bytes;
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static wh_status add_triangle(reader *r, float corner[3][3])
{
    uint32_t index[3];
    bool room = true;
    for (int k = 0; k < 3 && room; k++)
        room = wh__weld_point(&r->weld, corner[k], index + k);
    if (room && (index[0] == index[1] || index[1] == index[2] || index[2] == index[0])) {
        r->flat++;
        return WH_OK;
    }
    for (int k = 0; k < 3 && room; k++)
        room = wh__faces_corner(&r->faces, index[k]);
    return room && wh__faces_end(&r->faces) ? WH_OK : wh__out_of_memory(r->path);
}

static wh_status read_record(reader *r, const char *record)
{
    float corner[3][3];
    for (int k = 0; k < 9; k++) {
        uint32_t bits = load32(record + 12 + 4 * k);
        memcpy(&corner[k / 3][k % 3], &bits, sizeof bits);
    }
    return add_triangle(r, corner);
}

static wh_status read_binary(reader *r, wh_mesh *m, const char *bytes, size_t size)
{
    if (size < HEADER)
        return wh__fail(WH_ERR_IO, "%s: byte %zu: the file ends in the header of %d bytes (is it complete?)", r->path,
                        size, HEADER);
    uint32_t count = load32(bytes + 80);
    uint64_t expected = HEADER + (uint64_t)RECORD * count;
    if (size < expected)
        return wh__fail(WH_ERR_IO, "%s: byte %zu: the file ends in triangle %zu of %u (is it complete?)", r->path, size,
                        (size - HEADER) / RECORD, count);
    if (size > expected)
        wh__mesh_warn(m, "%zu bytes after the last triangle were not read", (size_t)(size - expected));
    for (uint32_t i = 0; i < count; i++) {
        wh_status status = read_record(r, bytes + HEADER + (size_t)RECORD * i);
        if (status != WH_OK)
            return status;
    }
    return WH_OK;
}

/* To the next word, over lines. */
static void skip_space(wh_text *t)
{
    wh__skip_blanks(t);
    while (t->at < t->end && wh__line_ends(t)) {
        wh__skip_newline(t);
        wh__skip_blanks(t);
    }
}

static wh_status expect(wh_text *t, const char *word)
{
    skip_space(t);
    if (wh__take_word(t, word))
        return WH_OK;
    if (t->at == t->end)
        return wh__fail(WH_ERR_IO, "%s:%u: the file ends where '%s' should stand (is it complete?)", t->path, t->line,
                        word);
    return wh__fail(WH_ERR_IO, "%s:%u: '%s' stands where '%s' should", t->path, t->line, wh__peek_word(t).s, word);
}

static wh_status read_vertex(wh_text *t, float p[3])
{
    wh_status status = expect(t, "vertex");
    for (int k = 0; k < 3 && status == WH_OK; k++) {
        skip_space(t);
        if (t->at == t->end)
            return wh__fail(WH_ERR_IO, "%s:%u: the file ends in a vertex (is it complete?)", t->path, t->line);
        if (!wh__scan_float(t, '\n', p + k) && !wh__scan_special(t, p + k))
            return wh__fail(WH_ERR_IO, "%s:%u: '%s' is not a number", t->path, t->line, wh__peek_word(t).s);
    }
    return status;
}

/* "normal" and three numbers, which some programs write as nan. */
static void skip_normal(wh_text *t)
{
    for (int words = 0; words < 4; words++) {
        skip_space(t);
        if (words == 0 && !wh__take_word(t, "normal"))
            return;
        while (words > 0 && !wh__line_ends(t) && !wh__is_blank(*t->at))
            t->at++;
    }
}

/* After "facet". */
static wh_status read_facet(reader *r, wh_text *t)
{
    float corner[3][3];
    skip_normal(t);
    wh_status status = expect(t, "outer");
    if (status == WH_OK)
        status = expect(t, "loop");
    for (int k = 0; k < 3 && status == WH_OK; k++)
        status = read_vertex(t, corner[k]);
    if (status == WH_OK)
        status = expect(t, "endloop");
    if (status == WH_OK)
        status = expect(t, "endfacet");
    return status == WH_OK ? add_triangle(r, corner) : status;
}

/* The name of a solid ends with its line, or where the first facet begins. */
static void skip_name(wh_text *t)
{
    while (!wh__line_ends(t)) {
        wh__skip_blanks(t);
        wh_text facet = *t;
        if (wh__take_word(&facet, "facet")) {
            wh__skip_blanks(&facet);
            if (wh__take_word(&facet, "normal"))
                return;
        }
        while (!wh__line_ends(t) && !wh__is_blank(*t->at))
            t->at++;
    }
}

/* One or more solids, one after the other. */
static wh_status read_text(reader *r, wh_text *t)
{
    wh_status status = WH_OK;
    wh__skip_mark(t);
    for (skip_space(t); t->at < t->end && status == WH_OK; skip_space(t)) {
        status = expect(t, "solid");
        skip_name(t);
        for (skip_space(t); status == WH_OK && wh__take_word(t, "facet"); skip_space(t))
            status = read_facet(r, t);
        if (status == WH_OK)
            status = expect(t, "endsolid");
        if (status == WH_OK)
            wh__skip_line(t);
    }
    return status;
}

/* Some programs begin a binary file with "solid" too: then its length is right for one, or it has a zero byte early. */
static bool is_text(const char *bytes, size_t size)
{
    if (size >= HEADER && size == HEADER + (uint64_t)RECORD * load32(bytes + 80))
        return false;
    wh_text t = {.at = bytes, .end = bytes + size};
    wh__skip_mark(&t);
    skip_space(&t);
    return wh__take_word(&t, "solid") && !memchr(bytes, 0, size < 1024 ? size : 1024);
}

wh_status wh__stl_read(wh_mesh *m, const char *path, const char *bytes, size_t size)
{
    reader r = {.path = path};
    wh_text t = {.path = path, .at = bytes, .end = bytes + size, .line = 1};
    wh_status status = is_text(bytes, size) ? read_text(&r, &t) : read_binary(&r, m, bytes, size);
    if (status == WH_OK && r.flat)
        wh__mesh_warn(m, "%zu of %zu triangles have two corners at one place and were left out", r.flat,
                      r.flat + r.faces.count);
    if (status == WH_OK) {
        wh__weld_finish(&r.weld, m);
        status = wh__faces_finish(&r.faces, m);
    }
    wh__weld_free(&r.weld);
    wh__faces_free(&r.faces);
    return status;
}
