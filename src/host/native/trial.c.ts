/**
 * A program that is compiled like a kernel and run in a process of its own before any kernel is: it
 * says for which vectors it was compiled, and which instructions the compiler was told to use that this
 * processor lacks. One that is ended by a signal (an illegal instruction) has answered too. Without
 * it the first such instruction would end the process that loaded the kernel.
 */

/** Macro by which a compiler says that it uses a feature; cpuid leaf, subleaf, register (a, b, c, d) and bit by which the processor has it. */
const x86: readonly (readonly [string, number, number, string, number])[] = [
  ['SSE3', 1, 0, 'c', 0],
  ['SSSE3', 1, 0, 'c', 9],
  ['FMA', 1, 0, 'c', 12],
  ['SSE4_1', 1, 0, 'c', 19],
  ['SSE4_2', 1, 0, 'c', 20],
  ['POPCNT', 1, 0, 'c', 23],
  ['AVX', 1, 0, 'c', 28],
  ['F16C', 1, 0, 'c', 29],
  ['BMI', 7, 0, 'b', 3],
  ['AVX2', 7, 0, 'b', 5],
  ['BMI2', 7, 0, 'b', 8],
  ['AVX512F', 7, 0, 'b', 16],
  ['AVX512DQ', 7, 0, 'b', 17],
  ['AVX512IFMA', 7, 0, 'b', 21],
  ['AVX512PF', 7, 0, 'b', 26],
  ['AVX512ER', 7, 0, 'b', 27],
  ['AVX512CD', 7, 0, 'b', 28],
  ['AVX512BW', 7, 0, 'b', 30],
  ['AVX512VL', 7, 0, 'b', 31],
  ['AVX512VBMI', 7, 0, 'c', 1],
  ['AVX512VBMI2', 7, 0, 'c', 6],
  ['GFNI', 7, 0, 'c', 8],
  ['AVX512VNNI', 7, 0, 'c', 11],
  ['AVX512BITALG', 7, 0, 'c', 12],
  ['AVX512VPOPCNTDQ', 7, 0, 'c', 14],
  ['AMX_BF16', 7, 0, 'd', 22],
  ['AVX512FP16', 7, 0, 'd', 23],
  ['AMX_TILE', 7, 0, 'd', 24],
  ['AMX_INT8', 7, 0, 'd', 25],
  ['AVXVNNI', 7, 1, 'a', 4],
  ['AVX512BF16', 7, 1, 'a', 5],
];

const uses = x86.map(
  ([name]) => `#ifdef __${name}__
  printf(" ${name.toLowerCase()}");
#endif`,
);
const checks = x86.map(
  ([name, leaf, subleaf, register, bit]) => `#ifdef __${name}__
  if (!has(${leaf}, ${subleaf}, '${register}', ${bit})) { printf(" ${name.toLowerCase()}"); lacks++; }
#endif`,
);

/** Prints `vectors <bytes>`, `uses <features>` and `lacks <features>`; exit code 3 if it lacks any. Then runs loops a compiler makes vectors of. */
export const trialSource = `#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <math.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
static int has(unsigned leaf, unsigned subleaf, char r, int bit) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(leaf, subleaf, &a, &b, &c, &d)) return 0;
  return (r == 'a' ? a : r == 'b' ? b : r == 'c' ? c : d) >> bit & 1;
}
#endif
#if defined(__AVX512F__)
#define VECTOR 64
#elif defined(__AVX2__)
#define VECTOR 32
#else
#define VECTOR 16
#endif
typedef float V __attribute__((vector_size(VECTOR)));
int main(int argc, char** argv) {
  int lacks = 0;
  printf("vectors %d\\nuses", VECTOR);
${uses.join('\n')}
  printf("\\nlacks");
#if defined(__x86_64__) || defined(__i386__)
${checks.join('\n')}
#endif
  printf("\\n");
  fflush(stdout);
  if (lacks) return 3;
  static float x[1024], y[1024];
  static int32_t n[1024];
  for (int i = 0; i < 1024; i++) { x[i] = (float)(i * argc) * 0.25f; n[i] = i ^ argc; }
  V sum = {0};
  for (int i = 0; i < 1024; i += VECTOR / 4) { V v; memcpy(&v, x + i, VECTOR); sum += v * v; }
  for (int i = 0; i < 1024; i++) y[i] = __builtin_fmaf(x[i], 0.5f, sqrtf(x[i])) + (float)(n[i] & 7) + sum[i % (VECTOR / 4)];
  double total = 0;
  for (int i = 0; i < 1024; i++) total += y[i];
  return total > 0 ? 0 : 4;
}
`;
