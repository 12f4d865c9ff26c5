/**
 * Region by region: while a model runs, each region's outputs are held against what a golden provider
 * makes of the same inputs, one at a time, so that no intermediate is kept longer than the run keeps it.
 */
import { isPromise } from '../../core/async.ts';
import { asError, FlagosError } from '../../core/errors.ts';
import { opName, type Graph, type Model } from '../../core/graph.ts';
import { MapValue, Sequence, Tensor, type Value } from '../../core/tensor.ts';
import type { StepObserver } from '../../dispatch/execute.ts';
import type { PlannedRegion } from '../../dispatch/planner.ts';
import type { Step } from '../../dispatch/prepare.ts';
import { isDeterministic } from '../../ops/bind.ts';
import type { Region, RunValue } from '../../plugins/contract.ts';
import type { PolicyOverride } from '../../opmanager/policy.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { measure, type Allowed, type Difference } from './measure.ts';

export interface OutputDiff extends Difference {
  readonly output: string;
}

export interface RegionDiff {
  readonly region: string;
  readonly kernel: string;
  readonly ops: readonly string[];
  readonly outputs: readonly OutputDiff[];
  readonly ok: boolean;
  /** Why it was not compared; it counts as neither right nor wrong. */
  readonly skipped?: string | undefined;
}

/** A policy under which only the golden runs anything. */
export const goldenPolicy = (token: string): PolicyOverride => ({ prefer: [token], perOp: {}, fallback: 'none', onFailure: 'error' });

const isValue = (v: RunValue): v is Value => v === null || v instanceof Tensor || v instanceof Sequence || v instanceof MapValue;

const graphOf = (region: Region): Graph => ({
  name: 'region',
  nodes: region.nodes,
  types: region.types,
  initializers: region.constants,
  inputs: region.inputs.map((i) => ({ name: i.name, type: undefined })),
  outputs: region.outputs.map((o) => ({ name: o.name, type: undefined })),
});

/** What a region's nodes make of these inputs, by the golden alone. */
const runGolden = async (
  { runtime, golden: token, goldenObserver }: RegionComparison,
  region: Region,
  inputs: readonly Value[],
  name: string,
): Promise<Value[]> => {
  const model: Model = { name, graph: graphOf(region), metadata: {} };
  const golden = runtime.model(model, { policy: goldenPolicy(token) });
  try {
    const made = golden.runPositional(inputs, { observer: goldenObserver });
    return isPromise(made) ? await made : made;
  } finally {
    await golden.dispose();
  }
};

export interface RegionComparison {
  readonly runtime: Runtime;
  readonly golden: string;
  readonly allowed: Allowed;
  readonly before: (label: string) => void;
  /** Watches the golden's own steps. */
  readonly goldenObserver: StepObserver | undefined;
  readonly done: (result: RegionDiff) => void;
}

/** What draws random numbers gives other ones to the golden. */
const isRandom = (planned: PlannedRegion): boolean =>
  planned.nodes.some(
    ({ bound, args }) =>
      bound !== undefined &&
      !isDeterministic(
        bound,
        args.map((a) => a.type),
        args.map((a) => a.value),
      ),
  );

/** Watches a run and compares every region that holds kernels (bodies of control flow are regions of their own). */
export const regionObserver = (comparison: RegionComparison): StepObserver => {
  const { golden, allowed, before, done } = comparison;
  const compare = async (step: Step, planned: PlannedRegion): Promise<RegionDiff> => {
    const base = { region: step.label, kernel: step.kernel, ops: planned.region.nodes.map((n) => opName(n.domain, n.op)) };
    const skipped = (why: string): RegionDiff => ({ ...base, outputs: [], ok: true, skipped: why });
    if (isRandom(planned)) return skipped('it is random');
    if (!step.inputs.every(isValue) || !step.outputs.every(isValue)) return skipped("its tensors are in a chip's own memory");
    try {
      const expected = await runGolden(comparison, planned.region, step.inputs, step.label);
      const outputs = planned.region.outputs.map((o, i): OutputDiff => ({
        output: o.name,
        ...measure(step.outputs[i] as Value | undefined, expected[i]!, allowed),
      }));
      return { ...base, outputs, ok: outputs.every((o) => o.ok) };
    } catch (thrown) {
      const error = asError(thrown);
      // What the golden cannot run cannot be compared with it; any other failure is a finding.
      if (error instanceof FlagosError && error.code === 'FLAGOS_E_NO_KERNEL') return skipped(`${golden} cannot run it`);
      throw error;
    }
  };
  return {
    before: (step) => before(step.label),
    after: (step) => {
      const { planned } = step;
      return planned?.chip ? compare(step, planned).then(done) : undefined;
    },
  };
};
