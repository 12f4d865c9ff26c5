/** Plans: how regions are grown and taken apart, and what every decision says. */
import { describe, expect, it } from 'vitest';
import type { Decision } from '../../src/opmanager/decision.ts';
import { refused, supported, type Region } from '../../src/plugins/contract.ts';
import { f32, graph, i64, listOf, loadModel, node, openRuntime, row, runners, tensor, vendor } from './kit.ts';

const numerics = { inputs: 'same', accumulate: 'same', notes: [] } as const;
const names = (regions: readonly Region[]): string[] => regions.map((r) => r.nodes.map((n) => n.name).join(' '));
const chain = (...ops: string[]): ReturnType<typeof graph> =>
  graph(
    ops.map((op, i) => `v${i} = ${op} ${i ? `v${i - 1}` : 'x'}`),
    { inputs: { x: f32(4) }, outputs: [`v${ops.length - 1}`] },
  );
const x = row(-1, 0, 2, 3);

describe('regions', () => {
  it('grow over everything a connected session can run, and no further', async () => {
    const v = vendor('acme', { regions: 'connected', ops: ['Abs', 'Neg', 'Add', 'Relu'] });
    const g = graph(['a = Abs x', 'b = Neg a', 'c = Sqrt a', 'd = Add b c', 'e = Relu d', 'f = Neg x'], {
      inputs: { x: f32(4) },
      outputs: ['e', 'f'],
    });
    const model = await loadModel(g, [v], { prefer: ['vendor:acme'] });
    const { e, f } = await model.run({ x: row(0.25, 0, -4, 9) });
    expect([listOf(e), listOf(f)]).toEqual([
      [0.25, 0, 0, 0],
      [-0.25, -0, 4, -9],
    ]);
    // b waits for nothing outside, d waits for the reference: together they would wait for themselves only if c hung on b.
    expect(names(v.log.prepared)).toEqual(['a b', 'd e', 'f']);
    expect(runners(model)).toEqual({ a: 'acme', b: 'acme', c: 'reference', d: 'acme', e: 'acme', f: 'acme' });
    expect(model.coverage()).toMatchObject({
      nodes: { 'acme/chip': 5, 'reference/cpu': 1 },
      regions: { 'acme/chip': 3, 'reference/cpu': 1 },
      total: 6,
    });
  });

  it('of a single session are single nodes', async () => {
    const v = vendor('acme');
    const model = await loadModel(chain('Abs', 'Neg', 'Relu'), [v], { prefer: ['vendor'] });
    await model.run({ x });
    expect(names(v.log.prepared)).toEqual(['v0', 'v1', 'v2']);
  });

  it('are halved as often as it takes until the session supports them', async () => {
    const v = vendor('acme', {
      regions: 'connected',
      supports: (r) => (r.nodes.length > 3 ? refused('LIMIT', 'at most 3 ops') : supported),
    });
    const model = await loadModel(chain('Abs', 'Neg', 'Abs', 'Neg', 'Abs', 'Neg', 'Abs', 'Neg', 'Abs', 'Neg'), [v], { prefer: ['vendor'] });
    const { v9 } = await model.run({ x });
    expect(listOf(v9)).toEqual([-1, -0, -2, -3]);
    expect(names(v.log.prepared)).toEqual(['v0 v1 v2', 'v3 v4', 'v5 v6 v7', 'v8 v9']);
  });

  it('never take in nodes that run alone', async () => {
    const v = vendor('acme', { regions: 'connected', variants: (r) => [{ name: 'default', numerics, alone: r.nodes[0]!.op === 'Neg' }] });
    const model = await loadModel(chain('Abs', 'Abs', 'Neg', 'Abs', 'Abs'), [v], { prefer: ['vendor'] });
    await model.run({ x });
    expect(names(v.log.prepared)).toEqual(['v0 v1', 'v2', 'v3 v4']);
  });

  it('run by one variant', async () => {
    const seen: string[] = [];
    const v = vendor('acme', {
      regions: 'connected',
      variants: (r) => [{ name: r.nodes[0]!.op === 'Neg' ? 'fast' : 'plain', numerics }],
      prepare: (region, variant, honest) => {
        seen.push(`${region.nodes.map((n) => n.name).join(' ')} ${variant}`);
        return honest();
      },
    });
    const model = await loadModel(chain('Abs', 'Abs', 'Neg', 'Neg', 'Abs'), [v], { prefer: ['vendor'] });
    await model.run({ x });
    expect(seen).toEqual(['v0 v1 plain', 'v2 v3 fast', 'v4 plain']);
  });

  it('get what they need: inputs, outputs that are read elsewhere, constants, and types of all values', async () => {
    const v = vendor('acme', { regions: 'connected', ops: ['Add', 'Mul'] });
    const g = graph(['a = Add x w', 'b = Mul a x', 'c = Add b a', 'd = Sqrt b'], {
      inputs: { x: f32(2) },
      outputs: ['c', 'd'],
      constants: { w: row(1, 2) },
    });
    await (await loadModel(g, [v], { prefer: ['vendor'] })).run({ x: row(3, 4) });
    const [region] = v.log.prepared;
    expect(region!.inputs).toEqual([{ name: 'x', type: f32(2) }]);
    expect(region!.outputs.map((o) => o.name)).toEqual(['b', 'c']);
    expect([...region!.constants.keys()]).toEqual(['w']);
    expect([...region!.types]).toEqual(['x', 'w', 'a', 'b', 'c'].map((name) => [name, f32(2)]));
  });
});

describe('decisions', () => {
  const decisionsOf = async (): Promise<Decision[]> => {
    const vendors = [
      vendor('quick', { regions: 'connected', prior: { overheadUs: 50, gflops: 1000, gbps: 1000 } }),
      vendor('near', { regions: 'connected', prior: { overheadUs: 1, gflops: 1, gbps: 1 }, ops: ['Add', 'Relu'] }),
      vendor('picky', {
        supports: (r) => (r.nodes[0]!.op === 'Relu' ? supported : refused('DTYPE', 'only Relu')),
        variants: () => [
          { name: 'a', numerics },
          { name: 'b', numerics },
        ],
      }),
      vendor('denied'),
    ];
    const runtime = await openRuntime(vendors, { denyVendors: ['denied'], perOp: { Sqrt: ['reference'] }, prefer: ['vendor'] });
    const g = graph(['a = Add x x', 'b = Relu a', 'c = Sqrt b', 'd = Exp c', 's = Shape x'], {
      inputs: { x: f32(4) },
      outputs: ['d', 's'],
    });
    const model = runtime.model({ name: 'm', graph: g, metadata: {} });
    await model.run({ x });
    expect(() => model.explain('s')).toThrow(/was folded/);
    expect(() => model.explain('q')).toThrow(/no plan has a node 'q'/);
    return ['a', 'b', 'c', 'd'].map((n) => model.explain(n));
  };

  it('name one chosen candidate, and for every other one the reason', async () => {
    for (const d of await decisionsOf()) {
      expect(d.verdicts.filter((v) => v.status === 'chosen').map((v) => v.kernel)).toEqual([d.kernel!.id]);
      for (const v of d.verdicts) {
        if (v.status === 'chosen') continue;
        expect([v.status, typeof v.reason, typeof v.detail]).toEqual(['rejected', 'string', 'string']);
      }
      expect(d.language!.provider).toBe(d.kernel!.id.split('/')[0]);
      expect(d.signature).toMatch(/^\w+\(float32\[4\]/);
      expect(d.region!.nodes).toBeGreaterThan(0);
    }
  });

  it('say what it was: policy, what a chip said, speed', async () => {
    const [a, b, c] = await decisionsOf();
    const reasons = (d: Decision | undefined): Record<string, string | undefined> =>
      Object.fromEntries(d!.verdicts.map((v) => [v.kernel.replace(/\/\w+:\w+/, ''), v.reason]));
    expect(reasons(a)).toEqual({
      'reference.float64': 'POLICY',
      'quick.default': 'SLOWER',
      'near.default': undefined,
      'picky.default': 'DTYPE',
      'denied.default': 'POLICY',
    });
    expect(reasons(b)).toMatchObject({
      'picky.a': expect.stringMatching(/SLOWER|REGION/),
      'picky.b': expect.stringMatching(/SLOWER|REGION/),
    });
    expect(c!.language).toEqual({ provider: 'reference', kind: 'reference', why: 'policy prefers it' });
    expect(a!.kernel!.why).toBe('the only kernel of near that can');
  });

  it('say so where a candidate is faster alone, but not in the whole', async () => {
    const mine = vendor('mine', { regions: 'connected', prior: { overheadUs: 10, gflops: 0.05, gbps: 0.05 } });
    const other = vendor('other', { ops: ['Neg'], prior: { overheadUs: 9, gflops: 0.1, gbps: 0.1 } });
    const model = await loadModel(chain('Abs', 'Neg', 'Abs'), [mine, other], { prefer: ['vendor'] });
    await model.run({ x });
    expect(runners(model)).toEqual({ v0: 'mine', v1: 'mine', v2: 'mine' });
    const verdict = model.explain('v1').verdicts.find((v) => v.provider === 'other')!;
    expect(verdict.reason).toBe('REGION');
    expect(verdict.detail).toMatch(/^faster alone \(9\.\d µs against 10\.\d µs\)/);
  });
});

it('If with constant condition, branches, shape arithmetic: what is left is planned once, and only that', async () => {
  const then = graph(['t = Reshape x s'], { outputs: ['t'] });
  const g = graph(
    [
      'n = Size x',
      'one = Constant',
      node('y = If yes', { then_branch: then, else_branch: graph(['e = Frobnicate x'], { outputs: ['e'] }) }),
    ].filter((l) => l !== 'one = Constant'),
    {
      inputs: { x: f32(4) },
      outputs: ['y', 'n'],
      constants: { yes: tensor([], [true], 'bool'), s: i64(2, 2) },
    },
  );
  const model = await loadModel(g);
  const { y, n } = await model.run({ x });
  expect([listOf(y), listOf(n)]).toEqual([[-1, 0, 2, 3], [4n]]);
  expect(model.coverage().folded).toBe(2);
});
