/**
 * Tuning as a program does it: one tuner on the machine at a time, because two would measure each other; what
 * was measured goes into the table of this machine.
 */
import { hostname, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { asError, FlagosError } from '../core/errors.ts';
import type { Model } from '../core/graph.ts';
import type { Value } from '../core/tensor.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { tuneModel, type TuneOptions, type TuneResult } from '../runtime/tune/tune.ts';
import { untilIdle } from './quiet.ts';
import { tryLock } from './tables/file-lock.ts';

/** The lock all tuners of a machine know. */
export const tuneLock = (): string => join(tmpdir(), 'flagos-tune.lock');

/** Runs alone among tuners. @throws FLAGOS_E_BUSY if there is another one. */
export const exclusively = async <T>(work: () => Promise<T>, path = tuneLock()): Promise<T> => {
  let release: (() => void) | undefined;
  let reason = '';
  try {
    release = tryLock(path);
  } catch (e) {
    reason = `: ${asError(e).message}`;
  }
  if (!release)
    throw new FlagosError('FLAGOS_E_BUSY', `another tuner is at work on this machine${reason}`, {
      hint: `wait until it is done; it holds ${path}`,
    });
  try {
    return await work();
  } finally {
    release();
  }
};

/** Work of other processes that is worth mentioning in a row, in cores. */
export const LOAD = 0.75;

export type HostTuneOptions = Omit<TuneOptions, 'host' | 'quiet' | 'now'>;

/**
 * Measures what a model could run on, and settles on the fastest for the runtimes that come after.
 * @param inputs by position among the graph's inputs.
 * @throws FLAGOS_E_BUSY, FLAGOS_E_NO_KERNEL, and FLAGOS_E_TABLE if what was measured could not be kept.
 */
export const tune = (
  runtime: Runtime,
  model: Model,
  inputs: readonly (Value | undefined)[],
  options: HostTuneOptions = {},
): Promise<TuneResult> =>
  exclusively(async () => {
    const busy = loadavg()[0]! > LOAD;
    const result = await tuneModel(runtime, model, inputs, {
      ...options,
      host: hostname(),
      quiet: async () => (await untilIdle()) && !busy,
    });
    await runtime.tables?.append(result.rows);
    return result;
  });
