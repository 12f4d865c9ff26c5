import { describe, expect, it } from 'vitest';
import { Tensor } from '../../core/tensor.ts';
import { ConvTranspose } from '../../ops/conv-transpose.ts';
import type { OpContext } from '../../ops/define.ts';
import { lower } from '../lower.ts';
import { InputTensor, type TensorExpr } from '../tensor-expr.ts';
import { randomData, runJs, testCompiler } from './compile.test-util.ts';
import { channelsLast } from './layout.ts';
import { splitPhases } from './phases.ts';

interface Shape {
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly strides: readonly number[];
  readonly group?: number;
}

const inputsOf = ({ x, w }: Shape): InputTensor[] => [new InputTensor('x', 'float32', x), new InputTensor('w', 'float32', w)];
const transposed = ([X, W]: readonly InputTensor[], { strides, group = 1 }: Shape): TensorExpr => {
  const attrs = {
    auto_pad: 'NOTSET' as const,
    dilations: undefined,
    pads: strides.map(() => [1, 0]).flat(),
    strides,
    group,
    kernel_shape: undefined,
    output_padding: undefined,
    output_shape: undefined,
  };
  return ConvTranspose.compute!({ X: X!, W: W!, B: undefined }, attrs, {} as OpContext) as TensorExpr;
};

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

const shapes: Record<string, Shape> = {
  'two axes, two sets of places each': { x: [1, 3, 9, 8], w: [3, 40, 3, 3], strides: [2, 2] },
  'one axis cut, the other not': { x: [1, 3, 9, 8], w: [3, 4, 3, 2], strides: [2, 3] },
  'places without a point': { x: [2, 4, 5, 6], w: [4, 5, 2, 1], strides: [3, 2] },
  depthwise: { x: [1, 17, 10, 10], w: [17, 1, 3, 3], strides: [2, 2], group: 17 },
  'one map of many channels': { x: [1, 24, 20, 20], w: [24, 1, 5, 5], strides: [4, 4] },
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
describe.skipIf(typeof compiler === 'string')('in C', () => {
  it.each(Object.entries(shapes))('%s: an infinity meets no weight that is not there', (_, shape) => {
    if (typeof compiler === 'string') return;
    const ins = inputsOf(shape);
    const data = ins.map((t, i) => randomData(t, i + 1));
    const image = data[0] as Float32Array;
    image[7] = Infinity;
    image[image.length - 3] = NaN;
    const [want] = runJs(ins, [transposed(ins, shape)], data);
    // Weights that are known are packed once, others before every run.
    const known = [ins[0]!, new InputTensor('w', 'float32', shape.w, new Tensor('float32', shape.w, data[1]!))];
    for (const inputs of [ins, known]) {
      const [got] = compiler.compile(inputs, [transposed(inputs, shape)]).run(data);
      const differs = (y: number, g: number): boolean => (Number.isFinite(y) ? !(Math.abs(g - y) < 1e-4) : !Object.is(g, y));
      expect([...(got as Float32Array)].filter((g, i) => differs(Number(want![i]), g))).toEqual([]);
    }
  });
});
