/** Vendors that say they can and cannot, kernels that break the contract, models whose stated types are wrong. */
import { describe, expect, it } from 'vitest';
import { FlagosError } from '../../src/core/errors.ts';
import { Sequence, Tensor } from '../../src/core/tensor.ts';
import type { PolicyOverride } from '../../src/opmanager/policy.ts';
import { supported, type Prepared } from '../../src/plugins/contract.ts';
import type { FlagosModel } from '../../src/runtime/model.ts';
import { f32, graph, listOf, loadModel, node, openRuntime, row, runners, tensor, vendor, type VendorOptions } from './kit.ts';

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

describe('a vendor that says it can, and cannot', () => {
  const lies: Record<string, () => Prepared | Promise<Prepared>> = {
    'throws unsupported': () => {
      throw new FlagosError('FLAGOS_E_UNSUPPORTED', 'no such tiling');
    },
    'throws something plain': () => fail('no such tiling'),
    'throws a string': () => {
      throw 'no such tiling';
    },
    rejects: () => Promise.reject(new Error('no such tiling')),
    'gives nothing': () => undefined as never,
    'gives half a kernel': () => ({ run: () => {} }) as never,
    'promises half a kernel': () => Promise.resolve({ dispose: () => {} }) as never,
  };
  it.each(Object.entries(lies))('%s when preparing: the next candidate runs, and explain says why', async (what, prepare) => {
    const model = await modelOf({ prepare });
    expect(listOf((await model.run({ x }))['y'])).toEqual([1, 2]);
    const verdict = model.explain('y').verdicts.find((v) => v.provider === 'liar')!;
    expect(verdict.reason).toBe('QUARANTINED');
    expect(verdict.detail).toMatch(
      what.startsWith('give') || what.startsWith('promise') ? /nothing that has run and dispose/ : /no such tiling/,
    );
    // For this signature only, and for this model only.
    await model.run({ x: row(1) });
    expect(model.plans).toHaveLength(2);
  });

  it('when nobody else can, what it threw is what the caller sees, with the way down to it', async () => {
    const e = await errorOf((await modelOf({ prepare: () => fail('no such tiling') }, { fallback: 'none' })).run({ x }));
    expect(e).toMatchObject({ code: 'FLAGOS_E_KERNEL', reason: 'no such tiling', trace });
  });

  it('unsupported goes on to the next even if failures are to be raised; anything else is raised', async () => {
    const raised = (prepare: () => never): Promise<unknown> =>
      modelOf({ prepare }, { onFailure: 'error' })
        .then((m) => m.run({ x }))
        .then(
          ({ y }) => listOf(y),
          (e: FlagosError) => e.code,
        );
    expect(
      await raised(() => {
        throw new FlagosError('FLAGOS_E_UNSUPPORTED', 'no');
      }),
    ).toEqual([1, 2]);
    expect(await raised(() => fail())).toBe('FLAGOS_E_KERNEL');
  });

  it('about a hundred ops at once: all of them are found in one round, what is prepared already is kept', async () => {
    const odd = new Set(Array.from({ length: 100 }, (_, i) => `v${2 * i}`));
    const v = vendor('liar', { prepare: (r, _, honest) => (odd.has(r.nodes[0]!.name) ? fail('not this one') : honest()) });
    const lines = Array.from({ length: 200 }, (_, i) => `v${i} = Add ${i ? `v${i - 1}` : 'x'} c${i}`);
    const constants = Object.fromEntries(lines.map((_, i) => [`c${i}`, tensor(new Array<number>(i % 20).fill(1), [1])]));
    const model = await loadModel(graph(lines, { inputs: { x: f32(1) }, outputs: ['v199'], constants }), [v], { prefer: ['vendor:liar'] });
    expect((await model.run({ x: row(0) }))['v199']).toBeInstanceOf(Tensor);
    expect(new Set(Object.values(runners(model)))).toEqual(new Set(['liar', 'reference']));
    // Ten signatures fail and ten work.
    expect(v.log.prepared.length).toBeLessThanOrEqual(110);
    await model.dispose();
    expect(v.log.disposed).toBe(v.log.prepared.length);
  });

  it('about a whole region: it is halved until it works', async () => {
    const v = vendor('liar', { regions: 'connected', prepare: (r, _, honest) => (r.nodes.length > 2 ? fail('too long') : honest()) });
    const model = await loadModel(
      graph(['a = Abs x', 'b = Neg a', 'c = Abs b', 'd = Neg c', 'y = Relu d'], { inputs: { x: f32(2) }, outputs: ['y'] }),
      [v],
      { prefer: ['vendor:liar'] },
    );
    expect(listOf((await model.run({ x }))['y'])).toEqual([0, 0]);
    expect(v.log.prepared.map((r) => r.nodes.map((n) => n.name).join('')).sort()).toEqual(['ab', 'c', 'dy']);
    expect(runners(model)['y']).toBe('liar');
  });
});

describe('a kernel that breaks the contract', () => {
  const said = async (options: VendorOptions, g = abs, feeds: Record<string, Tensor> = { x }): Promise<string> => {
    const e = await errorOf((await modelOf(options, { onFailure: 'error' }, g)).run(feeds));
    expect(e).toMatchObject({ code: 'FLAGOS_E_KERNEL_CONTRACT', trace: { model: 'm', chip: 'liar/chip' } });
    return e.reason;
  };
  /** Its output's shape is not known before it runs, so the kernel supplies it. */
  const open = graph(['y = NonZero x'], { inputs: { x: f32('n') }, outputs: ['y'] });

  it('puts another tensor in place of the one it was given', async () => {
    expect(await said({ run: (_, outputs) => void (outputs[0] = row(1, 2)) })).toBe(
      "put another value in place of the tensor it was given for output 'y'",
    );
    expect(await said({ run: (_, outputs) => void (outputs[0] = undefined) })).toMatch(/^put another value/);
    expect(await said({ run: (_, outputs) => void (outputs.length = 0) })).toMatch(/^put another value/);
    // An inner value, in the arena.
    expect(
      await said(
        { run: (_, outputs) => void (outputs[0] = row(1, 2)) },
        graph(['a = Abs x', 'y = Neg a'], { inputs: { x: f32(2) }, outputs: ['y'] }),
      ),
    ).toMatch(/output 'a'$/);
  });

  it('makes nothing, or something else than was planned', async () => {
    const supply = (made: unknown): Promise<string> => said({ run: (_, outputs) => void (outputs[0] = made as Tensor) }, open);
    expect(await supply(undefined)).toBe("made no output 'y'");
    expect(await supply([1, 2])).toBe("made something else than a value on the host as output 'y'");
    expect(await supply(new Float32Array(2))).toMatch(/^made something else/);
    expect(await supply({ space: 'gpu', dtype: 'int64', dims: [1, 2], handle: 1 })).toMatch(/^made something else/);
    expect(await supply(row(1))).toMatch(/^made float32\[1\] as output 'y', which is int64/);
    expect(await supply(new Sequence([]))).toMatch(/^made sequence of 0 as output 'y'/);
    expect(await supply(null)).toMatch(/^made empty optional as output 'y'/);
  });

  it('next time it is somebody else’s turn', async () => {
    for (const run of [
      (_: unknown, outputs: unknown[]) => void (outputs[0] = row(5, 5)),
      (_: unknown, outputs: unknown[]) => void outputs.pop(),
    ]) {
      const model = await modelOf({ run });
      for (let i = 0; i < 2; i++) expect(listOf((await model.run({ x }))['y'])).toEqual([1, 2]);
      expect(runners(model)).toEqual({ y: 'reference' });
    }
  });

  it('what it gives back besides is of no interest', async () => {
    for (const extra of [7, null, 'done', {}]) {
      const model = await modelOf({
        run: (_, __, honest) => {
          honest();
          return extra as never;
        },
      });
      expect(listOf((await model.run({ x }))['y'])).toEqual([1, 2]);
    }
  });

  it('hands its input on as output: the caller gets a tensor of its own, and nothing of it is overwritten later', async () => {
    const g = graph(['b = Compress x c', 'y = Neg b'], {
      inputs: { x: f32('n') },
      outputs: ['b', 'y'],
      constants: { c: tensor([2], [true, true], 'bool') },
    });
    const model = await modelOf(
      {
        run: ([t], outputs, honest, region) => {
          if (region.nodes[0]!.op === 'Compress') outputs[0] = t;
          else honest();
        },
      },
      {},
      g,
    );
    const feed = row(1, 2);
    const first = await model.run({ x: feed });
    (first['b'] as Tensor).data.fill(9 as never);
    expect([...feed.data]).toEqual([1, 2]);
    expect(listOf((await model.run({ x: feed }))['y'])).toEqual([-1, -2]);
  });
});

it('types the model states and that are not so: what it says of shapes is not relied on any more', async () => {
  const v = vendor('odd', { ops: ['Frob'], run: (_, outputs) => void (outputs[0] = row(1, 2, 3)) });
  const types = { y: f32(2), o: f32(1, 2) };
  const runtime = await openRuntime([v]);
  const frob = runtime.model({
    name: 'm',
    graph: graph(['y = odd:Frob x', 'z = Neg y'], { inputs: { x: f32(2) }, outputs: ['z'], types }),
    metadata: {},
  });
  for (let i = 0; i < 2; i++) expect(listOf((await frob.run({ x }))['z'])).toEqual([-1, -2, -3]);
  expect(runtime.lines).toEqual([
    `warn the model says that 'y' is float32[2], it is float32[3]; shapes it states are not relied on any more {"model":"m"}`,
  ]);
  const branches = graph(
    [
      node('o = If c', {
        then_branch: graph(['a = Abs x'], { outputs: ['a'] }),
        else_branch: graph(
          ['e = Concat x x'].map((l) => node(l, { axis: 0 })),
          { outputs: ['e'] },
        ),
      }),
      'z = Neg o',
    ],
    {
      inputs: { x: f32(2), c: { kind: 'tensor', dtype: 'bool', shape: [] } },
      outputs: ['z', 'o'],
      types,
    },
  );
  const conditional = await loadModel(branches);
  for (const [c, expected] of [
    [true, [-1, -2]],
    [false, [1, -2, 1, -2]],
  ] as const)
    expect(listOf((await conditional.run({ x, c: tensor([], [c], 'bool') }))['z'])).toEqual(expected);
  // Element types are another matter: nothing can be made of a value that is of another one.
  const wrong = await loadModel(
    graph(['y = odd:Frob x'], { inputs: { x: f32(2) }, outputs: ['y'], types: { y: { kind: 'tensor', dtype: 'int32', shape: [2] } } }),
    [v],
  );
  expect(await errorOf(wrong.run({ x }))).toMatchObject({
    code: 'FLAGOS_E_MODEL_INVALID',
    reason: "the model says that 'y' is int32[…], it is float32[3]",
  });
});

it('one vendor opens, another does not: it is reported, and the others run', async () => {
  const broken = { ...vendor('broken'), open: () => fail('no licence') };
  const strange = { ...vendor('strange'), open: () => ({ supports: () => supported }) as never };
  const runtime = await openRuntime([broken, vendor('good'), strange]);
  expect(runtime.broken.map((b) => [b.chip, (b.error as FlagosError).code])).toEqual([
    ['broken/chip', 'FLAGOS_E_CHIP'],
    ['strange/chip', 'FLAGOS_E_KERNEL_CONTRACT'],
  ]);
  expect(runtime.chips.map((c) => c.id)).toEqual(['reference/cpu', 'good/chip']);
  expect(listOf((await runtime.call('Abs', [x]))[0])).toEqual([1, 2]);
});
