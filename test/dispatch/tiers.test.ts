/** Single calls start on an instant chip and move to the kernel that is compiled meanwhile. */
import { describe, expect, it } from 'vitest';
import { FlagosError } from '../../src/core/errors.ts';
import { Tensor } from '../../src/core/tensor.ts';
import type { Prepared } from '../../src/plugins/contract.ts';
import { graph, listOf, openRuntime, row, tensor, vendor, type VendorOptions } from './kit.ts';

/** A vendor that compiles until it is told to be done; the better one by expected time. */
const compiler = (fails?: FlagosError, options: VendorOptions = {}) => {
  let finish: () => void = () => {};
  const done = new Promise<void>((resolve) => (finish = resolve));
  let begun = 0;
  const made = vendor('compiler', {
    prior: { gflops: 1000, gbps: 1000, overheadUs: 0.1 },
    prepare: async (_region, _variant, honest): Promise<Prepared> => {
      begun++;
      await done;
      if (fails) throw fails;
      return honest();
    },
    ...options,
  });
  return { made, finish, begun: () => begun };
};
const instant = (gflops = 1, options: VendorOptions = {}) =>
  vendor('instant', { instant: true, prior: { gflops, gbps: gflops, overheadUs: 5 }, ...options });
const relu = [row(-1, 2)];
const compilerError = (): FlagosError => new FlagosError('FLAGOS_E_COMPILER', 'the compiler fell over');
/** Lets work in the background begin. */
const aWhile = (): Promise<void> => new Promise((go) => void setTimeout(go, 20));

describe('tiers of single calls', () => {
  it('run at once on the instant chip, move when the kernel is ready, and are right all the time', async () => {
    const [slow, fast] = [compiler(), instant()];
    const runtime = await openRuntime([slow.made, fast]);
    expect((await runtime.call('Relu', relu)).map(listOf)).toEqual([[0, 2]]);
    expect((await runtime.call('Relu', relu)).map(listOf)).toEqual([[0, 2]]);
    expect([fast.log.runs, slow.made.log.runs]).toEqual([2, 0]);
    slow.finish();
    await runtime.ready();
    expect((await runtime.call('Relu', relu)).map(listOf)).toEqual([[0, 2]]);
    expect([fast.log.runs, slow.made.log.runs, slow.made.log.prepared.length]).toEqual([2, 1, 1]);
    await runtime.close();
    expect([fast.log.disposed, slow.made.log.disposed]).toEqual([1, 1]);
  });

  it('have the result before compiling begins', async () => {
    const [slow, fast] = [compiler(), instant()];
    const runtime = await openRuntime([slow.made, fast]);
    await runtime.call('Relu', relu);
    expect(slow.begun()).toBe(0);
    await aWhile();
    expect(slow.begun()).toBe(1);
    slow.finish();
    await runtime.close();
  });

  it('say in their decision where they started and where they go', async () => {
    const [slow, fast] = [compiler(), instant()];
    const runtime = await openRuntime([slow.made, fast]);
    await runtime.call('Relu', relu);
    const meanwhile = await runtime.explainCall('Relu', relu);
    expect(meanwhile.kernel?.id).toBe('instant/chip:Relu.default');
    expect(meanwhile.tier).toMatchObject({
      state: 'compiling',
      why: 'started on instant/chip:Relu.default, moves to compiler/chip:Relu.default when it is compiled',
    });
    expect(meanwhile.verdicts.find((v) => v.provider === 'compiler')).toMatchObject({ status: 'rejected', reason: 'COMPILING' });
    slow.finish();
    await runtime.ready();
    const after = await runtime.explainCall('Relu', relu);
    expect(after.kernel?.id).toBe('compiler/chip:Relu.default');
    expect(after.tier).toMatchObject({ state: 'moved', startedOn: 'instant/chip:Relu.default', movesTo: 'compiler/chip:Relu.default' });
    await runtime.close();
  });

  it('have no tier where there is nothing to wait for', async () => {
    const runtime = await openRuntime([instant()]);
    await runtime.call('Relu', relu);
    expect((await runtime.explainCall('Relu', relu)).tier).toBeUndefined();
    expect(runtime.lines).toEqual([]);
    await runtime.close();
  });

  it('compile once for calls made at the same time, and once for each shape', async () => {
    const [slow, fast] = [compiler(), instant()];
    const runtime = await openRuntime([slow.made, fast]);
    await Promise.all([runtime.call('Relu', relu), runtime.call('Relu', relu), runtime.call('Relu', [row(1, -2, 3)])]);
    slow.finish();
    await runtime.ready();
    expect(slow.made.log.prepared.length).toBe(2);
    await runtime.close();
  });

  it('move although the caller never lets go of the event loop', async () => {
    const [slow, fast] = [compiler(), instant()];
    const runtime = await openRuntime([slow.made, fast]);
    setTimeout(slow.finish, 1);
    // Each of these is awaited, and none of them waits: nothing but microtasks.
    for (let i = 0; i < 1e6 && slow.made.log.runs === 0; i++) await runtime.call('Relu', relu);
    expect(slow.made.log.runs).toBe(1);
    await runtime.close();
  });

  it('move to the next best when the compiler fails, and say why', async () => {
    const [slow, fast] = [compiler(compilerError()), instant()];
    const other = vendor('other', { prior: { gflops: 100, gbps: 100, overheadUs: 1 } });
    const runtime = await openRuntime([slow.made, fast, other]);
    await runtime.call('Relu', relu);
    slow.finish();
    await runtime.ready();
    expect((await runtime.call('Relu', relu)).map(listOf)).toEqual([[0, 2]]);
    const { tier, verdicts } = await runtime.explainCall('Relu', relu);
    expect(tier).toMatchObject({ state: 'moved', movesTo: 'other/chip:Relu.default' });
    expect(tier?.why).toBe(
      'started on instant/chip:Relu.default, moved to other/chip:Relu.default; compiler/chip:Relu.default could not be made: the compiler fell over',
    );
    expect(verdicts.find((v) => v.provider === 'compiler')).toMatchObject({ reason: 'QUARANTINED', detail: 'the compiler fell over' });
    await runtime.close();
  });

  it('stay where they are when nothing better is left: logged, and in the decision', async () => {
    const [slow, fast] = [compiler(compilerError()), instant()];
    const runtime = await openRuntime([slow.made, fast]);
    await runtime.call('Relu', relu);
    slow.finish();
    await runtime.ready();
    expect((await runtime.call('Relu', relu)).map(listOf)).toEqual([[0, 2]]);
    const why = 'stays on instant/chip:Relu.default: compiler/chip:Relu.default could not be made: the compiler fell over';
    expect((await runtime.explainCall('Relu', relu)).tier).toMatchObject({ state: 'stays', why });
    expect(runtime.lines.filter((l) => l.startsWith('warn')).join('\n')).toContain(why);
    expect(slow.begun()).toBe(1);
    await runtime.close();
  });

  it('stay where they are where policy wants errors: nobody but the log and the decision hears of it', async () => {
    const broken = new FlagosError('FLAGOS_E_KERNEL', 'it does not start');
    const [slow, fast] = [compiler(broken), instant()];
    const runtime = await openRuntime([slow.made, fast], { onFailure: 'error' });
    await runtime.call('Relu', relu);
    slow.finish();
    await runtime.ready();
    expect((await runtime.call('Relu', relu)).map(listOf)).toEqual([[0, 2]]);
    const { tier } = await runtime.explainCall('Relu', relu);
    expect(tier).toMatchObject({ state: 'stays', why: 'stays on instant/chip:Relu.default: it does not start' });
    expect(runtime.lines.some((l) => l.startsWith('warn a call does not move to compiler/chip:Relu.default'))).toBe(true);
    await runtime.close();
  });

  const pins = {
    'ranks the instant chip lower': { prefer: ['vendor:compiler'] },
    'names one chip alone': { prefer: ['compiler/chip'], fallback: 'none' },
    'names a kernel for the op': { perOp: { Relu: ['impl:compiler/chip:Relu.default'] } },
    'forbids the instant chip': { denyVendors: ['instant'] },
  } as const;
  for (const [what, policy] of Object.entries(pins)) {
    it(`wait where policy ${what}`, async () => {
      const [slow, fast] = [compiler(), instant()];
      const runtime = await openRuntime([slow.made, fast], policy);
      const made = runtime.call('Relu', relu);
      slow.finish();
      expect((await made).map(listOf)).toEqual([[0, 2]]);
      expect([fast.log.runs, slow.made.log.runs]).toEqual([0, 1]);
      expect((await runtime.explainCall('Relu', relu)).tier).toBeUndefined();
      await runtime.close();
    });
  }

  it('wait where running on the instant chip would take longer than compiling', async () => {
    const [slow, fast] = [compiler(), instant(1e-6)];
    const runtime = await openRuntime([slow.made, fast]);
    const a = tensor(
      [64, 64],
      Array.from({ length: 4096 }, () => 1),
    );
    const made = runtime.call('MatMul', [a, a]);
    slow.finish();
    await made;
    expect([fast.log.runs, slow.made.log.runs]).toEqual([0, 1]);
    await runtime.close();
  });

  it('do not wait where a chip says that it compiles for longer', async () => {
    const prior = { gflops: 1000, gbps: 1000, overheadUs: 0.1, prepareUs: 1e9 };
    const [slow, fast] = [compiler(undefined, { prior }), instant(1e-6)];
    const runtime = await openRuntime([slow.made, fast]);
    const a = tensor([8, 8], new Array<number>(64).fill(1));
    await runtime.call('MatMul', [a, a]);
    expect([fast.log.runs, slow.made.log.runs]).toEqual([1, 0]);
    slow.finish();
    await runtime.close();
  });

  it('wait where the instant chip turns out not to be able to', async () => {
    const cannot = new FlagosError('FLAGOS_E_UNSUPPORTED', 'not this one');
    const slow = compiler();
    const fast = instant(1, {
      prepare: () => {
        throw cannot;
      },
    });
    const runtime = await openRuntime([slow.made, fast]);
    const made = runtime.call('Relu', relu);
    slow.finish();
    expect((await made).map(listOf)).toEqual([[0, 2]]);
    expect(slow.made.log.runs).toBe(1);
    await runtime.close();
  });

  it('go on when the instant kernel fails while running', async () => {
    const slow = compiler();
    const fast = instant(1, {
      run: () => {
        throw new Error('no');
      },
    });
    const runtime = await openRuntime([slow.made, fast]);
    const made = runtime.call('Relu', relu);
    slow.finish();
    expect((await made).map(listOf)).toEqual([[0, 2]]);
    await runtime.ready();
    expect((await runtime.call('Relu', relu)).map(listOf)).toEqual([[0, 2]]);
    await runtime.close();
    expect(slow.made.log.disposed).toBe(slow.made.log.prepared.length);
  });

  it('tell the caller of a wrong call, every time, and keep nothing of it', async () => {
    const [slow, fast] = [compiler(), instant()];
    const runtime = await openRuntime([slow.made, fast]);
    const wrong = (): Promise<unknown> => runtime.call('MatMul', [tensor([2, 3], [1, 2, 3, 4, 5, 6]), tensor([2, 3], [1, 2, 3, 4, 5, 6])]);
    await expect(wrong()).rejects.toMatchObject({ code: 'FLAGOS_E_SHAPE' });
    await expect(wrong()).rejects.toMatchObject({ code: 'FLAGOS_E_SHAPE' });
    expect(runtime.lines.filter((l) => l.startsWith('warn'))).toEqual([]);
    expect(slow.begun()).toBe(0);
    await runtime.close();
  });

  it('bodies of control flow start there, too', async () => {
    const [slow, fast] = [compiler(), instant()];
    const runtime = await openRuntime([slow.made, fast]);
    const branch = (op: string) =>
      ({ type: 'graph', value: graph([`y = ${op} c`], { outputs: ['y'], constants: { c: row(-1, 4) }, name: op }) }) as const;
    const choose = (yes: boolean): Promise<unknown> =>
      runtime
        .call('If', [Tensor.from('bool', [], [yes])], { then_branch: branch('Relu'), else_branch: branch('Neg') })
        .then((made) => made.map(listOf));
    expect(await choose(true)).toEqual([[0, 4]]);
    expect(await choose(false)).toEqual([[1, -4]]);
    slow.finish();
    await runtime.close();
  });

  it('are closed while a kernel is compiled: that one ends first, and no other begins', async () => {
    const [slow, fast] = [compiler(), instant()];
    const runtime = await openRuntime([slow.made, fast]);
    for (const n of [1, 2, 3, 4, 5]) await runtime.call('Relu', [Tensor.zeros('float32', [n])]);
    await aWhile();
    const begun = slow.begun();
    expect(begun).toBeLessThan(5);
    const closed = runtime.close();
    slow.finish();
    await closed;
    expect(slow.begun()).toBe(begun);
    expect([slow.made.log.disposed, fast.log.disposed, slow.made.log.closed]).toEqual([begun, 5, 1]);
    await expect(runtime.call('Relu', relu)).rejects.toMatchObject({ code: 'FLAGOS_E_DISPOSED' });
  });

  it('are closed before anything was compiled at once', async () => {
    const [slow, fast] = [compiler(), instant()];
    const runtime = await openRuntime([slow.made, fast]);
    await runtime.call('Relu', relu);
    await runtime.close();
    expect([slow.begun(), fast.log.disposed]).toEqual([0, 1]);
  });

  it('may be forgotten while their kernels are made: those are released, too', async () => {
    const [slow, fast] = [compiler(), instant()];
    const runtime = await openRuntime([slow.made, fast]);
    await runtime.call('Relu', relu);
    await aWhile();
    for (let i = 0; i < 256; i++) await runtime.call('LeakyRelu', [row(1)], { alpha: i });
    slow.finish();
    await runtime.close();
    expect(slow.made.log.prepared.length).toBe(slow.begun());
    expect(slow.made.log.disposed).toBe(slow.made.log.prepared.length);
    expect(fast.log.disposed).toBe(fast.log.prepared.length);
  });
});
