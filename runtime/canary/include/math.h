/* math.h - for the fast tier: the functions of C11's <math.h> for float and double, with the same library behind them.
 * The system's own header is many files and takes several times as long to read as a kernel takes to compile. What is
 * missing here fails to compile, and then the optimised build comes first. */
#ifndef WHORL_FAST_MATH_H
#define WHORL_FAST_MATH_H

#define WH__MATH_1(name)                                                                                               \
    double name(double x);                                                                                             \
    float name##f(float x);
#define WH__MATH_2(name)                                                                                               \
    double name(double x, double y);                                                                                   \
    float name##f(float x, float y);

/* clang-format off */
WH__MATH_1(acos) WH__MATH_1(asin) WH__MATH_1(atan) WH__MATH_1(cos) WH__MATH_1(sin) WH__MATH_1(tan) WH__MATH_1(acosh)
WH__MATH_1(asinh) WH__MATH_1(atanh) WH__MATH_1(cosh) WH__MATH_1(sinh) WH__MATH_1(tanh) WH__MATH_1(exp)
WH__MATH_1(exp2) WH__MATH_1(expm1) WH__MATH_1(log) WH__MATH_1(log10) WH__MATH_1(log1p) WH__MATH_1(log2)
WH__MATH_1(logb) WH__MATH_1(cbrt) WH__MATH_1(fabs) WH__MATH_1(sqrt) WH__MATH_1(erf) WH__MATH_1(erfc)
WH__MATH_1(lgamma) WH__MATH_1(tgamma) WH__MATH_1(ceil) WH__MATH_1(floor) WH__MATH_1(nearbyint) WH__MATH_1(rint)
WH__MATH_1(round) WH__MATH_1(trunc) WH__MATH_2(atan2) WH__MATH_2(hypot) WH__MATH_2(pow) WH__MATH_2(fmod)
WH__MATH_2(remainder) WH__MATH_2(copysign) WH__MATH_2(nextafter) WH__MATH_2(fdim) WH__MATH_2(fmax) WH__MATH_2(fmin)
    /* clang-format on */

    double fma(double x, double y, double z);
float fmaf(float x, float y, float z);
double frexp(double x, int *exponent);
float frexpf(float x, int *exponent);
double ldexp(double x, int exponent);
float ldexpf(float x, int exponent);
double scalbn(double x, int exponent);
float scalbnf(float x, int exponent);
double modf(double x, double *whole);
float modff(float x, float *whole);
int ilogb(double x);
int ilogbf(float x);
long lrint(double x);
long lrintf(float x);
long lround(double x);
long lroundf(float x);
long long llrint(double x);
long long llrintf(float x);
long long llround(double x);
long long llroundf(float x);
void sincosf(float x, float *sine, float *cosine);
void sincos(double x, double *sine, double *cosine);

#define HUGE_VALF (1e38f * 10.0f)
#define HUGE_VAL (1e308 * 10.0)
#define INFINITY HUGE_VALF
#define NAN (INFINITY - INFINITY)

static inline int wh__isnan(double x)
{
    return x != x;
}

static inline int wh__isfinite(double x)
{
    return x - x == 0;
}

static inline int wh__isinf(double x)
{
    return x == x && x - x != 0;
}

#define isnan(x) wh__isnan(x) /* a float keeps what it is as a double */
#define isfinite(x) wh__isfinite(x)
#define isinf(x) wh__isinf(x)

#define M_E 2.7182818284590452354
#define M_LOG2E 1.4426950408889634074
#define M_LOG10E 0.43429448190325182765
#define M_LN2 0.69314718055994530942
#define M_LN10 2.30258509299404568402
#define M_PI 3.14159265358979323846
#define M_PI_2 1.57079632679489661923
#define M_PI_4 0.78539816339744830962
#define M_1_PI 0.31830988618379067154
#define M_2_PI 0.63661977236758134308
#define M_2_SQRTPI 1.12837916709551257390
#define M_SQRT2 1.41421356237309504880
#define M_SQRT1_2 0.70710678118654752440
#endif
