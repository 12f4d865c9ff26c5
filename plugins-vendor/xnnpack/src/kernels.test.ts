/** Kernels one by one against the float64 reference: special values, broadcasting, windows; and the known bugs. */
import { Facts, type Node, Tensor } from 'flagos/plugin';
import { beforeAll, describe, expect, it } from 'vitest';
import { callOf, f32, nodeOf, noise, ulps, type Plain } from '../../../test/plugins/calls.ts';
import { runRegion } from '../../../test/plugins/vendor-suite.ts';
import type { XnnpackSession } from './index.ts';
import { knownBugs, rows } from './ops.ts';
import { openSession } from './testing.ts';

let session: XnnpackSession;
beforeAll(async () => {
  session = await openSession();
});

const magnitudes = [
  0,
  1e-40,
  1e-20,
  1e-7,
  1e-3,
  0.5,
  1,
  1.5,
  2.5,
  3.3,
  7.7,
  10,
  20,
  50,
  88,
  89,
  104,
  1000,
  8388609,
  1e10,
  1e30,
  3.4e38,
  Infinity,
];
const special = [...magnitudes.flatMap((m) => [m, -m]), NaN];
const worst = (actual: Tensor, expected: Tensor): number => {
  expect(actual.dims).toEqual(expected.dims);
  expect(actual.dtype).toBe(expected.dtype);
  const [a, e] = [actual.toNumbers(), expected.toNumbers()];
  return e.reduce((most, v, i) => Math.max(most, ulps(Number(a[i]), Number(v))), 0);
};

/** Runs a node; what it gives and what the reference gives. */
const compared = async (node: Node, inputs: readonly Tensor[], fixed = (i: number): boolean => i > 0): Promise<[Tensor, Tensor]> => {
  const { region, expected, values } = callOf(node, inputs, fixed);
  const found = await runRegion(session, region, values);
  if ('reason' in found) throw new Error(`${node.op} is refused: ${found.detail}`);
  return [found.outputs[0] as Tensor, expected];
};
const within = async (most: number, op: string, inputs: readonly Tensor[], attrs: Readonly<Record<string, Plain>> = {}): Promise<void> =>
  expect(worst(...(await compared(nodeOf(op, inputs.length, attrs), inputs, () => false)))).toBeLessThanOrEqual(most);

describe('elementwise, on all kinds of numbers', () => {
  const x = f32(
    ...special,
    ...noise([500], 3).toNumbers(),
    ...noise([500], 7)
      .toNumbers()
      .map((v) => Number(v) * 15),
  );
  const exact = ['Abs', 'Ceil', 'Floor', 'Neg', 'Reciprocal', 'Relu', 'Round', 'Sqrt', 'IsNaN', 'LeakyRelu'];
  it.each(exact)('%s is exact', (op) => within(0, op, [x]));
  const close = [
    'Acos',
    'Acosh',
    'Asin',
    'Asinh',
    'Atan',
    'Atanh',
    'Cosh',
    'Elu',
    'Erf',
    'Exp',
    'Log',
    'Sigmoid',
    'Sinh',
    'Softplus',
    'Tan',
    'Tanh',
  ];
  it.each(close)('%s within 4 ulp', (op) => within(4, op, [x]));
  it('Clip is exact, NaN stays', async () => {
    const [low, high] = [-1.5, 6].map((v) => Tensor.from('float32', [], [v]));
    expect(worst(...(await compared(nodeOf('Clip', 3), [x, low!, high!])))).toBe(0);
  });

  const [a, b] = [f32(...special.flatMap((v) => special.map(() => v))), f32(...special.flatMap(() => special))];
  it.each(['Add', 'Sub', 'Mul', 'Div', 'Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'])('%s is exact', (op) =>
    within(0, op, [a, b]),
  );
  it('Pow within 1 ulp', () => within(1, 'Pow', [a, b]));
  const ints = [0, 1, -1, 7, 46341, -46341, 16777217, -16777217, 2147483647, -2147483648];
  const i32 = (values: number[]): Tensor => Tensor.from('int32', [values.length], values);
  const pairs = [i32(ints.flatMap((v) => ints.map(() => v))), i32(ints.flatMap(() => ints))];
  it.each(['Add', 'Sub', 'Mul', 'Equal', 'Greater', 'Less'])('%s on int32 is exact and wraps around', (op) => within(0, op, pairs));
  const shapes = [
    [[2, 3, 4], [4]],
    [[4], [2, 3, 4]],
    [
      [2, 1, 4],
      [3, 1],
    ],
    [[], [2, 2]],
    [
      [2, 3, 1, 5, 1],
      [1, 4, 1, 2],
    ],
    [
      [1, 2, 1, 2, 1, 2],
      [2, 1, 2, 1, 2, 1],
    ],
  ] as const;
  it.each(shapes)('%j with %j', async (left, right) => {
    for (const op of ['Add', 'Sub', 'Mul', 'Div', 'Equal', 'Greater', 'Pow']) await within(1, op, [noise(left, 5), noise(right, 6)]);
  });
});

describe('known bugs', () => {
  const witness: Record<string, readonly Tensor[]> = {
    Sin: [f32(1e-7, 1e30)],
    Cos: [f32(1e30, -1.5)],
    Sign: [f32(1e-8, -1e-8)],
    Max: [f32(1, 2), f32(NaN, 0)],
    Min: [f32(1, 2), f32(NaN, 0)],
    MaxPool: [Tensor.from('float32', [1, 1, 2, 2], [NaN, 1, 2, 3])],
  };
  it.each(Object.keys(knownBugs))('%s is refused, and still wrong', (op) => {
    const inputs = witness[op]!;
    const node = nodeOf(op, inputs.length, op === 'MaxPool' ? { kernel_shape: [2, 2] } : {});
    const { region, expected } = callOf(node, inputs, () => false);
    expect(session.supports(region)).toMatchObject({ ok: false, reason: 'KNOWN_BUG' });
    const outputs: (Tensor | undefined)[] = [undefined];
    session.build(region, [[rows.find('', op)!, new Facts(node, region)]]).run([...inputs], outputs);
    expect(worst(outputs[0]!, expected)).toBeGreaterThan(4);
  });
});

/** Relative to the sum of absolute products: what rounding of a long sum may do. */
const nearby = ([actual, expected]: [Tensor, Tensor], scale: number): void => {
  expect(actual.dims).toEqual(expected.dims);
  const [a, e] = [actual.toNumbers(), expected.toNumbers()];
  e.forEach((v, i) => expect(Math.abs(Number(a[i]) - Number(v))).toBeLessThanOrEqual(scale * 2 ** -22));
};

describe('contractions and windows', () => {
  it.each([
    [1, 1, 1],
    [3, 5, 7],
    [17, 33, 65],
    [64, 128, 32],
    [1, 200, 10],
  ])('MatMul %i × %i × %i', async (m, k, n) => {
    nearby(await compared(nodeOf('MatMul', 2), [noise([m, k], 2), noise([k, n], 3)]), 4 * k);
    nearby(await compared(nodeOf('MatMul', 2), [noise([m, k], 2), noise([k, n], 3)], () => false), 4 * k);
    const transposed = nodeOf('Gemm', 3, { transA: 1, transB: 1, alpha: { float: 0.5 }, beta: { float: 2 } });
    nearby(await compared(transposed, [noise([k, m], 2), noise([n, k], 3), noise([n], 4)]), 4 * k);
  });
  it('batches, also of one on one side', async () => {
    nearby(await compared(nodeOf('MatMul', 2), [noise([2, 3, 4, 5], 2), noise([2, 3, 5, 6], 3)]), 20);
    nearby(await compared(nodeOf('MatMul', 2), [noise([2, 3, 4, 5], 2), noise([5, 6], 3)]), 20);
  });
  const convs: readonly [number[], number[], Record<string, Plain>][] = [
    [[1, 3, 9, 11], [8, 3, 3, 3], { pads: [1, 0, 2, 1], strides: [2, 1] }],
    [[2, 4, 8, 8], [5, 4, 1, 1], {}],
    [[1, 2, 12, 12], [3, 2, 3, 2], { dilations: [2, 3] }],
    [[1, 6, 7, 7], [6, 1, 3, 3], { group: 6, pads: [1, 1, 1, 1] }],
    [[1, 4, 10, 9], [8, 1, 5, 3], { group: 4, auto_pad: 'SAME_UPPER', strides: [2, 2] }],
    [[2, 3, 20], [4, 3, 5], { pads: [2, 2], strides: [3] }],
    [[1, 3, 16, 16], [16, 3, 7, 7], { auto_pad: 'SAME_LOWER', strides: [2, 2] }],
  ];
  it.each(convs)('Conv %j by %j %j', async (x, w, attrs) => {
    const inputs = [noise(x, 2), noise(w, 3), noise([w[0]!], 4)];
    for (const fixed of [false, true]) nearby(await compared(nodeOf('Conv', 3, attrs), inputs, (i) => fixed && i > 0), 500);
  });
  it('Conv with channels last', async () => {
    const node = nodeOf('NhwcConv', 2, { pads: [1, 1, 1, 1], strides: [2, 2] }, 'com.microsoft');
    nearby(await compared(node, [noise([2, 9, 8, 5], 2), noise([7, 5, 3, 3], 3)]), 200);
  });
  const pools: readonly Record<string, Plain>[] = [
    { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2] },
    { kernel_shape: [2, 3], strides: [1, 2] },
    { kernel_shape: [3, 2], auto_pad: 'SAME_UPPER', strides: [2, 2] },
  ];
  it.each(pools)('pooling %j', async (attrs) => {
    const x = noise([2, 5, 11, 13], 2);
    nearby(await compared(nodeOf('AveragePool', 1, attrs), [x]), 4);
  });
  it('sums, means, largest, of any axes', async () => {
    for (const op of ['ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceProd'])
      for (const axes of [[0], [1], [2], [0, 2], [1, 2], [0, 1, 2], [-1]])
        for (const keepdims of [0, 1])
          nearby(await compared(nodeOf(op, 2, { keepdims }), [noise([3, 4, 5], 2), Tensor.from('int64', [axes.length], axes)]), 8 ** 3);
  });
  it('normalizing and scaling images', async () => {
    const x = noise([2, 5, 6, 7], 2);
    const variance = f32(0.5, 1, 2, 3, 4);
    nearby(await compared(nodeOf('BatchNormalization', 5), [x, noise([5], 3), noise([5], 4), noise([5], 5), variance]), 16);
    nearby(await compared(nodeOf('LRN', 1, { size: 3 }), [x]), 8);
    const sizes = (h: number, w: number): Tensor[] => [Tensor.from('float32', [0], []), Tensor.from('float32', [4], [1, 1, h, w])];
    for (const mode of ['half_pixel', 'asymmetric', 'align_corners'])
      nearby(await compared(nodeOf('Resize', 3, { mode: 'linear', coordinate_transformation_mode: mode }), [x, ...sizes(2, 3)]), 16);
  });
});
