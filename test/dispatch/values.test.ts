/** What flows through a graph: shapes that depend on data, control flow, strings, sequences, optionals. */
import { describe, expect, it } from 'vitest';
import type { Graph } from '../../src/core/graph.ts';
import { MapValue, Sequence, Tensor, type Value } from '../../src/core/tensor.ts';
import { evaluateGraph } from '../onnx/naive.ts';
import { f32, graph, i64, listOf, loadModel, node, row, tensor, vendor } from './kit.ts';
import { guardInputs } from './guard.ts';

const int64 = (
  ...shape: (number | string)[]
): { readonly kind: 'tensor'; readonly dtype: 'int64'; readonly shape: readonly (number | string)[] } => ({
  kind: 'tensor',
  dtype: 'int64',
  shape,
});
const bool = { kind: 'tensor', dtype: 'bool', shape: [] } as const;
const yes = tensor([], [true], 'bool');
const no = tensor([], [false], 'bool');
const data = (v: Value | undefined): Tensor['data'] => {
  if (v instanceof Tensor) return v.data;
  throw new Error('no tensor');
};
/** Runs a graph through plans, several times, and node by node, and compares every bit; inputs must stay as they are. */
const check = async (g: Graph, feeds: Readonly<Record<string, Value>>, vendors: Parameters<typeof loadModel>[1] = []): Promise<Value[]> => {
  const model = await loadModel(g, vendors, vendors.length ? { prefer: ['vendor'] } : {});
  const inputs = g.inputs.map((i) => feeds[i.name]);
  const expected = await evaluateGraph(g, inputs);
  let results: Value[] = [];
  for (let i = 0; i < 3; i++) {
    results = await model.runPositional(inputs, { observer: guardInputs() });
    expect(results).toEqual(expected);
  }
  await model.dispose();
  return results;
};

describe('what depends on data', () => {
  it('three deep: shapes out of values out of shapes out of values', async () => {
    const g = graph(
      [
        'a = Abs x',
        'z = NonZero a',
        't = Transpose z',
        'p = GatherND a t',
        'n = Shape p',
        'two = Add n n',
        'high = ReduceMax p',
        'r = Expand high two',
        'm = NonZero r',
        'c = Shape m',
        node('last = Gather c one', { axis: 0 }),
        'end = Squeeze last',
        'range = Range zero end step',
        'total = ReduceSum range',
        'y = Tile a last',
        'w = Neg y',
      ],
      {
        inputs: { x: f32('n') },
        outputs: ['w', 'total', 'p'],
        constants: { one: i64(1), zero: tensor([], [0], 'int64'), step: tensor([], [1], 'int64') },
      },
    );
    for (const x of [row(1, 0, -2), row(0, 0, 5, 6), row(3)]) {
      const [w, total] = await check(g, { x });
      const nonzero = [...data(x)].filter((v) => v !== 0).length;
      expect([(w as Tensor).dims, data(total)[0]]).toEqual([[x.dims[0]! * 2 * nonzero], BigInt((2 * nonzero * (2 * nonzero - 1)) / 2)]);
      await check(g, { x }, [vendor('acme', { regions: 'connected' })]);
      await check(g, { x }, [vendor('acme', { regions: 'connected', dynamicShapes: true })]);
    }
  });

  it('nothing at all: empty tensors, scalars, and tails of them', async () => {
    const g = graph(
      ['a = Abs x', 'z = NonZero a', 't = Transpose z', 'p = GatherND a t', 's = ReduceSum p', node('y = Concat p p', { axis: 0 })],
      { inputs: { x: f32('n', 'm') }, outputs: ['p', 's', 'y', 'a'] },
    );
    for (const dims of [
      [0, 3],
      [2, 0],
      [0, 0],
      [2, 2],
    ]) {
      const x = tensor(dims, new Array<number>(dims[0]! * dims[1]!).fill(0));
      const [p, s, y] = await check(g, { x });
      expect([p, s, y].map((v) => (v as Tensor).dims)).toEqual([[0], [1], [0]]);
      await check(g, { x }, [vendor('acme', { regions: 'connected' })]);
    }
    expect(listOf((await check(graph(['y = Abs x'], { inputs: { x: f32() }, outputs: ['y'] }), { x: tensor([], [-3]) }))[0])).toEqual([3]);
  });
});

describe('control flow', () => {
  it('branches that read what is around them, constants and results alike', async () => {
    const inner = graph(['d = Mul b w', 'e = Add d x'], { outputs: ['e'] });
    const outer = graph(['b = Abs a', node('y = If c2', { then_branch: inner, else_branch: graph(['q = Neg b'], { outputs: ['q'] }) })], {
      outputs: ['y'],
    });
    const g = graph(
      ['a = Neg x', node('r = If c1', { then_branch: outer, else_branch: graph(['f = Add a w'], { outputs: ['f'] }) }), 'y = Neg r'],
      { inputs: { x: f32(2), c1: bool, c2: bool }, outputs: ['y', 'a'], constants: { w: row(10, 20) } },
    );
    const seen: unknown[] = [];
    for (const [c1, c2] of [
      [yes, yes],
      [yes, no],
      [no, yes],
    ])
      seen.push(listOf((await check(g, { x: row(1, -2), c1: c1!, c2: c2! }))[0]));
    expect(seen).toEqual([
      [-11, -38],
      [1, 2],
      [-9, -22],
    ]);
  });

  it('loops: carried values of changing shape, scan outputs, no iteration at all, an outer value that changes between runs', async () => {
    const body = graph(['on = Identity go', 'next = Add v k'], { inputs: { i: int64(), go: bool, v: undefined }, outputs: ['on', 'next'] });
    const g = graph([node('last = Loop n _ x', { body })], { inputs: { x: f32(2), n: int64(), k: f32() }, outputs: ['last'] });
    const model = await loadModel(g);
    for (const [n, k, expected] of [
      [3, 1, [4, 5]],
      [3, 10, [31, 32]],
      [0, 5, [1, 2]],
    ] as const) {
      expect(listOf((await model.run({ x: row(1, 2), n: tensor([], [n], 'int64'), k: tensor([], [k]) }))['last'])).toEqual(expected);
    }
    const growing = graph(['on = Identity go', node('w = Concat v v', { axis: 0 }), 's = ReduceSum v'], {
      inputs: { i: int64(), go: bool, v: undefined },
      outputs: ['on', 'w', 's'],
    });
    const grown = graph([node('w s = Loop n _ x', { body: growing })], { inputs: { x: f32('n'), n: int64() }, outputs: ['w', 's'] });
    const [w, s] = await check(grown, { x: row(1, 2), n: tensor([], [3], 'int64') });
    expect([(w as Tensor).dims, listOf(s)]).toEqual([[16], [3, 6, 12]]);
    await check(grown, { x: row(1, 2), n: tensor([], [4], 'int64') }, [vendor('acme', { slow: true })]);
  });

  it('scans with what they capture', async () => {
    const body = graph(['next = Add s e', 'out = Mul next k'], { inputs: { s: f32(2), e: f32(2) }, outputs: ['next', 'out'] });
    const g = graph([node('final all = Scan x0 xs', { body, num_scan_inputs: 1 })], {
      inputs: { x0: f32(2), xs: f32('t', 2), k: f32() },
      outputs: ['final', 'all'],
    });
    const [final, all] = await check(g, { x0: row(0, 0), xs: tensor([3, 2], [1, 2, 3, 4, 5, 6]), k: tensor([], [10]) });
    expect([listOf(final), listOf(all)]).toEqual([
      [9, 12],
      [10, 20, 40, 60, 90, 120],
    ]);
  });

  it('a name a branch gives to a value of its own does not hide the outer value of another branch', async () => {
    // `b` is `a` under another name, and the branch has an `a` of its own.
    const branch = graph(['a = Neg x', 'r = Add a b'], { outputs: ['r'] });
    const g = graph(['a = Abs x', 'b = Identity a', node('y = If c', { then_branch: branch, else_branch: branch })], {
      inputs: { x: f32(2), c: bool },
      outputs: ['y'],
    });
    expect(listOf((await check(g, { x: row(-1, 2), c: yes }))[0])).toEqual([2, 0]);
    // Captured under another name inside a loop body, where it decides a shape.
    const body = graph(['on = Identity go', 't = Identity shape', 'r = Reshape v t'], {
      inputs: { i: int64(), go: bool, v: undefined },
      outputs: ['on', 'r'],
    });
    const shaped = graph(['shape = Add s s', node('y = Loop n _ x', { body })], {
      inputs: { x: f32(4), s: int64(2), n: int64() },
      outputs: ['y'],
    });
    expect((await check(shaped, { x: row(1, 2, 3, 4), s: i64(1, 1), n: tensor([], [2], 'int64') }))[0]).toMatchObject({ dims: [2, 2] });
  });

  it('a branch that does not fit its If is a user’s error', async () => {
    const g = graph(
      [
        node('y z = If c', {
          then_branch: graph(['a = Abs x'], { outputs: ['a'] }),
          else_branch: graph(['a = Abs x'], { outputs: ['a'] }),
        }),
      ],
      { inputs: { x: f32(1) }, outputs: ['y', 'z'], constants: { c: yes } },
    );
    await expect((await loadModel(g)).run({ x: row(1) })).rejects.toMatchObject({
      code: 'FLAGOS_E_MODEL_INVALID',
      trace: { model: 'm', node: 'y', op: 'If' },
    });
  });
});

describe('strings, sequences, maps, optionals', () => {
  it('go from region to region and out', async () => {
    const words = Tensor.from('string', [2], ['b', 'a']);
    const g = graph(
      [
        'two = StringConcat w w',
        's = SequenceConstruct two w',
        'l = SequenceLength s',
        'at = SequenceAt s one',
        node('all = ConcatFromSequence s', { axis: 0 }),
        'o = Optional all',
        'h = OptionalHasElement o',
        'e = OptionalGetElement o',
      ],
      {
        inputs: { w: { kind: 'tensor', dtype: 'string', shape: ['n'] } },
        outputs: ['two', 's', 'l', 'at', 'all', 'h', 'e', 'o'],
        constants: { one: tensor([], [1], 'int64') },
      },
    );
    const [two, s, l, at, all, h, e, o] = await check(g, { w: words });
    expect([two, at, all, h, e, o, l].map(listOf)).toEqual([
      ['bb', 'aa'],
      ['b', 'a'],
      ['bb', 'aa', 'b', 'a'],
      [true],
      ['bb', 'aa', 'b', 'a'],
      ['bb', 'aa', 'b', 'a'],
      [2n],
    ]);
    expect((s as Sequence).items.map(listOf)).toEqual([
      ['bb', 'aa'],
      ['b', 'a'],
    ]);
  });

  it('may be inputs; items of other shapes use the same plan', async () => {
    const g = graph(['n = SequenceLength s', node('y = ConcatFromSequence s', { axis: 0 }), 'z = Neg y'], {
      inputs: { s: { kind: 'sequence', element: f32('n') } },
      outputs: ['n', 'z'],
    });
    const model = await loadModel(g);
    for (const lengths of [[1], [2, 3], [1, 1, 4]]) {
      const { n, z } = await model.run({ s: new Sequence(lengths.map((k) => Tensor.zeros('float32', [k]))) });
      expect([listOf(n), (z as Tensor).dims]).toEqual([[BigInt(lengths.length)], [lengths.reduce((a, b) => a + b)]]);
    }
    expect(model.plans.filter((p) => p.planned.decisions.has('n'))).toHaveLength(1);
    await expect(model.run({ s: row(1) })).rejects.toMatchObject({
      code: 'FLAGOS_E_INPUT',
      reason: "input 's' is float32[1], the model takes sequence(float32[n])",
    });
    await expect(model.run({ s: [row(1)] as never })).rejects.toMatchObject({ code: 'FLAGOS_E_INPUT' });
    await expect(model.run({ s: new MapValue(new Map()) })).rejects.toMatchObject({ code: 'FLAGOS_E_INPUT' });
  });
});
