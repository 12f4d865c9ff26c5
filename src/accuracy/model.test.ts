import { describe, expect, it } from 'vitest';
import { Tensor, type Value } from '../core/tensor.ts';
import type { DType } from '../core/dtype.ts';
import type { Numerics } from '../core/numerics.ts';
import { opSet } from '../ops/index.ts';
import { callGraph, type PlainAttributes } from '../runtime/call.ts';
import { errorModel, type Bounds } from './model.ts';
import { score } from './score.ts';

const t = (dims: readonly number[], values: readonly number[], dtype: DType = 'float32'): Tensor => Tensor.from(dtype, dims, values);
const own: Numerics = { inputs: 'same', accumulate: 'same', notes: [] };
const bounds = (op: string, inputs: readonly (Value | undefined)[], numerics = own, attrs: PlainAttributes = {}, outputs = 1): Bounds[] => {
  const [node] = callGraph(op, inputs, attrs, outputs, opSet).nodes;
  return errorModel(opSet.find(node!.domain, node!.op)!, node!, inputs, { numerics }) as Bounds[];
};
const u32 = 2 ** -24;
const close = (actual: number, expected: number): void => expect(actual / expected).toBeCloseTo(1, 6);

describe('contractions', () => {
  // y = 1·3 + (−2)·4 = −5; S = 3 + 8 = 11; K = 2.
  const a = t([1, 2], [1, -2]);
  const b = t([2, 1], [3, 4]);

  it('allow c·[u_out·|y*| + γ·u_acc·S] + d', () => {
    const [m] = bounds('MatMul', [a, b]);
    expect(m!.exact![0]).toBe(-5);
    close(m!.allowed!.standard![0]!, 5 * u32 + 2 * u32 * 11);
    close(m!.allowed!.tight![0]!, 5 * u32 + Math.SQRT2 * u32 * 11);
    close(m!.allowed!.loose![0]!, 2 * (5 * u32 + 2 * u32 * 11));
  });

  it('count what a kernel declares: bfloat16 inputs, float32 sums', () => {
    const [m] = bounds('MatMul', [a, b], { inputs: 'bfloat16', accumulate: 'float32', notes: [] });
    close(m!.allowed!.standard![0]!, 5 * u32 + (2 * 2 ** -8 + 2 * u32) * 11);
    // It may be as exact as it says and still not be what `standard` asks of float32.
    expect(m!.cap).toBe('loose');
    expect(score(t([1, 1], [-5]), m!).level).toBe('loose');
    expect(score(t([1, 1], [-5.2]), m!).level).toBe('fail');
  });

  it('grow with √K beyond 36 terms', () => {
    const [m] = bounds('MatMul', [t([1, 100], Array(100).fill(1)), t([100, 1], Array(100).fill(1))]);
    close(m!.allowed!.standard![0]!, 100 * u32 + 60 * u32 * 100);
    close(m!.allowed!.loose![0]!, 2 * (100 * u32 + 100 * u32 * 100));
  });

  it('find sums in less than is declared', () => {
    const n = 4096;
    const [m] = bounds('MatMul', [t([1, n], Array(n).fill(0.1)), t([n, 1], Array(n).fill(0.1))], {
      inputs: 'same',
      accumulate: 'float32',
      notes: [],
    });
    expect(score(t([1, 1], [Math.fround(0.1) ** 2 * n * (1 + 2 ** -10)]), m!).level).toBe('fail');
    expect(score(t([1, 1], [Math.fround(0.1) ** 2 * n * (1 + 2 ** -17)]), m!).level).toBe('standard');
  });

  it('through padding, bias and scales: Conv and Gemm', () => {
    // Middle: 1·1 + 2·1 + 3·1 = 6, K = 3 (with padding: 3 products each).
    const [c] = bounds('Conv', [t([1, 1, 3], [1, 2, 3]), t([1, 1, 3], [1, 1, 1])], own, { pads: [1, 1] });
    expect([...c!.exact!]).toEqual([3, 6, 5]);
    close(c!.allowed!.standard![1]!, 6 * u32 + 3 * u32 * 6);
    // 2·(−5) + 4: errors of the product doubled, one rounding each of scale and bias.
    const [g] = bounds('Gemm', [a, b, t([1], [4])], own, { alpha: 2 });
    close(g!.allowed!.standard![0]!, 6 * u32 + (2 * 2 * 11 + 10 + 6) * u32);
  });
});

describe('other ops', () => {
  it('reductions: Σ|x|', () => {
    const [m] = bounds('ReduceSum', [t([3], [1, -1, 0.5])], own, { keepdims: 0 });
    close(m!.allowed!.standard![0]!, 0.5 * u32 + 3 * u32 * 2.5);
  });

  it('functions: units in the last place of the result', () => {
    const [m] = bounds('Exp', [t([2], [0, 1])]);
    close(m!.allowed!.standard![0]!, 4 * 2 ** -23);
    close(m!.allowed!.standard![1]!, 4 * 2 ** -22);
    close(m!.allowed!.tight![0]!, 2 * 2 ** -23);
    close(m!.allowed!.loose![0]!, 32 * 2 ** -23);
    expect(score(t([2], [1 + 5 * 2 ** -23, Math.E]), m!).level).toBe('loose');
  });

  it('what moves data is exact', () => {
    for (const [op, inputs] of [
      ['Transpose', [t([2], [1, 2])]],
      ['Concat', [t([1], [1]), t([1], [2])]],
      ['Relu', [t([2], [-1, 2])]],
    ] as const) {
      const [m] = bounds(op, inputs, own, op === 'Concat' ? { axis: 0 } : {});
      expect(m!.allowed, op).toBeUndefined();
    }
    const [m] = bounds('MaxPool', [t([1, 1, 2], [1, 3])], own, { kernel_shape: [2] });
    expect(m!.allowed).toBeUndefined();
    expect(score(t([1, 1, 1], [3]), m!).level).toBe('bitwise');
    expect(score(t([1, 1, 1], [3 + 2 ** -21]), m!)).toMatchObject({ level: 'fail', maxEta: Infinity });
  });

  it('softmax: small where it should be, whatever the offset', () => {
    const [m] = bounds('Softmax', [t([1, 3], [1000, 1001, 1002])]);
    const total = 1 + Math.exp(-1) + Math.exp(-2);
    expect(m!.exact![2]).toBeCloseTo(1 / total, 12);
    expect(m!.allowed!.standard![2]!).toBeLessThan(100 * u32);
    expect(m!.allowed!.standard![0]!).toBeGreaterThan(u32 * m!.exact![0]!);
  });

  it('near zero: what may vanish on the way may be missing in the end', () => {
    // 1e-23² is below the smallest float32: a kernel may find 0, or anything up to √(smallest).
    const [m] = bounds('ReduceL2', [t([1], [1e-23])], own, { keepdims: 0 });
    expect(score(t([], [0]), m!).level).not.toBe('fail');
    expect(score(t([], [1e-21]), m!).level).toBe('fail');
    const [large] = bounds('ReduceL2', [t([1], [1])], own, { keepdims: 0 });
    expect(score(t([], [1 + 2 ** -20]), large!).level).toBe('fail');
  });

  it('normalization by given statistics: as a sum of three terms, because kernels fold two of them', () => {
    // (1024.5 − 1024)·4 + 2: x·f = 4098, m·f = 4096.
    const of = (...values: number[]): Tensor => t([1], values);
    const [m] = bounds('BatchNormalization', [t([1, 1, 1], [1024.5]), of(4), of(2), of(1024), of(1)], own, { epsilon: 0 });
    expect(m!.exact![0]).toBe(4);
    const folded = 3 * u32 * (4098 + 4096 + 2);
    expect(m!.allowed!.standard![0]! / folded).toBeGreaterThan(1);
    expect(m!.allowed!.standard![0]! / folded).toBeLessThan(1.01);
    expect(score(t([1, 1, 1], [4 + 0.9 * folded]), m!).level).toBe('standard');
    expect(score(t([1, 1, 1], [4 + 3 * folded]), m!).level).toBe('fail');
  });

  it('powers, also where their slope is no float64', () => {
    // Statistics of values as large as these, or as small, are off by as much of themselves as those of values near 1.
    const x = [1, -2, 3, 7, -5];
    const relative = (size: number): number => {
      const [m] = bounds(
        'LayerNormalization',
        [
          t(
            [5],
            x.map((v) => v * size),
            'float64',
          ),
          t([5], [1, 1, 1, 1, 1], 'float64'),
        ],
        own,
        { epsilon: 0 },
      );
      return m!.allowed!.standard![1]!;
    };
    expect(relative(2 ** 450) / relative(1)).toBeCloseTo(1, 6);
    expect(relative(2 ** -300) / relative(1)).toBeCloseTo(1, 6);
  });

  it('a logarithm of what may be negative within its error may be anything, of what surely is may not', () => {
    const level = (values: number[], result: number): string =>
      score(t([1], [result], 'float64'), bounds('ReduceLogSum', [t([3], values, 'float64')], own, { keepdims: 1 })[0]!).level;
    expect(level([2 ** 500, -(2 ** 500), -1], -Infinity)).not.toBe('fail');
    expect(level([2 ** 500, -(2 ** 500), -1], 2)).not.toBe('fail');
    expect(level([1, -3, 1], -Infinity)).toBe('fail');
    expect(level([Infinity, 1, -Infinity], 2)).toBe('fail');
    expect(level([NaN, 1, 2], 2)).toBe('fail');
  });

  it('integers, and steps only where the exact value is a tie', () => {
    const [q] = bounds('QuantizeLinear', [t([3], [0.3, 0.5, 2]), t([], [1]), t([], [0], 'uint8')]);
    expect([...q!.allowed!.standard!]).toEqual([0, 1, 0]);
    expect(score(t([3], [0, 1, 2], 'uint8'), q!).level).toBe('tight');
    expect(score(t([3], [1, 0, 2], 'uint8'), q!).level).toBe('fail');
    const [i] = bounds('MatMul', [t([1, 2], [1, 2], 'int32'), t([2, 1], [3, 4], 'int32')]);
    expect(i!.allowed).toBeUndefined();
  });

  it('the gates of a recurrence may be exact to a share of 1, at loose, as the functions themselves may', () => {
    // Every gate is sigmoid(−17) = 4.1e-8 (onnxruntime's is 0 below −15.8), the candidate tanh(−17) = −1: c = −4.1e-8, h = 0 − 1.7e-15.
    const small = bounds(
      'LSTM',
      [t([1, 1, 1], [1]), t([1, 4, 1], [-17, -17, -17, -17]), t([1, 4, 1], [0, 0, 0, 0])],
      own,
      { hidden_size: 1 },
      3,
    )[2]!;
    expect(small.exact![0]).toBeCloseTo(-4.14e-8, 10);
    expect(score(t([1, 1, 1], [0]), small)).toMatchObject({ level: 'loose', maxEta: expect.toSatisfy((e: number) => e > 100) });
    expect(score(t([1, 1, 1], [-1e-6]), small).level).toBe('fail');
    const [sigmoid] = bounds('Sigmoid', [t([1], [-17])]);
    expect(score(t([1], [0]), sigmoid!).level).toBe('loose');
    expect(score(t([1], [1e-6]), sigmoid!).level).toBe('fail');
  });

  it('recurrent ops and scatters have bounds too', () => {
    const f = (dims: number[]): Tensor =>
      t(
        dims,
        Array.from({ length: dims.reduce((n, d) => n * d, 1) }, (_, i) => Math.sin(i)),
      );
    const [y] = bounds('LSTM', [f([3, 1, 2]), f([1, 16, 2]), f([1, 16, 4])], own, { hidden_size: 4 });
    expect(y!.allowed!.standard!.every((x) => x > 0 && x < 1e-4)).toBe(true);
    const [s] = bounds('ScatterElements', [t([2], [1, 1]), Tensor.from('int64', [2], [0, 0]), t([2], [1, 2])], own, { reduction: 'add' });
    expect([...s!.exact!]).toEqual([4, 1]);
    close(s!.allowed!.standard![0]!, 4 * u32 + 2 * u32 * 4);
  });
});

describe('scoring', () => {
  it('positions by the values they stand for', () => {
    const [m] = bounds('ArgMax', [t([4], [1, 7, 7, 2])], own, { keepdims: 0 });
    expect(score(Tensor.from('int64', [], [1]), m!).level).toBe('bitwise');
    expect(score(Tensor.from('int64', [], [2]), m!).level).toBe('tight');
    expect(score(Tensor.from('int64', [], [3]), m!).level).toBe('fail');
    const k = bounds('TopK', [t([3], [5, 5, 1]), Tensor.from('int64', [1], [2])], own, {}, 2);
    expect(score(Tensor.from('int64', [2], [1, 0]), k[1]!).level).toBe('tight');
    expect(score(Tensor.from('int64', [2], [1, 1]), k[1]!).level).toBe('fail');
  });

  it('wants NaN and infinities in the same places, unless sums on the way overflow', () => {
    const [m] = bounds('Add', [t([4], [NaN, Infinity, 1, 3e38]), t([4], [1, 1, 1, 3e38])]);
    expect(score(t([4], [NaN, Infinity, 2, Infinity]), m!)).toMatchObject({ level: 'bitwise', classMismatches: 0 });
    expect(score(t([4], [1, Infinity, 2, Infinity]), m!)).toMatchObject({ level: 'fail', classMismatches: 1 });
    expect(score(t([4], [NaN, 3e38, NaN, Infinity]), m!)).toMatchObject({ level: 'fail', classMismatches: 2 });
    const big = [3e38, 3e38, -3e38];
    const [s] = bounds('ReduceSum', [t([3], big)], own, { keepdims: 0 });
    expect(score(t([], [Infinity]), s!)).toMatchObject({ classMismatches: 0, overflowed: 1 });
  });

  it('orders what is worst', () => {
    const [m] = bounds('Add', [t([3], [1, 1, 1]), t([3], [1, 1, 1])]);
    const s = score(t([3], [2, 2.5, 3]), m!);
    expect(s).toMatchObject({ level: 'fail', elements: 3 });
    expect(s.worst.map((w) => w.at)).toEqual([2, 1]);
    expect(score(t([2], [2, 2]), m!).problem).toBe('has shape [2], expected [3]');
    expect(score(t([3], [2, 2, 2], 'float64'), m!).problem).toBe('is float64, expected float32');
  });
});

describe('infinities and what overflows on the way', () => {
  it('an infinite input read in less than it holds is what it is: masks in Softmax', () => {
    const masked = t([1, 4], [1, -Infinity, 2, -Infinity]);
    const narrow: Numerics = { inputs: 'bfloat16', accumulate: 'float32', notes: [] };
    const [m] = bounds('Softmax', [masked], narrow);
    const [same] = bounds('Softmax', [t([1, 2], [1, 2])], narrow);
    expect(m!.allowed!.standard![0]! / same!.allowed!.standard![0]!).toBeCloseTo(1, 3);
    expect(m!.allowed!.standard![1]!).toBeLessThan(1e-37);
    const right = (masks: number): Tensor => t([1, 4], [0.26894143, masks, 0.7310586, masks]);
    expect(score(right(0), m!).level).not.toBe('fail');
    expect(score(right(1e-3), m!).level).toBe('fail');
    expect(score(right(NaN), m!).level).toBe('fail');
  });

  it('a part of a product may overflow, though another factor is 0', () => {
    const factors = (n: number): Tensor => t([n + 1], [...Array<number>(n).fill(1e4), 0]);
    const [many] = bounds('ReduceProd', [factors(20)], own, { keepdims: 0 });
    expect(score(t([], [NaN]), many!).level).not.toBe('fail');
    const [few] = bounds('ReduceProd', [factors(4)], own, { keepdims: 0 });
    expect(score(t([], [NaN]), few!).level).toBe('fail');
  });
});
