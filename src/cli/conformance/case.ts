/** One conformance case: the model runs on each of its data sets, every output is compared. */
import { join } from 'node:path';
import { compareValues, type Tolerance } from '../../core/compare.ts';
import { asError, FlagosError } from '../../core/errors.ts';
import { isPromise } from '../../core/async.ts';
import type { Value } from '../../core/tensor.ts';
import type { Model } from '../../core/graph.ts';
import { loadCaseModel, loadDataSets } from '../../host/onnx-cases.ts';
import type { Runtime } from '../../runtime/runtime.ts';

/** `fail`: wrong values; `load`: refused before anything ran; `error`: stopped while running; `stale`: skipped without need. */
export type Status = 'pass' | 'fail' | 'load' | 'error' | 'crash' | 'timeout' | 'stale' | 'skip';

export interface CaseResult {
  readonly name: string;
  readonly status: Status;
  /** Why, for all but `pass`. */
  readonly reason?: string | undefined;
  readonly ms: number;
  /** Kernels that ran it, where they are known. */
  readonly kernels?: readonly string[] | undefined;
}

/** A model that was accepted. */
export interface Loaded {
  /** @returns outputs in the order of the graph. */
  run(inputs: readonly (Value | undefined)[]): Promise<readonly (Value | undefined)[]>;
  kernels?(): readonly string[];
  close(): Promise<void>;
}

/** A way to run cases. */
export interface Runner {
  load(path: string, model: Model): Promise<Loaded>;
}

/** What cannot be tried this way at all; the case counts as skipped. */
export class Untestable extends Error {}

/** Runs cases on a runtime, without a framework in between. */
export const directRunner = (runtime: Runtime): Runner => ({
  load: async (_path, model) => {
    const loaded = runtime.model(model);
    return {
      run: async (inputs) => {
        const made = loaded.runPositional(model.graph.inputs.map((_, i) => inputs[i]));
        return isPromise(made) ? await made : made;
      },
      kernels: () => [...new Set(loaded.placement().map((p) => p.kernel))],
      close: () => loaded.dispose(),
    };
  },
});

const oneLine = (thrown: unknown): string => {
  const error = asError(thrown);
  const text = error instanceof FlagosError ? `${error.code} ${error.reason}` : error.message;
  return text.replace(/\s+/g, ' ').slice(0, 2000);
};

/** Failures that mean the model was refused, as opposed to stopped half way. */
const refusals = new Set([
  'FLAGOS_E_NO_KERNEL',
  'FLAGOS_E_MODEL_FORMAT',
  'FLAGOS_E_MODEL_INVALID',
  'FLAGOS_E_MODEL_UNSUPPORTED',
  'FLAGOS_E_UNKNOWN_OP',
]);

/** Runs a case folder. Never throws: whatever happens is the result. */
export const runCase = async (root: string, name: string, runner: Runner, tolerance: Tolerance): Promise<CaseResult> => {
  const start = performance.now();
  const result = (status: Status, reason?: string, kernels?: readonly string[]): CaseResult => ({
    name,
    status,
    reason,
    ms: Math.round(performance.now() - start),
    kernels,
  });
  const folder = join(root, name);
  let loaded: Loaded | undefined;
  try {
    const model = loadCaseModel(folder);
    const sets = loadDataSets(folder, model);
    loaded = await runner.load(join(folder, 'model.onnx'), model);
    for (const set of sets) {
      const actual = await loaded.run(set.inputs);
      for (const [i, expected] of set.outputs.entries()) {
        const { ok, problem } = compareValues(actual[i], expected, tolerance);
        if (!ok)
          return result('fail', `${set.name}: output '${model.graph.outputs[i]?.name ?? i}' ${problem ?? 'differs'}`, loaded.kernels?.());
      }
    }
    return sets.length === 0 ? result('error', 'the case has no data sets') : result('pass', undefined, loaded.kernels?.());
  } catch (thrown) {
    if (thrown instanceof Untestable) return result('skip', thrown.message);
    const refused = !loaded || (thrown instanceof FlagosError && refusals.has(thrown.code));
    return result(refused ? 'load' : 'error', oneLine(thrown), loaded?.kernels?.());
  } finally {
    await loaded?.close();
  }
};
