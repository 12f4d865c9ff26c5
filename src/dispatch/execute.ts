/**
 * The executor: a loop over prepared steps. No strings, no maps, no allocation beyond the outputs,
 * and no `await` between synchronous steps.
 */
import { asError, wrapError, FlagosError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Tensor, Value } from '../core/tensor.ts';
import { isPromise, type MaybePromise } from '../core/async.ts';
import { Cells } from './cells.ts';
import { disposeKernels, traceOf, type DeviceSlot, type PreparedPlan, type Step } from './prepare.ts';
import { Misstated, takeSupplied } from './supplied.ts';

/** Watches steps, for profiles and comparisons. Absent, it costs one comparison a step. */
export interface StepObserver {
  /** Before a step runs; its inputs are bound. */
  before?(step: Step, index: number): void;
  /** After a step ran; its inputs and outputs are bound and valid until the next step, which waits for a promise given back. */
  after?(step: Step, index: number, startMs: number, endMs: number): void | Promise<void>;
}

export interface RunOptions {
  /** Ends the run between two steps. */
  readonly signal?: AbortSignal | undefined;
  readonly observer?: StepObserver | undefined;
  /** Whether the caller cannot wait: kernels that can run on its thread do, however long they take. What cannot makes the run a promise all the same. */
  readonly sync?: boolean | undefined;
  /** Host tensors to write outputs into, by position. One of another type or shape than the output is left alone. */
  readonly into?: readonly (Tensor | undefined)[] | undefined;
}

/** A step's failure, with the step, so that the runner can choose another kernel for it. */
export class StepFailure extends Error {
  constructor(
    readonly error: FlagosError,
    readonly step: Step,
    readonly misstated = false,
  ) {
    super(error.message, { cause: error });
  }
}

/** @throws FLAGOS_E_CANCELLED if the caller asked to stop. */
export const checkCancelled = (signal: AbortSignal | undefined, model?: string): void => {
  if (signal?.aborted) throw new FlagosError('FLAGOS_E_CANCELLED', 'the run was cancelled', { cause: signal.reason, trace: { model } });
};

/** A step that did not end at once, or whose observer asks to wait. */
interface Waiting {
  /** What the kernel gave back. */
  readonly kernel: unknown;
  /** What the observer gave back, once the kernel is done. */
  readonly observer: Promise<void> | undefined;
  readonly index: number;
  readonly start: number;
}

const traceOfStep = (step: Step): { node: string; op?: string; chip?: string; kernel: string } =>
  step.planned ? traceOf(step.planned) : { node: `copy of '${step.label}'`, kernel: step.kernel };

/** Runs a plan. One run at a time: steps reuse their buffers. */
export class Executor {
  readonly plan: PreparedPlan;
  /** Per output: whether its tensor is made here for each run, so that nobody else has it. */
  readonly fresh: readonly boolean[];
  readonly allFresh: boolean;
  readonly #logger: Logger;
  readonly #cells: Cells;

  constructor(plan: PreparedPlan, logger: Logger) {
    this.plan = plan;
    this.#logger = logger;
    this.#cells = new Cells(plan);
    const own = new Set(this.#cells.fresh.map((f) => f.position));
    this.fresh = plan.outputs.map((_, i) => own.has(i));
    this.allFresh = this.fresh.every(Boolean);
  }

  /** @returns the graph's outputs; what of them is not fresh may be an input, or be handed out twice. */
  run(inputs: readonly (Value | undefined)[], options: RunOptions = {}): MaybePromise<Value[]> {
    const { inputSlots } = this.plan;
    const { slots } = this.#cells;
    for (let i = 0; i < inputs.length; i++) slots[inputSlots[i]!] = inputs[i];
    try {
      this.#cells.open(options.into);
      const waiting = this.#from(0, options);
      const results = waiting === undefined ? this.#finish() : this.#rest(waiting, options).then(() => this.#finish());
      return isPromise(results) ? results.catch((e: unknown) => this.#fail(e)) : results;
    } catch (e) {
      return this.#fail(e);
    }
  }

  /** Runs steps until the end, or until one must be waited for. */
  #from(first: number, { observer, signal, sync }: RunOptions): Waiting | undefined {
    const { steps } = this.plan;
    const { slots, late: lates } = this.#cells;
    for (let i = first; i < steps.length; i++) {
      const step = steps[i]!;
      const late = lates[i]!;
      const { inputs, outputs, places } = step;
      for (let k = 0; k < late.length; k += 2) inputs[late[k]!] = slots[late[k + 1]!];
      if (signal !== undefined) checkCancelled(signal);
      let start = 0;
      if (observer !== undefined) {
        observer.before?.(step, i);
        start = performance.now();
      }
      let pending: unknown;
      try {
        if (sync === true && step.prepared.runSync !== undefined) step.prepared.runSync(inputs, outputs);
        else pending = step.prepared.run(inputs, outputs);
      } catch (e) {
        throw this.#failure(e, step);
      }
      if (pending !== undefined) return { kernel: pending, observer: undefined, index: i, start };
      for (let j = 0; j < places.length; j++) if (outputs[j] !== places[j] || places[j] === undefined) this.#take(step, j);
      if (observer !== undefined) {
        const watching = observer.after?.(step, i, start, performance.now());
        if (isPromise(watching)) return { kernel: undefined, observer: watching, index: i, start };
      }
      if (step.frees !== undefined) this.#free(step.frees);
    }
  }

  /** The steps from one that must be waited for. */
  async #rest(first: Waiting, options: RunOptions): Promise<void> {
    let waiting: Waiting | undefined = first;
    while (waiting !== undefined) {
      const { index, start } = waiting;
      const step = this.plan.steps[index]!;
      if (waiting.kernel !== undefined) {
        try {
          await waiting.kernel;
        } catch (e) {
          throw this.#failure(e, step);
        }
        for (let j = 0; j < step.places.length; j++)
          if (step.outputs[j] !== step.places[j] || step.places[j] === undefined) this.#take(step, j);
        await options.observer?.after?.(step, index, start, performance.now());
      } else await waiting.observer;
      if (step.frees !== undefined) this.#free(step.frees);
      waiting = this.#from(index + 1, options);
    }
  }

  /** An output that is not simply where it was asked for. */
  #take(step: Step, j: number): void {
    try {
      this.#cells.slots[step.writes[j]!] = step.outputs[j] = takeSupplied(step, j);
    } catch (e) {
      throw e instanceof Misstated ? new StepFailure(e.error.at(traceOfStep(step)), step, true) : this.#failure(e, step);
    }
  }

  #free(frees: readonly DeviceSlot[]): void {
    const { slots } = this.#cells;
    for (const { slot, memory } of frees) {
      const value = slots[slot];
      slots[slot] = undefined;
      if (value === undefined || value === null || !('space' in value)) continue;
      try {
        memory.free(value);
      } catch (e) {
        // The results are right all the same; if memory runs out because of it, the next allocation says so.
        this.#logger.log('warn', `freeing a tensor in ${memory.id} failed`, { reason: asError(e).message });
      }
    }
  }

  #failure(thrown: unknown, step: Step): StepFailure {
    return new StepFailure(wrapError('FLAGOS_E_KERNEL', thrown, { trace: traceOfStep(step) }), step);
  }

  #finish(): MaybePromise<Value[]> {
    const { outputs, tail } = this.plan;
    this.plan.ran = true;
    const { slots } = this.#cells;
    const results: Value[] = [];
    for (let i = 0; i < outputs.length; i++) {
      const { constant, slot } = outputs[i]!;
      results.push(constant ? constant.clone() : slot < 0 ? null : (slots[slot] as Value));
    }
    if (!tail) {
      this.#cells.close();
      return results;
    }
    const merge = (values: readonly Value[]): Value[] => {
      tail.outputs.forEach((position, i) => (results[position] = values[i]!));
      this.#cells.close();
      return results;
    };
    const late = tail.run(Array.from(tail.reads, (slot) => slots[slot] as Value));
    return isPromise(late) ? late.then(merge) : merge(late);
  }

  #fail(thrown: unknown): never {
    this.#free(this.plan.deviceSlots);
    this.#cells.restore();
    throw thrown;
  }

  /** Releases kernels, the tail's too. @returns what kernels threw. */
  async dispose(): Promise<Error[]> {
    await this.plan.tail?.dispose();
    return disposeKernels(this.plan.steps.map((s) => s.prepared));
  }
}
