/** Schedules: variants that only cut the work otherwise. Not planned, but measured, chosen, replayed, locked, and named by policy. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Graph, Model } from '../../src/core/graph.ts';
import { Tensor } from '../../src/core/tensor.ts';
import { createRuntime } from '../../src/host/flagos.ts';
import { FolderStore } from '../../src/host/tables/folder-store.ts';
import type { EvidenceSnapshot } from '../../src/opmanager/evidence.ts';
import { noEvidence } from '../../src/opmanager/evidence.ts';
import { lockText, parseLock } from '../../src/opmanager/lock-entries.ts';
import type { PolicyOverride } from '../../src/opmanager/policy.ts';
import { withRows } from '../../src/opmanager/process-evidence.ts';
import { Tables } from '../../src/opmanager/tables/tables.ts';
import type { KernelProvider, Variant } from '../../src/plugins/contract.ts';
import type { FlagosModel } from '../../src/runtime/model.ts';
import { lockOfModel } from '../../src/runtime/model-lock.ts';
import type { RuntimeParts } from '../../src/runtime/runtime.ts';
import { tuneModel, type TuneResult } from '../../src/runtime/tune/tune.ts';
import { f32, graph, openRuntime, row, vendor } from './kit.ts';

const model = (g: Graph): Model => ({ name: 'm', graph: g, metadata: {} });
const kernels = (loaded: FlagosModel): string[] => loaded.placement().map((p) => p.kernel);

describe('a variant with schedules', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flagos-schedules-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  let now = 0;
  beforeEach(() => {
    now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
  });
  afterEach(() => void vi.restoreAllMocks());

  const plain: Variant = {
    name: 'plain',
    numerics: { inputs: 'same', accumulate: 'float32', notes: ['reassociated'] },
    schedules: ['plain-fast', 'plain-slow'],
  };
  const us: Readonly<Record<string, number>> = { plain: 500, 'plain-fast': 200, 'plain-slow': 900 };
  /** Takes what its schedule takes, on a clock only it moves. @param wrong the schedule that gives other results. */
  const acme = (wrong?: string, variants: readonly Variant[] = [plain]): KernelProvider =>
    vendor('acme', {
      regions: 'connected',
      variants: () => variants,
      prepare: (_region, variant, honest) => {
        const made = honest();
        return {
          ...made,
          run: (inputs, outputs) => {
            now += us[variant]! / 1e3;
            const done = made.run(inputs, outputs);
            if (variant === wrong) for (const t of outputs) if (t instanceof Tensor) t.data[0] = 7;
            return done;
          },
        };
      },
    });
  const g = graph(['v1 = Neg x', 'v2 = Exp v1', 'y = Abs v2'], { inputs: { x: f32(4) }, outputs: ['y'] });
  const x = row(0.5, 1, 2, 3);
  const tune = async (vendors: readonly KernelProvider[], evidence: EvidenceSnapshot = noEvidence): Promise<TuneResult> => {
    const runtime = await openRuntime(vendors, {}, { evidence });
    const result = await tuneModel(runtime, model(g), [x], { host: 'test', budgetMs: 100, now: () => new Date(1e12) });
    await runtime.close();
    return result;
  };
  const placed = async (vendors: readonly KernelProvider[], parts: Partial<RuntimeParts>, policy: PolicyOverride = {}) => {
    const runtime = await openRuntime(vendors, policy, parts);
    const loaded = runtime.model(model(g));
    await loaded.run({ x });
    const result = {
      kernels: kernels(loaded),
      regions: loaded.plans[0]!.planned.regions.length,
      explained: loaded.explain('v2'),
      lock: lockOfModel(loaded, runtime.identities),
    };
    await runtime.close();
    return result;
  };
  const all = (variant: string): string[] => ['Neg', 'Exp', 'Abs'].map((op) => `acme/chip:${op}.${variant}`);

  it('is planned without them, and they are no candidates', async () => {
    const { kernels: found, explained } = await placed([acme()], {});
    expect(found).toEqual(all('plain'));
    expect(explained.verdicts.filter((v) => v.provider === 'acme').map((v) => v.variant)).toEqual(['plain']);
  });

  it('is run by the one the tuner found to be the fastest, by every runtime that shares the table', async () => {
    const { chosen, contenders, rows } = await tune([acme()]);
    expect(contenders.map((c) => [c.name, Math.round(c.timing.medianUs)])).toEqual([
      ['default', 500],
      ['default, plain-fast', 200],
      ['default, plain-slow', 900],
    ]);
    expect(chosen).toBe('default, plain-fast');
    const evidence = withRows(noEvidence, rows);
    const store = new FolderStore(folder);
    await store.append(rows);
    const tables = await Tables.open([{ layer: 'machine', store }], { log: () => {} });
    for (const parts of [{ evidence }, { tables }]) {
      const later = await placed([acme()], parts);
      expect(later.kernels).toEqual(all('plain-fast'));
      expect(later.regions).toBe(1);
      expect(later.explained.kernel!.id).toBe('acme/chip:Exp.plain-fast');
      expect(later.explained.verdicts.find((v) => v.status === 'chosen')).toMatchObject({ scheduleOf: 'acme/chip:Exp.plain' });
    }
    // Tuned again, it stays.
    const again = await tune([acme()], evidence);
    expect(again.chosen).toBe('default');
    expect(again.contenders.map((c) => c.name)).toEqual(['default', 'untuned', 'default, plain-slow']);
  });

  it('is locked as it was tuned: a runtime without tables runs the same', async () => {
    const { rows } = await tune([acme()]);
    const { lock } = await placed([acme()], { evidence: withRows(noEvidence, rows) });
    const contents = parseLock(lockText(lock), 'l.json');
    const locked = { name: 'l.json', contents, onMismatch: 'error' as const };
    expect(await placed([acme()], { lock: locked })).toMatchObject({ kernels: all('plain-fast'), regions: 1 });
    // Without the plan its kernels are locked one by one.
    const single = { ...locked, contents: { ...contents, plans: {} } };
    expect(await placed([acme()], { lock: single })).toMatchObject({ kernels: all('plain-fast'), regions: 1 });
    const gone = placed([acme(undefined, [{ ...plain, schedules: [] }])], { lock: locked });
    await expect(gone).rejects.toMatchObject({ code: 'FLAGOS_E_LOCK', reason: expect.stringContaining('plain-fast is not there') });
  });

  it('is as exact as it is by all of them: what was said of it holds, until one was looked at itself', async () => {
    const { rows } = await tune([acme()]);
    const known = withRows(noEvidence, rows);
    const levels = (of: Readonly<Record<string, 'fail' | 'standard'>>): EvidenceSnapshot => ({
      ...known,
      accuracy: (kernel) => ({ level: of[kernel.slice(kernel.lastIndexOf('.') + 1)] ?? 'unknown' }),
    });
    const deny: PolicyOverride = { accuracy: { unknown: 'deny' } };
    const run = async (of: Parameters<typeof levels>[0]) => (await placed([acme()], { evidence: levels(of) }, deny)).kernels;
    expect(await run({ plain: 'standard' })).toEqual(all('plain-fast'));
    expect(await run({ plain: 'standard', 'plain-fast': 'fail' })).toEqual(all('plain'));
    expect((await run({})).every((k) => k.startsWith('reference/'))).toBe(true);
  });

  it('does not settle on one that gives other results', async () => {
    expect((await tune([acme('plain-fast')])).chosen).toBe('default');
  });

  it('is run by the one policy names, and refused where one has the name of a variant', async () => {
    const prefer = ['impl:acme/chip:*.plain-slow', 'acme/chip'];
    expect(await placed([acme()], {}, { prefer })).toMatchObject({ kernels: all('plain-slow'), regions: 1 });
    const twice = await placed([acme(undefined, [plain, { ...plain, name: 'plain-fast', schedules: [] }])], {});
    expect(twice.explained.verdicts.find((v) => v.provider === 'acme')).toMatchObject({ reason: 'ERROR', detail: 'names a variant twice' });
  });
});

describe('schedules of flagos/cpu', async () => {
  const flagos = await createRuntime({
    discover: false,
    file: false,
    tables: { machine: false, project: false },
    threads: 2,
    log: 'error',
  });
  afterAll(() => flagos.close());
  const chip = flagos.runtime.chips.find((c) => c.id === 'flagos/cpu');
  const filled = (dims: readonly number[], seed: number): Tensor => {
    const size = dims.reduce((a, b) => a * b, 1);
    return Tensor.from(
      'float32',
      dims,
      Float32Array.from({ length: size }, (_, i) => Math.sin(i * 12.9898 + seed)),
    );
  };
  const cases: [string, Graph, Readonly<Record<string, Tensor>>][] = [
    [
      'a contraction',
      graph(['y = MatMul a b'], { inputs: { a: f32(150, 700), b: f32(700, 260) }, outputs: ['y'] }),
      { a: filled([150, 700], 1), b: filled([700, 260], 2) },
    ],
    [
      'a convolution',
      graph(['y = Conv x w'], { inputs: { x: f32(1, 24, 40, 40) }, outputs: ['y'], constants: { w: filled([48, 24, 3, 3], 3) } }),
      { x: filled([1, 24, 40, 40], 4) },
    ],
    [
      'a region',
      graph(['m = MatMul x w', 's = Add m c', 'y = Softmax s'], {
        inputs: { x: f32(9, 33) },
        outputs: ['y'],
        constants: { w: filled([33, 70], 5), c: filled([70], 6) },
      }),
      { x: filled([9, 33], 7) },
    ],
  ];
  const run = async (g: Graph, feeds: Readonly<Record<string, Tensor>>, prefer: string[]) => {
    const loaded = flagos.runtime.model(model(g), { policy: { prefer } });
    const { y } = await loaded.run(feeds);
    const made = {
      kernels: kernels(loaded),
      regions: loaded.plans[0]!.planned.regions.length,
      values: [...(y as Tensor).data].map(Number),
    };
    await loaded.dispose();
    return made;
  };
  const names = ['fp32-half', 'fp32-double', 'fp32-serial'];

  // Without a C compiler there is no such chip.
  it.skipIf(!chip).each(cases)('compute the same in %s', { timeout: 60_000 }, async (_, g, feeds) => {
    const usual = await run(g, feeds, ['flagos/cpu']);
    expect(usual.kernels.every((k) => k.endsWith('.fp32'))).toBe(true);
    const scale = Math.max(...usual.values.map(Math.abs));
    for (const name of names) {
      const made = await run(g, feeds, [`impl:flagos/cpu:*.${name}`, 'flagos/cpu']);
      expect(made.kernels.map((k) => k.slice(k.lastIndexOf('.') + 1))).toEqual(g.nodes.map(() => name));
      expect(made.regions).toBe(1);
      expect(Math.max(...made.values.map((v, i) => Math.abs(v - usual.values[i]!)))).toBeLessThan(1e-5 * scale);
    }
  });
});
