/** Plans: how regions are grown and taken apart, what every decision says, and what nobody can run. */
import { describe, expect, it } from 'vitest';
import { FlagosError } from '../../src/core/errors.ts';
import type { Decision } from '../../src/opmanager/decision.ts';
import { refused, supported, type Region } from '../../src/plugins/contract.ts';
import { f32, graph, i64, listOf, loadModel, node, openRuntime, row, runners, tensor, vendor } from './kit.ts';

const numerics = { inputs: 'same', accumulate: 'same', notes: [] } as const;
const names = (regions: readonly Region[]): string[] => regions.map((r) => r.nodes.map((n) => n.name).join(' '));
const chain = (...ops: string[]): ReturnType<typeof graph> =>
  graph(ops.map((op, i) => `v${i} = ${op} ${i ? `v${i - 1}` : 'x'}`), { inputs: { x: f32(4) }, outputs: [`v${ops.length - 1}`] });
const x = row(-1, 0, 2, 3);

describe('regions', () => {
  it('grow over everything a connected session can run, and no further', async () => {
    const v = vendor('acme', { regions: 'connected', ops: ['Abs', 'Neg', 'Add', 'Relu'] });
    const g = graph(['a = Abs x', 'b = Neg a', 'c = Sqrt a', 'd = Add b c', 'e = Relu d', 'f = Neg x'], { inputs: { x: f32(4) }, outputs: ['e', 'f'] });
    const model = await loadModel(g, [v], { prefer: ['vendor:acme'] });
    const { e, f } = await model.run({ x: row(0.25, 0, -4, 9) });
    expect([listOf(e), listOf(f)]).toEqual([[0.25, 0, 0, 0], [-0.25, -0, 4, -9]]);
    // b waits for nothing outside, d waits for the reference: together they would wait for themselves only if c hung on b.
    expect(names(v.log.prepared)).toEqual(['a b', 'd e', 'f']);
    expect(runners(model)).toEqual({ a: 'acme', b: 'acme', c: 'reference', d: 'acme', e: 'acme', f: 'acme' });
    expect(model.coverage()).toMatchObject({ nodes: { 'acme/chip': 5, 'reference/cpu': 1 }, regions: { 'acme/chip': 3, 'reference/cpu': 1 }, total: 6 });
  });

  it('of a single session are single nodes', async () => {
    const v = vendor('acme');
    const model = await loadModel(chain('Abs', 'Neg', 'Relu'), [v], { prefer: ['vendor'] });
    await model.run({ x });
    expect(names(v.log.prepared)).toEqual(['v0', 'v1', 'v2']);
  });

  it('are halved as often as it takes until the session supports them', async () => {
    const v = vendor('acme', { regions: 'connected', supports: (r) => (r.nodes.length > 3 ? refused('LIMIT', 'at most 3 ops') : supported) });
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
      regions: 'connected', variants: (r) => [{ name: r.nodes[0]!.op === 'Neg' ? 'fast' : 'plain', numerics }],
      prepare: (region, variant, honest) => { seen.push(`${region.nodes.map((n) => n.name).join(' ')} ${variant}`); return honest(); },
    });
    const model = await loadModel(chain('Abs', 'Abs', 'Neg', 'Neg', 'Abs'), [v], { prefer: ['vendor'] });
    await model.run({ x });
    expect(seen).toEqual(['v0 v1 plain', 'v2 v3 fast', 'v4 plain']);
  });

  it('get what they need: inputs, outputs that are read elsewhere, constants, and types of all values', async () => {
    const v = vendor('acme', { regions: 'connected', ops: ['Add', 'Mul'] });
    const g = graph(['a = Add x w', 'b = Mul a x', 'c = Add b a', 'd = Sqrt b'], { inputs: { x: f32(2) }, outputs: ['c', 'd'], constants: { w: row(1, 2) } });
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
      vendor('picky', { supports: (r) => (r.nodes[0]!.op === 'Relu' ? supported : refused('DTYPE', 'only Relu')), variants: () => [{ name: 'a', numerics }, { name: 'b', numerics }] }),
      vendor('denied'),
    ];
    const runtime = await openRuntime(vendors, { denyVendors: ['denied'], perOp: { Sqrt: ['reference'] }, prefer: ['vendor'] });
    const g = graph(['a = Add x x', 'b = Relu a', 'c = Sqrt b', 'd = Exp c', 's = Shape x'], { inputs: { x: f32(4) }, outputs: ['d', 's'] });
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
    const reasons = (d: Decision | undefined): Record<string, string | undefined> => Object.fromEntries(d!.verdicts.map((v) => [v.kernel.replace(/\/\w+:\w+/, ''), v.reason]));
    expect(reasons(a)).toEqual({ 'reference.float64': 'POLICY', 'quick.default': 'SLOWER', 'near.default': undefined, 'picky.default': 'DTYPE', 'denied.default': 'POLICY' });
    expect(reasons(b)).toMatchObject({ 'picky.a': expect.stringMatching(/SLOWER|REGION/), 'picky.b': expect.stringMatching(/SLOWER|REGION/) });
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

describe('what nobody can run', () => {
  const noKernel = async (g: ReturnType<typeof graph>, vendors: Parameters<typeof loadModel>[1], policy: Parameters<typeof loadModel>[2], feeds: object): Promise<FlagosError> => {
    const model = await loadModel(g, vendors, policy);
    const error: unknown = await model.run({ ...feeds }).then(() => undefined, (e: unknown) => e);
    if (!(error instanceof FlagosError)) throw new Error(`expected an error, got ${String(error)}`);
    expect(error.code).toBe('FLAGOS_E_NO_KERNEL');
    return error;
  };

  it('is one error: op, types, shapes, who refused and why', async () => {
    const g = graph(['a = Abs x', 'b = acme.ops:Frob a', 'c = acme.ops:Glob a x'], { inputs: { x: f32(2, 3) }, outputs: ['b', 'c'] });
    const picky = vendor('picky', { supports: (r) => (r.nodes[0]!.domain ? refused('ATTR', 'no mode cubic') : supported), ops: ['Frob', 'Glob', 'Abs'] });
    const error = await noKernel(g, [picky, vendor('denied')], { denyVendors: ['denied'] }, { x: tensor([2, 3], [1, 2, 3, 4, 5, 6]) });
    expect(error.reason).toBe(
      'nobody can run these 2 ops\n' +
      '  b: acme.ops.Frob(float32[2,3]): reference/cpu NO_KERNEL (there is no record of acme.ops.Frob); picky/chip ATTR (no mode cubic); POLICY excludes denied/chip\n' +
      '  c: acme.ops.Glob(float32[2,3],float32[2,3]): reference/cpu NO_KERNEL (there is no record of acme.ops.Glob); picky/chip ATTR (no mode cubic); POLICY excludes denied/chip',
    );
    expect(error.trace).toMatchObject({ model: 'm', node: 'b', op: 'acme.ops.Frob' });
    expect(error.hint).toMatch(/^policy excludes some providers/);
    expect(error.details).toMatchObject({ nodes: [{ node: 'b', refusals: [{}, { kernel: 'picky/chip:acme.ops.Frob.default', reason: 'ATTR' }, { reason: 'POLICY' }] }, { node: 'c' }] });
  });

  it('counts what it does not show', async () => {
    const g = graph(Array.from({ length: 11 }, (_, i) => `n${i} = odd:Op x`), { inputs: { x: f32(1) }, outputs: Array.from({ length: 11 }, (_, i) => `n${i}`) });
    const error = await noKernel(g, [], {}, { x: row(1) });
    expect(error.reason.split('\n')).toHaveLength(10);
    expect(error.reason).toMatch(/and 3 more$/);
  });

  it('is not waited for: a host op on a sequence under a policy that refuses it, at the top, in a tail, in a branch', async () => {
    // The vendor says what a vendor may well say of a type that has no shape.
    const odd = vendor('odd', { regions: 'connected', dynamicShapes: true, supports: (r) => (r.nodes.some((n) => n.op === 'SequenceAt') ? refused('SHAPE_UNKNOWN', 'no shape') : supported) });
    const inputs = { x: f32('n'), i: { kind: 'tensor', dtype: 'int64', shape: [] } as const, c: { kind: 'tensor', dtype: 'bool', shape: [] } as const };
    const sequence = ['s = SequenceConstruct x x', 't = SequenceAt s i', 'y = Abs t'];
    const tail = ['z = NonZero x', 'k = Transpose z', 'r = Reshape x k2', 'k2 = Squeeze k', ...sequence];
    const branch = graph(sequence, { outputs: ['y'], name: 'branch' });
    const feeds = { x: row(1), i: tensor([], [0], 'int64'), c: tensor([], [true], 'bool') };
    for (const g of [
      graph(sequence, { inputs, outputs: ['y'] }),
      graph([tail[0]!, tail[1]!, tail[3]!, tail[2]!, ...sequence.map((l) => l.replace('Construct x', 'Construct r'))], { inputs, outputs: ['y'] }),
      graph([node('o = If c', { then_branch: branch, else_branch: branch })], { inputs, outputs: ['o'] }),
    ]) {
      const error = await noKernel(g, [odd], { prefer: ['vendor:odd'], fallback: 'none' }, feeds);
      expect(error.trace).toMatchObject({ model: 'm', node: 't', op: 'SequenceAt' });
      expect(error.reason).toMatch(/^nobody can run this op\n {2}t: SequenceAt\(sequence\(float32\[?.*odd\/chip SHAPE_UNKNOWN \(no shape\); POLICY excludes reference\/cpu$/s);
    }
  });

  it('says when no chip is open at all', async () => {
    const runtime = await openRuntime([]);
    Object.defineProperty(runtime, 'chips', { value: [] });
    const model = runtime.model({ name: 'm', graph: chain('Abs'), metadata: {} });
    await expect(model.run({ x })).rejects.toThrow('v0: Abs(float32[4]): no chip is open');
  });
});

describe('chips that answer badly when asked', () => {
  const bad = { supports: [() => { throw new Error('driver lost'); }, () => undefined, () => 'yes', () => null] };
  it.each(bad.supports.map((supports, i) => [i, supports]))('supports, case %i: they cannot, with the reason', async (_, supports) => {
    const v = vendor('bad', { supports: supports as () => never });
    const model = await loadModel(chain('Abs'), [v], { prefer: ['vendor'] });
    expect(listOf((await model.run({ x }))['v0'])).toEqual([1, 0, 2, 3]);
    expect(model.explain('v0').verdicts.find((c) => c.provider === 'bad')).toMatchObject({ reason: 'ERROR', detail: expect.stringMatching(/failed when asked: driver lost|answered neither yes nor no/) });
  });

  it.each([[() => []], [() => undefined], [() => [{}]], [() => { throw new Error('oops'); }]])('variants, %s: they cannot, with the reason', async (variants) => {
    const v = vendor('bad', { variants: variants as () => never });
    const model = await loadModel(chain('Abs'), [v], { prefer: ['vendor'] });
    await model.run({ x });
    expect(model.explain('v0').verdicts.find((c) => c.provider === 'bad')).toMatchObject({ status: 'rejected', reason: 'ERROR' });
  });

  it('throws only when asked about the whole: it is taken apart', async () => {
    const v = vendor('bad', { regions: 'connected', supports: (r) => { if (r.nodes.length > 1) throw new Error('too much'); return supported; } });
    const model = await loadModel(chain('Abs', 'Neg'), [v], { prefer: ['vendor'] });
    await model.run({ x });
    expect(names(v.log.prepared)).toEqual(['v0', 'v1']);
  });
});

it('If with constant condition, branches, shape arithmetic: what is left is planned once, and only that', async () => {
  const then = graph(['t = Reshape x s'], { outputs: ['t'] });
  const g = graph(['n = Size x', 'one = Constant', node('y = If yes', { then_branch: then, else_branch: graph(['e = Frobnicate x'], { outputs: ['e'] }) })].filter((l) => l !== 'one = Constant'), {
    inputs: { x: f32(4) }, outputs: ['y', 'n'], constants: { yes: tensor([], [true], 'bool'), s: i64(2, 2) },
  });
  const model = await loadModel(g);
  const { y, n } = await model.run({ x });
  expect([listOf(y), listOf(n)]).toEqual([[-1, 0, 2, 3], [4n]]);
  expect(model.coverage().folded).toBe(2);
});
