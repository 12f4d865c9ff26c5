import { describe, expect, it } from 'vitest';
import { lower } from '../lower.ts';
import { renderJsFast } from '../render/js-fast.ts';
import { testCompiler } from './compile.test-util.ts';
import { channelsLast } from './layout.ts';
import { infiniteCases, inputsOf, shapes, transposed, wrongIn, type Shape } from './phases.test-util.ts';
import { splitPhases } from './phases.ts';

/** Nests a program's sum becomes, less the one it is. */
const cuts = (shape: Shape): number => {
  const ins = inputsOf(shape);
  let more = 0;
  lower(
    ins,
    [transposed(ins, shape)],
    (body) => {
      const split = splitPhases(body);
      more = split.length - body.length;
      return { body: split, prepare: [], temps: [] };
    },
    channelsLast,
  );
  return more;
};

describe('phases of transposed convolutions', () => {
  it('are one nest for each set of places that take as many points', () => {
    expect(cuts(shapes['two axes, two sets of places each']!)).toBe(3);
    expect(cuts(shapes['one axis cut, the other not']!)).toBe(3);
    expect(cuts(shapes['one map of many channels']!)).toBe(3);
  });

  it('stay one nest where all take the same', () => {
    expect(cuts({ x: [1, 3, 9, 8], w: [3, 4, 4, 6], strides: [2, 3] })).toBe(0);
    expect(cuts({ x: [1, 3, 9, 8], w: [3, 4, 3, 3], strides: [1, 1] })).toBe(0);
  });
});

const compiler = await testCompiler();
describe('an infinity meets no weight that is not there', () => {
  it.skipIf(typeof compiler === 'string').each(Object.entries(shapes))('in C: %s', (_, shape) => {
    if (typeof compiler === 'string') return;
    for (const c of infiniteCases(shape)) expect(wrongIn(c, compiler.compile(c.inputs, c.outputs).run(c.data)[0]!)).toEqual([]);
  });

  it.each(Object.entries(shapes))('in JavaScript: %s', (_, shape) => {
    for (const c of infiniteCases(shape)) {
      const program = lower(c.inputs, c.outputs);
      const out = new Float32Array(c.outputs[0]!.size);
      renderJsFast(program, new Set(program.inputs.filter((b) => b.constant))).run([...c.data], [out]);
      expect(wrongIn(c, out)).toEqual([]);
    }
  });
});
