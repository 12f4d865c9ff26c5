/** Running: one run after another, stopping, ending, and the plans that are kept meanwhile. */
import { describe, expect, it } from 'vitest';
import { Tensor, type Value } from '../../src/core/tensor.ts';
import { f32, graph, i64, listOf, loadModel, node, openRuntime, row, tensor, vendor } from './kit.ts';

const int64 = (
  ...shape: (number | string)[]
): { readonly kind: 'tensor'; readonly dtype: 'int64'; readonly shape: readonly (number | string)[] } => ({
  kind: 'tensor',
  dtype: 'int64',
  shape,
});
const later = (ms = 1): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const data = (v: Value | undefined): Tensor['data'] => {
  if (v instanceof Tensor) return v.data;
  throw new Error('no tensor');
};

describe('runs of one model', () => {
  it('are one after another, each with its own results, whatever takes how long', async () => {
    let running = 0;
    let turn = 0;
    const slow = vendor('slow', {
      ops: ['Abs'],
      slow: true,
      run: async (_, __, honest) => {
        expect(++running).toBe(1);
        await later(turn++ % 3);
        honest();
        running--;
      },
    });
    const model = await loadModel(
      graph(['a = Abs x', 'b = Neg a', 'c = Abs b'], { inputs: { x: f32('n') }, outputs: ['a', 'b', 'c'] }),
      [slow],
      { prefer: ['vendor'] },
    );
    const runs = Array.from({ length: 12 }, (_, i) => model.run({ x: tensor([(i % 3) + 1], new Array<number>((i % 3) + 1).fill(-i)) }));
    for (const [i, { a, b, c }] of (await Promise.all(runs)).entries()) expect([a, b, c].map((t) => data(t)[0])).toEqual([i, -i, i]);
  });

  it('do not stop each other by failing', async () => {
    const v = vendor('odd', {
      slow: true,
      run: ([x], _, honest) => (data(x as Tensor)[0] === 2 ? Promise.reject(new Error('two')) : honest()),
    });
    const model = await loadModel(graph(['y = Abs x'], { inputs: { x: f32(1) }, outputs: ['y'] }), [v], {
      prefer: ['vendor'],
      onFailure: 'error',
    });
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
  const long = graph(
    Array.from({ length: 10 }, (_, i) => `v${i} = Neg ${i ? `v${i - 1}` : 'x'}`),
    { inputs: { x: f32(1) }, outputs: ['v9'] },
  );
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
    await expect(
      model.run({ x: row(1) }, { signal: stop.signal, observer: { before: (_, i) => void (i === 2 && stop.abort()) } }),
    ).rejects.toMatchObject({ code: 'FLAGOS_E_CANCELLED' });
    expect([runtime.lines, runtime.quarantine.list()]).toEqual([[], []]);
  });
});

describe('the end of a model', () => {
  it('waits for the run under way, refuses those that wait, and releases every kernel once', async () => {
    const v = vendor('slow', {
      slow: true,
      run: async (_, __, honest) => {
        await later();
        expect(v.log.disposed).toBe(0);
        honest();
      },
    });
    const body = graph(['k = Identity go', 'r = Abs v'], { inputs: { n: undefined, go: undefined, v: undefined }, outputs: ['k', 'r'] });
    const model = await loadModel(
      graph(['a = Neg x', node('l = Loop n _ a', { body }), 'z = NonZero l', 't = Transpose z', 'y = GatherND l t'], {
        inputs: { x: f32('n'), n: int64() },
        outputs: ['y'],
      }),
      [v],
      { prefer: ['vendor'] },
    );
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
    const v = vendor('slow', {
      slow: true,
      run: async (_, __, honest) => {
        await later();
        expect(v.log.disposed).toBe(0);
        honest();
      },
    });
    const model = await loadModel(graph(['y = Abs x', 'z = Neg y'], { inputs: { x: f32(1) }, outputs: ['z'] }), [v], {
      prefer: ['vendor'],
    });
    await model.prepare();
    let end: Promise<void> | undefined;
    const { z } = await model.run({ x: row(-1) }, { observer: { before: () => void (end ??= model.dispose()) } });
    await end;
    expect([listOf(z), v.log.disposed]).toEqual([[-1], 2]);
  });

  it('comes with the end of the runtime, which closes every chip even if one refuses', async () => {
    const good = vendor('good');
    const bad = {
      ...vendor('bad'),
      open: (...args: Parameters<typeof good.open>) =>
        ({
          ...good.open(...args),
          close: () => {
            throw new Error('stuck');
          },
        }) as never,
    };
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
    const model = await loadModel(
      graph(['a = Neg x', 'y = Reshape a s', 'z = Add y k'], { inputs: { x: f32(6), s: int64(2), k: f32() }, outputs: ['z'] }),
    );
    for (const [dims, k] of [
      [[2, 3], 1],
      [[3, 2], 2],
      [[2, 3], 3],
      [[6, 1], 4],
      [[3, 2], 5],
    ] as const) {
      const { z } = await model.run({ x: row(0, 0, 0, 0, 0, 0), s: i64(...dims), k: tensor([], [k]) });
      expect([(z as Tensor).dims, data(z)[0]]).toEqual([dims, k]);
    }
    // One for the shapes, and one for each value of s.
    expect(model.plans).toHaveLength(4);
  });

  it('made beforehand are found by the first run; runs and preparations at once make each plan once', async () => {
    const v = vendor('slow', {
      slow: true,
      prepare: async (_, __, honest) => {
        await later();
        return honest();
      },
    });
    const model = await loadModel(graph(['y = Neg x'], { inputs: { x: f32('n') }, outputs: ['y'] }), [v], { prefer: ['vendor'] });
    await expect(model.prepare()).rejects.toMatchObject({ code: 'FLAGOS_E_INPUT', hint: 'give it in `shapes`' });
    await Promise.all([model.prepare({ x: [2] }), model.run({ x: row(1, 2) }), model.prepare({ x: [2] }), model.run({ x: row(1) })]);
    expect([v.log.prepared.length, model.plans.length]).toEqual([2, 2]);
    expect(model.coverage().line).toBe('1 node: 1 on slow/chip (1 region)');
  });

  it('need more memory than there is: a typed error', async () => {
    const model = await loadModel(
      graph(['a = Expand x s', 'b = Neg a', 'y = ReduceSum b'], {
        inputs: { x: f32(1) },
        outputs: ['y'],
        constants: { s: i64(2 ** 30, 2 ** 20) },
      }),
      [vendor('acme')],
      { prefer: ['vendor'] },
    );
    await expect(model.run({ x: row(1) })).rejects.toMatchObject({ code: 'FLAGOS_E_LIMIT', trace: { model: 'm' } });
  });
});
