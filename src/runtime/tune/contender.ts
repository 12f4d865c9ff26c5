/**
 * A contender: the model under one way to choose its kernels, with inputs that take turns, so that none of
 * them is in the caches only because it was used a moment ago.
 */
import { isPromise, type MaybePromise } from '../../core/async.ts';
import { Tensor, type Value } from '../../core/tensor.ts';
import type { Model } from '../../core/graph.ts';
import type { StepObserver } from '../../dispatch/execute.ts';
import type { PlanText } from '../../dispatch/plan-text.ts';
import { writePlan } from '../../dispatch/plan-text.ts';
import type { PlannedRegion } from '../../dispatch/planned.ts';
import type { PreparedPlan } from '../../dispatch/prepare.ts';
import type { FlagosModel } from '../model.ts';
import type { LoadOptions, Runtime } from '../runtime.ts';

export interface Contender {
  /** For people: `default`, `onnxruntime/cpu`, `mix: …`. */
  readonly name: string;
  readonly model: FlagosModel;
  /** Milliseconds until the first result was there, planning and compiling included. */
  readonly coldMs: number;
  /** Results of the first run. */
  readonly results: readonly Value[];
  /** Whether policy lets it run at all, or it is measured only to show what it would buy. */
  readonly admitted: boolean;
  /** The inputs of a round. */
  inputs(round: number): readonly (Value | undefined)[];
  run(round: number): MaybePromise<unknown>;
}

/** Sets of inputs that take turns, at most, and bytes they may take together. */
const SETS = 3;
const BYTES = 256 * 2 ** 20;

/** Copies of the inputs to take turns with. */
export const rotating = (inputs: readonly (Value | undefined)[]): readonly (readonly (Value | undefined)[])[] => {
  const bytes = inputs.reduce((n, v) => n + (v instanceof Tensor ? v.byteLength : 0), 0);
  const count = Math.max(1, Math.min(SETS, Math.floor(BYTES / Math.max(1, bytes))));
  return Array.from({ length: count }, (_, i) => (i === 0 ? inputs : inputs.map((v) => (v instanceof Tensor ? v.clone() : v))));
};

export interface ContenderOptions extends LoadOptions {
  readonly name: string;
  readonly admitted?: boolean;
}

/** Loads the model and runs it once. @throws what planning and running throw: it is no contender then. */
export const openContender = async (
  runtime: Runtime,
  model: Model,
  sets: readonly (readonly (Value | undefined)[])[],
  { name, admitted = true, ...options }: ContenderOptions,
): Promise<Contender> => {
  const start = performance.now();
  const loaded = runtime.model(model, options);
  try {
    const results = await loaded.runPositional(sets[0]!);
    return {
      name,
      model: loaded,
      coldMs: performance.now() - start,
      results,
      admitted,
      inputs: (round) => sets[round % sets.length]!,
      run: (round) => loaded.runPositional(sets[round % sets.length]!),
    };
  } catch (e) {
    await loaded.dispose();
    throw e;
  }
};

/** What a contender's plans choose, by the signatures of their graphs. */
export const choicesOf = ({ model }: Pick<Contender, 'model'>): Map<string, PlanText> =>
  new Map(model.plans.map((p) => [p.planned.signature(), p.planned.choice]));

/** The same choices have the same text. */
export const choiceKey = (contender: Pick<Contender, 'model'>): string =>
  [...choicesOf(contender)]
    .map(([signature, plan]) => `${signature}=${writePlan(plan)}`)
    .sort()
    .join('\n');

/** What single runs took, step by step. */
export interface StepTimes {
  /** Per region: microseconds of each time it ran. */
  readonly regions: ReadonlyMap<PlannedRegion, readonly number[]>;
  /** Per plan: microseconds of all its steps together, each time it ran. */
  readonly plans: ReadonlyMap<PreparedPlan, readonly number[]>;
}

/** Runs a contender with a watch on its steps, without what the first run finds cold. */
export const watchSteps = async (contender: Contender, runs: number): Promise<StepTimes> => {
  const regions = new Map<PlannedRegion, number[]>();
  const plans = new Map<PreparedPlan, number[]>();
  const owner = new Map<PlannedRegion, PreparedPlan>();
  for (const plan of contender.model.plans) for (const r of plan.planned.regions) owner.set(r, plan);
  const add = <K>(to: Map<K, number[]>, key: K, us: number): void => {
    const list = to.get(key);
    if (list) list.push(us);
    else to.set(key, [us]);
  };
  for (let i = 0; i <= runs; i++) {
    const totals = new Map<PreparedPlan, { us: number; times: number }>();
    const observer: StepObserver = {
      after: ({ planned, serves }, _index, startMs, endMs) => {
        const us = (endMs - startMs) * 1e3;
        const plan = owner.get(planned ?? serves!);
        if (!plan) return;
        if (planned) add(regions, planned, us);
        const total = totals.get(plan) ?? { us: 0, times: 0 };
        totals.set(plan, total);
        total.us += us;
        if (planned === plan.planned.regions[0]) total.times++;
      },
    };
    const made = contender.model.runPositional(contender.inputs(i), i === 0 ? {} : { observer });
    if (isPromise(made)) await made;
    for (const [plan, { us, times }] of totals) if (times > 0) add(plans, plan, us / times);
  }
  return { regions, plans };
};
