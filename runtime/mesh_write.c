/* mesh_write.c - meshes and points to PLY, OBJ, USD text and CSV.
 *
 * A position that is not finite is the caller's fault (WH_ERR_ARGUMENT), but where the mesh was read with such.
 * Attributes may be nan or infinite. They are floats in the library and in every file, whatever the type that they had
 * in the file that was read.
 *
 * Floats are written with the fewest of 6 to 9 digits that read back as the same float, whatever the locale. */
#include "error.h"
#include "mesh.h"
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct {
    wh_output output;
    int why; /* errno of the first write that failed, else 0 */
    size_t used;
    char buffer[65536];
} writer;

static void flush(writer *w)
{
    if (!w->why && fwrite(w->buffer, 1, w->used, w->output.file) != w->used)
        w->why = errno;
    w->used = 0;
}

static char *room(writer *w, size_t size)
{
    if (w->used + size > sizeof w->buffer)
        flush(w);
    return w->buffer + w->used;
}

static void put(writer *w, const char *text)
{
    for (size_t n = strlen(text); n > 0;) {
        size_t part = n < 4096 ? n : 4096;
        memcpy(room(w, part), text, part);
        w->used += part;
        text += part;
        n -= part;
    }
}

__attribute__((format(printf, 2, 3))) static void put_format(writer *w, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    put(w, text);
}

static void put_char(writer *w, char c)
{
    *room(w, 1) = c;
    w->used++;
}

static void put_unsigned(writer *w, uint64_t value)
{
    char text[20];
    size_t n = sizeof text;
    do
        text[--n] = (char)('0' + value % 10);
    while (value /= 10);
    memcpy(room(w, sizeof text), text + n, sizeof text - n);
    w->used += sizeof text - n;
}

/* Little-endian, whatever this machine is. */
static void put_bits(writer *w, uint32_t bits, size_t size)
{
    char *to = room(w, 4);
    for (size_t k = 0; k < size; k++)
        to[k] = (char)(bits >> (8 * k));
    w->used += size;
}

static void put_float_bits(writer *w, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_bits(w, bits, sizeof bits);
}

/* The rare ones: very large, very small, not finite. The locale may give printf any decimal point. */
static void put_rare_float(writer *w, float value)
{
    char text[64], *to = text;
    snprintf(text, sizeof text, "%.9g", (double)value);
    bool point = false;
    for (const char *c = text; *c; c++) {
        bool plain = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || *c == '-' || *c == '+';
        if (!plain && point)
            continue; /* a decimal point of several bytes */
        *to++ = plain ? *c : '.';
        point |= !plain;
    }
    *to = 0;
    put(w, text);
}

/* digits * 10^-places */
static void put_decimal(writer *w, uint64_t digits, int places)
{
    char text[32];
    size_t n = sizeof text;
    for (; places > 0 && digits % 10 == 0; places--)
        digits /= 10;
    for (int k = 0; digits > 0 || k <= places; k++, digits /= 10) {
        if (k == places && places > 0)
            text[--n] = '.';
        text[--n] = (char)('0' + digits % 10);
    }
    memcpy(room(w, sizeof text), text + n, sizeof text - n);
    w->used += sizeof text - n;
}

static void put_float(writer *w, float value)
{
    static const double power[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13};
    double d = fabs((double)value);
    if (value == 0) {
        put_char(w, '0');
        return;
    }
    if (!(d >= 1e-4 && d < 1e8)) {
        put_rare_float(w, value);
        return;
    }
    if (value < 0)
        put_char(w, '-');
    int places = 12; /* after the point, for 9 digits */
    while (d * power[places] >= 1e9)
        places--;
    uint64_t digits = (uint64_t)(d * power[places] + 0.5);
    for (int cut = 3; cut > 0; cut--) {
        uint64_t unit = (uint64_t)power[cut], fewer = (digits + unit / 2) / unit;
        if (places >= cut && (float)((double)fewer / power[places - cut]) == (float)d) {
            put_decimal(w, fewer, places - cut);
            return;
        }
    }
    put_decimal(w, digits, places);
}

static void put_floats(writer *w, const float *value, size_t count, char between)
{
    for (size_t k = 0; k < count; k++) {
        if (k)
            put_char(w, between);
        put_float(w, value[k]);
    }
}

static uint32_t corner_count(const wh_mesh *m, uint32_t face)
{
    return m->face_start ? m->face_start[face + 1] - m->face_start[face] : 3;
}

static const uint32_t *corners(const wh_mesh *m, uint32_t face)
{
    return m->face_start ? m->face_index + m->face_start[face] : m->triangle + (size_t)3 * face;
}

static uint32_t most_corners(const wh_mesh *m)
{
    uint32_t most = 3;
    for (uint32_t f = 0; f < m->face_count; f++)
        most = corner_count(m, f) > most ? corner_count(m, f) : most;
    return most;
}

static float attribute_value(const wh_attribute *a, uint32_t i)
{
    return *(const float *)(const void *)((const char *)a->value + i * (a->stride ? a->stride : sizeof(float)));
}

/* A name of letters, digits and _ that does not begin with a digit. */
static void put_name(writer *w, const char *name)
{
    if (!*name || (*name >= '0' && *name <= '9'))
        put_char(w, '_');
    for (; *name; name++) {
        bool fine = (*name >= '0' && *name <= '9') || ((*name | 32) >= 'a' && (*name | 32) <= 'z');
        put_char(w, fine ? *name : '_');
    }
}

/* ---- PLY ---- */

static void ply_mesh_header(writer *w, const wh_mesh *m, bool wide)
{
    put_format(w, "ply\nformat binary_little_endian 1.0\nelement vertex %u\n", m->point_count);
    put(w, "property float x\nproperty float y\nproperty float z\n");
    for (uint32_t k = 0; k < m->attribute_count; k++) {
        put(w, "property float ");
        put_name(w, m->attribute[k].name);
        put_char(w, '\n');
    }
    if (m->face_count)
        put_format(w, "element face %u\nproperty list %s %s vertex_indices\n", m->face_count, wide ? "uint" : "uchar",
                   m->point_count > INT32_MAX ? "uint" : "int");
    put(w, "end_header\n");
}

static void ply_mesh(writer *w, const wh_mesh *m)
{
    bool wide = most_corners(m) > 255;
    ply_mesh_header(w, m, wide);
    for (uint32_t i = 0; i < m->point_count; i++) {
        for (size_t k = 0; k < 3; k++)
            put_float_bits(w, m->position[(size_t)3 * i + k]);
        for (uint32_t k = 0; k < m->attribute_count; k++)
            put_float_bits(w, attribute_value(&m->attribute[k], i));
    }
    for (uint32_t f = 0; f < m->face_count; f++) {
        uint32_t n = corner_count(m, f);
        put_bits(w, n, wide ? 4 : 1);
        for (uint32_t k = 0; k < n; k++)
            put_bits(w, corners(m, f)[k], 4);
    }
}

/* PLY has no integer of 64 bits: id = id_high * 2^32 + id_low. */
static void ply_points(writer *w, const wh_points *p)
{
    put_format(w, "ply\nformat binary_little_endian 1.0\nelement vertex %u\n", p->count);
    put(w, "property float x\nproperty float y\nproperty float z\n");
    put(w, p->id ? "property uint id_low\nproperty uint id_high\n" : "");
    put(w, p->value ? "property float winding\n" : "");
    for (uint32_t k = 0; k < p->attribute_count; k++) {
        put(w, "property float ");
        put_name(w, p->attribute[k].name);
        put_char(w, '\n');
    }
    put(w, "end_header\n");
    for (size_t i = 0; i < p->count; i++) {
        for (size_t k = 0; k < 3; k++)
            put_float_bits(w, p->position[3 * i + k]);
        if (p->id) {
            put_bits(w, (uint32_t)p->id[i], 4);
            put_bits(w, (uint32_t)(p->id[i] >> 32), 4);
        }
        if (p->value)
            put_float_bits(w, p->value[i]);
        for (uint32_t k = 0; k < p->attribute_count; k++)
            put_float_bits(w, attribute_value(&p->attribute[k], (uint32_t)i));
    }
}

/* ---- OBJ and CSV ---- */

static const wh_attribute *find_attribute(const wh_mesh *m, const char *name)
{
    for (uint32_t k = 0; k < m->attribute_count; k++) {
        if (strcmp(m->attribute[k].name, name) == 0)
            return &m->attribute[k];
    }
    return NULL;
}

static void obj_mesh(writer *w, const wh_mesh *m)
{
    const wh_attribute *colour[3] = {find_attribute(m, "red"), find_attribute(m, "green"), find_attribute(m, "blue")};
    bool coloured = colour[0] && colour[1] && colour[2];
    for (uint32_t i = 0; i < m->point_count; i++) {
        put(w, "v ");
        put_floats(w, m->position + (size_t)3 * i, 3, ' ');
        for (size_t k = 0; coloured && k < 3; k++) {
            put_char(w, ' ');
            put_float(w, attribute_value(colour[k], i));
        }
        put_char(w, '\n');
    }
    for (uint32_t f = 0; f < m->face_count; f++) {
        put_char(w, 'f');
        for (uint32_t k = 0; k < corner_count(m, f); k++) {
            put_char(w, ' ');
            put_unsigned(w, (uint64_t)corners(m, f)[k] + 1);
        }
        put_char(w, '\n');
    }
}

static void obj_points(writer *w, const wh_points *p)
{
    for (size_t i = 0; i < p->count; i++) {
        put(w, "v ");
        put_floats(w, p->position + 3 * i, 3, ' ');
        put_char(w, '\n');
    }
}

static void csv_points(writer *w, const wh_points *p)
{
    put_format(w, "x,y,z%s%s", p->id ? ",id" : "", p->value ? ",winding" : "");
    for (uint32_t k = 0; k < p->attribute_count; k++) {
        put_char(w, ',');
        put_name(w, p->attribute[k].name);
    }
    put_char(w, '\n');
    for (size_t i = 0; i < p->count; i++) {
        put_floats(w, p->position + 3 * i, 3, ',');
        if (p->id) {
            put_char(w, ',');
            put_unsigned(w, p->id[i]);
        }
        if (p->value) {
            put_char(w, ',');
            put_float(w, p->value[i]);
        }
        for (uint32_t k = 0; k < p->attribute_count; k++) {
            put_char(w, ',');
            put_float(w, attribute_value(&p->attribute[k], (uint32_t)i));
        }
        put_char(w, '\n');
    }
}

/* ---- USD ---- */

static void usd_begin(writer *w, const char *type, const char *name)
{
    put_format(w, "#usda 1.0\n(\n    defaultPrim = \"%s\"\n    metersPerUnit = 1\n    upAxis = \"Y\"\n)\n\n", name);
    put_format(w, "def %s \"%s\"\n{\n", type, name);
}

static void usd_vector(writer *w, const float *v)
{
    put_char(w, '(');
    for (size_t k = 0; k < 3; k++) {
        put(w, k ? ", " : "");
        put_float(w, v[k]);
    }
    put_char(w, ')');
}

static void usd_vectors(writer *w, const char *name, const float *v, size_t count)
{
    put_format(w, "    point3f[] %s = [", name);
    for (size_t i = 0; i < count; i++) {
        put(w, i ? ", " : "");
        usd_vector(w, v + 3 * i);
    }
    put(w, "]\n");
}

typedef struct {
    float low[3], high[3];
} box;

/* Of what is finite. */
static box bounds(const float *v, size_t count)
{
    box b = {{INFINITY, INFINITY, INFINITY}, {-INFINITY, -INFINITY, -INFINITY}};
    for (size_t i = 0; i < 3 * count; i++) {
        if (!isfinite(v[i]))
            continue;
        b.low[i % 3] = fminf(b.low[i % 3], v[i]);
        b.high[i % 3] = fmaxf(b.high[i % 3], v[i]);
    }
    return b.low[0] <= b.high[0] && b.low[1] <= b.high[1] && b.low[2] <= b.high[2] ? b : (box){{0}, {0}};
}

static void usd_extent(writer *w, box b, float margin)
{
    for (int k = 0; k < 3; k++) {
        b.low[k] -= margin;
        b.high[k] += margin;
    }
    put(w, "    float3[] extent = [");
    usd_vector(w, b.low);
    put(w, ", ");
    usd_vector(w, b.high);
    put(w, "]\n");
}

static void usd_mesh_faces(writer *w, const wh_mesh *m)
{
    put(w, "    int[] faceVertexCounts = [");
    for (uint32_t f = 0; f < m->face_count; f++) {
        put(w, f ? ", " : "");
        put_unsigned(w, corner_count(m, f));
    }
    put(w, "]\n    int[] faceVertexIndices = [");
    for (uint32_t f = 0; f < m->face_count; f++) {
        for (uint32_t k = 0; k < corner_count(m, f); k++) {
            put(w, f || k ? ", " : "");
            put_unsigned(w, corners(m, f)[k]);
        }
    }
    put(w, "]\n");
}

static void usd_primvar(writer *w, const char *name, const wh_attribute *a, uint32_t count)
{
    put(w, "    float[] primvars:");
    put_name(w, name);
    put(w, " = [");
    for (uint32_t i = 0; i < count; i++) {
        put(w, i ? ", " : "");
        put_float(w, attribute_value(a, i));
    }
    put(w, "] (\n        interpolation = \"vertex\"\n    )\n");
}

static void usd_mesh(writer *w, const wh_mesh *m)
{
    usd_begin(w, "Mesh", "mesh");
    usd_extent(w, bounds(m->position, m->point_count), 0);
    usd_mesh_faces(w, m);
    usd_vectors(w, "points", m->position, m->point_count);
    for (uint32_t k = 0; k < m->attribute_count; k++)
        usd_primvar(w, m->attribute[k].name, &m->attribute[k], m->point_count);
    put(w, "    uniform token subdivisionScheme = \"none\"\n}\n");
}

/* Half of the distance that so many points in such a box have: only for looking at them. */
static float look_width(box b, uint32_t count)
{
    double longest = 0, volume = 1;
    for (int k = 0; k < 3; k++)
        longest = fmax(longest, (double)b.high[k] - (double)b.low[k]);
    if (count < 2 || longest == 0)
        return 0.01f;
    for (int k = 0; k < 3; k++)
        volume *= fmax((double)b.high[k] - (double)b.low[k], longest * 0.01);
    return (float)(0.5 * cbrt(volume / count));
}

/* USD has no unsigned id: those from 2^63 up turn negative. */
static void usd_ids(writer *w, const wh_points *p)
{
    put(w, "    int64[] ids = [");
    for (uint32_t i = 0; i < p->count; i++) {
        bool negative = p->id[i] >> 63;
        put(w, i ? ", " : "");
        put(w, negative ? "-" : "");
        put_unsigned(w, negative ? ~p->id[i] + 1 : p->id[i]);
    }
    put(w, "]\n");
}

static void usd_point_data(writer *w, const wh_points *p)
{
    if (p->id)
        usd_ids(w, p);
    if (p->value)
        usd_primvar(w, "winding", &(wh_attribute){.value = p->value}, p->count);
    for (uint32_t k = 0; k < p->attribute_count; k++)
        usd_primvar(w, p->attribute[k].name, &p->attribute[k], p->count);
}

static void usd_points(writer *w, const wh_points *p)
{
    box b = bounds(p->position, p->count);
    float width = look_width(b, p->count);
    usd_begin(w, "Points", "points");
    usd_extent(w, b, width / 2);
    usd_vectors(w, "points", p->position, p->count);
    put(w, "    float[] widths = [");
    put_float(w, width);
    put(w, "] (\n        interpolation = \"constant\"\n    )\n");
    usd_point_data(w, p);
    put(w, "}\n");
}

static void usd_instancer(writer *w, const wh_points *p)
{
    box b = bounds(p->position, p->count);
    float radius = look_width(b, p->count) / 2;
    usd_begin(w, "PointInstancer", "points");
    usd_extent(w, b, radius);
    usd_vectors(w, "positions", p->position, p->count);
    put(w, "    int[] protoIndices = [");
    for (uint32_t i = 0; i < p->count; i++)
        put(w, i ? ", 0" : "0");
    put(w, "]\n    rel prototypes = </points/prototypes/sphere>\n");
    usd_point_data(w, p);
    put(w, "\n    def Scope \"prototypes\"\n    {\n        def Sphere \"sphere\"\n        {\n            double radius "
           "= ");
    put_float(w, radius);
    put(w, "\n        }\n    }\n}\n");
}

/* ---- files ---- */

typedef struct {
    const char *ending;
    void (*mesh)(writer *w, const wh_mesh *m);
    void (*points)(writer *w, const wh_points *p);
} file_format;

static const file_format formats[] = {{".instancer.usda", NULL, usd_instancer},
                                      {".usda", usd_mesh, usd_points},
                                      {".ply", ply_mesh, ply_points},
                                      {".obj", obj_mesh, obj_points},
                                      {".csv", NULL, csv_points}};

static const file_format *find_format(const char *path)
{
    size_t n = strlen(path);
    for (size_t k = 0; k < sizeof formats / sizeof *formats; k++) {
        size_t e = strlen(formats[k].ending);
        if (n > e && strcasecmp(path + n - e, formats[k].ending) == 0)
            return &formats[k];
    }
    return NULL;
}

wh_status wh__cannot_write(const char *path)
{
    return wh__fail(WH_ERR_IO, "%s: cannot be written: %s", path,
                    errno == ENOTSUP ? "not a regular file" : strerror(errno));
}

static const char *word_of(float v)
{
    return isnan(v) ? "nan" : v < 0 ? "-inf" : "inf";
}

/* So many points may be what no stage made them. */
static wh_status check_finite(const char *path, const float *position, size_t count, size_t allowed)
{
    for (size_t i = 0; i < count; i++) {
        const float *p = position + 3 * i;
        const int bad = !isfinite(p[0]) ? 0 : !isfinite(p[1]) ? 1 : !isfinite(p[2]) ? 2 : 3;
        if (bad < 3 && allowed-- == 0)
            return wh__fail(WH_ERR_ARGUMENT,
                            "%s: point %zu is not finite (%s); nothing was written (points count from 0; look for the "
                            "stage that makes it)",
                            path, i, word_of(p[bad]));
    }
    return WH_OK;
}

static wh_status write_file(const char *path, const file_format *format, const wh_mesh *m, const wh_points *p)
{
    writer *w = malloc(sizeof *w);
    if (!w)
        return wh__fail(WH_ERR_MEMORY, "%s: memory is short", path);
    w->used = 0;
    w->why = 0;
    if (!wh__output_open(&w->output, path)) {
        free(w);
        return wh__cannot_write(path);
    }
    if (m)
        format->mesh(w, m);
    else
        format->points(w, p);
    flush(w);
    bool written = !w->why && wh__output_commit(&w->output);
    if (w->why) {
        wh__output_abandon(&w->output);
        errno = w->why;
    }
    free(w);
    return written ? WH_OK : wh__cannot_write(path);
}

wh_status wh_mesh_write(const wh_mesh *m, const char *path)
{
    if (!m || !path)
        return wh__fail(WH_ERR_ARGUMENT, "wh_mesh_write: %s is NULL", m ? "path" : "the mesh");
    const file_format *format = find_format(path);
    if (!format || !format->mesh)
        return wh__fail(WH_ERR_ARGUMENT, "%s: meshes are written as .ply, .obj or .usda (change the ending)", path);
    wh_status status = check_finite(path, m->position, m->point_count, m->lost);
    return status == WH_OK ? write_file(path, format, m, NULL) : status;
}

wh_status wh_points_write(const wh_points *p, const char *path)
{
    if (!p || !path)
        return wh__fail(WH_ERR_ARGUMENT, "wh_points_write: %s is NULL", p ? "path" : "points");
    if (p->size != sizeof *p)
        return wh__fail(WH_ERR_ARGUMENT, "wh_points_write: points.size is %u (set it to sizeof(wh_points), %zu)",
                        p->size, sizeof *p);
    if (p->count && !p->position)
        return wh__fail(WH_ERR_ARGUMENT, "wh_points_write: points.position is NULL");
    const file_format *format = find_format(path);
    if (!format)
        return wh__fail(WH_ERR_ARGUMENT,
                        "%s: points are written as .ply, .obj, .csv, .usda or .instancer.usda (change the ending)",
                        path);
    wh_status status = check_finite(path, p->position, p->count, 0);
    return status == WH_OK ? write_file(path, format, NULL, p) : status;
}
