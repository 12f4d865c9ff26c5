/**
 * The executor: a loop over prepared steps. No strings, no maps, no allocation beyond the outputs,
 * and no `await` between synchronous steps.
 */
import { wrapError, FlagosError } from '../core/errors.ts';
import { concreteShape } from '../core/graph.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import { isPromise, type MaybePromise } from '../core/async.ts';
import type { RunValue } from '../plugins/contract.ts';
import { traceOf, type PreparedPlan, type Step } from './prepare.ts';

/** Watches steps, for profiles and comparisons. Absent, it costs one comparison a step. */
export interface StepObserver {
  /** Before a step runs; its inputs are bound. */
  before?(step: Step, index: number): void;
  /** After a step ran; its inputs and outputs are bound and valid until the next step, which waits for a promise given back. */
  after?(step: Step, index: number, startMs: number, endMs: number): void | Promise<void>;
}

export interface RunOptions {
  readonly signal?: AbortSignal | undefined;
  readonly observer?: StepObserver | undefined;
  /** Host tensors to write outputs into, by position. */
  readonly into?: readonly (Tensor | undefined)[] | undefined;
}

/** A step's failure, with the step, so that the runner can choose another kernel for it. */
export class StepFailure extends Error {
  constructor(readonly error: FlagosError, readonly step: Step) {
    super(error.message, { cause: error });
  }
}

const now = (): number => performance.now();

/** Runs a plan. One run at a time: steps reuse their buffers. */
export class Executor {
  readonly #slots: RunValue[];
  /** Slot of each step output that is a graph output → its position, so that results are written where the caller reads them. */
  readonly #outputOf = new Map<number, number>();

  constructor(readonly plan: PreparedPlan) {
    this.#slots = new Array<RunValue>(plan.slots).fill(undefined);
    plan.outputs.forEach((o, i) => o.slot >= 0 && !this.#outputOf.has(o.slot) && this.#outputOf.set(o.slot, i));
    // A graph output gets a fresh tensor each run; steps learn here which of their outputs those are.
    this.#fresh = plan.steps.flatMap((step, index) =>
      [...step.writes].flatMap((slot, j) => {
        const position = this.#outputOf.get(slot);
        return position === undefined || step.kernel.endsWith(':download') ? [] : [{ index, step, j, position }];
      }));
  }

  readonly #fresh: readonly { index: number; step: Step; j: number; position: number }[];

  run(inputs: readonly (Value | undefined)[], options: RunOptions = {}): MaybePromise<Value[]> {
    const { plan } = this;
    const slots = this.#slots;
    for (let i = 0; i < inputs.length; i++) slots[plan.inputSlots[i]!] = inputs[i];
    for (const { step, j, position } of this.#fresh) (step.places as (Tensor | undefined)[])[j] = this.#place(position, options.into?.[position]);
    const pending = this.#from(0, options);
    return isPromise(pending) ? pending.then(() => this.#finish(options)) : this.#finish(options);
  }

  #place(position: number, into: Tensor | undefined): Tensor | undefined {
    const { type } = this.plan.outputs[position]!;
    const dims = concreteShape(type);
    if (!dims || type?.kind !== 'tensor' || type.dtype === 'string') return undefined;
    if (into && into.dtype === type.dtype && into.dims.length === dims.length && into.dims.every((d, i) => d === dims[i])) return into;
    return Tensor.zeros(type.dtype, dims);
  }

  #from(first: number, options: RunOptions): MaybePromise<void> {
    const { steps } = this.plan;
    const { observer, signal } = options;
    for (let i = first; i < steps.length; i++) {
      const step = steps[i]!;
      const { reads, inputs, outputs, places } = step;
      for (let j = 0; j < reads.length; j++) inputs[j] = this.#slots[reads[j]!];
      for (let j = 0; j < places.length; j++) outputs[j] = places[j];
      if (signal?.aborted) throw new FlagosError('FLAGOS_E_CANCELLED', 'the run was cancelled', { cause: signal.reason });
      observer?.before?.(step, i);
      const start = observer ? now() : 0;
      let pending: void | Promise<void>;
      try {
        pending = step.prepared.run(inputs, outputs);
      } catch (e) {
        throw this.#failure(e, step);
      }
      if (pending !== undefined) {
        return pending.then(
          () => {
            const watching = this.#done(step, i, start, observer);
            return watching === undefined ? this.#from(i + 1, options) : watching.then(() => this.#from(i + 1, options));
          },
          (e: unknown) => {
            throw this.#failure(e, step);
          },
        );
      }
      const watching = this.#done(step, i, start, observer);
      if (watching !== undefined) return watching.then(() => this.#from(i + 1, options));
    }
  }

  #done(step: Step, i: number, start: number, observer: StepObserver | undefined): void | Promise<void> {
    const { writes, outputs } = step;
    for (let j = 0; j < writes.length; j++) {
      if (outputs[j] === undefined) {
        throw this.#failure(new FlagosError('FLAGOS_E_KERNEL_CONTRACT', `made no output ${j}`, { hint: 'the provider must fill every output that is undefined' }), step);
      }
      this.#slots[writes[j]!] = outputs[j];
    }
    return observer?.after?.(step, i, start, now());
  }

  #failure(thrown: unknown, step: Step): StepFailure {
    const trace = step.planned ? traceOf(step.planned) : { node: step.label, kernel: step.kernel };
    return new StepFailure(wrapError('FLAGOS_E_KERNEL', thrown, { trace }), step);
  }

  #finish(options: RunOptions): MaybePromise<Value[]> {
    const { plan } = this;
    const results = plan.outputs.map((o): Value => (o.constant ? o.constant.clone() : o.slot < 0 ? null : (this.#slots[o.slot] as Value)));
    if (!plan.tail) {
      this.#release();
      return results;
    }
    const { tail } = plan;
    const late = tail.run(Array.from(tail.reads, (slot) => this.#slots[slot] as Value), options);
    const merge = (values: readonly Value[]): Value[] => {
      tail.outputs.forEach((position, i) => (results[position] = values[i]!));
      this.#release();
      return results;
    };
    return isPromise(late) ? late.then(merge) : merge(late);
  }

  /** Forgets user tensors, so that a plan at rest keeps nothing of them alive. */
  #release(): void {
    this.#slots.fill(undefined);
    for (const step of this.plan.steps) {
      step.inputs.fill(undefined);
      step.outputs.fill(undefined);
    }
    for (const { step, j } of this.#fresh) (step.places as (Tensor | undefined)[])[j] = undefined;
  }

  async dispose(): Promise<void> {
    for (const step of this.plan.steps) await step.prepared.dispose();
  }
}
