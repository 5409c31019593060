// For Zig's freestanding target, which ships no C library headers. Only what its compiler runtime
// defines: there is no powf and no tanhf.
#ifndef TINYDEPLOY_LIBC_MATH_H_
#define TINYDEPLOY_LIBC_MATH_H_

#ifdef __cplusplus
extern "C" {
#endif

#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#define isnan(x) __builtin_isnan(x)
#define isinf(x) __builtin_isinf(x)
#define isfinite(x) __builtin_isfinite(x)
#define signbit(x) __builtin_signbit(x)

float ceilf(float x);
float cosf(float x);
float exp2f(float x);
float expf(float x);
float fabsf(float x);
float floorf(float x);
float fmaxf(float x, float y);
float fminf(float x, float y);
float fmodf(float x, float y);
float log2f(float x);
float logf(float x);
float roundf(float x);
float sinf(float x);
float sqrtf(float x);
float truncf(float x);

double ceil(double x);
double exp(double x);
double fabs(double x);
double floor(double x);
double log(double x);
double round(double x);
double sqrt(double x);
double trunc(double x);

#ifdef __cplusplus
}  // extern "C"
#endif

#endif  // TINYDEPLOY_LIBC_MATH_H_
