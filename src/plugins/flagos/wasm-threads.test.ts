/** Threads of flagos/wasm: the same bits as on one, and what happens when one of them fails, ends or is not there. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { channelsLast } from '../../compiler/contraction/layout.ts';
import { programKinds, Random } from '../../compiler/programs.test-util.ts';
import { silentLogger } from '../../core/log.ts';
import { nodeThreads } from '../../host/threads.ts';
import { opSet } from '../../ops/index.ts';
import { flagosProvider } from './provider.ts';
import type { HostThread, ThreadHost } from './thread-host.ts';
import { ThreadPool } from './thread-pool.ts';
import { findWebThreads } from './web-threads.ts';
import { runWasm } from './wasm.test-util.ts';
import { findAssembler } from './assembler.ts';
import { findWasm } from './wasm-api.ts';
import { WasmMemory } from './wasm-memory.ts';

const PROGRAMS = Number(process.env['FLAGOS_RANDOM_PROGRAMS'] ?? 6);
const SEED = Number(process.env['FLAGOS_SEED'] ?? 1);
const bytes = (a: ArrayBufferView): Buffer => Buffer.from(a.buffer, a.byteOffset, a.byteLength);

describe('random programs on two threads are the same bits as on one', () => {
  const pool = new ThreadPool(nodeThreads);
  beforeAll(() => pool.enter(2, silentLogger));
  afterAll(() => pool.leave());

  const divided = new Map<string, number>();
  for (const [kind, make] of Object.entries(programKinds))
    it(kind, async () => {
      for (let i = 0; i < PROGRAMS; i++) {
        const seed = SEED * 1000 + i;
        const program = make(new Random(seed));
        if (!program) continue;
        for (const layout of [undefined, channelsLast]) {
          const [one, two] = [await runWasm(program, layout), await runWasm(program, layout, pool)];
          divided.set(kind, (divided.get(kind) ?? 0) + two.sharedStages);
          two.results.forEach((r, k) => expect(bytes(r).equals(bytes(one.results[k]!)), `seed ${seed}, output ${k}`).toBe(true));
        }
      }
    });
  it('divides stages of every kind', () => expect([...divided].filter(([, stages]) => stages === 0).map(([kind]) => kind)).toEqual([]));
});

/** A module whose one stage writes the number of the thread that did it into each word of its range, and fails where it is told to. */
const probe = async (pool: ThreadPool, { failAt = -1, hangAt = -1, slow = 0 } = {}) => {
  const [api, found] = [findWasm()!, findAssembler()];
  if ('missing' in found) throw new Error(found.missing);
  const memory = new WasmMemory(api, true);
  const module = await api.compile(
    await found.assemble(`(module
      (import "threads" "share" (func $share (param i32 i32 i32 i32)))
      (import "threads" "number" (global $thread i32))
      (import "env" "memory" (memory 1 65536 shared))
      (func $stage (param $t i32) (param $lo i32) (param $hi i32) (local $n i32)
        (loop $next
          (if (i32.eq (global.get $thread) (i32.const ${failAt})) (then (unreachable)))
          (loop $forever (br_if $forever (i32.eq (global.get $thread) (i32.const ${hangAt}))))
          (local.set $n (i32.const 0))
          (loop $spin (br_if $spin (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const ${slow}))))
          (i32.store (i32.add (local.get $t) (i32.mul (local.get $lo) (i32.const 4))) (i32.add (global.get $thread) (i32.const 1)))
          (br_if $next (i32.lt_s (local.tee $lo (i32.add (local.get $lo) (i32.const 1))) (local.get $hi)))))
      (export "s0" (func $stage))
      (func (export "run") (param $t i32) (param $n i32) (call $share (i32.const 0) (local.get $t) (local.get $n) (i32.const 1))))`),
  );
  const pooled = pool.module({ module, memory: memory.object, tables: {}, stages: 1, threads: 2 });
  const { exports } = await api.instantiate(module, { env: { memory: memory.object }, threads: pooled.imports });
  pooled.bind(exports);
  const at = memory.take(400);
  const words = new Int32Array(memory.object.buffer, at, 100);
  return {
    memory: memory.object,
    /** Numbers of the threads, from 1 on, by element. */
    run: (n = 100): number[] => {
      words.fill(0);
      exports['run']!(at, n);
      return [...words.subarray(0, n)];
    },
    dispose: () => pooled.dispose(),
  };
};

describe('a pool', () => {
  const pools: ThreadPool[] = [];
  const opened = (host: ThreadHost = nodeThreads): ThreadPool => {
    const pool = new ThreadPool(host);
    pools.push(pool);
    pool.enter(2, silentLogger);
    return pool;
  };
  afterAll(() => pools.forEach((p) => p.leave()));
  const SLOW = 100_000;

  it('shares out, does every element once it is there, and goes on when a thread is late', async () => {
    const kernel = await probe(opened(), { slow: SLOW });
    // At first the other thread is still starting: all of it is the caller's.
    expect(kernel.run().every((n) => n === 1 || n === 2)).toBe(true);
    await vi.waitFor(() => expect(new Set(kernel.run())).toEqual(new Set([1, 2])), { timeout: 20_000 });
  });

  it('ends in a typed error when a thread fails, and goes on afterwards', async () => {
    const pool = opened();
    const [broken, sound] = [await probe(pool, { failAt: 1, slow: SLOW }), await probe(pool, { slow: SLOW })];
    await vi.waitFor(() => expect(() => broken.run()).toThrow(/FLAGOS_E_KERNEL.*unreachable/), { timeout: 20_000, interval: 1 });
    await vi.waitFor(() => expect(new Set(sound.run())).toEqual(new Set([1, 2])), { timeout: 20_000 });
  });

  it('leaves nobody at work when the caller fails', async () => {
    const pool = opened();
    const [broken, sound] = [await probe(pool, { failAt: 0 }), await probe(pool)];
    const messages = new Set<string>();
    for (let i = 0; i < 100; i++) {
      try {
        // Where the other thread was so much quicker that nothing was left for the caller, there is no failure.
        expect(new Set(broken.run())).toEqual(new Set([2]));
      } catch (e) {
        messages.add((e as Error).message);
      }
      expect(sound.run().includes(0)).toBe(false);
    }
    expect([...messages]).toEqual(['unreachable']);
  });

  it('runs what was made before a thread started, and nothing that was disposed of', async () => {
    const pool = opened();
    const kernels = await Promise.all([probe(pool, { slow: SLOW }), probe(pool, { slow: SLOW })]);
    pool.enter(3, silentLogger);
    await vi.waitFor(() => expect(new Set(kernels[1]!.run())).toEqual(new Set([1, 2])), { timeout: 20_000 });
    kernels[0]!.dispose();
    kernels[0]!.dispose();
    expect(kernels[1]!.run().includes(0)).toBe(false);
    pool.leave();
  });

  it('gives up a thread that does not answer, and goes on alone', async () => {
    const lines: string[] = [];
    const pool = new ThreadPool(nodeThreads, 0.5);
    pools.push(pool);
    pool.enter(2, { log: (_, text) => void lines.push(text) });
    const [hanging, sound] = [await probe(pool, { hangAt: 1, slow: SLOW }), await probe(pool, { slow: SLOW })];
    await vi.waitFor(() => expect(() => hanging.run()).toThrow(/FLAGOS_E_KERNEL.*has not answered/), { timeout: 20_000, interval: 1 });
    expect(lines).toHaveLength(1);
    expect(new Set(sound.run())).toEqual(new Set([1]));
  });

  it('keeps no memory of modules nobody has any more', async () => {
    const pool = opened();
    const memory = await (async () => new WeakRef((await probe(pool)).memory))();
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    await vi.waitFor(
      () => {
        collect();
        // An error that shows it would keep it.
        expect(memory.deref() === undefined).toBe(true);
      },
      { timeout: 20_000 },
    );
  });

  it('starts anew after its last user has left', async () => {
    const pool = opened();
    pool.leave();
    const kernel = await probe(pool, { slow: SLOW });
    expect(new Set(kernel.run())).toEqual(new Set([1]));
    pool.enter(2, silentLogger);
    await vi.waitFor(() => expect(new Set(kernel.run())).toEqual(new Set([1, 2])), { timeout: 20_000 });
  });

  it('goes on alone when a thread ends by itself, and says so', async () => {
    const ends: ((reason: unknown) => void)[] = [];
    const threads: HostThread[] = [];
    const pool = new ThreadPool({
      start: (source, onEnd) => {
        ends.push(onEnd);
        const thread = nodeThreads.start(source, onEnd);
        threads.push(thread);
        return thread;
      },
    });
    const lines: string[] = [];
    pool.enter(2, { log: (_, text) => void lines.push(text) });
    const kernel = await probe(pool, { slow: SLOW });
    await vi.waitFor(() => expect(new Set(kernel.run())).toEqual(new Set([1, 2])), { timeout: 20_000 });
    ends[0]!(new Error('out of memory'));
    expect(lines).toEqual([expect.stringMatching(/a thread of flagos\/wasm ended or/)]);
    expect(new Set(kernel.run())).toEqual(new Set([1]));
    pool.enter(2, silentLogger);
    expect(threads.length).toBe(1);
    pool.leave();
    pool.leave();
  });
});

it('a pool whose threads may not start runs on the caller, and says so once', async () => {
  const pool = new ThreadPool({
    start: () => {
      throw new Error('not allowed');
    },
  });
  const lines: [string, object | undefined][] = [];
  pool.enter(4, { log: (_, text, facts) => void lines.push([text, facts]) });
  expect(lines).toEqual([[expect.stringMatching(/could not start/), { reason: 'Error: not allowed' }]]);
  expect(new Set((await probe(pool)).run())).toEqual(new Set([1]));
});

it('where there is no memory to share there is one thread, and the chip says why', async () => {
  vi.stubGlobal('SharedArrayBuffer', undefined);
  onTestFinished(() => void vi.unstubAllGlobals());
  const native = async () => ({ missing: 'no compiler', hint: 'none' });
  const provider = flagosProvider(opSet, '0', { native, threads: () => ({ threads: nodeThreads }) });
  const report = await provider.probe({ logger: silentLogger, threads: 4, env: {} });
  const chip = report.chips.find((c) => c.id === 'wasm')!;
  expect(chip.description).toMatch(/one thread \(.*no memory that threads could share\)$/);
  const session = await provider.open(chip, { logger: silentLogger, threads: 4, env: {} });
  await session.close();
});

describe('threads of a browser', () => {
  const workers = { Worker: Object as never, Blob: Object as never, URL };

  it.each([
    ['no workers', { URL }, 'there are no Web Workers here'],
    ['a page that is not isolated', { ...workers, SharedArrayBuffer, crossOriginIsolated: false }, 'cross-origin isolated'],
    ['no shared memory', { ...workers, crossOriginIsolated: true }, 'cross-origin isolated'],
  ])('%s', (_, scope, reason) => expect(findWebThreads(scope)).toEqual({ missing: expect.stringContaining(reason) }));

  it('are there where a page is isolated', () =>
    expect(findWebThreads({ ...workers, SharedArrayBuffer, crossOriginIsolated: true })).toHaveProperty('threads'));
});
