/** Single calls start on an instant chip and move to the kernel that is compiled meanwhile. */
import { describe, expect, it } from 'vitest';
import { FlagosError } from '../../src/core/errors.ts';
import type { Prepared } from '../../src/plugins/contract.ts';
import { listOf, openRuntime, row, tensor, vendor } from './kit.ts';

/** A vendor that compiles until it is told to be done; the better one by expected time. */
const compiler = (fails = false) => {
  let finish: () => void = () => {};
  const done = new Promise<void>((resolve) => (finish = resolve));
  const made = vendor('compiler', {
    prior: { gflops: 1000, gbps: 1000, overheadUs: 0.1 },
    prepare: async (_region, _variant, honest): Promise<Prepared> => {
      await done;
      if (fails) throw new FlagosError('FLAGOS_E_COMPILER', 'the compiler fell over');
      return honest();
    },
  });
  return { made, finish };
};
const instant = (gflops = 1) => vendor('instant', { instant: true, prior: { gflops, gbps: gflops, overheadUs: 5 } });
const relu = [row(-1, 2)];

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

  it('compile once for calls made at the same time, and once for each shape', async () => {
    const [slow, fast] = [compiler(), instant()];
    const runtime = await openRuntime([slow.made, fast]);
    await Promise.all([runtime.call('Relu', relu), runtime.call('Relu', relu), runtime.call('Relu', [row(1, -2, 3)])]);
    slow.finish();
    await runtime.ready();
    expect(slow.made.log.prepared.length).toBe(2);
    await runtime.close();
  });

  it('stay where they are, and say why, when the compiler fails', async () => {
    const [slow, fast] = [compiler(true), instant()];
    const runtime = await openRuntime([slow.made, fast], { fallback: 'none', prefer: ['vendor:compiler'], perOp: { Relu: ['vendor'] } });
    expect((await runtime.call('Relu', relu)).map(listOf)).toEqual([[0, 2]]);
    slow.finish();
    await runtime.ready();
    expect((await runtime.call('Relu', relu)).map(listOf)).toEqual([[0, 2]]);
    await runtime.close();
  });

  it('wait where policy ranks the instant chip lower', async () => {
    const [slow, fast] = [compiler(), instant()];
    const runtime = await openRuntime([slow.made, fast], { prefer: ['vendor:compiler'] });
    const made = runtime.call('Relu', relu);
    slow.finish();
    expect((await made).map(listOf)).toEqual([[0, 2]]);
    expect([fast.log.runs, slow.made.log.runs]).toEqual([0, 1]);
    await runtime.close();
  });

  it('wait where the instant chip would take longer than a compiler', async () => {
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

  it('tell the caller of a wrong call, every time, and keep nothing of it', async () => {
    const [slow, fast] = [compiler(), instant()];
    const runtime = await openRuntime([slow.made, fast]);
    const wrong = (): Promise<unknown> => runtime.call('MatMul', [tensor([2, 3], [1, 2, 3, 4, 5, 6]), tensor([2, 3], [1, 2, 3, 4, 5, 6])]);
    await expect(wrong()).rejects.toMatchObject({ code: 'FLAGOS_E_SHAPE' });
    await expect(wrong()).rejects.toMatchObject({ code: 'FLAGOS_E_SHAPE' });
    expect(runtime.lines.filter((l) => l.startsWith('warn'))).toEqual([]);
    slow.finish();
    await runtime.close();
  });

  it('are closed while a kernel is compiled: the compiler ends first', async () => {
    const [slow, fast] = [compiler(), instant()];
    const runtime = await openRuntime([slow.made, fast]);
    await runtime.call('Relu', relu);
    const closed = runtime.close();
    slow.finish();
    await closed;
    expect([slow.made.log.disposed, fast.log.disposed]).toEqual([1, 1]);
  });
});
