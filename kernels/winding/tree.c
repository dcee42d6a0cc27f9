/* tree.c - a tree over the triangles whose nodes know a cheaper surface with the same boundary.
 *
 * A. Jacobson, L. Kavan, O. Sorkine-Hornung, Robust inside-outside segmentation using generalized winding numbers,
 * SIGGRAPH 2013: seen from outside a convex region, surfaces in the region with one boundary have one winding number.
 *
 * A. van Oosterom, J. Strackee, The solid angle of a plane triangle, 1983: for unit vectors a, b, c to the corners, the
 * angle of the complex number (1 + a.b + b.c + c.a, det(a, b, c)) is half the solid angle.
 *
 * A node's boundary is what remains of the edges of its triangles when opposite ones cancel: closed loops. Its cap is a
 * fan over each loop. Points outside the node's box take the cap, points inside go on to the children; every point
 * decides for itself, so its answer does not depend on the other points of its group. */
#include "tree.h"
#include "soup.h"
#include <float.h>
#include <string.h>

#define GROUP 128 /* points that go down the tree together; their state stays in the first cache */
#define LEAF 16   /* most triangles of a leaf */
#define DEPTH 64  /* 30 bits of the Morton code, then halves of at most 2^32 */
#define NONE UINT32_MAX

/* A surface is a row of codes: index of a point * 4 + what to do with it. */
enum {
    APEX,  /* the point that the following fan shares */
    START, /* the first point on its rim */
    EDGE   /* the next point on its rim: a triangle of apex, last point, this point */
};

typedef struct wh_tree_node {
    double low[3], high[3]; /* with a margin, see set_box */
    uint64_t code;          /* the cap, then the triangles of a leaf */
    uint32_t cap_length;    /* NONE: no cap is cheaper than the children */
    uint32_t leaf_length;
    uint32_t right; /* the left child is the next node; 0: a leaf */
} node;

typedef struct {
    void *data;
    size_t count, room; /* items */
} buffer;

typedef struct {  /* an edge from low to high, seen so many times; negative: from high to low */
    uint64_t key; /* low point << 32 | high point */
    int64_t times;
} edge;

typedef struct {
    const wh_host *host;
    wh_tree *tree;
    uint32_t *triangle; /* three welded points each */
    uint64_t *order;    /* Morton code << 32 | triangle, sorted */
    uint32_t *head;     /* for each point: the first directed edge that leaves it, or NONE */
    buffer nodes, codes;
    buffer edges, merged; /* boundaries of the nodes under way, one after the other, each sorted by key */
    buffer to, next;      /* directed edges: end, and the next that leaves the same point */
    bool failed;
} builder;

/* ---- memory */

static void *get(const wh_host *host, uint64_t count, size_t item)
{
    return count > SIZE_MAX / 2 / item ? NULL : host->alloc(host, count ? (size_t)count * item : 1);
}

static bool reserve(builder *b, buffer *a, size_t more, size_t item)
{
    if (a->count + more <= a->room)
        return true;
    size_t room = a->room + a->room / 2 + more + 64;
    void *data = get(b->host, room, item);
    if (!data) {
        b->failed = true;
        return false;
    }
    if (a->count)
        memcpy(data, a->data, a->count * item);
    b->host->free(b->host, a->data);
    a->data = data;
    a->room = room;
    return true;
}

/* ---- order in space */

static uint32_t spread(uint32_t v) /* 10 bits, two zeros after each */
{
    v = (v | v << 16) & 0x030000ffu;
    v = (v | v << 8) & 0x0300f00fu;
    v = (v | v << 4) & 0x030c30c3u;
    return (v | v << 2) & 0x09249249u;
}

static uint32_t cell(double v)
{
    return v <= -1 ? 0 : v >= 1 ? 1023 : (uint32_t)((v + 1) * 511.999);
}

static uint64_t morton(const double p[3])
{
    return spread(cell(p[0])) | spread(cell(p[1])) << 1 | (uint64_t)spread(cell(p[2])) << 2;
}

/* Sorts by the upper half, stably; spare: as much room. The result is in v. */
static void sort_upper(uint64_t *v, uint64_t *spare, uint32_t count)
{
    for (int shift = 32; shift < 64; shift += 8) {
        uint32_t start[257] = {0};
        for (uint32_t i = 0; i < count; i++)
            start[(v[i] >> shift & 255) + 1]++;
        for (int k = 1; k < 256; k++)
            start[k] += start[k - 1];
        for (uint32_t i = 0; i < count; i++)
            spare[start[v[i] >> shift & 255]++] = v[i];
        uint64_t *swap = v;
        v = spare;
        spare = swap;
    }
}

/* ---- build: points */

static void to_tree(const wh_tree *t, const float p[3], double out[3])
{
    for (int k = 0; k < 3; k++)
        out[k] = (p[k] - t->center[k]) * t->scale;
}

static bool set_points(builder *b, const wh_geometry *mesh, uint32_t count)
{
    size_t points = mesh->point_count;
    b->tree->point = get(b->host, 3 * (uint64_t)points, sizeof(double));
    b->head = get(b->host, points, sizeof *b->head);
    if (!b->tree->point || !b->head)
        return false;
    memset(b->tree->point, 0, 3 * points * sizeof(double));
    memset(b->head, 0xff, points * sizeof *b->head);
    for (size_t i = 0; i < 3 * (size_t)count; i++) {
        size_t p = 3 * (size_t)b->triangle[i];
        to_tree(b->tree, mesh->position + p, b->tree->point + p);
    }
    return true;
}

static bool set_order(builder *b, uint32_t count)
{
    uint64_t *spare = get(b->host, count, sizeof *spare);
    b->order = get(b->host, count, sizeof *b->order);
    if (spare && b->order) {
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t *t = b->triangle + 3 * (size_t)i;
            double middle[3];
            const double *p = b->tree->point;
            for (size_t k = 0; k < 3; k++)
                middle[k] = (p[3 * (size_t)t[0] + k] + p[3 * (size_t)t[1] + k] + p[3 * (size_t)t[2] + k]) / 3;
            b->order[i] = morton(middle) << 32 | i;
        }
        sort_upper(b->order, spare, count);
    }
    b->host->free(b->host, spare);
    return spare && b->order;
}

/* ---- build: boundaries */

static void put_edge(edge *list, size_t *count, uint32_t from, uint32_t to)
{
    uint64_t key = from < to ? (uint64_t)from << 32 | to : (uint64_t)to << 32 | from;
    size_t i = *count;
    for (; i > 0 && list[i - 1].key >= key; i--)
        if (list[i - 1].key == key) {
            list[i - 1].times += from < to ? 1 : -1;
            return;
        }
    memmove(list + i + 1, list + i, (*count - i) * sizeof *list);
    list[i] = (edge){key, from < to ? 1 : -1};
    (*count)++;
}

/* Appends the boundary of a few triangles. */
static void leaf_boundary(builder *b, uint32_t begin, uint32_t end)
{
    if (!reserve(b, &b->edges, 3 * (size_t)(end - begin), sizeof(edge)))
        return;
    edge *list = (edge *)b->edges.data + b->edges.count;
    size_t count = 0;
    for (uint32_t i = begin; i < end; i++) {
        const uint32_t *t = b->triangle + 3 * (size_t)(uint32_t)b->order[i];
        for (int k = 0; k < 3; k++)
            put_edge(list, &count, t[k], t[(k + 1) % 3]);
    }
    for (size_t i = 0; i < count; i++)
        if (list[i].times)
            ((edge *)b->edges.data)[b->edges.count++] = list[i];
}

/* Turns the boundaries first .. middle - 1 and middle .. end into the boundary of both. */
static void merge_boundaries(builder *b, size_t first, size_t middle)
{
    b->merged.count = 0;
    if (!reserve(b, &b->merged, b->edges.count - first, sizeof(edge)))
        return;
    edge *all = b->edges.data, *out = b->merged.data;
    size_t i = first, j = middle, end = b->edges.count, count = 0;
    while (i < middle || j < end) {
        if (j == end || (i < middle && all[i].key < all[j].key)) {
            out[count++] = all[i++];
        } else if (i == middle || all[j].key < all[i].key) {
            out[count++] = all[j++];
        } else {
            out[count] = (edge){all[i].key, all[i].times + all[j].times};
            count += out[count].times != 0;
            i++, j++;
        }
    }
    if (count)
        memcpy(all + first, out, count * sizeof *all);
    b->edges.count = first + count;
}

/* ---- build: caps */

static void put_code(builder *b, uint32_t point, uint32_t what)
{
    if (reserve(b, &b->codes, 1, sizeof(uint32_t)))
        ((uint32_t *)b->codes.data)[b->codes.count++] = point << 2 | what;
}

static void put_directed(builder *b, uint32_t from, uint32_t to)
{
    b->next.count = b->to.count;
    if (!reserve(b, &b->to, 1, sizeof(uint32_t)) || !reserve(b, &b->next, 1, sizeof(uint32_t)))
        return;
    ((uint32_t *)b->to.data)[b->to.count] = to;
    ((uint32_t *)b->next.data)[b->to.count] = b->head[from];
    b->head[from] = (uint32_t)b->to.count++;
}

/* Takes a directed edge that leaves the point; returns its end. */
static uint32_t take_directed(builder *b, uint32_t from)
{
    uint32_t i = b->head[from];
    b->head[from] = ((uint32_t *)b->next.data)[i];
    return ((uint32_t *)b->to.data)[i];
}

/* As many edges end in a point as leave it, so a walk ends only where it began. */
static void put_loops(builder *b, uint32_t start)
{
    while (b->head[start] != NONE) {
        uint32_t at = take_directed(b, start);
        put_code(b, start, APEX);
        for (uint32_t what = START; at != start; what = EDGE) {
            put_code(b, at, what);
            at = take_directed(b, at);
        }
    }
}

/* Appends the cap of a boundary. */
static void put_cap(builder *b, size_t first)
{
    const edge *e = b->edges.data;
    b->to.count = 0;
    for (size_t i = first; i < b->edges.count; i++) {
        uint32_t low = (uint32_t)(e[i].key >> 32), high = (uint32_t)e[i].key;
        for (int64_t n = e[i].times; n > 0; n--)
            put_directed(b, low, high);
        for (int64_t n = e[i].times; n < 0; n++)
            put_directed(b, high, low);
    }
    if (b->failed)
        return;
    for (size_t i = first; i < b->edges.count; i++) {
        put_loops(b, (uint32_t)(e[i].key >> 32));
        put_loops(b, (uint32_t)e[i].key);
    }
}

/* Work for a surface: a direction for each code, a solid angle for each triangle; a loop of k points has k - 2. */
static uint64_t cap_cost(const builder *b, size_t first)
{
    const edge *e = b->edges.data;
    uint64_t sides = 0;
    for (size_t i = first; i < b->edges.count; i++)
        sides += (uint64_t)(e[i].times < 0 ? -e[i].times : e[i].times);
    return 2 * sides;
}

/* ---- build: nodes */

/* The margin keeps points away from the cap's own edges, near which a solid angle loses digits. */
static void set_box(node *n, const double low[3], const double high[3])
{
    double x = high[0] - low[0], y = high[1] - low[1], z = high[2] - low[2];
    double margin = 1e-4 * sqrt(x * x + y * y + z * z);
    for (int k = 0; k < 3; k++) {
        n->low[k] = low[k] - margin;
        n->high[k] = high[k] + margin;
    }
}

static void leaf_box(const builder *b, uint32_t begin, uint32_t end, double low[3], double high[3])
{
    for (int k = 0; k < 3; k++) {
        low[k] = DBL_MAX;
        high[k] = -DBL_MAX;
    }
    for (uint32_t i = begin; i < end; i++)
        for (int c = 0; c < 3; c++) {
            const double *p = b->tree->point + 3 * (size_t)b->triangle[3 * (size_t)(uint32_t)b->order[i] + (size_t)c];
            for (int k = 0; k < 3; k++) {
                low[k] = p[k] < low[k] ? p[k] : low[k];
                high[k] = p[k] > high[k] ? p[k] : high[k];
            }
        }
}

/* Where the highest bit in which the Morton codes differ turns 1; the middle when all are the same. */
static uint32_t split(const uint64_t *order, uint32_t begin, uint32_t end)
{
    uint64_t differ = (order[begin] ^ order[end - 1]) >> 32;
    if (!differ)
        return begin + (end - begin) / 2;
    uint64_t bit = 1;
    while (differ >>= 1)
        bit <<= 1;
    while (begin < end) {
        uint32_t middle = begin + (end - begin) / 2;
        if (order[middle] >> 32 & bit)
            end = middle;
        else
            begin = middle + 1;
    }
    return begin;
}

static void put_triangles(builder *b, uint32_t begin, uint32_t end)
{
    for (uint32_t i = begin; i < end; i++)
        for (uint32_t k = APEX; k <= EDGE; k++)
            put_code(b, b->triangle[3 * (size_t)(uint32_t)b->order[i] + k], k);
}

static uint64_t build_node(builder *b, uint32_t begin, uint32_t end, double low[3], double high[3]);

/* Returns what the two children cost a point outside their boxes; *right becomes the second one's index. */
static uint64_t build_children(builder *b, uint32_t begin, uint32_t end, double low[3], double high[3], uint32_t *right)
{
    double low2[3], high2[3];
    uint32_t middle = split(b->order, begin, end);
    size_t first = b->edges.count;
    uint64_t cost = build_node(b, begin, middle, low, high);
    size_t second = b->edges.count;
    *right = (uint32_t)b->nodes.count;
    cost += build_node(b, middle, end, low2, high2);
    if (b->failed)
        return 0;
    for (int k = 0; k < 3; k++) {
        low[k] = fmin(low[k], low2[k]);
        high[k] = fmax(high[k], high2[k]);
    }
    merge_boundaries(b, first, second);
    return cost;
}

/* Builds a node of the triangles begin .. end - 1 and leaves its boundary on top of b->edges. Returns what the node
 * costs a point outside its box. The recursion ends after DEPTH levels at the latest. */
static uint64_t build_node(builder *b, uint32_t begin, uint32_t end, double low[3], double high[3])
{
    size_t self = b->nodes.count, first = b->edges.count;
    bool leaf = end - begin <= LEAF;
    node n = {.cap_length = NONE, .leaf_length = leaf ? 3 * (end - begin) : 0};
    uint64_t cost = 4 * (uint64_t)(end - begin);
    if (b->failed || !reserve(b, &b->nodes, 1, sizeof(node)))
        return 0;
    b->nodes.count++;
    if (leaf) {
        leaf_box(b, begin, end, low, high);
        leaf_boundary(b, begin, end);
    } else {
        cost = build_children(b, begin, end, low, high, &n.right);
    }
    if (b->failed)
        return 0;
    n.code = b->codes.count;
    if (cap_cost(b, first) < cost) {
        cost = cap_cost(b, first);
        put_cap(b, first);
        n.cap_length = (uint32_t)(b->codes.count - n.code);
    }
    if (leaf)
        put_triangles(b, begin, end);
    set_box(&n, low, high);
    ((node *)b->nodes.data)[self] = n;
    return cost;
}

static bool build(builder *b, const wh_geometry *mesh)
{
    wh_soup soup;
    wh_tree *t = b->tree;
    if (!wh__soup_make(b->host, mesh, &soup))
        return false;
    b->triangle = soup.triangle;
    if (!soup.count)
        return true;
    memcpy(t->center, soup.center, sizeof t->center);
    memcpy(t->low, soup.low, sizeof t->low);
    memcpy(t->high, soup.high, sizeof t->high);
    t->scale = soup.scale;
    if (!set_points(b, mesh, soup.count) || !set_order(b, soup.count))
        return false;
    double low[3], high[3];
    build_node(b, 0, soup.count, low, high);
    t->nodes = b->nodes.data;
    t->codes = b->codes.data;
    t->node_count = (uint32_t)b->nodes.count;
    return !b->failed;
}

wh_tree *wh__tree_build(const wh_host *host, const wh_geometry *mesh)
{
    if (mesh->point_count > WH_MOST_POINTS || mesh->triangle_count > WH_MOST_POINTS) {
        host->fail(host, "winding: more than 1073741823 points or triangles (split the mesh)");
        return NULL;
    }
    builder b = {.host = host, .tree = get(host, 1, sizeof(wh_tree))};
    bool ok = b.tree;
    if (ok) {
        memset(b.tree, 0, sizeof *b.tree);
        ok = build(&b, mesh);
    }
    void *spent[] = {b.triangle, b.order, b.head, b.edges.data, b.merged.data, b.to.data, b.next.data};
    for (size_t i = 0; i < sizeof spent / sizeof *spent; i++)
        host->free(host, spent[i]);
    if (ok)
        return b.tree;
    if (b.tree) {
        b.tree->nodes = b.nodes.data;
        b.tree->codes = b.codes.data;
    }
    wh__tree_free(host, b.tree);
    host->fail(host, "winding: memory is short (use a coarser mesh)");
    return NULL;
}

void wh__tree_free(const wh_host *host, wh_tree *tree)
{
    if (!tree)
        return;
    host->free(host, tree->point);
    host->free(host, tree->nodes);
    host->free(host, tree->codes);
    host->free(host, tree);
}

bool wh__tree_box(const wh_tree *tree, double low[3], double high[3])
{
    memcpy(low, tree->low, sizeof tree->low);
    memcpy(high, tree->high, sizeof tree->high);
    return tree->node_count > 0;
}

/* ---- queries */

typedef struct {
    double x[GROUP], y[GROUP], z[GROUP];       /* in the tree */
    double turns[GROUP];                       /* the winding number so far */
    uint32_t index[GROUP];                     /* in the batch */
    double px[GROUP], py[GROUP], pz[GROUP];    /* unit vectors from the point to the apex */
    double ax[GROUP], ay[GROUP], az[GROUP];    /* and to the last point on the rim */
    double re[GROUP], im[GROUP], wraps[GROUP]; /* half solid angles as a product, see add_triangle */
} group;

/* Within 1e-15; atan2(0, x < 0) and atan2(-0, x < 0) are both pi, atan2(0, 0) is 0. */
static inline double angle_of(double y, double x)
{
    double ay = fabs(y), ax = fabs(x);
    double small = ay < ax ? ay : ax, large = ay < ax ? ax : ay;
    bool far = small > 0.41421356237309503 * large; /* tan(pi / 8): below it the series of atan converges fast */
    double up = far ? small - large : small;
    double down = far ? small + large : large;
    double t = up / (down > 0 ? down : 1), s = t * t;
    double r = 1.0 / 37;
    r = -1.0 / 35 + s * r;
    r = 1.0 / 33 + s * r;
    r = -1.0 / 31 + s * r;
    r = 1.0 / 29 + s * r;
    r = -1.0 / 27 + s * r;
    r = 1.0 / 25 + s * r;
    r = -1.0 / 23 + s * r;
    r = 1.0 / 21 + s * r;
    r = -1.0 / 19 + s * r;
    r = 1.0 / 17 + s * r;
    r = -1.0 / 15 + s * r;
    r = 1.0 / 13 + s * r;
    r = -1.0 / 11 + s * r;
    r = 1.0 / 9 + s * r;
    r = -1.0 / 7 + s * r;
    r = 1.0 / 5 + s * r;
    r = -1.0 / 3 + s * r;
    r = t + t * s * r;
    r = far ? r + 0.78539816339744831 : r;
    r = ay > ax ? 1.5707963267948966 - r : r;
    r = x < 0 ? 3.1415926535897932 - r : r;
    return y < 0 ? -r : r;
}

/* Unit vectors to v; the zero vector for a point on v, which makes every solid angle with it 0. */
#define DIRECTION(i, X, Y, Z)                                                                                          \
    double X = v[0] - g->x[i], Y = v[1] - g->y[i], Z = v[2] - g->z[i];                                                 \
    double square = X * X + Y * Y + Z * Z;                                                                             \
    double inverse = square > 0 ? 1 / sqrt(square) : 0;                                                                \
    X *= inverse, Y *= inverse, Z *= inverse

static void set_apex(group *g, uint32_t begin, uint32_t end, const double *v)
{
    for (uint32_t i = begin; i < end; i++) {
        DIRECTION(i, x, y, z);
        g->px[i] = x;
        g->py[i] = y;
        g->pz[i] = z;
    }
}

static void set_start(group *g, uint32_t begin, uint32_t end, const double *v)
{
    for (uint32_t i = begin; i < end; i++) {
        DIRECTION(i, x, y, z);
        g->ax[i] = x;
        g->ay[i] = y;
        g->az[i] = z;
    }
}

/* A triangle's half solid angle is the angle of (1 + a.b + b.c + c.a, det). Angles are added by multiplying, which
 * loses whole turns: with both factors above the real axis the sum is in 0 .. 2 pi, so a product below it has passed
 * pi; the same mirrored; with factors on either side it stays within -pi .. pi. No sum of terms of one sign can round
 * across the axis at 0 or 2 pi, and at pi both sides of the axis give one total. */
static void add_triangle(group *g, uint32_t begin, uint32_t end, const double *v)
{
    for (uint32_t i = begin; i < end; i++) {
        DIRECTION(i, bx, by, bz);
        double ax = g->ax[i], ay = g->ay[i], az = g->az[i];
        double px = g->px[i], py = g->py[i], pz = g->pz[i];
        double sum = 1 + (ax * bx + ay * by + az * bz) + (px * (ax + bx) + py * (ay + by) + pz * (az + bz));
        double det = px * (ay * bz - az * by) + py * (az * bx - ax * bz) + pz * (ax * by - ay * bx);
        bool flat = fabs(det) < 1e-30; /* in the plane; more than that keeps eight factors above 1e-240 */
        double tr = flat ? 1 : sum, ti = flat ? 0 : det;
        double zr = g->re[i], zi = g->im[i];
        double re = zr * tr - zi * ti, im = zr * ti + zi * tr;
        double below_z = zi < 0 ? 1 : 0, below_t = ti < 0 ? 1 : 0, below = im < 0 ? 1 : 0;
        g->wraps[i] += below_z == below_t ? below - below_z : 0;
        g->re[i] = re;
        g->im[i] = im;
        g->ax[i] = bx;
        g->ay[i] = by;
        g->az[i] = bz;
    }
}

static void begin_product(group *g, uint32_t begin, uint32_t end)
{
    for (uint32_t i = begin; i < end; i++) {
        g->re[i] = 1;
        g->im[i] = 0;
        g->wraps[i] = 0;
    }
}

static void end_product(group *g, uint32_t begin, uint32_t end)
{
    for (uint32_t i = begin; i < end; i++)
        g->turns[i] += g->wraps[i] + angle_of(g->im[i], g->re[i]) * 0.15915494309189535; /* 1 / (2 pi) */
}

/* Adds the winding number of a surface to the points begin .. end - 1 of the group. */
static void add_surface(const wh_tree *t, group *g, uint32_t begin, uint32_t end, uint64_t first, uint32_t length)
{
    uint32_t factors = 0;
    if (begin == end || !length)
        return;
    begin_product(g, begin, end);
    for (uint32_t k = 0; k < length; k++) {
        uint32_t code = t->codes[first + k];
        const double *v = t->point + 3 * (size_t)(code >> 2);
        if ((code & 3) == APEX) {
            set_apex(g, begin, end, v);
        } else if ((code & 3) == START) {
            set_start(g, begin, end, v);
        } else {
            add_triangle(g, begin, end, v);
            if (++factors % 8 == 0) {
                end_product(g, begin, end);
                begin_product(g, begin, end);
            }
        }
    }
    end_product(g, begin, end);
}

/* One triangle after the other. */
static void add_mesh(const wh_geometry *mesh, const wh_tree *t, group *g, uint32_t count)
{
    uint32_t factors = 0;
    begin_product(g, 0, count);
    for (uint32_t i = 0; i < mesh->triangle_count; i++) {
        const uint32_t *corner = mesh->triangle + 3 * (size_t)i;
        double v[3][3];
        bool finite = true;
        for (int k = 0; k < 3; k++) {
            const float *p = mesh->position + 3 * (size_t)corner[k];
            finite = finite && wh__is_finite_point(p);
            to_tree(t, p, v[k]);
        }
        if (!finite)
            continue;
        set_apex(g, 0, count, v[0]);
        set_start(g, 0, count, v[1]);
        add_triangle(g, 0, count, v[2]);
        if (++factors % 8 == 0) {
            end_product(g, 0, count);
            begin_product(g, 0, count);
        }
    }
    end_product(g, 0, count);
}

static void swap_points(group *g, uint32_t i, uint32_t j)
{
    double x = g->x[i], y = g->y[i], z = g->z[i], turns = g->turns[i];
    uint32_t index = g->index[i];
    g->x[i] = g->x[j], g->y[i] = g->y[j], g->z[i] = g->z[j], g->turns[i] = g->turns[j], g->index[i] = g->index[j];
    g->x[j] = x, g->y[j] = y, g->z[j] = z, g->turns[j] = turns, g->index[j] = index;
}

/* Brings the points in the box to the front; returns where the others begin. */
static uint32_t split_group(const node *n, group *g, uint32_t begin, uint32_t end)
{
    uint32_t middle = begin;
    for (uint32_t i = begin; i < end; i++)
        if (g->x[i] >= n->low[0] && g->x[i] <= n->high[0] && g->y[i] >= n->low[1] && g->y[i] <= n->high[1] &&
            g->z[i] >= n->low[2] && g->z[i] <= n->high[2])
            swap_points(g, i, middle++);
    return middle;
}

/* A node reorders only its own points, so the range that waits for the right child still holds the same ones. */
static void descend(const wh_tree *t, group *g, uint32_t count)
{
    struct {
        uint32_t node, end;
    } stack[DEPTH + 1];
    uint32_t top = 0;
    if (!t->node_count)
        return;
    stack[top].node = 0;
    stack[top++].end = count;
    while (top) {
        top--;
        uint32_t at = stack[top].node, end = stack[top].end;
        const node *n = t->nodes + at;
        if (n->cap_length != NONE) {
            uint32_t inside = split_group(n, g, 0, end);
            add_surface(t, g, inside, end, n->code, n->cap_length);
            end = inside;
        }
        if (!end)
            continue;
        if (!n->right) {
            add_surface(t, g, 0, end, n->code + (n->cap_length == NONE ? 0 : n->cap_length), n->leaf_length);
            continue;
        }
        stack[top].node = n->right;
        stack[top++].end = end;
        stack[top].node = at + 1;
        stack[top++].end = end;
    }
}

static double rounded(double turns)
{
    return floor(turns * 4294967296.0 + 0.5) / 4294967296.0;
}

static void load(const wh_tree *t, group *g, uint32_t i, uint32_t index, const float p[3])
{
    double q[3];
    to_tree(t, p, q);
    g->x[i] = q[0];
    g->y[i] = q[1];
    g->z[i] = q[2];
    g->turns[i] = 0;
    g->index[i] = index;
}

double wh__tree_winding(const wh_tree *tree, float x, float y, float z)
{
    group g;
    const float p[3] = {x, y, z};
    if (!wh__is_finite_point(p))
        return 0;
    load(tree, &g, 0, 0, p);
    descend(tree, &g, 1);
    return rounded(g.turns[0]);
}

void wh__tree_winding_batch(const wh_tree *tree, uint32_t count, const float *x, const float *y, const float *z,
                            double *winding, uint64_t *scratch)
{
    group g;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        const float p[3] = {x[i], y[i], z[i]};
        double q[3];
        winding[i] = 0;
        if (!wh__is_finite_point(p))
            continue;
        to_tree(tree, p, q);
        scratch[kept++] = morton(q) << 32 | i;
    }
    sort_upper(scratch, scratch + count, kept);
    for (uint32_t first = 0; first < kept; first += GROUP) {
        uint32_t size = kept - first < GROUP ? kept - first : GROUP;
        for (uint32_t i = 0; i < size; i++) {
            uint32_t q = (uint32_t)scratch[first + i];
            const float p[3] = {x[q], y[q], z[q]};
            load(tree, &g, i, q, p);
        }
        descend(tree, &g, size);
        for (uint32_t i = 0; i < size; i++)
            winding[g.index[i]] = rounded(g.turns[i]);
    }
}

void wh__tree_sum(const wh_geometry *mesh, const double center[3], double scale, uint32_t count, const float *x,
                  const float *y, const float *z, double *winding)
{
    wh_tree t = {.scale = scale};
    group g;
    memcpy(t.center, center, sizeof t.center);
    for (uint32_t first = 0; first < count; first += GROUP) {
        uint32_t size = count - first < GROUP ? count - first : GROUP, kept = 0;
        for (uint32_t i = first; i < first + size; i++) {
            const float p[3] = {x[i], y[i], z[i]};
            winding[i] = 0;
            if (wh__is_finite_point(p))
                load(&t, &g, kept++, i, p);
        }
        add_mesh(mesh, &t, &g, kept);
        for (uint32_t i = 0; i < kept; i++)
            winding[g.index[i]] = rounded(g.turns[i]);
    }
}
