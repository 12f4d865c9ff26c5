/** The elementary functions of generated C against the C library's in double, at one in 5003 of all floats. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cPrelude } from './c-prelude.ts';

const hasCompiler = spawnSync('cc', ['--version']).status === 0;

/** Largest errors the prelude states, in units of the last place. */
const bounds = { exp: 1.1, tanh: 2, erf: 1.5, log: 1.5, sigmoid: 2.5 };

const program = `${cPrelude}
#include <stdio.h>
static double exact_sigmoid(double x) { return 1 / (1 + exp(-x)); }
#define exact_exp exp
#define exact_tanh tanh
#define exact_erf erf
#define exact_log log
#define SWEEP(name) { \
  double worst = 0; float at = 0; long wrong = 0; \
  for (uint64_t u = 0; u <= 0xffffffffu; u += 5003) { \
    const float x = f32_bits((uint32_t)u), y = name##_f32(x); \
    const double exact = exact_##name((double)x); \
    const float rounded = (float)exact; \
    if (exact != exact) { wrong += y == y; continue; } \
    if (isinf(rounded) || isinf(y)) { wrong += rounded != y; continue; } \
    int e; frexp(fabs(exact), &e); \
    const double error = fabs(y - exact) / ldexp(1.0, (e - 1 < -126 ? -126 : e - 1) - 23); \
    if (error > worst) { worst = error; at = x; } \
  } \
  printf("{\\"name\\":\\"" #name "\\",\\"worst\\":%g,\\"at\\":%.9g,\\"wrong\\":%ld}\\n", worst, at, wrong); \
}
int main(void) { SWEEP(exp) SWEEP(tanh) SWEEP(erf) SWEEP(log) SWEEP(sigmoid) return 0; }
`;

/** Lines a program prints. */
const run = (text: string, flags = ['-march=native']): string[] => {
  const folder = mkdtempSync(join(tmpdir(), 'flagos-prelude-'));
  const binary = join(folder, 'program');
  try {
    writeFileSync(`${binary}.c`, text);
    execFileSync('cc', ['-O2', ...flags, '-std=gnu11', '-fno-math-errno', '-w', '-o', binary, `${binary}.c`, '-lm']);
    return execFileSync(binary, { encoding: 'utf8' }).trim().split('\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
};

/** What the compiler says of this processor. */
const features = hasCompiler ? execFileSync('cc', ['-march=native', '-dM', '-E', '-xc', '/dev/null'], { encoding: 'utf8' }) : '';

describe.skipIf(!hasCompiler)('elementary functions in C', () => {
  // A processor of 2003 has neither fused multiplication nor rounding; machines that are emulated often pretend to be one.
  const processors = process.arch === 'x64' ? ['native', 'x86-64', 'haswell'] : ['native'];
  it.for(processors)('stay within the errors they state, and get infinities and NaN right (%s)', (processor, { skip }) => {
    if (processor === 'haswell' && !features.includes('__AVX2__')) skip('this processor has no AVX2');
    const found = run(program, [`-march=${processor}`]).map(
      (l) => JSON.parse(l) as { name: keyof typeof bounds; worst: number; at: number; wrong: number },
    );
    expect(found.map((f) => f.name)).toEqual(Object.keys(bounds));
    for (const { name, worst, at, wrong } of found) {
      expect(wrong, `${name}: infinities and NaN`).toBe(0);
      expect(worst, `${name} at ${at}`).toBeLessThanOrEqual(bounds[name]);
    }
  });
});

describe.skipIf(!hasCompiler)('whole numbers in C', () => {
  it('the least divided by −1 wraps, and does not trap', () => {
    const least = 'volatile i64 a = INT64_MIN, b = -1;';
    const calls = ['floordiv', 'floormod', 'div', 'rem'].map((f) => `printf("%lld\\n", (long long)${f}_i64(a, b));`);
    const lines = run(`${cPrelude}\n#include <stdio.h>\nint main(void) { ${least} ${calls.join(' ')} return 0; }`);
    expect(lines.map(BigInt)).toEqual([-(2n ** 63n), 0n, -(2n ** 63n), 0n]);
  });
});
