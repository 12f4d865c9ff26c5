/**
 * What every generated C file begins with: types, conversions of narrow floats, and the elementary
 * functions a compiler can turn into vector code (no calls, no branches). Each states its error.
 * C11 with GNU extensions (gcc and clang), any processor; wider vectors come from the compiler's flags.
 */

/** Thread pool interface the host library supplies: runs `f(ctx, lo, hi, worker)` over [0, n) in pieces of about `grain`; no two pieces run at once with the same `worker`, which is below the number of threads. */
export const cPrelude = String.raw`#include <stdint.h>
#include <stdbool.h>
#include <string.h>
#include <math.h>
#include <float.h>
typedef int64_t i64;
typedef struct { void** b; const i64* p; const i64* v; } ctx_t;
typedef void (*stage_t)(const ctx_t*, i64 lo, i64 hi, i64 worker);
typedef void (*parallel_t)(stage_t, const ctx_t*, i64 n, i64 grain);
#define HIDDEN __attribute__((visibility("hidden")))
#define NOINLINE __attribute__((noinline))
#define INLINE static inline __attribute__((always_inline))

INLINE i64 min_i64(i64 a, i64 b) { return a < b ? a : b; }
INLINE i64 max_i64(i64 a, i64 b) { return a > b ? a : b; }
INLINE i64 floordiv_i64(i64 a, i64 b) { if (b == 0) return 0; if (b == -1) return (i64)(0 - (uint64_t)a); i64 q = a / b; return q - ((a % b != 0) & ((a < 0) != (b < 0))); }
INLINE i64 floormod_i64(i64 a, i64 b) { if (b == 0 || b == -1) return 0; i64 r = a % b; return r + ((r != 0) & ((r < 0) != (b < 0)) ? b : 0); }
INLINE uint64_t floordiv_u64(uint64_t a, uint64_t b) { return b == 0 ? 0 : a / b; }
INLINE uint64_t floormod_u64(uint64_t a, uint64_t b) { return b == 0 ? 0 : a % b; }
INLINE i64 div_i64(i64 a, i64 b) { return b == 0 ? 0 : b == -1 ? (i64)(0 - (uint64_t)a) : a / b; }
INLINE i64 rem_i64(i64 a, i64 b) { return b == 0 || b == -1 ? 0 : a % b; }
INLINE uint64_t div_u64(uint64_t a, uint64_t b) { return b == 0 ? 0 : a / b; }
INLINE uint64_t rem_u64(uint64_t a, uint64_t b) { return b == 0 ? 0 : a % b; }
INLINE i64 pow_i64(i64 a, i64 b) {
  if (b < 0) return a == 1 ? 1 : a == -1 ? (b & 1 ? -1 : 1) : 0;
  uint64_t r = 1, x = (uint64_t)a;
  for (; b > 0; b >>= 1) { if (b & 1) r *= x; x *= x; }
  return (i64)r;
}
INLINE uint64_t pow_u64(uint64_t a, uint64_t b) { uint64_t r = 1; for (; b > 0; b >>= 1) { if (b & 1) r *= a; a *= a; } return r; }

/* Bits of floats. */
INLINE uint32_t bits_f32(float x) { uint32_t u; memcpy(&u, &x, 4); return u; }
INLINE float f32_bits(uint32_t u) { float x; memcpy(&x, &u, 4); return x; }
INLINE float bf16_to_f32(uint16_t h) { return f32_bits((uint32_t)h << 16); }
INLINE uint16_t f32_to_bf16(float x) {
  uint32_t u = bits_f32(x);
  uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1)) >> 16;
  return (uint16_t)((u & 0x7fffffffu) > 0x7f800000u ? ((u >> 16) | 0x40) : rounded);
}
INLINE float f16_to_f32(uint16_t h) { _Float16 x; memcpy(&x, &h, 2); return (float)x; }
INLINE uint16_t f32_to_f16(float x) { _Float16 h = (_Float16)x; uint16_t u; memcpy(&u, &h, 2); return u; }

/* Any small float format: e exponent bits, m mantissa bits; special 0 ieee, 1 fn, 2 fnuz, 3 none. Round to nearest even. */
INLINE float small_to_f32(uint8_t c, int e, int m, int bias, int special) {
  int sign = c >> (e + m) & 1, ex = c >> m & ((1 << e) - 1), man = c & ((1 << m) - 1), top = ex == (1 << e) - 1;
  if (special == 0 && top) return man ? NAN : sign ? -INFINITY : INFINITY;
  if (special == 1 && top && man == (1 << m) - 1) return NAN;
  if (special == 2 && c == 1 << (e + m)) return NAN;
  float v = ex == 0 ? ldexpf((float)man, 1 - bias - m) : ldexpf((float)(man + (1 << m)), ex - bias - m);
  return sign ? -v : v;
}
INLINE uint8_t f32_to_small(float x, int e, int m, int bias, int special, bool saturate) {
  int sign = signbit(x) ? 1 << (e + m) : 0, all = (1 << (e + m)) - 1;
  int inf = ((1 << e) - 1) << m, most = special == 0 ? inf - 1 : special == 1 ? all - 1 : all;
  int nan = special >= 2 ? 1 << (e + m) : special == 0 ? sign | inf | 1 << (m - 1) : sign | all;
  if (isnan(x)) return (uint8_t)nan;
  float a = fabsf(x);
  int over = special == 3 || saturate ? sign | most : special == 0 ? sign | inf : nan;
  if (isinf(a)) return (uint8_t)over;
  int ex = a == 0 ? -1000 : ilogbf(a);
  if (ex < 1 - bias) ex = 1 - bias;
  int units = (int)nearbyintf(ldexpf(a, m - ex));
  if (units == 0) return (uint8_t)(special == 2 ? 0 : sign);
  int code = units + ((ex + bias - 1) << m);
  return (uint8_t)(code > most ? over : sign | code);
}
INLINE float e8m0_to_f32(uint8_t c) { return c == 255 ? NAN : ldexpf(1.0f, (int)c - 127); }
INLINE uint8_t f32_to_e8m0(float x, bool saturate) {
  if (isnan(x)) return 255;
  float a = fabsf(x);
  if (a == 0) return saturate ? 0 : 255;
  if (isinf(a)) return saturate ? 254 : 255;
  int f = ilogbf(a), code = (ldexpf(a, -f) >= 1.5f ? f + 1 : f) + 127;
  return (uint8_t)(code > 254 ? (saturate ? 254 : 255) : code < 0 ? 0 : code);
}

/* min and max that give NaN if either is: the comparison keeps a's, the test b's. Only one instruction waits for a, which may be a running result. */
INLINE float min_f32(float a, float b) { float r = b < a ? b : a; return b != b ? b : r; }
INLINE float max_f32(float a, float b) { float r = b > a ? b : a; return b != b ? b : r; }
INLINE double min_f64(double a, double b) { double r = b < a ? b : a; return b != b ? b : r; }
INLINE double max_f64(double a, double b) { double r = b > a ? b : a; return b != b ? b : r; }
INLINE float sign_f32(float x) { return x != x ? x : (float)((x > 0) - (x < 0)); }
INLINE double sign_f64(double x) { return x != x ? x : (double)((x > 0) - (x < 0)); }
INLINE float floormod_f32(float a, float b) { float r = fmodf(a, b); return r != 0 && (r < 0) != (b < 0) ? r + b : r; }
INLINE double floormod_f64(double a, double b) { double r = fmod(a, b); return r != 0 && (r < 0) != (b < 0) ? r + b : r; }

/* a * b + c, and the nearest integer of a small number: where the processor has no instruction for them, the C library's functions would keep loops from becoming vectors. */
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA) || !(defined(__x86_64__) || defined(__i386__))
INLINE float muladd_f32(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
#else
INLINE float muladd_f32(float a, float b, float c) { return a * b + c; }
#endif
#if defined(__SSE4_1__) || !(defined(__x86_64__) || defined(__i386__))
INLINE float round_f32(float x) { return __builtin_rintf(x); }
#else
INLINE float round_f32(float x) { return (x + 12582912.0f) - 12582912.0f; }
#endif

/* exp: x = k ln 2 + r, |r| <= ln 2 / 2, degree-6 polynomial of e^r; 2^k in two steps so that denormals come out right. Max 1.1 ulp. */
INLINE float exp_f32(float x) {
  float c = x < -104.0f ? -104.0f : x > 89.0f ? 89.0f : x;
  float k = round_f32(c * 1.44269504f);
  float r = muladd_f32(k, -0.693145752f, c);
  r = muladd_f32(k, -1.42860677e-6f, r);
  float p = 1.37805939e-3f;
  p = muladd_f32(p, r, 8.37312452e-3f);
  p = muladd_f32(p, r, 4.16695364e-2f);
  p = muladd_f32(p, r, 1.66664720e-1f);
  p = muladd_f32(p, r, 4.99999851e-1f);
  p = muladd_f32(p * r, r, r) + 1.0f;
  int32_t n = (int32_t)k, h = n >> 1;
  float y = p * f32_bits((uint32_t)(h + 127) << 23) * f32_bits((uint32_t)(n - h + 127) << 23);
  return x != x ? x : y;
}
/* tanh: below 0.625 an odd polynomial, else 1 - 2 / (e^2x + 1). Max 2 ulp. */
INLINE float tanh_f32(float x) {
  float a = __builtin_fabsf(x), s = a * a;
  float p = -5.70498872745e-3f;
  p = muladd_f32(p, s, 2.06390887954e-2f);
  p = muladd_f32(p, s, -5.37397155531e-2f);
  p = muladd_f32(p, s, 1.33314422036e-1f);
  p = muladd_f32(p, s, -3.33332819422e-1f);
  float small = muladd_f32(p * s, a, a);
  float big = 1.0f - 2.0f / (exp_f32(a > 10.0f ? 20.0f : 2.0f * a) + 1.0f);
  float y = a < 0.625f ? small : big;
  return x != x ? x : __builtin_copysignf(y, x);
}
/* erf: below 0.92 an odd polynomial, else 1 - exp(-t - t Q(t)); from 4 on it is 1. Fitted to weighted minimax. Max 1.5 ulp. */
INLINE float erf_f32(float x) {
  float t = __builtin_fabsf(x), s = x * x;
  float p = 8.409921e-5f;
  p = muladd_f32(p, s, -8.152628e-4f);
  p = muladd_f32(p, s, 5.2019604e-3f);
  p = muladd_f32(p, s, -2.68598e-2f);
  p = muladd_f32(p, s, 1.1283703e-1f);
  p = muladd_f32(p, s, -3.7612635e-1f);
  p = muladd_f32(p, s, 1.2837917e-1f);
  float small = muladd_f32(p, x, x);
  float u = t > 4.0f ? 4.0f : t;
  float q = 4.806476e-6f;
  q = muladd_f32(q, u, -4.399997e-5f);
  q = muladd_f32(q, u, -5.751302e-5f);
  q = muladd_f32(q, u, 2.9516716e-3f);
  q = muladd_f32(q, u, -2.2708299e-2f);
  q = muladd_f32(q, u, 1.0529444e-1f);
  q = muladd_f32(q, u, 6.3560927e-1f);
  q = muladd_f32(q, u, 1.2855512e-1f);
  float big = __builtin_copysignf(1.0f - exp_f32(-muladd_f32(q, u, u)), x);
  float y = t < 0.92f ? small : big;
  return x != x ? x : y;
}
/* log: x = 2^k (1 + f), 1 + f between sqrt(1/2) and sqrt(2); f - f^2/2 + f^3 P(f), fitted to weighted minimax. Max 1.5 ulp. */
INLINE float log_f32(float x) {
  float w = x < FLT_MIN ? x * 33554432.0f : x;
  int32_t bits = (int32_t)bits_f32(w), k = (bits - 0x3f3504f3) >> 23;
  float f = f32_bits((uint32_t)(bits - (k << 23))) - 1.0f, s = f * f;
  float e = (float)(k - (x < FLT_MIN ? 25 : 0));
  float p = -7.859547e-2f;
  p = muladd_f32(p, f, 1.2881623e-1f);
  p = muladd_f32(p, f, -1.3128768e-1f);
  p = muladd_f32(p, f, 1.4181197e-1f);
  p = muladd_f32(p, f, -1.6624554e-1f);
  p = muladd_f32(p, f, 2.0002286e-1f);
  p = muladd_f32(p, f, -2.500081e-1f);
  p = muladd_f32(p, f, 3.3333316e-1f);
  float y = muladd_f32(p * s, f, e * -2.1219444e-4f);
  y = muladd_f32(-0.5f, s, y) + f;
  y = muladd_f32(e, 0.693359375f, y);
  y = x == 0 ? -INFINITY : x < 0 ? NAN : x == INFINITY ? x : y;
  return x != x ? x : y;
}
/* sigmoid: of -|x|, whose exp never overflows. Max 2.5 ulp. */
INLINE float sigmoid_f32(float x) { float e = exp_f32(-__builtin_fabsf(x)); return (x < 0 ? e : x != x ? x : 1.0f) / (1.0f + e); }
INLINE double sigmoid_f64(double x) { return 1.0 / (1.0 + exp(-x)); }

/* Float to integer: toward zero, modulo 2^64; NaN and infinities give 0. */
INLINE i64 to_i64(double x) {
  if (!(x > -9223372036854775808.0 && x < 9223372036854775808.0)) {
    if (isnan(x) || isinf(x)) return 0;
    double m = fmod(trunc(x), 18446744073709551616.0);
    return (i64)(m < 0 ? (uint64_t)0 - (uint64_t)(-m) : (uint64_t)m);
  }
  return (i64)x;
}
INLINE float clamp_f32(float x, float lo, float hi) { return isnan(x) ? 0 : x < lo ? lo : x > hi ? hi : x; }
INLINE double clamp_f64(double x, double lo, double hi) { return isnan(x) ? 0 : x < lo ? lo : x > hi ? hi : x; }
`;
