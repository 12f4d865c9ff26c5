/** End to end: the outputs of a model against those the golden makes of the whole of it. */
import { isPromise } from '../../core/async.ts';
import { FlagosError } from '../../core/errors.ts';
import type { Model } from '../../core/graph.ts';
import type { Value } from '../../core/tensor.ts';
import type { RunOptions, StepObserver } from '../../dispatch/execute.ts';
import type { FlagosModel } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { measure, type Allowed } from './measure.ts';
import { goldenPolicy, type OutputDiff, type RegionDiff } from './regions.ts';

export type Positional = readonly (Value | undefined)[];

export const outputsOf = async (model: FlagosModel, inputs: Positional, options: RunOptions): Promise<readonly Value[]> => {
  const made = model.runPositional(inputs, options);
  return isPromise(made) ? await made : made;
};

/** Where one region is the whole model, comparing it has compared the model: the golden would do the same again. */
export const wholeInOne = (model: FlagosModel, regions: readonly RegionDiff[]): readonly OutputDiff[] | undefined => {
  const [plan] = model.plans;
  const [only] = regions;
  if (model.plans.length !== 1 || plan?.steps.length !== 1 || plan.tail || !only || only.skipped !== undefined) return undefined;
  const outputs = plan.special.outputs.flatMap((name, i) => {
    const found = only.outputs.find((o) => o.output === name);
    return found ? [{ ...found, output: model.outputs[i]!.name }] : [];
  });
  return outputs.length === model.outputs.length ? outputs : undefined;
};

export interface WholeComparison {
  readonly outputs: readonly OutputDiff[];
  /** Why the golden could not run all of the model; there are no outputs then. */
  readonly unable?: string | undefined;
}

/** Runs the whole model by the golden alone, on the same inputs. @param actual what the model made of them. */
export const compareWhole = async (
  runtime: Runtime,
  model: Model,
  inputs: Positional,
  actual: Positional,
  golden: string,
  allowed: Allowed,
  observer: StepObserver | undefined,
): Promise<WholeComparison> => {
  const whole = runtime.model(model, { policy: goldenPolicy(golden) });
  try {
    const expected = await outputsOf(whole, inputs, { observer });
    return { outputs: model.graph.outputs.map((o, i) => ({ output: o.name, ...measure(actual[i], expected[i]!, allowed) })) };
  } catch (thrown) {
    if (thrown instanceof FlagosError && thrown.code === 'FLAGOS_E_NO_KERNEL') return { outputs: [], unable: thrown.reason };
    throw thrown;
  } finally {
    await whole.dispose();
  }
};
