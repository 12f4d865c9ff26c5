/**
 * The plans of one graph: found for inputs, built when there is none, given up and released. What
 * was learned while running (regions that failed as a whole, types that are not as the model states
 * them) goes into every plan built after it.
 */
import { FlagosError } from '../core/errors.ts';
import type { Graph } from '../core/graph.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import type { MaybePromise } from '../core/async.ts';
import type { Arg } from '../ops/bind.ts';
import { buildPlan, type BuildContext, type Inner } from './build.ts';
import { Executor } from './execute.ts';
import { carryOut, type Flow } from './flow.ts';
import { decidingInputs, PlanCache, typeOfInput } from './plan-cache.ts';
import type { KernelUse, PlannedGraph } from './planned.ts';
import type { PreparedPlan } from './prepare.ts';

/** What running needs of the world: ops, open chips, selection. One per runtime and policy. */
export interface Dispatcher extends BuildContext {
  /** Milliseconds since 1970. */
  now(): number;
  /** When a kernel that is set aside for a signature may run it again, in milliseconds since 1970. */
  setAsideUntil(use: KernelUse): number | undefined;
  /** Told of each plan that was made, and of each that was given up, for reports. */
  planned?(plan: PreparedPlan): void;
  dropped?(plan: PreparedPlan): void;
}

/** A plan ready to run. */
export interface Ready {
  readonly executor: Executor;
  /** When a kernel it does without may be tried again. */
  readonly reviewAt: number | undefined;
}

export interface PlansOptions {
  /** Whether input contents may be used for planning. */
  readonly byContent: boolean;
  /** Whether shapes are taken on the model's word where they cannot be inferred. */
  readonly trusting: boolean;
  readonly inner: Inner;
  /** For messages. */
  readonly model: string | undefined;
}

export class Plans {
  /** Regions that failed as a whole while running. */
  readonly parted = new Set<string>();
  trusting: boolean;
  readonly #graph: Graph;
  readonly #dispatcher: Dispatcher;
  readonly #inner: Inner;
  readonly #model: string | undefined;
  /** Inputs whose contents decide shapes of the nodes that read them: part of a plan's key. */
  readonly #byValue: readonly boolean[];
  readonly #cache: PlanCache<Ready>;
  readonly #releasing = new Set<Promise<void>>();

  constructor(graph: Graph, dispatcher: Dispatcher, options: PlansOptions) {
    this.#graph = graph;
    this.#dispatcher = dispatcher;
    this.#inner = options.inner;
    this.#model = options.model;
    this.trusting = options.trusting;
    this.#byValue = options.byContent ? decidingInputs(graph, dispatcher.ops) : graph.inputs.map(() => false);
    this.#cache = new PlanCache(this.#byValue, (ready) => this.#release(ready.executor));
  }

  /**
   * The plan for inputs of these shapes; a seen signature costs a comparison of dimensions.
   * @throws FLAGOS_E_NO_KERNEL, and user errors for what no kernel could run.
   */
  resolve(inputs: readonly (Value | undefined)[]): MaybePromise<Ready> {
    const known = this.#cache.find(inputs);
    if (known !== undefined && known.reviewAt === undefined) return known;
    if (known !== undefined && this.#dispatcher.now() < known.reviewAt!) return known;
    if (known !== undefined) this.#cache.remove(known);
    return carryOut(this.#build(inputs));
  }

  *#build(inputs: readonly (Value | undefined)[]): Flow<Ready> {
    const known = new Map<string, Arg>();
    inputs.forEach((v, i) => {
      if (v !== undefined)
        known.set(this.#graph.inputs[i]!.name, {
          type: typeOfInput(v),
          value: v instanceof Tensor && this.#byValue[i] ? v.clone() : undefined,
        });
    });
    try {
      const plan = yield* buildPlan(
        { graph: this.#graph, known, parted: this.parted, trusting: this.trusting },
        this.#dispatcher,
        this.#inner,
      );
      const ready: Ready = { executor: new Executor(plan, this.#dispatcher.logger), reviewAt: this.#reviewOf(plan.planned) };
      this.#dispatcher.planned?.(plan);
      this.#cache.add(inputs, ready);
      return ready;
    } catch (e) {
      throw e instanceof FlagosError ? e.at({ model: this.#model }) : e;
    }
  }

  #reviewOf({ waitedFor }: PlannedGraph): number | undefined {
    const ends = waitedFor.flatMap((use) => this.#dispatcher.setAsideUntil(use) ?? []);
    return ends.length ? Math.min(...ends) : undefined;
  }

  /** Gives one plan up: a kernel it uses failed. */
  drop(ready: Ready): void {
    this.#cache.remove(ready);
  }

  /** Gives up all plans, and with them what the model says of shapes. */
  distrust(): void {
    this.trusting = false;
    this.#cache.clear();
  }

  #release(executor: Executor): void {
    this.#dispatcher.dropped?.(executor.plan);
    const released = executor.dispose().then((faults) => {
      for (const fault of faults)
        this.#dispatcher.logger.log('warn', 'releasing a kernel failed', { model: this.#model, reason: fault.message });
      this.#releasing.delete(released);
    });
    this.#releasing.add(released);
  }

  /** Gives up all plans, and waits until all that were ever given up are released. */
  async close(): Promise<void> {
    this.#cache.clear();
    while (this.#releasing.size) await Promise.all(this.#releasing);
  }
}
