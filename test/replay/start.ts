/**
 * One start of a program, as a process of its own: it reads the table all starts share (or obeys a lock), runs a
 * model, measures it anew on a clock that is off by up to 20 %, adds what it measured to the table, and says what it
 * ran on and the bits it got. Its argument is a `Start`, as JSON.
 */
import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import type { Model } from '../../src/core/graph.ts';
import { Tensor } from '../../src/core/tensor.ts';
import { readLockFile, writeLockFile } from '../../src/host/lock-file.ts';
import { createRuntime } from '../../src/host/flagos.ts';
import { openTables } from '../../src/host/tables/open.ts';
import { tune } from '../../src/host/tune.ts';
import { lockOfModel } from '../../src/runtime/model-lock.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { graph, f32, openRuntime } from '../dispatch/kit.ts';
import { noisyClock, rivals } from './rivals.ts';

export interface Start {
  /** Kernels that take the time they are given, or those of the library's own chips. */
  readonly of: 'rivals' | 'chips';
  /** Folder of the table. */
  readonly table: string;
  /** Of the noise. */
  readonly seed: number;
  /** Milliseconds of measuring; 0: nothing is measured. */
  readonly budgetMs: number;
  /** A lock file to obey, or to write after tuning. */
  readonly lock?: { readonly path: string; readonly write: boolean };
}

export interface Ran {
  /** Kernel of each node. */
  readonly kernels: readonly string[];
  /** Of the results: their SHA-256. */
  readonly bits: string;
  /** Contender with the least median, as measured by this start; undefined if it measured nothing. */
  readonly fastest: string | undefined;
  /** What the tuner settled on. */
  readonly chosen: string | undefined;
  /** Warnings. */
  readonly warnings: readonly string[];
}

const size = { rivals: 4, chips: 64 } as const;
const modelOf = (n: number): Model => ({
  name: 'chain',
  graph: graph(['a = Sqrt x', 'b = Exp a', 'c = Tanh b', 'd = Softmax c', 'y = Mul d c'], { inputs: { x: f32(n, n) }, outputs: ['y'] }),
  metadata: {},
});
const inputOf = (n: number): Tensor =>
  Tensor.from(
    'float32',
    [n, n],
    Array.from({ length: n * n }, (_, i) => ((i * 37) % 101) / 101),
  );

const open = async ({ of, table, lock }: Start, warnings: string[]): Promise<Runtime> => {
  const obeyed = lock && !lock.write ? lock.path : undefined;
  const places = { project: false, machine: table, shared: false } as const;
  if (of === 'chips') {
    const log = console.warn;
    console.warn = (...said: unknown[]): void => void warnings.push(said.join(' '));
    const { runtime } = await createRuntime({ discover: false, tables: places, ...(obeyed ? { lock: obeyed } : {}) });
    console.warn = log;
    return runtime;
  }
  const logger = { log: (level: string, message: string): void => void (level === 'warn' && warnings.push(message)) };
  const tables = await openTables(places, { env: {}, logger });
  return openRuntime(
    rivals(),
    {},
    {
      tables,
      host: { logger, threads: 1, env: {} },
      lock: obeyed === undefined ? undefined : { name: obeyed, contents: readLockFile(obeyed), onMismatch: 'error' },
    },
  );
};

const start = async (options: Start): Promise<Ran> => {
  const warnings: string[] = [];
  const runtime = await open(options, warnings);
  const model = modelOf(size[options.of]);
  const x = inputOf(size[options.of]);
  const loaded = runtime.model(model);
  const { y } = await loaded.run({ x });
  const tuned =
    options.budgetMs > 0
      ? await tune(runtime, model, [x], {
          budgetMs: options.budgetMs,
          ...(options.of === 'rivals' ? { clock: noisyClock(options.seed) } : {}),
        })
      : undefined;
  if (options.lock?.write) {
    // What was settled on, not what the first run was made of.
    const again = runtime.model(model);
    await again.run({ x });
    writeLockFile(options.lock.path, lockOfModel(again, runtime.identities));
  }
  const kernels = loaded.placement().map((p) => p.kernel);
  await runtime.close();
  const fastest = tuned && [...tuned.contenders].sort((p, q) => p.timing.medianUs - q.timing.medianUs)[0]!.name;
  const bits = createHash('sha256')
    .update((y as Tensor).data as Float32Array)
    .digest('hex');
  return { kernels, bits, fastest, chosen: tuned?.chosen, warnings };
};

writeSync(1, JSON.stringify(await start(JSON.parse(process.argv[2]!) as Start)));
