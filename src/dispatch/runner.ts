/**
 * A graph that runs: one run after another, by plans made when first needed, and on by other plans
 * when a kernel fails. Model, tail of a plan, and body of control flow are all one of these.
 */
import { FlagosError } from '../core/errors.ts';
import type { Graph } from '../core/graph.ts';
import type { Value } from '../core/tensor.ts';
import { isPromise, type MaybePromise } from '../core/async.ts';
import type { Decision } from '../opmanager/decision.ts';
import type { Inner } from './build.ts';
import { prepareControl, type BodyRunner } from './control.ts';
import { checkCancelled, StepFailure, type RunOptions } from './execute.ts';
import { carryOut, wait, type Flow } from './flow.ts';
import { ownResults, placeResults, writablePlaces } from './ownership.ts';
import { regionKey } from './planned.ts';
import type { Finding, Unproved } from './probe.ts';
import { Plans, type Dispatcher, type Ready } from './plans.ts';
import { Recovery } from './recover.ts';

export type { Dispatcher } from './plans.ts';

export interface GraphRunnerOptions {
  /** For messages. */
  readonly model?: string | undefined;
  /** Whether its results go to a caller, to keep and to change. */
  readonly handsOut?: boolean;
  /** Whether shapes are taken on the model's word where they cannot be inferred; until that proves wrong. */
  readonly trusting?: boolean;
}

type Inputs = readonly (Value | undefined)[];
const noOptions: RunOptions = {};

export class GraphRunner {
  readonly graph: Graph;
  readonly #dispatcher: Dispatcher;
  readonly #plans: Plans;
  readonly #model: string | undefined;
  readonly #handsOut: boolean;
  #queue: Promise<void> | undefined;
  /** Whether a run is on the stack at this moment. */
  #running = false;
  /** Of the run under way: what bodies of control flow and the tail are to heed, too. */
  #passedOn: RunOptions = noOptions;
  #disposed: Promise<void> | undefined;

  /** @param byContent whether input contents may be used for planning (tails and bodies: yes; a model's inputs: no). */
  constructor(
    graph: Graph,
    dispatcher: Dispatcher,
    byContent: boolean,
    { model, handsOut = false, trusting = true }: GraphRunnerOptions = {},
  ) {
    this.graph = graph;
    this.#dispatcher = dispatcher;
    this.#model = model;
    this.#handsOut = handsOut;
    this.#plans = new Plans(graph, dispatcher, { byContent, trusting, inner: this.#inner, model });
  }

  /**
   * Runs once; calls made while another runs wait for it. @returns the graph's outputs, in order.
   * @throws FLAGOS_E_DISPOSED, FLAGOS_E_CANCELLED, FLAGOS_E_NO_KERNEL, FLAGOS_E_KERNEL, user errors of ops.
   */
  run(inputs: Inputs, options: RunOptions = noOptions): MaybePromise<Value[]> {
    if (this.#running)
      throw new FlagosError('FLAGOS_E_USAGE', 'it is running: what watches a run cannot start another one of the same model');
    if (this.#queue) return this.#enqueue(() => this.#run(inputs, options));
    this.#running = true;
    try {
      const result = this.#run(inputs, options);
      return isPromise(result) ? this.#enqueue(() => result) : result;
    } finally {
      this.#running = false;
    }
  }

  /** Whether a run would begin at once. */
  get idle(): boolean {
    return this.#queue === undefined && !this.#running;
  }

  /** Makes the plan for inputs like these, after what is under way. */
  async prepare(inputs: Inputs): Promise<void> {
    await this.#enqueue(() => {
      this.#assertUsable();
      return this.resolve(inputs);
    });
  }

  /** The plan for inputs like these. To be called when nothing is under way. */
  resolve(inputs: Inputs): MaybePromise<Ready> {
    return this.#plans.resolve(inputs);
  }

  /** Makes a new plan for inputs like these, by what is known now, while runs go on; the next run after it is ready is its. */
  renew(inputs: Inputs): Promise<void> {
    return this.#plans.renew(inputs);
  }

  /** The choices behind the next run with inputs like these, whose plan is made if there is none; after what is under way. */
  async decisions(inputs: Inputs): Promise<ReadonlyMap<string, Decision>> {
    const ready = await this.#enqueue(() => {
      this.#assertUsable();
      return this.resolve(inputs);
    });
    return ready.decisions;
  }

  #enqueue<T>(start: () => MaybePromise<T>): Promise<T> {
    const before = this.#queue;
    const result = (async () => {
      if (before) await before;
      return start();
    })();
    const settled = result
      .then(
        () => undefined,
        () => undefined,
      )
      .then(() => {
        if (this.#queue !== settled) return;
        this.#queue = undefined;
        this.#passedOn = noOptions;
      });
    this.#queue = settled;
    return result;
  }

  #assertUsable(): void {
    if (this.#disposed) throw new FlagosError('FLAGOS_E_DISPOSED', 'it was disposed', { trace: { model: this.#model } });
  }

  #located(e: unknown): unknown {
    return e instanceof FlagosError ? e.at({ model: this.#model }) : e;
  }

  #run(inputs: Inputs, options: RunOptions): MaybePromise<Value[]> {
    this.#assertUsable();
    const { signal, observer, into, sync } = options;
    checkCancelled(signal, this.#model);
    this.#passedOn = signal === undefined && observer === undefined && sync === undefined ? noOptions : { signal, observer, sync };
    if (into === undefined) return this.#attempt(inputs, options);
    const made = this.#attempt(inputs, { signal, observer, sync, into: writablePlaces(into, inputs) });
    return isPromise(made) ? made.then((results) => placeResults(results, into)) : placeResults(made, into);
  }

  #attempt(inputs: Inputs, options: RunOptions): MaybePromise<Value[]> {
    const ready = this.#plans.resolve(inputs);
    return isPromise(ready) ? ready.then((r) => this.#execute(r, inputs, options)) : this.#execute(ready, inputs, options);
  }

  #execute(ready: Ready, inputs: Inputs, options: RunOptions): MaybePromise<Value[]> {
    return ready.unproved === undefined
      ? this.#plainly(ready, inputs, options)
      : carryOut(this.#checking(ready, ready.unproved, inputs, options));
  }

  /** A run that checks kernels on its inputs. Where one is not as exact as policy asks, the run is made again without it. */
  *#checking(ready: Ready, unproved: Unproved, inputs: Inputs, options: RunOptions): Flow<Value[]> {
    const { probe, policy, logger } = this.#dispatcher;
    const found: Finding[] = [];
    const observer = probe!.observer(unproved, policy, found, options.observer);
    const results = yield* wait(this.#plainly(ready, inputs, { ...options, observer }));
    // What did not run (another plan took over, or somebody else's kernel failed) is checked when it does.
    if (unproved.size === 0) ready.unproved = undefined;
    const wrong = found.filter((f) => f.tooLittle);
    if (wrong.length === 0) return results;
    for (const { step, level, maxEta } of wrong) {
      const whole = step.planned!.nodes.length > 1;
      logger.log(
        'warn',
        `${step.kernel} is not accurate enough on its first inputs${whole ? ', its region is taken apart' : ', another one is used'}`,
        {
          model: this.#model,
          node: step.label,
          level,
          eta: maxEta,
        },
      );
      if (whole) this.#plans.parted.add(regionKey(step.planned!.region));
    }
    this.#plans.drop(ready);
    this.#assertUsable();
    checkCancelled(options.signal);
    return yield* wait(this.#execute(yield* wait(this.#plans.resolve(inputs)), inputs, options));
  }

  #plainly(ready: Ready, inputs: Inputs, options: RunOptions): MaybePromise<Value[]> {
    const recover = (e: unknown): MaybePromise<Value[]> => carryOut(this.#again(e, ready, inputs, options));
    try {
      const results = ready.executor.run(inputs, options);
      return isPromise(results) ? results.then((r) => this.#own(r, inputs, ready), recover) : this.#own(results, inputs, ready);
    } catch (e) {
      return recover(e);
    }
  }

  #own(results: Value[], inputs: Inputs, { executor }: Ready): Value[] {
    return this.#handsOut && !executor.allFresh ? ownResults(results, inputs, executor.fresh) : results;
  }

  /** Runs again by other plans, from the inputs, which no kernel may change, until one works or there is none. */
  *#again(thrown: unknown, ready: Ready, inputs: Inputs, options: RunOptions): Flow<Value[]> {
    const recovery = new Recovery(this.#dispatcher, this.#plans.parted);
    for (let last = ready, failure = thrown; ;) {
      try {
        if (!this.#distrusts(failure)) recovery.note(failure, last.executor.plan.planned);
      } catch (e) {
        if (recovery.takenBack) this.#plans.drop(last);
        throw this.#located(e);
      }
      this.#plans.drop(last);
      try {
        this.#assertUsable();
        checkCancelled(options.signal);
        last = yield* wait(this.#plans.resolve(inputs));
        return this.#own(yield* wait(last.executor.run(inputs, options)), inputs, last);
      } catch (e) {
        failure = e;
      }
    }
  }

  /** Whether a failure shows for the first time that types are not what the model says they are. */
  #distrusts(failure: unknown): boolean {
    if (!this.#plans.trusting || !(failure instanceof StepFailure) || !failure.misstated) return false;
    this.#plans.distrust();
    this.#dispatcher.logger.log('warn', `${failure.error.reason}; shapes it states are not relied on any more`, { model: this.#model });
    return true;
  }

  /** How parts of a plan that are graphs themselves are run. */
  get #inner(): Inner {
    return {
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
  }

  #sub(graph: Graph): BodyRunner {
    const runner = new GraphRunner(graph, this.#dispatcher, true, { model: this.#model, trusting: this.#plans.trusting });
    return { run: (inputs) => runner.run(inputs, this.#passedOn), dispose: () => runner.dispose() };
  }

  /** Waits for a run under way and releases kernels and memory; runs that wait fail. */
  dispose(): Promise<void> {
    return (this.#disposed ??= this.#close());
  }

  async #close(): Promise<void> {
    do await this.#queue;
    while (this.#queue);
    await this.#plans.close();
  }
}
