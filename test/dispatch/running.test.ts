/** Running: one run after another, stopping, ending, changing shapes and values, tails of tails, control flow, and whose memory is whose. */
import { describe, expect, it } from 'vitest';
import type { Graph } from '../../src/core/graph.ts';
import { MapValue, Sequence, Tensor, type Value } from '../../src/core/tensor.ts';
import { evaluateGraph } from '../onnx/naive.ts';
import { f32, graph, i64, listOf, loadModel, node, openRuntime, row, tensor, vendor } from './kit.ts';
import { guardInputs } from './guard.ts';

const int64 = (...shape: (number | string)[]): { readonly kind: 'tensor'; readonly dtype: 'int64'; readonly shape: readonly (number | string)[] } => ({ kind: 'tensor', dtype: 'int64', shape });
const bool = { kind: 'tensor', dtype: 'bool', shape: [] } as const;
const yes = tensor([], [true], 'bool');
const no = tensor([], [false], 'bool');
const later = (ms = 1): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
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

describe('runs of one model', () => {
  it('are one after another, each with its own results, whatever takes how long', async () => {
    let running = 0;
    const slow = vendor('slow', { ops: ['Abs'], slow: true, run: async (_, __, honest) => {
      expect(++running).toBe(1);
      await later(Math.random() * 3);
      honest();
      running--;
    } });
    const model = await loadModel(graph(['a = Abs x', 'b = Neg a', 'c = Abs b'], { inputs: { x: f32('n') }, outputs: ['a', 'b', 'c'] }), [slow], { prefer: ['vendor'] });
    const runs = Array.from({ length: 12 }, (_, i) => model.run({ x: tensor([i % 3 + 1], new Array<number>(i % 3 + 1).fill(-i)) }));
    for (const [i, { a, b, c }] of (await Promise.all(runs)).entries()) expect([a, b, c].map((t) => data(t)[0])).toEqual([i, -i, i]);
  });

  it('do not stop each other by failing', async () => {
    const v = vendor('odd', { slow: true, run: ([x], _, honest) => (data(x as Tensor)[0] === 2 ? Promise.reject(new Error('two')) : honest()) });
    const model = await loadModel(graph(['y = Abs x'], { inputs: { x: f32(1) }, outputs: ['y'] }), [v], { prefer: ['vendor'], onFailure: 'error' });
    const settled = await Promise.allSettled([1, 2, 3].map((n) => model.run({ x: row(n) })));
    expect(settled.map((s) => (s.status === 'fulfilled' ? listOf(s.value['y']) : s.reason.code))).toEqual([[1], 'FLAGOS_E_KERNEL', [3]]);
  });

  it('are synchronous where every kernel is, and cannot be started by what watches one', async () => {
    const model = await loadModel(graph(['y = Abs x'], { inputs: { x: f32(1) }, outputs: ['y'] }));
    await model.prepare();
    expect(model.runPositional([row(-1)])).toEqual([row(1)]);
    const again = (): unknown => model.runPositional([row(-2)], { observer: { before: () => void model.runPositional([row(5)]) } });
    expect(again).toThrow(/FLAGOS_E_USAGE.*what watches a run/s);
    expect(model.runPositional([row(-3)])).toEqual([row(3)]);
  });
});

describe('stopping', () => {
  const long = graph(Array.from({ length: 10 }, (_, i) => `v${i} = Neg ${i ? `v${i - 1}` : 'x'}`), { inputs: { x: f32(1) }, outputs: ['v9'] });
  it('happens between steps, before the first one, while waiting, and leaves the model usable', async () => {
    const v = vendor('slow', { slow: true });
    const model = await loadModel(long, [v], { prefer: ['vendor'] });
    const cancelled = { code: 'FLAGOS_E_CANCELLED', kind: 'user', trace: { model: 'm' }, cause: 'enough' };
    const stop = new AbortController();
    const first = model.run({ x: row(1) }, { signal: stop.signal, observer: { after: (_, i) => void (i === 3 && stop.abort('enough')) } });
    const second = model.run({ x: row(1) }, { signal: stop.signal });
    await expect(first).rejects.toMatchObject(cancelled);
    await expect(second).rejects.toMatchObject(cancelled);
    expect(v.log.runs).toBe(4);
    await expect(model.run({ x: row(7) }, { signal: AbortSignal.abort('enough') })).rejects.toMatchObject(cancelled);
    expect(listOf((await model.run({ x: row(7) }, { signal: new AbortController().signal }))['v9'])).toEqual([7]);
  });

  it('is not taken for a failure of a kernel', async () => {
    const runtime = await openRuntime([vendor('slow', { slow: true })], { prefer: ['vendor'], onFailure: 'quarantine' });
    const model = runtime.model({ name: 'm', graph: long, metadata: {} });
    const stop = new AbortController();
    await expect(model.run({ x: row(1) }, { signal: stop.signal, observer: { before: (_, i) => void (i === 2 && stop.abort()) } })).rejects.toMatchObject({ code: 'FLAGOS_E_CANCELLED' });
    expect([runtime.lines, runtime.quarantine.list()]).toEqual([[], []]);
  });
});

describe('the end of a model', () => {
  it('waits for the run under way, refuses those that wait, and releases every kernel once', async () => {
    const v = vendor('slow', { slow: true, run: async (_, __, honest) => { await later(); expect(v.log.disposed).toBe(0); honest(); } });
    const body = graph(['k = Identity go', 'r = Abs v'], { inputs: { n: undefined, go: undefined, v: undefined }, outputs: ['k', 'r'] });
    const model = await loadModel(graph(['a = Neg x', node('l = Loop n _ a', { body }), 'z = NonZero l', 't = Transpose z', 'y = GatherND l t'], { inputs: { x: f32('n'), n: int64() }, outputs: ['y'] }), [v], { prefer: ['vendor'] });
    const feeds = { x: row(1, 0), n: tensor([], [2], 'int64') };
    await model.run(feeds);
    const before = v.log.prepared.length;
    const [under, waiting] = [model.run(feeds), model.run(feeds)];
    const end = Promise.all([model.dispose(), model.dispose()]);
    expect(listOf((await under)['y'])).toEqual([1]);
    await expect(waiting).rejects.toMatchObject({ code: 'FLAGOS_E_DISPOSED', trace: { model: 'm' } });
    await end;
    expect([v.log.prepared.length, v.log.disposed]).toEqual([before, before]);
    // The graph's own, the loop body's, and the tail's.
    expect(v.log.prepared.map((r) => r.nodes[0]!.op)).toEqual(['Neg', 'Identity', 'Abs', 'NonZero', 'Transpose', 'GatherND']);
    await expect(model.run(feeds)).rejects.toMatchObject({ code: 'FLAGOS_E_DISPOSED' });
    await expect(model.prepare({ x: [2], n: [] })).rejects.toMatchObject({ code: 'FLAGOS_E_DISPOSED' });
    await model.dispose();
  });

  it('started by what watches a run waits for that run', async () => {
    const v = vendor('slow', { slow: true, run: async (_, __, honest) => { await later(); expect(v.log.disposed).toBe(0); honest(); } });
    const model = await loadModel(graph(['y = Abs x', 'z = Neg y'], { inputs: { x: f32(1) }, outputs: ['z'] }), [v], { prefer: ['vendor'] });
    await model.prepare();
    let end: Promise<void> | undefined;
    const { z } = await model.run({ x: row(-1) }, { observer: { before: () => void (end ??= model.dispose()) } });
    await end;
    expect([listOf(z), v.log.disposed]).toEqual([[-1], 2]);
  });

  it('comes with the end of the runtime, which closes every chip even if one refuses', async () => {
    const good = vendor('good');
    const bad = { ...vendor('bad'), open: (...args: Parameters<typeof good.open>) => ({ ...good.open(...args), close: () => { throw new Error('stuck'); } }) as never };
    const runtime = await openRuntime([bad, good]);
    const model = runtime.model({ name: 'm', graph: graph(['y = Abs x'], { inputs: { x: f32(1) }, outputs: ['y'] }), metadata: {} });
    await Promise.all([model.run({ x: row(1) }), runtime.call('Neg', [row(1)])]);
    await runtime.close();
    expect([good.log.closed, runtime.lines]).toEqual([1, ['warn closing bad/chip failed {"reason":"stuck"}']]);
    await expect(model.run({ x: row(1) })).rejects.toMatchObject({ code: 'FLAGOS_E_DISPOSED' });
    await expect(runtime.call('Neg', [row(1)])).rejects.toMatchObject({ code: 'FLAGOS_E_DISPOSED' });
    expect(() => runtime.dispatcher()).toThrow(/the runtime was closed/);
    await runtime.close();
  });
});

describe('plans', () => {
  it('are kept by shape, 64 of them, and the rest is released', async () => {
    const v = vendor('acme');
    const model = await loadModel(graph(['y = Neg x'], { inputs: { x: f32('n') }, outputs: ['y'] }), [v], { prefer: ['vendor'] });
    const of = (n: number): Promise<unknown> => model.run({ x: Tensor.zeros('float32', [n]) });
    for (let n = 1; n <= 64; n++) await of(n);
    await of(1);
    expect([v.log.prepared.length, v.log.disposed, model.plans.length]).toEqual([64, 0, 64]);
    await of(65);
    await of(1);
    await of(2);
    expect([v.log.prepared.length, v.log.disposed, model.plans.length]).toEqual([66, 2, 64]);
    await model.dispose();
    expect([v.log.disposed, model.plans.length]).toEqual([66, 0]);
  });

  it('do not depend on values of the model’s inputs that decide no shapes; of those that do, only tails depend', async () => {
    const model = await loadModel(graph(['a = Neg x', 'y = Reshape a s', 'z = Add y k'], { inputs: { x: f32(6), s: int64(2), k: f32() }, outputs: ['z'] }));
    for (const [dims, k] of [[[2, 3], 1], [[3, 2], 2], [[2, 3], 3], [[6, 1], 4], [[3, 2], 5]] as const) {
      const { z } = await model.run({ x: row(0, 0, 0, 0, 0, 0), s: i64(...dims), k: tensor([], [k]) });
      expect([(z as Tensor).dims, data(z)[0]]).toEqual([dims, k]);
    }
    // One for the shapes, and one for each value of s.
    expect(model.plans).toHaveLength(4);
  });

  it('made beforehand are found by the first run; runs and preparations at once make each plan once', async () => {
    const v = vendor('slow', { slow: true, prepare: async (_, __, honest) => { await later(); return honest(); } });
    const model = await loadModel(graph(['y = Neg x'], { inputs: { x: f32('n') }, outputs: ['y'] }), [v], { prefer: ['vendor'] });
    await expect(model.prepare()).rejects.toMatchObject({ code: 'FLAGOS_E_INPUT', hint: 'give it in `shapes`' });
    await Promise.all([model.prepare({ x: [2] }), model.run({ x: row(1, 2) }), model.prepare({ x: [2] }), model.run({ x: row(1) })]);
    expect([v.log.prepared.length, model.plans.length]).toEqual([2, 2]);
    expect(model.coverage().line).toBe('1 nodes: 1 on slow/chip (1 region)');
  });

  it('need more memory than there is: a typed error', async () => {
    const model = await loadModel(graph(['a = Expand x s', 'b = Neg a', 'y = ReduceSum b'], { inputs: { x: f32(1) }, outputs: ['y'], constants: { s: i64(2 ** 30, 2 ** 20) } }), [vendor('acme')], { prefer: ['vendor'] });
    await expect(model.run({ x: row(1) })).rejects.toMatchObject({ code: 'FLAGOS_E_LIMIT', trace: { model: 'm' } });
  });
});

describe('what depends on data', () => {
  it('three deep: shapes out of values out of shapes out of values', async () => {
    const g = graph([
      'a = Abs x', 'z = NonZero a', 't = Transpose z', 'p = GatherND a t',
      'n = Shape p', 'two = Add n n', 'high = ReduceMax p', 'r = Expand high two', 'm = NonZero r',
      'c = Shape m', node('last = Gather c one', { axis: 0 }), 'end = Squeeze last', 'range = Range zero end step', 'total = ReduceSum range', 'y = Tile a last', 'w = Neg y',
    ], { inputs: { x: f32('n') }, outputs: ['w', 'total', 'p'], constants: { one: i64(1), zero: tensor([], [0], 'int64'), step: tensor([], [1], 'int64') } });
    for (const x of [row(1, 0, -2), row(0, 0, 5, 6), row(3)]) {
      const [w, total] = await check(g, { x });
      const nonzero = [...data(x)].filter((v) => v !== 0).length;
      expect([(w as Tensor).dims, data(total)[0]]).toEqual([[x.dims[0]! * 2 * nonzero], BigInt((2 * nonzero * (2 * nonzero - 1)) / 2)]);
      await check(g, { x }, [vendor('acme', { regions: 'connected' })]);
      await check(g, { x }, [vendor('acme', { regions: 'connected', dynamicShapes: true })]);
    }
  });

  it('nothing at all: empty tensors, scalars, and tails of them', async () => {
    const g = graph(['a = Abs x', 'z = NonZero a', 't = Transpose z', 'p = GatherND a t', 's = ReduceSum p', node('y = Concat p p', { axis: 0 })], { inputs: { x: f32('n', 'm') }, outputs: ['p', 's', 'y', 'a'] });
    for (const dims of [[0, 3], [2, 0], [0, 0], [2, 2]]) {
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
    const outer = graph(['b = Abs a', node('y = If c2', { then_branch: inner, else_branch: graph(['q = Neg b'], { outputs: ['q'] }) })], { outputs: ['y'] });
    const g = graph(['a = Neg x', node('r = If c1', { then_branch: outer, else_branch: graph(['f = Add a w'], { outputs: ['f'] }) }), 'y = Neg r'], { inputs: { x: f32(2), c1: bool, c2: bool }, outputs: ['y', 'a'], constants: { w: row(10, 20) } });
    const seen: unknown[] = [];
    for (const [c1, c2] of [[yes, yes], [yes, no], [no, yes]]) seen.push(listOf((await check(g, { x: row(1, -2), c1: c1!, c2: c2! }))[0]));
    expect(seen).toEqual([[-11, -38], [1, 2], [-9, -22]]);
  });

  it('loops: carried values of changing shape, scan outputs, no iteration at all, an outer value that changes between runs', async () => {
    const body = graph(['on = Identity go', 'next = Add v k'], { inputs: { i: int64(), go: bool, v: undefined }, outputs: ['on', 'next'] });
    const g = graph([node('last = Loop n _ x', { body })], { inputs: { x: f32(2), n: int64(), k: f32() }, outputs: ['last'] });
    const model = await loadModel(g);
    for (const [n, k, expected] of [[3, 1, [4, 5]], [3, 10, [31, 32]], [0, 5, [1, 2]]] as const) {
      expect(listOf((await model.run({ x: row(1, 2), n: tensor([], [n], 'int64'), k: tensor([], [k]) }))['last'])).toEqual(expected);
    }
    const growing = graph(['on = Identity go', node('w = Concat v v', { axis: 0 }), 's = ReduceSum v'], { inputs: { i: int64(), go: bool, v: undefined }, outputs: ['on', 'w', 's'] });
    const grown = graph([node('w s = Loop n _ x', { body: growing })], { inputs: { x: f32('n'), n: int64() }, outputs: ['w', 's'] });
    const [w, s] = await check(grown, { x: row(1, 2), n: tensor([], [3], 'int64') });
    expect([(w as Tensor).dims, listOf(s)]).toEqual([[16], [3, 6, 12]]);
    await check(grown, { x: row(1, 2), n: tensor([], [4], 'int64') }, [vendor('acme', { slow: true })]);
  });

  it('scans with what they capture', async () => {
    const body = graph(['next = Add s e', 'out = Mul next k'], { inputs: { s: f32(2), e: f32(2) }, outputs: ['next', 'out'] });
    const g = graph([node('final all = Scan x0 xs', { body, num_scan_inputs: 1 })], { inputs: { x0: f32(2), xs: f32('t', 2), k: f32() }, outputs: ['final', 'all'] });
    const [final, all] = await check(g, { x0: row(0, 0), xs: tensor([3, 2], [1, 2, 3, 4, 5, 6]), k: tensor([], [10]) });
    expect([listOf(final), listOf(all)]).toEqual([[9, 12], [10, 20, 40, 60, 90, 120]]);
  });

  it('a name a branch gives to a value of its own does not hide the outer value of another branch', async () => {
    // `b` is `a` under another name, and the branch has an `a` of its own.
    const branch = graph(['a = Neg x', 'r = Add a b'], { outputs: ['r'] });
    const g = graph(['a = Abs x', 'b = Identity a', node('y = If c', { then_branch: branch, else_branch: branch })], { inputs: { x: f32(2), c: bool }, outputs: ['y'] });
    expect(listOf((await check(g, { x: row(-1, 2), c: yes }))[0])).toEqual([2, 0]);
    // Captured under another name inside a loop body, where it decides a shape.
    const body = graph(['on = Identity go', 't = Identity shape', 'r = Reshape v t'], { inputs: { i: int64(), go: bool, v: undefined }, outputs: ['on', 'r'] });
    const shaped = graph(['shape = Add s s', node('y = Loop n _ x', { body })], { inputs: { x: f32(4), s: int64(2), n: int64() }, outputs: ['y'] });
    expect((await check(shaped, { x: row(1, 2, 3, 4), s: i64(1, 1), n: tensor([], [2], 'int64') }))[0]).toMatchObject({ dims: [2, 2] });
  });

  it('a branch that does not fit its If is a user’s error', async () => {
    const g = graph([node('y z = If c', { then_branch: graph(['a = Abs x'], { outputs: ['a'] }), else_branch: graph(['a = Abs x'], { outputs: ['a'] }) })], { inputs: { x: f32(1) }, outputs: ['y', 'z'], constants: { c: yes } });
    await expect((await loadModel(g)).run({ x: row(1) })).rejects.toMatchObject({ code: 'FLAGOS_E_MODEL_INVALID', trace: { model: 'm', node: 'y', op: 'If' } });
  });
});

describe('strings, sequences, maps, optionals', () => {
  it('go from region to region and out', async () => {
    const words = Tensor.from('string', [2], ['b', 'a']);
    const g = graph(['two = StringConcat w w', 's = SequenceConstruct two w', 'l = SequenceLength s', 'at = SequenceAt s one', node('all = ConcatFromSequence s', { axis: 0 }), 'o = Optional all', 'h = OptionalHasElement o', 'e = OptionalGetElement o'], {
      inputs: { w: { kind: 'tensor', dtype: 'string', shape: ['n'] } }, outputs: ['two', 's', 'l', 'at', 'all', 'h', 'e', 'o'], constants: { one: tensor([], [1], 'int64') },
    });
    const [two, s, l, at, all, h, e, o] = await check(g, { w: words });
    expect([two, at, all, h, e, o, l].map(listOf)).toEqual([['bb', 'aa'], ['b', 'a'], ['bb', 'aa', 'b', 'a'], [true], ['bb', 'aa', 'b', 'a'], ['bb', 'aa', 'b', 'a'], [2n]]);
    expect((s as Sequence).items.map(listOf)).toEqual([['bb', 'aa'], ['b', 'a']]);
  });

  it('may be inputs; items of other shapes use the same plan', async () => {
    const g = graph(['n = SequenceLength s', node('y = ConcatFromSequence s', { axis: 0 }), 'z = Neg y'], { inputs: { s: { kind: 'sequence', element: f32('n') } }, outputs: ['n', 'z'] });
    const model = await loadModel(g);
    for (const lengths of [[1], [2, 3], [1, 1, 4]]) {
      const { n, z } = await model.run({ s: new Sequence(lengths.map((k) => Tensor.zeros('float32', [k]))) });
      expect([listOf(n), (z as Tensor).dims]).toEqual([[BigInt(lengths.length)], [lengths.reduce((a, b) => a + b)]]);
    }
    expect(model.plans.filter((p) => p.planned.decisions.has('n'))).toHaveLength(1);
    await expect(model.run({ s: row(1) })).rejects.toMatchObject({ code: 'FLAGOS_E_INPUT', reason: "input 's' is float32[1], the model takes sequence(float32[n])" });
    await expect(model.run({ s: [row(1)] as never })).rejects.toMatchObject({ code: 'FLAGOS_E_INPUT' });
    await expect(model.run({ s: new MapValue(new Map()) })).rejects.toMatchObject({ code: 'FLAGOS_E_INPUT' });
  });
});

describe('results', () => {
  it('are the caller’s: inputs, constants, duplicates, items of sequences, values a branch hands through', async () => {
    const through = graph([], { outputs: ['x'] });
    const g = graph(['a = Abs x', 's = SequenceConstruct x w a', 'v = SequenceAt s one', node('i = If c', { then_branch: through, else_branch: through }), 'z = NonZero x', 't = Transpose z', 'g = GatherND a t', node('j = If c', { then_branch: graph([], { outputs: ['a'] }), else_branch: through }), 'q = SequenceInsert s g'], {
      inputs: { x: f32('n'), c: bool }, outputs: ['x', 'w', 'a', 'a', 's', 'v', 'i', 'j', 'q', 'g'], constants: { w: row(5), one: tensor([], [1], 'int64') },
    });
    const model = await loadModel(g);
    const x = row(-1, 2);
    const run = async (): Promise<Value[]> => model.runPositional([x, yes]);
    const first = await run();
    const flat = (values: readonly Value[]): Tensor[] => values.flatMap((v) => (v instanceof Sequence ? flat(v.items) : v instanceof Tensor ? [v] : []));
    const tensors = flat(first);
    expect(new Set([...tensors.map((t) => (t.data as Float32Array).buffer), (x.data as Float32Array).buffer]).size).toBe(tensors.length + 1);
    const kept = tensors.map(listOf);
    for (const t of tensors) (t.data as Float32Array).fill(77);
    expect(listOf(x)).toEqual([-1, 2]);
    const second = flat(await run());
    expect(second.map(listOf)).toEqual(kept);
    // And they stay what they are when the model runs on.
    await model.runPositional([row(8, 9, 0), no]);
    expect(second.map(listOf)).toEqual(kept);
  });

  it('of one op called by itself, too', async () => {
    const runtime = await openRuntime([]);
    const x = row(1);
    const [s] = await runtime.call('SequenceConstruct', [x]);
    expect(data((s as Sequence).items[0])).not.toBe(x.data);
  });

  it('can be asked for by name; others cannot', async () => {
    const model = await loadModel(graph(['a = Abs x', 'b = Neg x'], { inputs: { x: f32(1) }, outputs: ['a', 'b'] }));
    expect(await model.run({ x: row(-1) }, { outputs: ['b'] })).toEqual({ b: row(1) });
    for (const [feeds, options, hint] of [[{ x: row(1) }, { outputs: ['B'] }, "did you mean 'b'?"], [{ x: row(1), xx: row(1) }, {}, "did you mean 'x'?"], [{ x: row(1) }, { into: { c: row(1) } }, undefined], [{}, {}, 'it is float32[1]']] as const) {
      await expect(model.run(feeds as never, options as never)).rejects.toMatchObject({ code: 'FLAGOS_E_INPUT', trace: { model: 'm' }, ...(hint && { hint }) });
    }
    await expect(model.run({ x: { dims: [1] } as never })).rejects.toMatchObject({ code: 'FLAGOS_E_INPUT', reason: "input 'x' is not a value of this library" });
  });
});

describe('tensors given for results', () => {
  const g = graph(['a = Abs x', 'b = Neg a', 'n = NonZero x', 'w2 = Identity w'], { inputs: { x: f32('n') }, outputs: ['a', 'b', 'n', 'w2', 'x'], constants: { w: row(3) } });
  it('hold them afterwards, wherever they come from', async () => {
    for (const vendors of [[], [vendor('acme', { regions: 'connected', slow: true })], [vendor('gpu', { ops: ['Abs', 'Neg'], memory: { latencyUs: 1, gbps: 1 } })]]) {
      const model = await loadModel(g, vendors, { perOp: { '*': ['vendor'] } });
      const into = { a: row(0, 0), b: row(0, 0), n: Tensor.zeros('int64', [1, 1]), w2: row(0), x: row(0, 0) };
      const results = await model.run({ x: row(0, -5) }, { into });
      for (const [name, place] of Object.entries(into)) expect(results[name]).toBe(place);
      expect(Object.values(into).map(listOf)).toEqual([[0, 5], [-0, -5], [1n], [3], [0, -5]]);
      // And are left alone by the next run.
      await model.run({ x: row(9, 9) });
      expect(listOf(into.a)).toEqual([0, 5]);
    }
  });

  it('of another type or shape are refused, and of the caller’s inputs only at the end written', async () => {
    const model = await loadModel(g);
    for (const a of [row(0), tensor([2, 1], [0, 0]), Tensor.zeros('int32', [2])]) {
      await expect(model.run({ x: row(1, 2) }, { into: { a } })).rejects.toMatchObject({ code: 'FLAGOS_E_INPUT', reason: expect.stringMatching(/^the tensor given for output 'a' is .*, the output is float32\[2\]$/) });
    }
    const twice = row(0, 0);
    await expect(model.run({ x: row(1, 2) }, { into: { a: twice, b: twice } })).rejects.toMatchObject({ code: 'FLAGOS_E_INPUT' });
    // The state of a recurrent model, updated in place: `a` is written where `x` is still read by `n` and handed out.
    const state = row(-3, 0);
    const { a, n, x } = await model.run({ x: state }, { into: { a: state } });
    expect([a === state, listOf(state), listOf(n), listOf(x)]).toEqual([true, [3, 0], [0n], [-3, 0]]);
  });
});

describe('inputs', () => {
  it('with a default may be left out, and are used when given, whatever their shape', async () => {
    const model = await loadModel(graph(['y = Add x d', 'r = Reshape y s'], { inputs: { x: f32(2), d: f32('k'), s: int64('r') }, outputs: ['r', 'd'], constants: { d: row(10), s: i64(2, 1) } }));
    expect(model.inputs.map((i) => i.name)).toEqual(['x']);
    const run = async (feeds: Record<string, Tensor>): Promise<unknown> => {
      const { r, d } = await model.run({ x: row(1, 2), ...feeds });
      return [(r as Tensor).dims, listOf(r), listOf(d)];
    };
    expect(await run({})).toEqual([[2, 1], [11, 12], [10]]);
    expect(await run({ d: row(1, 2) })).toEqual([[2, 1], [2, 4], [1, 2]]);
    expect(await run({ d: row(5), s: i64(1, 1, 2) })).toEqual([[1, 1, 2], [6, 7], [5]]);
    expect(await run({})).toEqual([[2, 1], [11, 12], [10]]);
  });

  it('are never changed: a kernel that does is found by who looks', async () => {
    const v = vendor('rude', { run: ([x], _, honest) => { honest(); (x as Tensor).data[0] = 7; } });
    const model = await loadModel(graph(['a = Abs x', 'y = Neg a'], { inputs: { x: f32(2) }, outputs: ['y'] }), [v], { prefer: ['vendor'] });
    await expect(model.run({ x: row(1, 2) }, { observer: guardInputs() })).rejects.toThrow('rude/chip:Abs.default changed its input 0');
  });

  it('are not kept after a run: nothing of a caller’s is held by a plan at rest', async () => {
    const v = vendor('odd', { slow: true, run: ([x], _, honest) => (data(x as Tensor)[0] === 13 ? Promise.reject(new Error('no')) : honest()) });
    const model = await loadModel(graph(['a = Abs x', 'z = NonZero a', 'y = Neg a'], { inputs: { x: f32(2) }, outputs: ['y', 'z'] }), [v], { prefer: ['vendor'], onFailure: 'error' });
    await model.run({ x: row(1, 2) });
    await expect(model.run({ x: row(13, 2) })).rejects.toMatchObject({ code: 'FLAGOS_E_KERNEL' });
    const arena = model.plans[0]!.steps[0]!.places[0];
    const held = model.plans[0]!.steps.flatMap((s) => [...s.inputs, ...s.outputs]).filter((t) => t !== undefined && t !== arena);
    expect(held).toEqual([]);
  });
});
