/** One encoder layer of BERT-base (hidden 768, 12 heads, inner 3072) on 128 tokens, with seeded random weights. */
import type { Attribute, Graph, Model, Node } from '../../src/core/graph.ts';
import { tensorType } from '../../src/core/graph.ts';
import { Tensor } from '../../src/core/tensor.ts';

const [TOKENS, HIDDEN, HEADS, INNER] = [128, 768, 12, 3072];

export const bertBlock = (): Model => {
  const initializers = new Map<string, Tensor>();
  const nodes: Node[] = [];
  let seed = 1;
  const random = (): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32 - 0.5;
  };
  const constant = (name: string, tensor: Tensor): string => (initializers.set(name, tensor), name);
  const weights = (name: string, dims: readonly number[], scale: number, around = 0): string =>
    constant(
      name,
      Tensor.from(
        'float32',
        dims,
        Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => around + random() * scale),
      ),
    );
  const add = (op: string, inputs: readonly string[], attrs: Readonly<Record<string, Attribute>> = {}): string => {
    const name = `${op}_${nodes.length}`;
    nodes.push({ name, op, domain: '', version: 21, inputs, outputs: [`${name}_y`], attrs });
    return `${name}_y`;
  };
  // Uniform from −½ to ½ has variance 1/12: sums over n terms come out of order one.
  const dense = (x: string, name: string, from: number, to: number): string =>
    add('Add', [add('MatMul', [x, weights(`${name}_w`, [from, to], Math.sqrt(12 / from))]), weights(`${name}_b`, [to], 0.1)]);
  const reshape = (x: string, dims: readonly number[]): string =>
    add('Reshape', [x, constant(`shape_${nodes.length}`, Tensor.from('int64', [dims.length], dims.map(BigInt)))]);
  const turn = (x: string, perm: readonly number[]): string => add('Transpose', [x], { perm: { type: 'ints', value: perm } });
  const normalize = (x: string, name: string): string =>
    add('LayerNormalization', [x, weights(`${name}_scale`, [HIDDEN], 0.1, 1), weights(`${name}_bias`, [HIDDEN], 0.1)]);

  const heads = (name: string, perm: readonly number[]): string =>
    turn(reshape(dense('x', name, HIDDEN, HIDDEN), [1, TOKENS, HEADS, HIDDEN / HEADS]), perm);
  const [q, k, v] = [heads('q', [0, 2, 1, 3]), heads('k', [0, 2, 3, 1]), heads('v', [0, 2, 1, 3])];
  const scores = add('Div', [add('MatMul', [q, k]), constant('scale', Tensor.from('float32', [], [Math.sqrt(HIDDEN / HEADS)]))]);
  const mixed = add('MatMul', [add('Softmax', [scores], { axis: { type: 'int', value: -1 } }), v]);
  const joined = reshape(turn(mixed, [0, 2, 1, 3]), [1, TOKENS, HIDDEN]);
  const attended = normalize(add('Add', ['x', dense(joined, 'o', HIDDEN, HIDDEN)]), 'n1');
  const inner = add('Gelu', [dense(attended, 'up', HIDDEN, INNER)]);
  const y = normalize(add('Add', [attended, dense(inner, 'down', INNER, HIDDEN)]), 'n2');
  const graph: Graph = {
    name: 'bert_block',
    inputs: [{ name: 'x', type: tensorType('float32', [1, TOKENS, HIDDEN]) }],
    outputs: [{ name: y, type: tensorType('float32', [1, TOKENS, HIDDEN]) }],
    initializers,
    nodes,
    types: new Map(),
  };
  return { name: 'bert_block', graph, metadata: {} };
};
