/** Every class of values, every shape, several processors: convolutions by Winograd's algorithm keep to what they declare. */
import { describe, expect, it } from 'vitest';
import { score } from '../../accuracy/score.ts';
import { inputClasses } from '../../opmanager/verify/input-classes.ts';
import { testCompiler, type Compiler } from './compile.test-util.ts';
import { convShapes, operandsOf, runConv } from './winograd.test-util.ts';

const found = await testCompiler();
const compiled = it.skipIf(typeof found === 'string');

const expectKept = (s: (typeof convShapes)[number], made: ReturnType<typeof runConv>): void => {
  const { level, classMismatches, worst } = score(made.y, made.bounds);
  const shown = level === 'fail' ? worst : [];
  expect({ x: s.x, level, classMismatches, shown }).toEqual({ x: s.x, level: 'loose', classMismatches: 0, shown: [] });
};

describe('convolutions by Winograd’s algorithm', () => {
  compiled.each(inputClasses)('keep to what they declare: %s', (kind) => {
    const used = new Set<number | undefined>();
    for (const s of convShapes) {
      const made = runConv(found as Compiler, s, operandsOf(s, kind));
      used.add(made.m);
      expectKept(s, made);
    }
    expect(used).toEqual(new Set([2, 4]));
  });

  compiled.each([{ vectorBytes: 32, registers: 16 }, { vectorBytes: 16, registers: 32 }, { l2: 4096 }, { l3: 4096, threads: 1 }] as const)(
    'on other processors: %o',
    (target) => {
      for (const s of convShapes) expectKept(s, runConv(found as Compiler, s, operandsOf(s, 'normal'), target));
    },
  );
});
