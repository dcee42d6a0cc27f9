/* mesh_parse.h - what the mesh readers share: a place in a text, numbers, polygons as they come in, an exact weld. */
#ifndef WH_MESH_PARSE_H
#define WH_MESH_PARSE_H
#include "mesh.h"

typedef struct { /* a text being read; a line ends with \n, \r\n or \r */
    const char *path, *at, *end;
    uint32_t line; /* from 1 */
} wh_text;

typedef struct {
    char s[44];
} wh_word;

static inline bool wh__is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\v' || c == '\f';
}

static inline bool wh__line_ends(const wh_text *t)
{
    return t->at == t->end || *t->at == '\n' || *t->at == '\r';
}

static inline void wh__skip_blanks(wh_text *t)
{
    while (t->at < t->end && wh__is_blank(*t->at))
        t->at++;
}

void wh__skip_mark(wh_text *t);                   /* at the start: over the mark of UTF-8 that some editors write */
void wh__skip_newline(wh_text *t);                /* at a line's end: to the start of the next */
void wh__skip_line(wh_text *t);                   /* to the start of the next line */
wh_word wh__peek_word(const wh_text *t);          /* what stands here, for a message: printable and cut short */
bool wh__take_word(wh_text *t, const char *word); /* steps over it if it stands here, in any case of letters */

/* Numbers, whatever the locale, correctly rounded. Both end at a blank, a line end, or a character of stop; false:
 * there is no number here, and nothing was moved. Too large a float is infinite; an integer of more than 18 digits is
 * none. */
bool wh__scan_float(wh_text *t, char stop, float *out);
bool wh__scan_integer(wh_text *t, char stop, int64_t *out);
bool wh__scan_special(wh_text *t, float *out); /* nan, -nan, inf, infinity as C and others print them; else false */

bool wh__grow(void **items, size_t *room, size_t size); /* room for half as many more items; false: memory is short */

typedef struct {     /* polygons as they come in */
    uint32_t *index; /* corners of all */
    uint32_t *start; /* NULL as long as all are triangles */
    size_t corners, corner_room, count, start_room;
    size_t first; /* first corner of the polygon that is being made */
} wh_faces;

bool wh__faces_end(wh_faces *f); /* the corners since the last end are a polygon; false: memory is short */
void wh__faces_free(wh_faces *f);
wh_status wh__faces_finish(wh_faces *f, wh_mesh *m); /* hands them to the mesh */

static inline bool wh__faces_corner(wh_faces *f, uint32_t point)
{
    if (f->corners == f->corner_room && !wh__grow((void **)&f->index, &f->corner_room, sizeof *f->index))
        return false;
    f->index[f->corners++] = point;
    return true;
}

typedef struct { /* points that are the same to the bit (but -0 = 0) become one, in order of first appearance */
    float *position;
    uint32_t *slot; /* open addressing: index + 1 of a point, 0: free */
    size_t count, room, slot_count;
} wh_weld;

bool wh__weld_point(wh_weld *w, const float p[3], uint32_t *index); /* false: memory is short */
void wh__weld_free(wh_weld *w);
void wh__weld_finish(wh_weld *w, wh_mesh *m); /* hands the points to the mesh */

wh_status wh__out_of_memory(const char *path);
/* Adds a sentence to the mesh's note; when memory is short there is none. */
__attribute__((format(printf, 2, 3))) void wh__mesh_warn(wh_mesh *m, const char *format, ...);
#endif
