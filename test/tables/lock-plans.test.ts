/** Whole plans in the lock: another runtime, which has no tables, makes the same regions of them, and says what it cannot make. */
import { describe, expect, it } from 'vitest';
import { Tensor } from '../../src/core/tensor.ts';
import { hashOf } from '../../src/core/hash.ts';
import { noEvidence } from '../../src/opmanager/evidence.ts';
import { lockText, parseLock, positionsOf, positionsText, type LockContents, type LockedPlan } from '../../src/opmanager/lock-entries.ts';
import type { OnMismatch } from '../../src/opmanager/lock.ts';
import type { KernelProvider } from '../../src/plugins/contract.ts';
import { lockOfModel } from '../../src/runtime/model-lock.ts';
import { f32, graph, openRuntime, row, vendor } from '../dispatch/kit.ts';

interface Given {
  readonly code?: string;
  readonly most?: number;
  readonly version?: string;
}
/** Vendors whose results show where regions begin: each region adds its size to the last bits. */
const make = (name: string, { code = 'text', most = Infinity, version = '1.0.0' }: Given = {}): KernelProvider => ({
  ...vendor(name, {
    regions: 'connected',
    prior: name === 'a' ? { gflops: 1e4, gbps: 1e4 } : {},
    supports: ({ nodes }) => (nodes.length <= most ? { ok: true } : { ok: false, reason: 'SHAPE', detail: `takes ${most} nodes` }),
    prepare: (region, _, honest) => ({ ...honest(), code: hashOf(`${code} ${region.nodes.length}`) }),
    run: (_, outputs, honest, region) => {
      honest();
      for (const t of outputs)
        if (t instanceof Tensor) t.data.forEach((v, k) => void (t.data[k] = Number(v) * (1 + region.nodes.length * 1e-6)));
    },
  }),
  version,
});
const chain = graph(['v1 = Sqrt x', 'v2 = Exp v1', 'v3 = Tanh v2', 'v4 = Neg v3', 'y = Abs v4'], { inputs: { x: f32(4) }, outputs: ['y'] });

interface Planned {
  readonly bits: string;
  readonly regions: string[];
  readonly lock: LockContents;
  readonly lines: readonly string[];
}
const run = async (
  vendors: readonly KernelProvider[],
  { lock, onMismatch = 'error', plan }: { lock?: LockContents; onMismatch?: OnMismatch; plan?: Parameters<typeof forced>[0] } = {},
): Promise<Planned> => {
  const runtime = await openRuntime(vendors, {}, { evidence: noEvidence, lock: lock && { name: 'l.json', contents: lock, onMismatch } });
  const model = runtime.model({ name: 'm', graph: chain, metadata: {} }, plan ? { planFor: forced(plan) } : {});
  try {
    const { y } = await model.run({ x: row(0.3, 0.7, 1.1, 2.9) });
    const regions = model.plans[0]!.planned.regions.map((r) => `${r.chip!.id} ${r.nodes.map((n) => n.node.name).join(' ')}`);
    const bits = Buffer.from(((y as Tensor).data as Float32Array).buffer).toString('hex');
    return { bits, regions, lock: lockOfModel(model, runtime.identities), lines: runtime.lines };
  } finally {
    await runtime.close();
  }
};
/** What the tuner would settle on. */
const forced = (plan: { labels: string; cuts: number[] }) => () => ({
  labels: [...plan.labels].map((l) => `${l}/chip.default`),
  cuts: new Set(plan.cuts),
});

const both = [make('a'), make('b')];
const tuned = { labels: 'abbbb', cuts: [3] };
const wanted = ['a/chip v1', 'b/chip v2 v3', 'b/chip v4 y'];
const again = (lock: LockContents): LockContents => parseLock(lockText(lock), 'l.json');

describe('a plan in the lock', () => {
  it('is made again with its regions, bit for bit, where nothing is known of times', async () => {
    const free = await run(both);
    const first = await run(both, { plan: tuned });
    expect(first.regions).toEqual(wanted);
    expect(first.bits).not.toBe(free.bits);
    const kept = await run(both, { lock: again(first.lock) });
    expect(kept).toMatchObject({ bits: first.bits, regions: wanted });
    expect(kept.lines).toEqual([]);
    expect(kept.lock).toEqual(first.lock);
  });

  it('counts before what other models lock for the same signatures', async () => {
    const { lock, bits } = await run(both, { plan: tuned });
    const other = await run(both, { plan: { labels: 'bbbba', cuts: [] } });
    expect((await run(both, { lock: { kernels: other.lock.kernels, plans: lock.plans } })).bits).toBe(bits);
  });

  it('is followed in explain', async () => {
    const { lock } = await run(both, { plan: tuned });
    const runtime = await openRuntime(both, {}, { lock: { name: 'l.json', contents: lock, onMismatch: 'error' } });
    const model = runtime.model({ name: 'm', graph: chain, metadata: {} });
    await model.prepare();
    const { verdicts, kernel } = model.explain('v2');
    expect(kernel!.id).toBe('b/chip:Exp.default');
    expect(verdicts.filter((v) => v.reason === 'LOCKED').map((v) => v.detail)).toContain(
      'l.json locks b/chip:Exp.default in the plan of this graph',
    );
    await runtime.close();
  });
});

describe('where it cannot be made', () => {
  const changed = (lock: LockContents, change: Partial<LockedPlan>): LockContents => ({
    ...lock,
    plans: Object.fromEntries(Object.entries(lock.plans).map(([s, p]) => [s, { ...p, ...change }])),
  });
  const regions = (...nodes: string[]): Partial<LockedPlan> => ({ regions: nodes.map((n) => ({ nodes: n })) });
  const cases: [string, KernelProvider[], Partial<LockedPlan>, string][] = [
    ['a chip is missing', [make('a')], {}, 'the chip b/chip is not there'],
    ['a version is another', [make('a'), make('b', { version: '2.0.0' })], {}, 'it was locked as version 1.0.0, here it is 2.0.0'],
    ['code is another', [make('a'), make('b', { code: 'other' })], {}, 'the code of b/chip:Exp.default (2 nodes from v2) was'],
    ['a region is refused', [make('a'), make('b', { most: 1 })], {}, 'b/chip does not run its 2 nodes as one region: takes 1 nodes'],
    ['nodes are missing', both, regions('0', '1-2', '3'), 'its regions are not those of its nodes'],
    ['nodes are there twice', both, regions('0', '1-3', '3-4'), 'its regions are not those of its nodes'],
    ['the order is impossible', both, regions('0', '3-4', '1-2'), 'its regions cannot run in that order'],
    ['a region spans chips', both, regions('0-2', '3-4'), 'a region of it is on several chips'],
    ['it is of another graph', both, { plan: 'a/chip.default*4' }, 'it is not a plan of this graph'],
    ['a variant is gone', both, { plan: 'a/chip.default*1,b/chip.fast*4' }, 'b/chip.fast is not there'],
  ];

  it.each(cases)('%s: an error that says so; a warning, and it runs', async (_, vendors, change, why) => {
    const { lock } = await run(both, { plan: tuned });
    const contents = changed(lock, change);
    await expect(run(vendors, { lock: contents })).rejects.toMatchObject({
      code: 'FLAGOS_E_LOCK',
      reason: expect.stringContaining(why),
    });
    for (const onMismatch of ['warn', 'retune'] as const) {
      const { lines, bits } = await run(vendors, { lock: contents, onMismatch });
      expect(lines.filter((l) => l.includes('the plan of Graph(') && l.includes(why))).toHaveLength(1);
      expect(lines.some((l) => l.startsWith('warn'))).toBe(onMismatch === 'warn');
      expect(bits).toMatch(/^[0-9a-f]{32}$/);
    }
  });
});

it('positions are text and back', () => {
  expect(positionsText([0, 1, 2, 5, 7, 8])).toBe('0-2,5,7-8');
  expect(positionsOf('0-2,5,7-8')).toEqual([0, 1, 2, 5, 7, 8]);
  for (const wrong of ['', '1-', 'a', '3-1', '2,1', '1,1', '0-9999999']) expect(positionsOf(wrong)).toBeUndefined();
});
