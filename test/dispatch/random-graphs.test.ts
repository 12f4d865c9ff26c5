/**
 * Random graphs through the whole pipeline, under random policies, over the reference, a vendor that
 * takes whole regions, one with memory of its own, and one that is slow: bit for bit what the nodes
 * give one after another. All of them calculate in float64 and round as the records say.
 */
import { describe, expect, it } from 'vitest';
import type { Graph, Node } from '../../src/core/graph.ts';
import type { Tensor, Value } from '../../src/core/tensor.ts';
import { seeded, type Random } from '../../src/dispatch/testing-random.ts';
import type { PolicyOverride } from '../../src/opmanager/policy.ts';
import { refused, supported } from '../../src/plugins/contract.ts';
import { evaluateGraph } from '../onnx/naive.ts';
import { guardInputs } from './guard.ts';
import { f32, graph, i64, node, openRuntime, tensor, vendor } from './kit.ts';

interface Known {
  readonly name: string;
  readonly dims: readonly number[];
}

/** A graph under construction, with the shape of each of its float32 values. */
class Sketch {
  readonly lines: Node[] = [];
  readonly constants: Record<string, Tensor> = {};
  readonly values: Known[] = [];
  readonly random: Random;
  readonly prefix: string;
  constructor(random: Random, prefix = '') {
    this.random = random;
    this.prefix = prefix;
  }

  fresh(): string {
    return `${this.prefix}v${this.lines.length}`;
  }
  floats(dims: readonly number[]): Tensor {
    return tensor(
      dims,
      Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => Math.round((this.random() * 8 - 4) * 16) / 16),
    );
  }
  constant(t: Tensor): string {
    const name = `${this.prefix}c${Object.keys(this.constants).length}`;
    this.constants[name] = t;
    return name;
  }
  add(op: string, inputs: readonly string[], dims: readonly number[], attrs: Parameters<typeof node>[1] = {}): Known {
    const name = this.fresh();
    this.lines.push(node(`${name} = ${op} ${inputs.join(' ')}`, attrs));
    const made = { name, dims };
    this.values.push(made);
    return made;
  }
  any(fits: (v: Known) => boolean = () => true): Known | undefined {
    const list = this.values.filter(fits);
    return list.length ? this.random.pick(list) : undefined;
  }

  /** One more node over a random value. */
  grow(): void {
    const { random } = this;
    const x = this.any()!;
    const { dims } = x;
    const rank = dims.length;
    const size = dims.reduce((a, b) => a * b, 1);
    const axis = rank ? random.below(rank) : 0;
    const steps: (() => unknown)[] = [
      () => this.add(random.pick(['Abs', 'Neg', 'Relu', 'Floor', 'Sigmoid', 'Identity']), [x.name], dims),
      () => this.add(random.pick(['Add', 'Sub', 'Mul', 'Max']), [x.name, this.any((v) => `${v.dims}` === `${dims}`)!.name], dims),
      () =>
        this.add(random.pick(['Add', 'Mul', 'Min']), [x.name, this.constant(this.floats(random.pick([[], dims, dims.slice(axis)])))], dims),
      () => rank > 1 && this.add('Transpose', [x.name], [...dims].reverse()),
      () => this.add('Reshape', [x.name, this.constant(i64(-1))], [size]),
      () => rank && this.add('Concat', [x.name, x.name], dims.with(axis, dims[axis]! * 2), { axis }),
      () =>
        rank &&
        size &&
        this.add(random.pick(['ReduceSum', 'ReduceMax', 'ReduceMean']), [x.name, this.constant(i64(axis))], dims.with(axis, 1)),
      () =>
        rank &&
        this.add(
          'Slice',
          [x.name, this.constant(i64(0)), this.constant(i64(Math.ceil(dims[axis]! / 2))), this.constant(i64(axis))],
          dims.with(axis, Math.ceil(dims[axis]! / 2)),
        ),
      () =>
        rank === 2 &&
        this.add(
          'MatMul',
          [x.name, this.constant(this.floats([dims[1]!, random.between(1, 4)]))],
          [dims[0]!, this.constants[`${this.prefix}c${Object.keys(this.constants).length - 1}`]!.dims[1]!],
        ),
      () => this.add('Unsqueeze', [x.name, this.constant(i64(0))], [1, ...dims]),
      () => this.throughShape(x),
      () => this.throughValues(x),
      () => this.prefix === '' && this.branches(x),
    ];
    if (size < 4096) random.pick(steps)();
    else this.add('Neg', [x.name], dims);
  }

  /** Shape arithmetic: folded once shapes are known. */
  throughShape(x: Known): void {
    this.lines.push(node(`${this.fresh()} = Shape ${x.name}`));
    const shape = this.lines.at(-1)!.name;
    this.add('Reshape', [this.any((v) => v.dims.reduce((a, b) => a * b, 1) === x.dims.reduce((a, b) => a * b, 1))!.name, shape], x.dims, {
      allowzero: 1,
    });
  }

  /** How many are positive decides a shape: what follows is planned while running. Summed up, the shape is known again. */
  throughValues(x: Known): void {
    for (const [op, input] of [
      ['Relu', x.name],
      ['NonZero', ''],
      ['Transpose', ''],
    ] as const)
      this.lines.push(node(`${this.fresh()} = ${op} ${input || this.lines.at(-1)!.name}`));
    const [relu, , where] = this.lines.slice(-3).map((n) => n.name);
    if (x.dims.length === 0) return;
    this.lines.push(node(`${this.fresh()} = GatherND ${relu} ${where}`));
    this.add('ReduceSum', [this.lines.at(-1)!.name], [1]);
  }

  /** Two branches over what is there, one of which is taken. */
  branches(x: Known): void {
    const made = ['t', 'e'].map((side) => {
      const inner = new Sketch(this.random, `${this.fresh()}${side}_`);
      inner.values.push(x);
      for (let i = this.random.between(1, 3); i > 0; i--) inner.grow();
      const out = inner.add('Add', [x.name, inner.any((v) => `${v.dims}` === `${x.dims}`)!.name], x.dims);
      return graph(inner.lines, { outputs: [out.name], constants: inner.constants, name: side });
    });
    this.add('If', [this.random.pick(['flag', this.constant(tensor([], [this.random() < 0.5], 'bool'))])], x.dims, {
      then_branch: made[0]!,
      else_branch: made[1]!,
    });
  }
}

interface Case {
  readonly g: Graph;
  readonly feeds: readonly Value[];
}

const randomCase = (random: Random): Case => {
  const sketch = new Sketch(random);
  const shapes = Array.from({ length: random.between(1, 3) }, () =>
    Array.from({ length: random.below(4) }, () => random.pick([0, 1, 2, 3, 3, 4, 5, 6])),
  );
  shapes.forEach((dims, i) => sketch.values.push({ name: `x${i}`, dims }));
  for (let count = random.between(1, 25); sketch.lines.length < count;) sketch.grow();
  const inputs = {
    ...Object.fromEntries(shapes.map((dims, i) => [`x${i}`, f32(...dims)])),
    flag: { kind: 'tensor', dtype: 'bool', shape: [] } as const,
  };
  const outputs = new Set([sketch.values.at(-1)!.name, ...sketch.values.filter(() => random() < 0.2).map((v) => v.name)]);
  return {
    g: graph(sketch.lines, { inputs, outputs: [...outputs], constants: sketch.constants }),
    feeds: [...shapes.map((dims) => sketch.floats(dims)), tensor([], [random() < 0.5], 'bool')],
  };
};

const ops = [
  'Abs',
  'Neg',
  'Relu',
  'Add',
  'Mul',
  'MatMul',
  'Concat',
  'Reshape',
  'ReduceSum',
  'Transpose',
  'NonZero',
  'GatherND',
  'If',
  'Slice',
];
const vendors = (random: Random): Parameters<typeof openRuntime>[0] => {
  const prior = (): { overheadUs: number; gflops: number; gbps: number } => ({
    overheadUs: random.scale(0.1, 100),
    gflops: random.scale(0.01, 100),
    gbps: random.scale(0.01, 100),
  });
  const limit = random.between(1, 9);
  return [
    vendor('area', {
      regions: 'connected',
      dynamicShapes: random() < 0.5,
      prior: prior(),
      supports: (r) => (r.nodes.length > limit ? refused('LIMIT', 'too many') : supported),
    }),
    vendor('gpu', {
      regions: random.pick(['single', 'connected']),
      prior: prior(),
      memory: { latencyUs: random.scale(0.01, 100), gbps: random.scale(0.01, 100) },
    }),
    vendor('slow', { slow: true, prior: prior(), ops: ops.filter(() => random() < 0.5) }),
  ];
};
const randomPolicy = (random: Random): PolicyOverride => {
  const token = (): string => random.pick(['reference', 'vendor:area', 'vendor:gpu', 'vendor:slow', 'vendor']);
  return {
    prefer: random() < 0.5 ? [] : [token()],
    perOp: Object.fromEntries(ops.filter(() => random() < 0.4).map((op) => [op, [token()]])),
    fallback: 'any',
  };
};

describe('random graphs under random policies', () => {
  const used = new Map<string, number>();
  let tails = 0;
  it.each(Array.from({ length: 8 }, (_, i) => i * 25))('give what their nodes give one by one: seeds from %i', async (from) => {
    for (let seed = from; seed < from + 25; seed++) {
      const random = seeded(seed);
      const { g, feeds } = randomCase(random);
      const expected = await evaluateGraph(g, feeds);
      for (let policies = 0; policies < 3; policies++) {
        const runtime = await openRuntime(vendors(random), randomPolicy(random));
        const model = runtime.model({ name: `seed ${seed}`, graph: g, metadata: {} });
        for (let runs = 0; runs < 2; runs++) {
          const results = await model.runPositional(feeds, { observer: guardInputs() });
          expect(results, `seed ${seed}, policy ${policies}`).toEqual(expected);
        }
        for (const { kernel } of model.placement()) used.set(kernel.split('/')[0]!, (used.get(kernel.split('/')[0]!) ?? 0) + 1);
        tails += model.plans.filter((p) => p.tail).length;
        expect(runtime.lines).toEqual([]);
        await runtime.close();
      }
    }
  });

  it('and everybody had a part in it', () => {
    for (const provider of ['reference', 'area', 'gpu', 'slow', 'flagos']) expect(used.get(provider), provider).toBeGreaterThan(100);
    expect(tails).toBeGreaterThan(50);
  });
});
