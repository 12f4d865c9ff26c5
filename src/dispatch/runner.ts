/**
 * A graph that runs: plans by input shapes, made when first needed and kept, and the way on when a
 * kernel fails. Model, tail of a plan, and body of control flow are all one of these.
 */
import { FlagosError } from '../core/errors.ts';
import type { Graph } from '../core/graph.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import { isPromise, type MaybePromise } from '../core/async.ts';
import type { Arg } from '../ops/bind.ts';
import { buildPlan, type BuildContext, type Inner } from './build.ts';
import { prepareControl, type BodyRunner } from './control.ts';
import { checkCancelled, Executor, StepFailure, type RunOptions } from './execute.ts';
import { carryOut, wait, type Flow } from './flow.ts';
import { ownResults, placeResults, writablePlaces } from './ownership.ts';
import { decidingInputs, PlanCache, typeOfInput } from './plan-cache.ts';
import type { KernelUse, PlannedGraph } from './planned.ts';
import type { PreparedPlan } from './prepare.ts';
import { Recovery } from './recover.ts';

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

export interface GraphRunnerOptions {
  /** For messages. */
  readonly model?: string | undefined;
  /** Whether its results go to a caller, to keep and to change. */
  readonly handsOut?: boolean;
  /** Whether shapes are taken on the model's word where they cannot be inferred; until that proves wrong. */
  readonly trusting?: boolean;
}

/** A plan ready to run. */
interface Ready {
  readonly executor: Executor;
  /** When a kernel it does without may be tried again. */
  readonly reviewAt: number | undefined;
}

const noOptions: RunOptions = {};

export class GraphRunner {
  readonly graph: Graph;
  readonly #dispatcher: Dispatcher;
  readonly #model: string | undefined;
  readonly #handsOut: boolean;
  readonly #names: readonly string[];
  /** Inputs whose contents decide shapes of the nodes that read them: part of a plan's key. */
  readonly #byValue: readonly boolean[];
  readonly #cache: PlanCache<Ready>;
  /** Regions that failed as a whole while running. */
  readonly #parted = new Set<string>();
  #trusting: boolean;
  #queue: Promise<unknown> | undefined;
  /** Whether a run is on the stack at this moment. */
  #running = false;
  /** Of the run under way: what bodies of control flow and the tail are to heed, too. */
  #passedOn: RunOptions = noOptions;
  readonly #releasing = new Set<Promise<void>>();
  #disposed: Promise<void> | undefined;

  /** @param byContent whether input contents may be used for planning (tails and bodies: yes; a model's inputs: no). */
  constructor(graph: Graph, dispatcher: Dispatcher, byContent: boolean, options: GraphRunnerOptions = {}) {
    this.graph = graph;
    this.#dispatcher = dispatcher;
    this.#model = options.model;
    this.#handsOut = options.handsOut ?? false;
    this.#trusting = options.trusting ?? true;
    this.#names = graph.inputs.map((i) => i.name);
    this.#byValue = byContent ? decidingInputs(graph, dispatcher.ops) : this.#names.map(() => false);
    this.#cache = new PlanCache(this.#byValue, ({ executor }) => this.#release(executor, executor.dispose()));
  }

  /**
   * Runs once; calls made while another runs wait for it. @returns the graph's outputs, in order.
   * @throws FLAGOS_E_DISPOSED, FLAGOS_E_CANCELLED, FLAGOS_E_NO_KERNEL, FLAGOS_E_KERNEL, user errors of ops.
   */
  run(inputs: readonly (Value | undefined)[], options: RunOptions = noOptions): MaybePromise<Value[]> {
    if (this.#running) throw new FlagosError('FLAGOS_E_USAGE', 'it is running: what watches a run cannot start another one of the same model');
    if (this.#queue) return this.#enqueue(() => this.#run(inputs, options));
    this.#running = true;
    try {
      const result = this.#run(inputs, options);
      return isPromise(result) ? this.#enqueue(() => result) : result;
    } finally {
      this.#running = false;
    }
  }

  /** Makes the plan for inputs like these, after what is under way. */
  async prepare(inputs: readonly (Value | undefined)[]): Promise<void> {
    await this.#enqueue(() => {
      this.#assertUsable();
      return this.resolve(inputs);
    });
  }

  #enqueue<T>(start: () => MaybePromise<T>): Promise<T> {
    const before = this.#queue;
    const result = (async () => {
      if (before) await before;
      return start();
    })();
    const settled = result.then(() => undefined, () => undefined).then(() => {
      if (this.#queue === settled) this.#queue = undefined;
    });
    this.#queue = settled;
    return result;
  }

  #assertUsable(): void {
    if (this.#disposed) throw new FlagosError('FLAGOS_E_DISPOSED', 'it was disposed', { trace: { model: this.#model } });
  }

  #run(inputs: readonly (Value | undefined)[], options: RunOptions): MaybePromise<Value[]> {
    this.#assertUsable();
    const { signal, observer, into } = options;
    if (signal !== undefined) this.#checkCancelled(signal);
    this.#passedOn = signal === undefined && observer === undefined ? noOptions : { signal, observer };
    if (into === undefined) return this.#attempt(inputs, options);
    const made = this.#attempt(inputs, { signal, observer, into: writablePlaces(into, inputs) });
    return isPromise(made) ? made.then((results) => placeResults(results, into)) : placeResults(made, into);
  }

  #attempt(inputs: readonly (Value | undefined)[], options: RunOptions): MaybePromise<Value[]> {
    const ready = this.resolve(inputs);
    return isPromise(ready) ? ready.then((r) => this.#execute(r, inputs, options)) : this.#execute(ready, inputs, options);
  }

  #execute(ready: Ready, inputs: readonly (Value | undefined)[], options: RunOptions): MaybePromise<Value[]> {
    try {
      const results = ready.executor.run(inputs, options);
      if (!isPromise(results)) return this.#own(results, inputs, ready);
      return results.then((r) => this.#own(r, inputs, ready), (e: unknown) => this.#recover(e, ready, inputs, options));
    } catch (e) {
      return this.#recover(e, ready, inputs, options);
    }
  }

  #own(results: Value[], inputs: readonly (Value | undefined)[], { executor }: Ready): Value[] {
    return this.#handsOut && !executor.allFresh ? ownResults(results, inputs, executor.fresh) : results;
  }

  #recover(thrown: unknown, ready: Ready, inputs: readonly (Value | undefined)[], options: RunOptions): MaybePromise<Value[]> {
    return carryOut(this.#again(thrown, ready, inputs, options));
  }

  /** Runs again by other plans, from the inputs, which no kernel may change, until one works or there is none. */
  *#again(thrown: unknown, ready: Ready, inputs: readonly (Value | undefined)[], options: RunOptions): Flow<Value[]> {
    const recovery = new Recovery(this.#dispatcher, this.#parted);
    let failure = thrown;
    for (let last = ready; ; ) {
      try {
        if (!this.#distrusts(failure)) recovery.note(failure, last.executor.plan.planned);
      } catch (e) {
        if (recovery.takenBack) this.#cache.remove(last);
        throw this.#located(e);
      }
      this.#cache.remove(last);
      try {
        this.#assertUsable();
        this.#checkCancelled(options.signal);
        last = yield* wait(this.resolve(inputs));
        return this.#own(yield* wait(last.executor.run(inputs, options)), inputs, last);
      } catch (e) {
        failure = e;
      }
    }
  }

  /** Whether a failure shows for the first time that types are not what the model says they are. */
  #distrusts(failure: unknown): boolean {
    if (!this.#trusting || !(failure instanceof StepFailure) || !failure.misstated) return false;
    this.#trusting = false;
    this.#cache.clear();
    this.#dispatcher.logger.log('warn', `${failure.error.reason}; shapes it states are not relied on any more`, { model: this.#model });
    return true;
  }

  #checkCancelled(signal: AbortSignal | undefined): void {
    try {
      checkCancelled(signal);
    } catch (e) {
      throw this.#located(e);
    }
  }

  #located(e: unknown): unknown {
    return e instanceof FlagosError ? e.at({ model: this.#model }) : e;
  }

  /** The plan for inputs of these shapes; a seen signature costs a comparison of dimensions. */
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
      if (v !== undefined) known.set(this.#names[i]!, { type: typeOfInput(v), value: v instanceof Tensor && this.#byValue[i] ? v.clone() : undefined });
    });
    const request = { graph: this.graph, known, parted: this.#parted, trusting: this.#trusting };
    try {
      const plan = yield* buildPlan(request, this.#dispatcher, this.#inner);
      const ready: Ready = { executor: new Executor(plan, this.#dispatcher.logger), reviewAt: this.#reviewOf(plan.planned) };
      this.#dispatcher.planned?.(plan);
      this.#cache.add(inputs, ready);
      return ready;
    } catch (e) {
      throw this.#located(e);
    }
  }

  #reviewOf({ waitedFor }: PlannedGraph): number | undefined {
    const ends = waitedFor.flatMap((use) => this.#dispatcher.setAsideUntil(use) ?? []);
    return ends.length ? Math.min(...ends) : undefined;
  }

  readonly #inner: Inner = {
    control: (planned, special) => prepareControl(planned, special, (body) => this.#sub(body)),
    tail: (planned, special) => (names, outputs) =>
      this.#sub({
        name: `${this.graph.name} (rest)`,
        inputs: names.map((name) => ({ name, type: undefined })),
        outputs: outputs.map((name) => ({ name, type: undefined })),
        initializers: special.constants,
        nodes: planned.tail.map((n) => n.node),
        types: this.graph.types,
      }),
  };

  #sub(graph: Graph): BodyRunner {
    const runner = new GraphRunner(graph, this.#dispatcher, true, { model: this.#model, trusting: this.#trusting });
    return { run: (inputs) => runner.run(inputs, this.#passedOn), dispose: () => runner.dispose() };
  }

  #release({ plan }: Executor, kernels: Promise<Error[]>): void {
    this.#dispatcher.dropped?.(plan);
    const released = kernels.then((faults) => {
      for (const fault of faults) this.#dispatcher.logger.log('warn', 'releasing a kernel failed', { model: this.#model, reason: fault.message });
      this.#releasing.delete(released);
    });
    this.#releasing.add(released);
  }

  /** Waits for a run under way and releases kernels and memory; runs that wait fail. */
  dispose(): Promise<void> {
    return (this.#disposed ??= this.#close());
  }

  async #close(): Promise<void> {
    do await this.#queue;
    while (this.#queue);
    this.#cache.clear();
    while (this.#releasing.size) await Promise.all(this.#releasing);
  }
}
