/**
 * Choosing by measurement, from end to end: vendors whose kernels take the time they are given on a clock
 * that only they move, so that what is chosen does not depend on the machine the test runs on.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Graph, Model } from '../../src/core/graph.ts';
import { noEvidence } from '../../src/opmanager/evidence.ts';
import { withRows } from '../../src/opmanager/process-evidence.ts';
import type { PerformanceRow } from '../../src/opmanager/tables/rows.ts';
import { Tables } from '../../src/opmanager/tables/tables.ts';
import type { KernelProvider } from '../../src/plugins/contract.ts';
import { tuneModel, type TuneResult } from '../../src/runtime/tune/tune.ts';
import { f32, graph, openRuntime, row, runners, vendor, type VendorOptions } from './kit.ts';

let now = 0;
beforeEach(() => {
  now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
});
afterEach(() => void vi.restoreAllMocks());

type Times = Readonly<Record<string, number>>;

/** A vendor whose ops take so many microseconds; a region takes the sum, and `each` for being called. */
const timed = (name: string, times: Times, each = 1, more: VendorOptions = {}): KernelProvider =>
  vendor(name, {
    regions: 'connected',
    run: (_inputs, _outputs, honest, region) => {
      honest();
      now += (each + region.nodes.reduce((us, n) => us + (times[n.op] ?? 1), 0)) / 1e3;
    },
    ...more,
  });

const model = (g: Graph): Model => ({ name: 'm', graph: g, metadata: {} });
const chain = (...ops: string[]): Graph =>
  graph(
    ops.map((op, i) => `v${i + 1} = ${op} v${i}`),
    { inputs: { v0: f32(64) }, outputs: [`v${ops.length}`] },
  );
const input = row(...Array.from({ length: 64 }, (_, i) => i / 64));

const tuned = async (vendors: readonly KernelProvider[], g: Graph, rows: readonly PerformanceRow[] = []): Promise<TuneResult> => {
  const runtime = await openRuntime(vendors, {}, { evidence: withRows(noEvidence, rows) });
  const result = await tuneModel(runtime, model(g), [input], {
    host: 'test',
    budgetMs: 200,
    now: () => new Date(1e12 + rows.length * 1e3),
  });
  await runtime.close();
  return result;
};
const placed = async (vendors: readonly KernelProvider[], g: Graph, rows: readonly PerformanceRow[]): Promise<Record<string, string>> => {
  const runtime = await openRuntime(vendors, {}, { evidence: withRows(noEvidence, rows) });
  const loaded = runtime.model(model(g));
  await loaded.run({ v0: input });
  const result = runners(loaded);
  await runtime.close();
  return result;
};

const half = chain('Neg', 'Neg', 'Neg', 'Abs', 'Abs', 'Abs');

describe('tuning', () => {
  it('settles on the provider that is fastest end to end, whatever was declared', async () => {
    const vendors = [timed('boasts', { Neg: 500 }, 1, { prior: { gflops: 1e4, gbps: 1e4 } }), timed('modest', { Neg: 200 })];
    const g = chain('Neg', 'Neg', 'Neg');
    expect(await placed(vendors, g, [])).toMatchObject({ v1: 'boasts' });
    const { chosen, rows, contenders } = await tuned(vendors, g);
    expect(chosen).toBe('modest/chip');
    expect(contenders.map((c) => [c.name, Math.round(c.timing.medianUs)])).toEqual([
      ['default', 1501],
      ['modest/chip', 601],
    ]);
    expect(await placed(vendors, g, rows)).toMatchObject({ v1: 'modest', v2: 'modest', v3: 'modest' });
  });

  it('finds a mix where each provider is fast at a part, and only where handing over is worth it', async () => {
    const vendors = (each: number): KernelProvider[] => [
      timed('left', { Neg: 100, Abs: 900 }, each),
      timed('right', { Neg: 900, Abs: 100 }, each),
    ];
    const { chosen, rows } = await tuned(vendors(10), half);
    expect(chosen).toMatch(/^mix /);
    expect(Object.values(await placed(vendors(10), half, rows))).toEqual(['left', 'left', 'left', 'right', 'right', 'right']);
    expect((await tuned(vendors(5_000), half)).chosen).not.toMatch(/^mix /);
  });

  it('keeps to the default where nothing is clearly faster', async () => {
    const vendors = [timed('a', { Neg: 1000 }, 1, { prior: { gflops: 100, gbps: 100 } }), timed('b', { Neg: 970 })];
    const g = chain('Neg', 'Neg');
    const { chosen, rows } = await tuned(vendors, g);
    expect(chosen).toBe('default');
    expect(await placed(vendors, g, rows)).toMatchObject({ v1: 'a' });
  });

  it('what was settled on stays through later sessions, until another one is clearly faster', async () => {
    const g = chain('Neg', 'Neg');
    const vendors = (b: number): KernelProvider[] => [timed('a', { Neg: 1000 }), timed('b', { Neg: b })];
    const { rows } = await tuned(vendors(800), g);
    expect(await placed(vendors(800), g, rows)).toMatchObject({ v1: 'b' });
    // It has become a little slower than the other one.
    const second = await tuned(vendors(1020), g, rows);
    expect(await placed(vendors(1020), g, [...rows, ...second.rows])).toMatchObject({ v1: 'b' });
    const third = await tuned(vendors(1300), g, [...rows, ...second.rows]);
    expect(await placed(vendors(1300), g, [...rows, ...second.rows, ...third.rows])).toMatchObject({ v1: 'a' });
  });

  it('does not settle on what gives other results', async () => {
    const wrong: VendorOptions = {
      run: (_inputs, outputs, honest) => {
        honest();
        const [place] = outputs;
        if (place && 'data' in place) (place.data as Float32Array)[0] = 7;
        now += 0.001;
      },
    };
    const vendors = [timed('right', { Neg: 500 }, 1, { prior: { gflops: 1e4, gbps: 1e4 } }), vendor('wrong', wrong)];
    const { chosen, contenders } = await tuned(vendors, chain('Neg', 'Neg'));
    expect(chosen).toBe('default');
    expect(contenders.find((c) => c.name === 'wrong/chip')!.difference.relative).toBeGreaterThan(1);
  });

  it('goes on without what fails, and says so', async () => {
    const broken = vendor('broken', {
      run: () => {
        throw new Error('out of order');
      },
    });
    const { chosen, skipped } = await tuned([timed('works', { Neg: 5 }), broken], chain('Neg', 'Neg'));
    expect(chosen).toBe('default');
    expect(skipped.some((s) => s.name === 'broken/chip')).toBe(true);
  });
});

describe('tuning in a running program', () => {
  const boasting = (us: { a: number; b: number }): KernelProvider[] => [
    vendor('a', { regions: 'connected', prior: { gflops: 1e4, gbps: 1e4 }, run: (_i, _o, honest) => (honest(), void (now += us.a / 1e3)) }),
    vendor('b', { regions: 'connected', run: (_i, _o, honest) => (honest(), void (now += us.b / 1e3)) }),
  ];
  const g = chain('Neg', 'Exp');
  const open = async (us: { a: number; b: number }, tables: Tables) => {
    const runtime = await openRuntime(boasting(us), {}, { tables });
    const loaded = runtime.model(model(g), { tuneWhenIdle: { idleMs: 0, budgetMs: 50 } });
    return { runtime, loaded };
  };
  const silent = { log: () => {} };

  it('starts by what is declared, and moves to what is clearly faster when it was measured; the next start begins there', async () => {
    const tables = new Tables([], silent);
    const { runtime, loaded } = await open({ a: 900, b: 300 }, tables);
    const before = await loaded.run({ v0: input });
    expect(runners(loaded)).toMatchObject({ v1: 'a', v2: 'a' });
    await loaded.tuned();
    expect(await loaded.run({ v0: input })).toEqual(before);
    expect(runners(loaded)).toMatchObject({ v1: 'b', v2: 'b' });
    expect(runtime.lines.join()).toContain('measured while idle');
    const again = runtime.model(model(g));
    await again.run({ v0: input });
    expect(runners(again)).toMatchObject({ v1: 'b' });
    await runtime.close();
  });

  it('stays where nothing is clearly faster', async () => {
    const { runtime, loaded } = await open({ a: 300, b: 297 }, new Tables([], silent));
    await loaded.run({ v0: input });
    await loaded.tuned();
    await loaded.run({ v0: input });
    expect(runners(loaded)).toMatchObject({ v1: 'a' });
    await runtime.close();
  });

  it('measures again what has become slow', async () => {
    const us = { a: 300, b: 500 };
    const { runtime, loaded } = await open(us, new Tables([], silent));
    await loaded.run({ v0: input });
    await loaded.tuned();
    const many = async (): Promise<void> => {
      for (let i = 0; i < 60; i++) await loaded.run({ v0: input });
      await loaded.tuned();
      await loaded.run({ v0: input });
    };
    await many();
    expect(runners(loaded)).toMatchObject({ v1: 'a' });
    us.a = 2000;
    await many();
    expect(runtime.lines.join()).toContain('has become slower');
    expect(runners(loaded)).toMatchObject({ v1: 'b' });
    await runtime.close();
  });

  it('ends at the next turn when the model is disposed, and says nothing of it', async () => {
    const { runtime, loaded } = await open({ a: 300, b: 200 }, new Tables([], silent));
    await loaded.run({ v0: input });
    await loaded.dispose();
    expect(runtime.lines.filter((l) => l.startsWith('warn'))).toEqual([]);
    await runtime.close();
  });
});

describe('a fast kernel in another memory', () => {
  const g = chain('Neg', 'Exp', 'Neg');
  /** On the device, Exp takes 10 µs in place of 500. Copies take their time on the clock, too. */
  const vendors = (copyUs: number): KernelProvider[] => {
    const device = timed('device', { Exp: 10, Neg: 500 }, 1, { memory: { latencyUs: copyUs, gbps: 1e3 } });
    const { open } = device;
    const costly: KernelProvider = {
      ...device,
      open: async (chip, host) => {
        const session = await open(chip, host);
        const memory = session.memory!;
        const late = <T>(value: T): T => ((now += copyUs / 1e3), value);
        return Object.assign(session, {
          memory: {
            id: memory.id,
            transfer: memory.transfer,
            upload: (t: Parameters<typeof memory.upload>[0]) => late(memory.upload(t)),
            download: (t: Parameters<typeof memory.download>[0]) => late(memory.download(t)),
            free: (t: Parameters<typeof memory.free>[0]) => memory.free(t),
          },
        });
      },
    };
    return [timed('host', { Exp: 500, Neg: 10 }), costly];
  };
  /** What single nodes take, measured alone: the device's Exp is fifty times faster. */
  const planted = async (copyUs: number): Promise<PerformanceRow[]> => {
    const { rows } = await tuned(vendors(copyUs), g);
    const single = async (op: string): Promise<readonly PerformanceRow[]> =>
      (await tuned(vendors(copyUs), chain(op))).rows.filter((r) => r.op === op);
    const nodes = [...(await single('Exp')), ...(await single('Neg'))];
    expect(rows.length).toBeGreaterThan(0);
    return nodes;
  };

  it('is not selected when transfers eat the gain, and is when they do not', async () => {
    expect(Object.values(await placed(vendors(400), g, await planted(400)))).toEqual(['host', 'host', 'host']);
    expect(Object.values(await placed(vendors(20), g, await planted(20)))).toEqual(['host', 'device', 'host']);
  });

  it('nor does the tuner settle on it, which measures the copies', async () => {
    const costly = await tuned(vendors(400), g);
    expect(Object.values(await placed(vendors(400), g, costly.rows))).toEqual(['host', 'host', 'host']);
    const cheap = await tuned(vendors(20), g);
    expect(Object.values(await placed(vendors(20), g, cheap.rows))).toEqual(['host', 'device', 'host']);
  });
});
