/** Gradient nodes, written out by the reader and run by the records: by hand for scalars, else against central differences. */
import { describe, expect, it } from 'vitest';
import { Tensor, type Value } from '../../src/core/tensor.ts';
import {
  failure,
  int,
  ints,
  model,
  node,
  string,
  strings,
  value,
  type AttributeInit,
  type NodeInit,
} from '../../src/formats/onnx/testing.ts';
import { evaluateGraph } from './naive.ts';

const training = 'ai.onnx.preview.training';
const float64 = 11;

interface Case {
  readonly nodes: readonly NodeInit[];
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: readonly string[];
}
const run = async ({ nodes, inputs, outputs }: Case): Promise<Value[]> => {
  const { graph } = model({
    graph: {
      node: [...nodes],
      input: Object.entries(inputs).map(([name, t]) => value(name, t.dims, float64)),
      output: outputs.map((name) => value(name, undefined, float64)),
    },
    opset: 12,
    opsets: { [training]: 1 },
  });
  return evaluateGraph(graph, Object.values(inputs));
};
const numbers = (v: Value): number[] => [...(v as Tensor).toNumbers()];

const gradient = (
  inputs: readonly string[],
  outputs: readonly string[],
  attrs: { xs: readonly string[]; zs?: readonly string[]; y: string },
): NodeInit => {
  const list: AttributeInit[] = [strings('xs', attrs.xs), string('y', attrs.y), ...(attrs.zs ? [strings('zs', attrs.zs)] : [])];
  return node('Gradient', inputs, outputs, list, { domain: training });
};
const scalars = { a: Tensor.scalar('float64', 3), b: Tensor.scalar('float64', 5) };

describe('Gradient of scalars', () => {
  const product = [node('Add', ['a', 'b'], ['c']), node('Mul', ['c', 'a'], ['d'])];
  const of = async (nodes: readonly NodeInit[], outputs: readonly string[]): Promise<number[]> =>
    (await run({ nodes, inputs: scalars, outputs })).flatMap(numbers);

  it('follows every path', async () =>
    expect(await of([...product, gradient(['a', 'b'], ['da', 'db'], { xs: ['a', 'b'], y: 'd' })], ['d', 'da', 'db'])).toEqual([24, 11, 3]));
  it('takes values between as variables', async () =>
    expect(await of([...product, gradient(['c', 'a'], ['dc'], { xs: ['c'], zs: ['a'], y: 'd' })], ['dc'])).toEqual([3]));
  it('is taken where its inputs say', async () =>
    expect(await of([...product, gradient(['b', 'a'], ['da', 'db'], { xs: ['a', 'b'], y: 'd' })], ['da', 'db'])).toEqual([13, 5]));
  it('is zero for what has no part', async () =>
    expect(await of([node('Mul', ['a', 'a'], ['y']), gradient(['a', 'b'], ['', 'db'], { xs: ['a', 'b'], y: 'y' })], ['db'])).toEqual([0]));
  it('is one for the value itself', async () => expect(await of([gradient(['a'], ['da'], { xs: ['a'], y: 'a' })], ['da'])).toEqual([1]));
  it('can be differentiated again', async () => {
    const first = gradient(['a', 'b'], ['da'], { xs: ['a', 'b'], y: 'd' });
    expect(await of([...product, first, gradient(['a', 'b'], ['daa', 'dab'], { xs: ['a', 'b'], y: 'da' })], ['da', 'daa', 'dab'])).toEqual([
      11, 2, 1,
    ]);
  });

  it('refuses what it does not know', () => {
    const refused = (...nodes: NodeInit[]): string =>
      failure(() =>
        model({
          graph: { node: nodes, input: [value('a', []), value('b', [])], output: [value('g')] },
          opset: 12,
          opsets: { [training]: 1 },
        }),
      );
    expect(refused(node('Floor', ['a'], ['y']), gradient(['a'], ['g'], { xs: ['a'], y: 'y' }))).toBe(
      'FLAGOS_E_MODEL_UNSUPPORTED no gradient is known for Floor',
    );
    expect(refused(gradient(['a'], ['g'], { xs: ['a'], y: 'q' }))).toBe("FLAGOS_E_MODEL_INVALID no node before Gradient makes 'q'");
    expect(refused(node('Neg', ['a'], ['y']), gradient(['a', 'b'], ['g'], { xs: ['a'], y: 'y' }))).toBe(
      'FLAGOS_E_MODEL_INVALID Gradient has 2 inputs for the 1 values that xs and zs name',
    );
  });
});

const filled = (dims: readonly number[], seed: number): Tensor =>
  Tensor.from(
    'float64',
    dims,
    Array.from({ length: dims.reduce((n, d) => n * d, 1) }, (_, i) => 0.6 + ((i * 7 + seed) % 11) / 12),
  );
const x = filled([2, 3], 1);
const w = filled([3], 5);
const m = filled([3, 4], 2);
const cube = filled([2, 2, 3], 3);

/** The sum of y as a function of one element of one input. */
const sumWith = async (nodes: readonly NodeInit[], inputs: Case['inputs'], name: string, at: number, step: number): Promise<number> => {
  const moved = inputs[name]!.clone();
  (moved.data as Float64Array)[at]! += step;
  const [y] = await run({ nodes, inputs: { ...inputs, [name]: moved }, outputs: ['y'] });
  return numbers(y!).reduce((a, b) => a + b, 0);
};

const unary = (op: string): [string, readonly NodeInit[], Case['inputs']] => [
  op,
  [node(op, ['x'], ['t']), node('Mul', ['t', 't'], ['y'])],
  { x },
];
const binary = (op: string): [string, readonly NodeInit[], Case['inputs']] => [op, [node(op, ['x', 'w'], ['y'])], { x, w }];
const reduction = (op: string, attrs: AttributeInit[]): [string, readonly NodeInit[], Case['inputs']] => [
  `${op} ${attrs.map((a) => a.name)}`,
  [node(op, ['x'], ['t'], attrs), node('Exp', ['t'], ['y'])],
  { x: cube },
];

describe('Gradient of tensors', () => {
  it.each([
    ...['Add', 'Sub', 'Mul', 'Div', 'Pow'].map(binary),
    ...['Identity', 'Neg', 'Reciprocal', 'Exp', 'Log', 'Sqrt', 'Sin', 'Cos', 'Tanh', 'Sigmoid', 'Relu', 'Abs', 'Softplus'].map(unary),
    ['Sum', [node('Sum', ['x', 'w', 'x'], ['t']), node('Mul', ['t', 't'], ['y'])], { x, w }],
    ['MatMul', [node('MatMul', ['x', 'm'], ['t']), node('Tanh', ['t'], ['y'])], { x, m }],
    ['MatMul of stacks', [node('MatMul', ['x', 'm'], ['t']), node('Tanh', ['t'], ['y'])], { x: cube, m }],
    [
      'Transpose',
      [node('Transpose', ['x'], ['t'], [ints('perm', [2, 0, 1])]), node('Exp', ['t'], ['u']), node('Transpose', ['u'], ['y'])],
      { x: cube },
    ],
    [
      'Flatten, Unsqueeze, Squeeze',
      [
        node('Flatten', ['x'], ['t']),
        node('Unsqueeze', ['t'], ['u'], [ints('axes', [0])]),
        node('Squeeze', ['u'], ['v'], [ints('axes', [0])]),
        node('Exp', ['v'], ['y']),
      ],
      { x: cube },
    ],
    ...['ReduceSum', 'ReduceMean'].flatMap((op) => [
      reduction(op, []),
      reduction(op, [int('keepdims', 0)]),
      reduction(op, [ints('axes', [1])]),
      reduction(op, [ints('axes', [0, 2]), int('keepdims', 0)]),
    ]),
  ] satisfies [string, readonly NodeInit[], Case['inputs']][])('%s', async (_, nodes, inputs) => {
    const names = Object.keys(inputs);
    const outputs = names.map((n) => `d${n}`);
    const made = await run({ nodes: [...nodes, gradient(names, outputs, { xs: names, y: 'y' })], inputs, outputs });
    const step = 1e-5;
    for (const [i, name] of names.entries()) {
      const found = numbers(made[i]!);
      expect((made[i] as Tensor).dims).toEqual((inputs as Record<string, Tensor>)[name]!.dims);
      for (const [at, slope] of found.entries()) {
        const difference = (await sumWith(nodes, inputs, name, at, step)) - (await sumWith(nodes, inputs, name, at, -step));
        const scale = Math.max(1, Math.abs(slope));
        expect(slope / scale).toBeCloseTo(difference / (2 * step) / scale, 5);
      }
    }
  });
});
