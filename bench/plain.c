/* plain.c - what deform.twist is measured against: the loop that one would write, with the sine of the C library. */
#include <math.h>

void plain_twist(const float *in, float *out, int count, float angle);

/* Turns around y by up to angle (radians) from y = 0 to y = 1. xyz, packed. */
void plain_twist(const float *in, float *out, int count, float angle)
{
    for (int i = 0; i < count; i++) {
        const float x = in[i * 3], y = in[i * 3 + 1], z = in[i * 3 + 2];
        const float turn = angle * (y < 0 ? 0 : y > 1 ? 1 : y);
        const float s = sinf(turn), c = cosf(turn);
        out[i * 3] = c * x + s * z;
        out[i * 3 + 1] = y;
        out[i * 3 + 2] = c * z - s * x;
    }
}
