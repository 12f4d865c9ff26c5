/** Convolutions by Winograd's algorithm, compiled: what they declare is kept, and where they are chosen. */
import { describe, expect, it } from 'vitest';
import { score } from '../../accuracy/score.ts';
import type { NumericData } from '../../core/dtype.ts';
import { Tensor } from '../../core/tensor.ts';
import { channelsFirst, conv, type ConvAttrs } from '../../ops/conv.ts';
import { add, max } from '../expr.ts';
import { lower } from '../lower.ts';
import { renderC } from '../render/c.ts';
import { storageType } from '../render/c-types.ts';
import { mapBroadcast } from '../tensor-expr.ts';
import { randomData, runJs, testCompiler, thisTarget, type Compiler } from './compile.test-util.ts';
import { channelsLast } from './layout.ts';
import { scheduleContractions } from './schedule.ts';
import { convAttributes, convShapes, input, known, operandsOf, runConv, sizeIn } from './winograd.test-util.ts';

const found = await testCompiler();
const compiler = found as Compiler;
const compiled = it.skipIf(typeof found === 'string');
const pads = [1, 1, 1, 1];

describe('convolutions by Winograd’s algorithm', () => {
  compiled('keep to what they declare, by tiles of both sizes', () => {
    const sizes = convShapes.slice(0, 2).map((s) => {
      const made = runConv(compiler, s, operandsOf(s, 'normal'));
      expect(score(made.y, made.bounds).level).toBe('loose');
      return made.m;
    });
    expect(sizes).toEqual([4, 2]);
  });

  compiled('calculate tiles with what is not finite directly, and no others', () => {
    const s = convShapes[0]!;
    const [X, W] = operandsOf(s, 'normal');
    const clean = runConv(compiler, s, [X, W]).y.data as Float32Array;
    for (const odd of [Infinity, NaN, 3e38]) {
      const data = Float32Array.from(X.data as Float32Array);
      // Channel 3, row 9, column 10: in patches of the tiles 1 and 2 down and along.
      data[(3 * 23 + 9) * 23 + 10] = odd;
      const { y, m, bounds } = runConv(compiler, s, [new Tensor('float32', X.dims, data), W]);
      expect(m).toBe(4);
      expect(score(y, bounds)).toMatchObject({ level: 'loose', classMismatches: 0 });
      (y.data as Float32Array).forEach((v, i) => {
        const [row, column] = [Math.floor(i / 23) % 23, i % 23];
        const near = [row, column].every((p) => p >= 4 && p < 12);
        if (!near) expect(v).toBe(clean[i]);
        const reached = row >= 8 && row <= 10 && column >= 9 && column <= 11;
        if (!Number.isFinite(odd)) expect([i, Number.isFinite(v)]).toEqual([i, !reached]);
      });
    }
  });

  compiled('with bias, activation and a summand, channels first and last, and two in a row', () => {
    for (const last of [false, true]) {
      const x = input('x', last ? [1, 22, 19, 24] : [1, 24, 22, 19]);
      const [w1, b1, w2] = [known(input('w1', [40, 24, 3, 3])), input('b1', [40]), known(input('w2', [24, 40, 3, 3]))];
      const first = conv(last ? channelsFirst(x) : x, w1, b1, convAttributes({ pads }), (e) => max(e, 0), last);
      const second = conv(last ? channelsFirst(first) : first, w2, undefined, convAttributes({ pads }), (e) => e, last);
      const y = mapBroadcast([second, x], (a, b) => max(add(a!, b!), 0));
      const ins = [x, w1, b1, w2];
      const data = ins.map((t, i) => (t.value ? (t.value.data as NumericData) : randomData(t, i + 1)));
      const program = compiler.compile(ins, [y], {}, 'winograd');
      expect(program.source.match(/wg4_patch\(patch/g)).toHaveLength(2);
      const [got] = program.run(data);
      runJs(ins, [y], data)[0]!.forEach((want, i) => expect(Math.abs(Number(got![i]) - Number(want))).toBeLessThan(2e-3));
    }
  });
});

describe('Winograd’s algorithm is chosen', () => {
  const chosen = (
    x: readonly number[],
    w: readonly number[],
    a: Partial<ConvAttrs>,
    { constant = true, precision = 'winograd' }: { constant?: boolean; precision?: 'winograd' | 'fp32' } = {},
  ): number | undefined => {
    const tensors = [input('x', x), constant ? known(input('w', w)) : input('w', w)] as const;
    const y = conv(...tensors, undefined, convAttributes(a));
    const around = { target: thisTarget, storage: storageType, precision };
    return sizeIn(renderC(lower(tensors, [y], (body) => scheduleContractions(body, around), channelsLast)).source);
  };
  const [x, w] = [
    [1, 64, 56, 56],
    [64, 64, 3, 3],
  ];

  it('where it pays', () => {
    expect(chosen(x, w, { pads })).toBe(4);
    expect(chosen(x, w, { pads }, { precision: 'fp32' })).toBeUndefined();
    expect(chosen([1, 3, 56, 56], [64, 3, 3, 3], { pads })).toBeUndefined();
    expect(chosen([1, 512, 7, 7], [512, 512, 3, 3], { pads })).toBeUndefined();
  });

  it('where it holds: not for weights that come anew, strides, gaps, groups, other windows, windows along one axis or three', () => {
    expect(chosen(x, w, { pads }, { constant: false })).toBeUndefined();
    expect(chosen(x, w, { pads, strides: [2, 2] })).toBeUndefined();
    expect(chosen(x, w, { pads, dilations: [2, 2] })).toBeUndefined();
    expect(chosen(x, [64, 32, 3, 3], { pads, group: 2 })).toBeUndefined();
    expect(chosen(x, [64, 64, 5, 3], { pads })).toBeUndefined();
    expect(chosen([1, 64, 560], [64, 64, 3], { pads: [1, 1] })).toBeUndefined();
    expect(chosen([1, 16, 20, 20, 20], [64, 16, 3, 3, 3], {})).toBeUndefined();
    // One plane of a volume after another is a convolution of images.
    expect(chosen([1, 64, 5, 20, 20], [64, 64, 1, 3, 3], {})).toBe(4);
  });
});
