import { describe, expect, it } from 'vitest';
import type { Attribute, Model, Node } from '../../core/graph.ts';
import { Tensor } from '../../core/tensor.ts';
import { Random } from './random.ts';
import { seedWeights } from './weights.ts';

describe('Random', () => {
  it('gives the same numbers for the same seed, others for another seed or stream', () => {
    const draw = (seed: number, stream?: string): number[] => {
      const r = new Random(seed, stream);
      return Array.from({ length: 4 }, () => r.bits());
    };
    // Fixed, so that stored results stay reproducible over versions.
    expect(draw(0)).toEqual(draw(0));
    expect(draw(0)).not.toEqual(draw(1));
    expect(draw(0)).not.toEqual(draw(2 ** 32));
    expect(draw(0, 'a')).not.toEqual(draw(0, 'b'));
  });

  it('is uniform, normal, and bounded as it says', () => {
    const r = new Random(7);
    const moments = (values: ArrayLike<number>): { mean: number; deviation: number } => {
      const n = values.length;
      const mean = Array.from(values).reduce((a, b) => a + b, 0) / n;
      return { mean, deviation: Math.sqrt(Array.from(values).reduce((a, b) => a + (b - mean) ** 2, 0) / n) };
    };
    const uniform = moments(Array.from({ length: 20_000 }, () => r.uniform()));
    expect(uniform.mean).toBeCloseTo(0.5, 1);
    expect(uniform.deviation).toBeCloseTo(Math.sqrt(1 / 12), 1);
    const normal = moments(Array.from({ length: 20_000 }, () => r.normal()));
    expect(normal.mean).toBeCloseTo(0, 1);
    expect(normal.deviation).toBeCloseTo(1, 1);
    const bell = new Float32Array(20_000);
    r.fillBell(bell, 3, 2);
    expect(moments(bell).mean).toBeCloseTo(3, 1);
    expect(moments(bell).deviation).toBeCloseTo(2, 1);
    r.fillBell(bell, 0, 1, 0.25);
    expect(Math.min(...bell)).toBe(0.25);
    expect(new Set(Array.from({ length: 1000 }, () => r.below(3)))).toEqual(new Set([0, 1, 2]));
  });
});

const int = (value: number): Attribute => ({ type: 'int', value });
const node = (op: string, inputs: string[], output: string, attrs: Node['attrs'] = {}): Node => ({
  name: output,
  op,
  domain: '',
  version: 13,
  inputs,
  outputs: [output],
  attrs,
});

/** Weights made by ConstantOfShape, as ONNX's light models have them. */
const lightModel = (nodes: Node[], shapes: Record<string, number[]>): Model => ({
  name: 'light',
  metadata: {},
  graph: {
    name: 'g',
    inputs: [],
    outputs: [],
    types: new Map(),
    initializers: new Map(Object.entries(shapes).map(([name, dims]) => [`${name}_shape`, Tensor.from('int64', [dims.length], dims)])),
    nodes: [...Object.keys(shapes).map((name) => node('ConstantOfShape', [`${name}_shape`], name)), ...nodes],
  },
});
const deviation = (t: Tensor): number => Math.sqrt(t.toNumbers().reduce((a, b) => a + b * b, 0) / t.size);

describe('seedWeights', () => {
  it('scales weights by who reads them', () => {
    const model = lightModel(
      [
        node('Conv', ['x', 'w', 'b'], 'c'),
        node('BatchNormalization', ['c', 'scale', 'shift', 'mean', 'variance'], 'n'),
        node('Add', ['n', 'x'], 'sum'),
        node('Reshape', ['f', 'to'], 'f2'),
        node('Gemm', ['sum', 'f2'], 'y', { transB: int(1) }),
        node('Shape', ['untouched'], 's'),
      ],
      { w: [64, 32, 3, 3], b: [64], scale: [64], shift: [64], mean: [64], variance: [64], f: [100, 50], untouched: [5] },
    );
    const { model: seeded, seeded: names } = seedWeights(model, 1);
    expect(names).toEqual(['w', 'b', 'scale', 'shift', 'mean', 'variance', 'f']);
    const weight = (name: string): Tensor => seeded.graph.initializers.get(name)!;
    expect(weight('w').dims).toEqual([64, 32, 3, 3]);
    expect(deviation(weight('w'))).toBeCloseTo(Math.sqrt(2 / 288), 2);
    expect(deviation(weight('f'))).toBeCloseTo(Math.sqrt(2 / 50), 2);
    expect(Math.min(...weight('variance').toNumbers())).toBeGreaterThan(0);
    // Its result is added to something, so it starts small.
    expect(deviation(weight('scale'))).toBeCloseTo(0.3, 1);
    expect(seeded.graph.nodes.filter((n) => n.op === 'ConstantOfShape').map((n) => n.outputs[0])).toEqual(['untouched']);
    expect(seedWeights(model, 1).model.graph.initializers.get('w')).toEqual(weight('w'));
    expect(seedWeights(model, 2).model.graph.initializers.get('w')).not.toEqual(weight('w'));
  });

  it('leaves integers and what is no weight alone', () => {
    const model = lightModel([node('Conv', ['w', 'x'], 'y')], { w: [1, 1] });
    expect(seedWeights(model, 1).seeded).toEqual([]);
    const ints = lightModel([node('Conv', ['x', 'w'], 'y')], { w: [1, 1] });
    const withValue = {
      ...ints,
      graph: {
        ...ints.graph,
        nodes: ints.graph.nodes.map((n): Node =>
          n.op === 'ConstantOfShape' ? { ...n, attrs: { value: { type: 'tensor', value: Tensor.from('int32', [1], [1]) } } } : n,
        ),
      },
    };
    expect(seedWeights(withValue, 1).seeded).toEqual([]);
  });
});
