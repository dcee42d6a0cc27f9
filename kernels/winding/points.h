/* points.h - the points that a sampler tries, as numbers that come out the same in any order, on any thread.
 *
 * A lattice is fixed to the origin, so its points stay where they are when the mesh moves. So are the cells of disks:
 * every cell has its candidates and every candidate its rank, by hashing, in all of space; which of them are kept
 * depends only on the spacing and the seed. The box of the mesh only says which part of all that is looked at. */
#ifndef WH_WINDING_POINTS_H
#define WH_WINDING_POINTS_H
#include "whorl_kernel.h"

typedef enum { WH_CLOUD_LATTICE, WH_CLOUD_RANDOM, WH_CLOUD_DISKS } wh_cloud_kind;
typedef enum { WH_LATTICE_CUBIC, WH_LATTICE_BODY_CENTRED, WH_LATTICE_HEXAGONAL } wh_lattice_kind;

typedef struct {
    wh_cloud_kind kind;
    wh_lattice_kind lattice;
    double spacing;     /* from a point of a lattice to the nearest; least distance of disks */
    const char *given;  /* the parameter that this comes from: spacing or radius, or one that makes it smaller */
    double jitter;      /* 0 .. 1: points of a lattice move by up to half the spacing along each axis */
    uint64_t seed;      /* of random points, jitter and disks */
    uint64_t last_rank; /* disks: candidates of a higher rank are left out; UINT64_MAX: none */
    bool ranks;         /* disks: give ranks in place of ids */
    bool empty;         /* there is no box */
    double low[3], high[3];
} wh_cloud_request;

typedef struct {
    wh_cloud_request asked;
    double step[3];    /* from row to row, layer to layer, and in a row; the size of a cell of disks */
    int64_t first[3];  /* number of the first along x, y, z; from -2^20 up */
    uint64_t count[3]; /* so many along each axis; of disks cells, in whole bricks */
    uint32_t brick[3]; /* disks: cells of a brick; candidates go brick by brick */
    uint64_t candidates;
    uint32_t block; /* so many candidates are a good block: whole rows of a lattice, whole bricks */
} wh_cloud;

typedef struct {    /* points of a lattice along x: x of the i-th is wh__cloud_row_x(…, i) */
    uint64_t id;    /* of the first; those of the others follow */
    uint64_t count; /* points; the same for every row */
    int32_t first;  /* number of the first */
    double shift;   /* 0 or 0.5 steps */
    float y, z;
} wh_row;

/* False after host->fail, or when host is NULL. */
bool wh__cloud_make(const wh_host *host, const wh_cloud_request *asked, wh_cloud *out);

/* Candidates first .. first + count - 1, of disks those that are kept and within the box: packed, in their order.
 * *written: how many. id: unique in the cloud. False: memory is short. */
bool wh__cloud_points(const wh_host *host, const wh_cloud *cloud, uint64_t first, uint32_t count, float *x, float *y,
                      float *z, uint64_t *id, uint32_t *written);

/* Rows of a lattice without jitter, in the order of the candidates. Rows of one layer (z) that have one shift are a
 * grid: x of any of them, y of all. */
wh_row wh__cloud_row(const wh_cloud *cloud, uint64_t row);
static inline float wh__cloud_row_x(const wh_cloud *cloud, const wh_row *row, uint32_t i)
{
    return (float)(((double)(row->first + (int32_t)i) + row->shift) * cloud->step[0]);
}

/* Disks that are kept in a volume of spacing^3, on average. */
double wh__disk_density(void);

/* ---- for points.c and disks.c ---- */

/* The finisher of splitmix64 (G. Steele, D. Lea, C. Flood, Fast splittable pseudorandom number generators, 2014): no
 * two numbers have the same. */
static inline uint64_t wh__mix(uint64_t v)
{
    v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
    v = (v ^ v >> 27) * 0x94d049bb133111ebu;
    return v ^ v >> 31;
}

/* Edge of a cell of disks, in spacings: a little less than what makes its diagonal one, so that it keeps one point. */
#define WH_CELL 0.57735
#define WH_GOLDEN 0x9e3779b97f4a7c15u
#define WH_BIAS 1048576 /* an id holds three numbers of 21 bits, so they are -2^20 .. 2^20 - 1 */

static inline uint64_t wh__cloud_id(int64_t x, int64_t y, int64_t z)
{
    return (uint64_t)(x + WH_BIAS) | (uint64_t)(y + WH_BIAS) << 21 | (uint64_t)(z + WH_BIAS) << 42;
}

static inline bool wh__cloud_holds(const wh_cloud_request *r, float x, float y, float z)
{
    return x >= r->low[0] && x <= r->high[0] && y >= r->low[1] && y <= r->high[1] && z >= r->low[2] && z <= r->high[2];
}

bool wh__disks_make(const wh_host *host, wh_cloud *cloud);
bool wh__disks_points(const wh_host *host, const wh_cloud *cloud, uint64_t first, uint32_t count, float *x, float *y,
                      float *z, uint64_t *id, uint32_t *written);
/* Numbers low .. high along one axis, and so many candidates altogether: false after host->fail when that is too much.
 */
bool wh__cloud_span(const wh_host *host, const wh_cloud_request *asked, double low, double high, int64_t *first,
                    uint64_t *count);
bool wh__cloud_fits(const wh_host *host, const wh_cloud_request *asked, double candidates);
#endif
