/** What nobody can run, and chips that answer badly when asked. */
import { describe, expect, it } from 'vitest';
import { FlagosError } from '../../src/core/errors.ts';
import { refused, supported, type Region } from '../../src/plugins/contract.ts';
import { f32, graph, listOf, loadModel, node, openRuntime, row, tensor, vendor } from './kit.ts';

const numerics = { inputs: 'same', accumulate: 'same', notes: [] } as const;
const names = (regions: readonly Region[]): string[] => regions.map((r) => r.nodes.map((n) => n.name).join(' '));
const chain = (...ops: string[]): ReturnType<typeof graph> =>
  graph(
    ops.map((op, i) => `v${i} = ${op} ${i ? `v${i - 1}` : 'x'}`),
    { inputs: { x: f32(4) }, outputs: [`v${ops.length - 1}`] },
  );
const x = row(-1, 0, 2, 3);

describe('what nobody can run', () => {
  const noKernel = async (
    g: ReturnType<typeof graph>,
    vendors: Parameters<typeof loadModel>[1],
    policy: Parameters<typeof loadModel>[2],
    feeds: object,
  ): Promise<FlagosError> => {
    const model = await loadModel(g, vendors, policy);
    const error: unknown = await model.run({ ...feeds }).then(
      () => undefined,
      (e: unknown) => e,
    );
    if (!(error instanceof FlagosError)) throw new Error(`expected an error, got ${String(error)}`);
    expect(error.code).toBe('FLAGOS_E_NO_KERNEL');
    return error;
  };

  it('is one error: op, types, shapes, who refused and why', async () => {
    const g = graph(['a = Abs x', 'b = acme.ops:Frob a', 'c = acme.ops:Glob a x'], { inputs: { x: f32(2, 3) }, outputs: ['b', 'c'] });
    const picky = vendor('picky', {
      supports: (r) => (r.nodes[0]!.domain ? refused('ATTR', 'no mode cubic') : supported),
      ops: ['Frob', 'Glob', 'Abs'],
    });
    const error = await noKernel(g, [picky, vendor('denied')], { denyVendors: ['denied'] }, { x: tensor([2, 3], [1, 2, 3, 4, 5, 6]) });
    expect(error.reason).toBe(
      'nobody can run these 2 ops\n' +
        '  b: acme.ops.Frob(float32[2,3]): reference/cpu NO_KERNEL (there is no record of acme.ops.Frob); picky/chip ATTR (no mode cubic); POLICY excludes denied/chip\n' +
        '  c: acme.ops.Glob(float32[2,3],float32[2,3]): reference/cpu NO_KERNEL (there is no record of acme.ops.Glob); picky/chip ATTR (no mode cubic); POLICY excludes denied/chip',
    );
    expect(error.trace).toMatchObject({ model: 'm', node: 'b', op: 'acme.ops.Frob' });
    expect(error.hint).toMatch(/^policy excludes some providers/);
    expect(error.details).toMatchObject({
      nodes: [
        { node: 'b', refusals: [{}, { kernel: 'picky/chip:acme.ops.Frob.default', reason: 'ATTR' }, { reason: 'POLICY' }] },
        { node: 'c' },
      ],
    });
  });

  it('counts what it does not show', async () => {
    const g = graph(
      Array.from({ length: 11 }, (_, i) => `n${i} = odd:Op x`),
      { inputs: { x: f32(1) }, outputs: Array.from({ length: 11 }, (_, i) => `n${i}`) },
    );
    const error = await noKernel(g, [], {}, { x: row(1) });
    expect(error.reason.split('\n')).toHaveLength(10);
    expect(error.reason).toMatch(/and 3 more$/);
  });

  it('says where a model comes from that was written for one processor', async () => {
    const g = graph(['y = com.microsoft.nchwc:Conv x'], { inputs: { x: f32(1) }, outputs: ['y'] });
    const error = await noKernel(g, [], {}, { x: row(1) });
    expect(error.hint).toContain('write it at level `extended`');
  });

  it('is not waited for: a host op on a sequence under a policy that refuses it, at the top, in a tail, in a branch', async () => {
    // The vendor says what a vendor may well say of a type that has no shape.
    const odd = vendor('odd', {
      regions: 'connected',
      dynamicShapes: true,
      supports: (r) => (r.nodes.some((n) => n.op === 'SequenceAt') ? refused('SHAPE_UNKNOWN', 'no shape') : supported),
    });
    const inputs = {
      x: f32('n'),
      i: { kind: 'tensor', dtype: 'int64', shape: [] } as const,
      c: { kind: 'tensor', dtype: 'bool', shape: [] } as const,
    };
    const sequence = ['s = SequenceConstruct x x', 't = SequenceAt s i', 'y = Abs t'];
    const tail = ['z = NonZero x', 'k = Transpose z', 'r = Reshape x k2', 'k2 = Squeeze k', ...sequence];
    const branch = graph(sequence, { outputs: ['y'], name: 'branch' });
    const feeds = { x: row(1), i: tensor([], [0], 'int64'), c: tensor([], [true], 'bool') };
    for (const g of [
      graph(sequence, { inputs, outputs: ['y'] }),
      graph([tail[0]!, tail[1]!, tail[3]!, tail[2]!, ...sequence.map((l) => l.replace('Construct x', 'Construct r'))], {
        inputs,
        outputs: ['y'],
      }),
      graph([node('o = If c', { then_branch: branch, else_branch: branch })], { inputs, outputs: ['o'] }),
    ]) {
      const error = await noKernel(g, [odd], { prefer: ['vendor:odd'], fallback: 'none' }, feeds);
      expect(error.trace).toMatchObject({ model: 'm', node: 't', op: 'SequenceAt' });
      expect(error.reason).toMatch(
        /^nobody can run this op\n {2}t: SequenceAt\(sequence\(float32\[?.*odd\/chip SHAPE_UNKNOWN \(no shape\); POLICY excludes reference\/cpu$/s,
      );
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
  const bad = {
    supports: [
      () => {
        throw new Error('driver lost');
      },
      () => undefined,
      () => 'yes',
      () => null,
    ],
  };
  it.each(bad.supports.map((supports, i) => [i, supports]))('supports, case %i: they cannot, with the reason', async (_, supports) => {
    const v = vendor('bad', { supports: supports as () => never });
    const model = await loadModel(chain('Abs'), [v], { prefer: ['vendor'] });
    expect(listOf((await model.run({ x }))['v0'])).toEqual([1, 0, 2, 3]);
    expect(model.explain('v0').verdicts.find((c) => c.provider === 'bad')).toMatchObject({
      reason: 'ERROR',
      detail: expect.stringMatching(/failed when asked: driver lost|answered neither yes nor no/),
    });
  });

  const variants = {
    none: () => [],
    nothing: () => undefined,
    nameless: () => [{}],
    'one that throws': () => {
      throw new Error('oops');
    },
    'one twice': () => [
      { name: 'a', numerics },
      { name: 'a', numerics },
    ],
  };
  it.each(Object.entries(variants))('variants, %s: they cannot, with the reason', async (_, named) => {
    const v = vendor('bad', { variants: named as () => never });
    const model = await loadModel(chain('Abs'), [v], { prefer: ['vendor'] });
    await model.run({ x });
    expect(model.explain('v0').verdicts.find((c) => c.provider === 'bad')).toMatchObject({ status: 'rejected', reason: 'ERROR' });
  });

  it('throws only when asked about the whole: it is taken apart', async () => {
    const v = vendor('bad', {
      regions: 'connected',
      supports: (r) => {
        if (r.nodes.length > 1) throw new Error('too much');
        return supported;
      },
    });
    const model = await loadModel(chain('Abs', 'Neg'), [v], { prefer: ['vendor'] });
    await model.run({ x });
    expect(names(v.log.prepared)).toEqual(['v0', 'v1']);
  });
});
