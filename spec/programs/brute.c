/* brute.c - hold a lattice sample to a sum over all triangles in double.
 * Usage: brute PIPELINE MESH ACROSS. Runs the first sampler of the pipeline with fill.across = ACROSS on the mesh, then
 * walks every lattice point of the mesh's box: van Oosterom and Strackee's solid angle, with the library's atan2, no
 * tree, none of whorl's code. Prints one line; the exit status is 0 when no point is missing, none is too many, and
 * every winding number agrees to 1e-3. */
#include "whorl.h"
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLERANCE 1e-3
#define THREADS 2

static wh_view view;
static double low[3], spacing;
static long first[3], count[3], total;
static double *truth;

static double solid_angle(const double a[3], const double b[3], const double c[3])
{
    const double la = sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2]);
    const double lb = sqrt(b[0] * b[0] + b[1] * b[1] + b[2] * b[2]);
    const double lc = sqrt(c[0] * c[0] + c[1] * c[1] + c[2] * c[2]);
    const double det =
        a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) + a[2] * (b[0] * c[1] - b[1] * c[0]);
    const double ab = a[0] * b[0] + a[1] * b[1] + a[2] * b[2], bc = b[0] * c[0] + b[1] * c[1] + b[2] * c[2];
    const double ca = c[0] * a[0] + c[1] * a[1] + c[2] * a[2];
    return 2 * atan2(det, la * lb * lc + ab * lc + bc * la + ca * lb);
}

static double winding(const double q[3])
{
    double sum = 0;
    for (uint32_t t = 0; t < view.triangle_count; t++) {
        double corner[3][3];
        for (int k = 0; k < 3; k++)
            for (int axis = 0; axis < 3; axis++)
                corner[k][axis] =
                    (double)view.position[3 * (size_t)view.triangle[3 * (size_t)t + (size_t)k] + (size_t)axis] -
                    q[axis];
        sum += solid_angle(corner[0], corner[1], corner[2]);
    }
    return sum / (4 * acos(-1.0));
}

/* The query is the float that the sample holds. */
static void lattice_point(long i, float q[3])
{
    const long n[3] = {i % count[0], i / count[0] % count[1], i / count[0] / count[1]};
    for (int k = 0; k < 3; k++)
        q[k] = (float)((double)(first[k] + n[k]) * spacing);
}

static void *walk(void *context)
{
    for (long i = *(long *)context; i < total; i += THREADS) {
        float q[3];
        lattice_point(i, q);
        truth[i] = winding((double[3]){q[0], q[1], q[2]});
    }
    return NULL;
}

/* The box of the triangles: points in no face do not count. */
static void make_lattice(double across)
{
    double high[3];
    for (int k = 0; k < 3; k++) {
        low[k] = INFINITY, high[k] = -INFINITY;
        for (size_t i = 0; i < 3 * (size_t)view.triangle_count; i++) {
            const double v = view.position[3 * (size_t)view.triangle[i] + (size_t)k];
            low[k] = fmin(low[k], v), high[k] = fmax(high[k], v);
        }
    }
    spacing = fmax(high[0] - low[0], fmax(high[1] - low[1], high[2] - low[2])) / across;
    total = 1;
    for (int k = 0; k < 3; k++) {
        first[k] = (long)ceil(low[k] / spacing);
        count[k] = (long)floor(high[k] / spacing) - first[k] + 1;
        total *= count[k];
    }
}

static int compare(const wh_points *p)
{
    long kept = 0, missing = 0, extra = 0;
    double largest = 0;
    uint32_t next = 0;
    for (long i = 0; i < total; i++) {
        float q[3];
        lattice_point(i, q);
        const bool in_sample = next < p->count && memcmp(p->position + 3 * (size_t)next, q, sizeof q) == 0;
        if (in_sample) {
            kept++;
            largest = fmax(largest, fabs(p->value[next++] - truth[i]));
            extra += truth[i] < 0.5 - TOLERANCE;
        } else {
            missing += truth[i] >= 0.5 + TOLERANCE;
        }
    }
    printf("lattice %ld kept %ld of %u missing %ld extra %ld largest error %.2g\n", total, kept, p->count, missing,
           extra, largest);
    return missing || extra || kept != p->count || !(largest <= TOLERANCE);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    wh_session *session = NULL;
    wh_mesh *mesh = NULL;
    wh_points points = {.size = sizeof points};
    const wh_options options = {.size = sizeof options, .frozen = true};
    view.size = sizeof view;
    const double across[4] = {atof(argv[3])};
    if (wh_open(argv[1], &options, &session) != WH_OK || wh_mesh_read(argv[2], &mesh) != WH_OK ||
        wh_mesh_view(mesh, &view) != WH_OK || wh_param_set(session, "fill.across", across) != WH_OK ||
        wh_sample(session, NULL, &view, 0, &points) != WH_OK) {
        fprintf(stderr, "%s\n", wh_last_error());
        return 2;
    }
    make_lattice(across[0]);
    truth = malloc((size_t)total * sizeof *truth);
    pthread_t thread[THREADS];
    long start[THREADS];
    for (int i = 0; i < THREADS; i++) {
        start[i] = i;
        pthread_create(&thread[i], NULL, walk, &start[i]);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    const int status = compare(&points);
    wh_points_free(&points);
    wh_mesh_free(mesh);
    wh_close(session);
    free(truth);
    return status;
}
