/** Kernels that fail while running: what is tried next, what is set aside and for how long; and errors that are the caller’s. */
import { describe, expect, it } from 'vitest';
import { FlagosError } from '../../src/core/errors.ts';
import { Tensor } from '../../src/core/tensor.ts';
import type { PolicyOverride } from '../../src/opmanager/policy.ts';
import type { FlagosModel } from '../../src/runtime/model.ts';
import { f32, graph, i64, listOf, loadModel, node, openRuntime, row, runners, tensor, vendor, type VendorOptions } from './kit.ts';

const abs = graph(['y = Abs x'], { inputs: { x: f32('n') }, outputs: ['y'] });
const x = row(-1, 2);
const fail = (message = 'segment lost'): never => {
  throw new Error(message);
};
const modelOf = (options: VendorOptions, policy: PolicyOverride = {}, g = abs): Promise<FlagosModel> =>
  loadModel(g, [vendor('liar', options)], { prefer: ['vendor:liar'], ...policy });
const errorOf = async (run: Promise<unknown>): Promise<FlagosError> => {
  const e: unknown = await run.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (e instanceof FlagosError) return e;
  throw new Error(`expected a FlagosError, got ${String(e)}`);
};
const trace = { model: 'm', node: 'y', op: 'Abs', chip: 'liar/chip', kernel: 'liar/chip:Abs.default' };

describe('a kernel that fails while running', () => {
  const broken: Record<string, VendorOptions> = { 'at once': { run: () => fail() }, later: { slow: true, run: () => fail() } };
  for (const [when, options] of Object.entries(broken)) {
    it(`${when}, onFailure error: the caller gets it`, async () => {
      const model = await modelOf(options, { onFailure: 'error' });
      for (let i = 0; i < 2; i++)
        expect(await errorOf(model.run({ x }))).toMatchObject({ code: 'FLAGOS_E_KERNEL', kind: 'kernel', reason: 'segment lost', trace });
    });

    it(`${when}, onFailure next: the next candidate runs, here and for this signature from now on`, async () => {
      const v = vendor('liar', options);
      const runtime = await openRuntime([v], { prefer: ['vendor:liar'] });
      const model = runtime.model({ name: 'm', graph: abs, metadata: {} });
      for (let i = 0; i < 3; i++) expect(listOf((await model.run({ x }))['y'])).toEqual([1, 2]);
      expect(runtime.lines).toEqual(['warn liar/chip:Abs.default failed, trying the next candidate {"node":"y","reason":"segment lost"}']);
      expect(model.explain('y').verdicts.find((c) => c.provider === 'liar')).toMatchObject({
        reason: 'QUARANTINED',
        detail: 'segment lost',
      });
      expect(runtime.quarantine.list()).toEqual([]);
      expect(v.log).toMatchObject({ disposed: 1 });
    });

    it(`${when}, onFailure quarantine: for the whole process, until it expires; then it gets another chance`, async () => {
      let time = 0;
      let works = false;
      const v = vendor('liar', { ...options, run: (_, __, honest) => (works ? honest() : fail()) });
      const runtime = await openRuntime([v], { prefer: ['vendor:liar'], onFailure: 'quarantine' }, { now: () => time });
      const [one, two] = [1, 2].map(() => runtime.model({ name: 'm', graph: abs, metadata: {} }));
      await one!.run({ x });
      expect(runtime.quarantine.list()).toMatchObject([
        { kernel: 'liar/chip:Abs.default', signature: 'Abs(float32[2])', reason: 'segment lost', failures: 1 },
      ]);
      works = true;
      await two!.run({ x });
      expect(runners(two!)).toEqual({ y: 'reference' });
      time = 10 * 60_000 - 1;
      await two!.run({ x });
      expect(runners(two!)).toEqual({ y: 'reference' });
      time++;
      await two!.run({ x });
      expect(runners(two!)).toEqual({ y: 'liar' });
      expect(two!.plans).toHaveLength(1);
      // It fails again: longer this time.
      works = false;
      await two!.run({ x });
      expect(runtime.quarantine.list()).toMatchObject([{ failures: 2, until: time + 20 * 60_000 }]);
    });
  }

  it('without anybody else: the failure itself is what the caller sees', async () => {
    const model = await modelOf({ run: () => fail() }, { fallback: 'none' });
    expect(await errorOf(model.run({ x }))).toMatchObject({ code: 'FLAGOS_E_KERNEL', reason: 'segment lost', trace });
  });

  it('in a region of many: only the op that fails is given to another, in as many runs as it takes to find it', async () => {
    const v = vendor('liar', {
      regions: 'connected',
      run: (_, __, honest, region) => (region.nodes.some((n) => n.name === 'v11') ? fail() : honest()),
    });
    const lines = Array.from({ length: 16 }, (_, i) => `v${i} = ${i % 2 ? 'Neg' : 'Abs'} ${i ? `v${i - 1}` : 'x'}`);
    const runtime = await openRuntime([v], { prefer: ['vendor:liar'] });
    const model = runtime.model({
      name: 'm',
      graph: graph(
        lines.map((l, i) => (i === 11 ? l.replace('Neg', 'Relu') : l)),
        { inputs: { x: f32(2) }, outputs: ['v15'] },
      ),
      metadata: {},
    });
    expect(listOf((await model.run({ x }))['v15'])).toEqual([-1, -2]);
    expect(Object.entries(runners(model)).filter(([, by]) => by !== 'liar')).toEqual([['v11', 'reference']]);
    expect(runtime.lines).toHaveLength(5);
    const { runs } = v.log;
    await model.run({ x });
    // Two halves around it, the first of them in two parts and the second in one or two.
    expect(v.log.runs - runs).toBeLessThanOrEqual(4);
  });

  it('again and again, on a chip that is lost: it loses everything in this run, not op by op', async () => {
    const v = vendor('liar', { run: () => fail('device lost') });
    const lines = Array.from({ length: 60 }, (_, i) => `v${i} = Reshape ${i ? `v${i - 1}` : 'x'} s${i}`);
    const constants = Object.fromEntries(lines.map((_, i) => [`s${i}`, i64(...new Array<number>(i + 1).fill(1))]));
    const runtime = await openRuntime([v], { prefer: ['vendor:liar'] });
    const model = runtime.model({ name: 'm', graph: graph(lines, { inputs: { x: f32(1) }, outputs: ['v59'], constants }), metadata: {} });
    expect((await model.run({ x: row(3) }))['v59']).toMatchObject({ dims: new Array(60).fill(1) });
    expect(runtime.lines.length).toBeLessThan(12);
    expect(runtime.lines.at(-1)).toMatch(/^warn liar\/chip failed 9 times in one run, all it was to do is given to others/);
  });

  it('inside a branch, a loop, a tail: recovered there, the rest does not run again', async () => {
    const runs: string[] = [];
    const counter = vendor('counter', {
      ops: ['Sqrt'],
      run: (_, __, honest) => {
        runs.push('sqrt');
        honest();
      },
    });
    const liar = vendor('liar', { ops: ['Abs'], run: () => fail() });
    const policy = { prefer: ['vendor'] };
    const inputs = { x: f32('n'), c: { kind: 'tensor', dtype: 'bool', shape: [] } as const };
    const branch = graph(['b = Abs a'], { outputs: ['b'] });
    const nested = graph(
      [
        'a = Sqrt x',
        node('y = If c', { then_branch: branch, else_branch: branch }),
        'z = NonZero x',
        't = Transpose z',
        'g = GatherND x t',
        'h = Abs g',
      ],
      { inputs, outputs: ['y', 'h'] },
    );
    const model = await loadModel(nested, [counter, liar], policy);
    const { y, h } = await model.run({ x: row(4, 0, 9), c: tensor([], [true], 'bool') });
    expect([listOf(y), listOf(h), runs]).toEqual([[2, 0, 3], [4, 9], ['sqrt']]);
    const all = await loadModel(nested, [counter, liar], { ...policy, fallback: 'none' });
    expect((await errorOf(all.run({ x: row(4, 0, 9), c: tensor([], [true], 'bool') }))).code).toBe('FLAGOS_E_NO_KERNEL');
    const raised = await loadModel(nested, [counter, liar], { ...policy, onFailure: 'error' });
    expect(await errorOf(raised.run({ x: row(4), c: tensor([], [true], 'bool') }))).toMatchObject({
      trace: { model: 'm', node: 'b', op: 'Abs', chip: 'liar/chip', kernel: 'liar/chip:Abs.default' },
    });
  });

  it('releasing that fails is logged, and stops nothing', async () => {
    const v = vendor('liar', { prepare: (_, __, honest) => ({ ...honest(), dispose: () => fail('stuck') }) });
    const runtime = await openRuntime([v], { prefer: ['vendor:liar'] });
    const model = runtime.model({ name: 'm', graph: abs, metadata: {} });
    await model.run({ x });
    await model.dispose();
    expect(runtime.lines).toEqual(['warn releasing a kernel failed {"model":"m","reason":"stuck"}']);
    await runtime.close();
    expect(v.log.closed).toBe(1);
  });
});

describe('errors that are the caller’s', () => {
  const gather = graph(['y = Gather t i'], { inputs: { t: f32(3), i: { kind: 'tensor', dtype: 'int64', shape: ['n'] } }, outputs: ['y'] });

  it('go up as they are from whoever notices, and nobody else is tried', async () => {
    for (const code of ['FLAGOS_E_SHAPE', 'FLAGOS_E_VALUE', 'FLAGOS_E_DTYPE'] as const) {
      for (const slow of [false, true]) {
        const v = vendor('liar', {
          slow,
          run: () => {
            throw new FlagosError(code, 'no such thing');
          },
        });
        const model = await loadModel(abs, [v], { prefer: ['vendor:liar'] });
        expect(await errorOf(model.run({ x }))).toMatchObject({ code, reason: 'no such thing', trace });
        expect(runners(model)).toEqual({ y: 'liar' });
      }
    }
  });

  it('are found before any kernel sees them where shapes tell', async () => {
    const v = vendor('liar');
    const model = await loadModel(graph(['y = MatMul a b'], { inputs: { a: f32('m', 'k'), b: f32('k', 'n') }, outputs: ['y'] }), [v], {
      prefer: ['vendor:liar'],
    });
    expect(await errorOf(model.run({ a: tensor([1, 2], [1, 2]), b: tensor([3, 1], [1, 2, 3]) }))).toMatchObject({
      code: 'FLAGOS_E_SHAPE',
      trace: { model: 'm', node: 'y', op: 'MatMul' },
    });
    expect(v.log.prepared).toEqual([]);
  });

  it('are not held against a kernel that failed because of them', async () => {
    const v = vendor('liar', {
      run: ([, i], outputs, honest) => (i instanceof Tensor && i.toNumbers().some((n) => n > 2) ? fail('index out of bounds') : honest()),
    });
    const runtime = await openRuntime([v], { prefer: ['vendor:liar'], onFailure: 'quarantine' });
    const model = runtime.model({ name: 'm', graph: gather, metadata: {} });
    const t = row(5, 6, 7);
    expect(listOf((await model.run({ t, i: i64(0, 2) }))['y'])).toEqual([5, 7]);
    const e = await errorOf(model.run({ t, i: i64(0, 9) }));
    expect(e).toMatchObject({ code: 'FLAGOS_E_VALUE', trace: { model: 'm', node: 'y', op: 'Gather' } });
    expect(listOf((await model.run({ t, i: i64(1, 0) }))['y'])).toEqual([6, 5]);
    expect([runners(model), runtime.quarantine.list()]).toEqual([{ y: 'liar' }, []]);
  });

  it('inside branches, loops and tails carry the way down to them', async () => {
    const inputs = {
      c: { kind: 'tensor', dtype: 'bool', shape: [] } as const,
      t: f32(3),
      i: { kind: 'tensor', dtype: 'int64', shape: ['n'] } as const,
    };
    const inner = graph([node('y = Gather t i')], { outputs: ['y'] });
    const g = graph([node('o = If c', { then_branch: inner, else_branch: inner })], { inputs, outputs: ['o'] });
    const feeds = { c: tensor([], [true], 'bool'), t: row(1, 2, 3), i: i64(7) };
    const said = {
      code: 'FLAGOS_E_VALUE',
      kind: 'user',
      trace: { model: 'm', node: 'y', op: 'Gather', chip: 'reference/cpu', kernel: 'reference/cpu:Gather.float64' },
    };
    expect(await errorOf((await loadModel(g)).run(feeds))).toMatchObject(said);
    const tail = graph(['z = NonZero t', 's = Squeeze z', 'j = Add s i', 'y = Gather t j'], { inputs, outputs: ['y'] });
    expect(await errorOf((await loadModel(tail)).run(feeds))).toMatchObject(said);
    const body = graph(['k = Identity go', 'y = MatMul v v'], {
      inputs: { n: undefined, go: undefined, v: undefined },
      outputs: ['k', 'y'],
    });
    const loop = graph([node('l = Loop m _ t', { body })], {
      inputs: { m: { kind: 'tensor', dtype: 'int64', shape: [] }, t: f32(2, 3) },
      outputs: ['l'],
    });
    expect(
      await errorOf((await loadModel(loop)).run({ m: tensor([], [2], 'int64'), t: tensor([2, 3], [1, 2, 3, 4, 5, 6]) })),
    ).toMatchObject({ code: 'FLAGOS_E_SHAPE', trace: { model: 'm', node: 'y', op: 'MatMul' } });
  });
});
