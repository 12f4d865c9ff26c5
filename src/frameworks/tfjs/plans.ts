/**
 * Plans of captured graphs, by structure. A graph runs at first on kernels with nothing to compile; once
 * it comes again (or would take long), the plan policy prefers is made in the background and takes over.
 */
import { asError, FlagosError } from '../../core/errors.ts';
import { isPromise, type MaybePromise } from '../../core/async.ts';
import type { Graph } from '../../core/graph.ts';
import { Tensor, type Value } from '../../core/tensor.ts';
import type { PreparedPlan } from '../../dispatch/prepare.ts';
import { GraphRunner, type Dispatcher } from '../../dispatch/runner.ts';
import type { PolicyOverride } from '../../opmanager/policy.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { graphOfOne } from './cut.ts';
import type { Template } from './template.ts';

/** Structures kept; the ones used longest ago are released. */
const PLAN_LIMIT = 512;
/** A structure that comes this often is worth compiling for. */
const COMPILE_AT = 2;
/** Expected to take longer than this (milliseconds) on kernels with nothing to compile, who can wait waits for the compiler. */
const WORTH_WAITING_MS = 200;

/** What runs while policy's own choice is being compiled, and somebody cannot wait. */
const meanwhile: PolicyOverride = { prefer: ['flagos/js', 'reference'], perOp: {}, fallback: 'native' };

export interface PlansOptions {
  readonly policy: PolicyOverride;
  /** Told of plans made and given up. */
  readonly planned: (plan: PreparedPlan) => void;
  readonly dropped: (plan: PreparedPlan) => void;
}

const isTensor = (v: Value): v is Tensor => v instanceof Tensor;

/** Results are tensors: nothing captured makes other values. */
const tensorsOf = (values: readonly Value[]): Tensor[] => {
  if (!values.every(isTensor)) throw new FlagosError('FLAGOS_E_INTERNAL', 'a captured graph made something that is no tensor');
  return [...values];
};

const expectedMs = (plan: PreparedPlan): number =>
  [...plan.planned.decisions.values()].reduce((us, d) => us + (d.verdicts.find((v) => v.status === 'chosen')?.expectedUs ?? 0), 0) / 1000;

/** One structure. */
class Entry {
  readonly #graph: Graph;
  readonly #plans: CapturedPlans;
  #instant: GraphRunner | undefined;
  #best: GraphRunner | undefined;
  /** Whether `best` has its plan. */
  #moved = false;
  #moving: Promise<void> | undefined;
  #failure: Error | undefined;
  #runs = 0;

  constructor(graph: Graph, plans: CapturedPlans) {
    this.#graph = graph;
    this.#plans = plans;
  }

  runSync(inputs: readonly Tensor[]): Tensor[] {
    if (this.#moved && this.#best!.idle) {
      const made = this.#best!.run(inputs, { sync: true });
      if (!isPromise(made)) return tensorsOf(made);
      // A kernel that only works off this thread: its result comes too late for this caller.
      made.catch(() => undefined);
    }
    this.#consider(inputs);
    const made = this.#fast().run(inputs, { sync: true });
    if (isPromise(made)) throw new FlagosError('FLAGOS_E_INTERNAL', 'a kernel said to be instant makes its caller wait');
    return tensorsOf(made);
  }

  /** Resolves when the plan policy prefers is there, or cannot be made: then what is there stays. */
  ready(inputs: readonly Tensor[]): Promise<void> {
    return this.#move(inputs);
  }

  /** @param compiled whether to wait for the compiler, however little there is to calculate. */
  run(inputs: readonly Tensor[], compiled = false): MaybePromise<Tensor[]> {
    if (this.#moved) {
      const made = this.#best!.run(inputs);
      return isPromise(made) ? made.then(tensorsOf) : tensorsOf(made);
    }
    if (this.#plans.named || compiled || this.#long(inputs)) return this.#move(inputs).then(() => this.#settled(inputs));
    this.#consider(inputs);
    return tensorsOf(this.#fast().run(inputs, { sync: true }) as Value[]);
  }

  /** After waiting for the preferred plan: by it if it could be made. */
  async #settled(inputs: readonly Tensor[]): Promise<Tensor[]> {
    if (!this.#moved && this.#plans.named) throw this.#failure!;
    return tensorsOf(await (this.#moved ? this.#best! : this.#fast()).run(inputs));
  }

  #fast(): GraphRunner {
    return (this.#instant ??= this.#plans.runner(this.#graph, true));
  }

  /** Whether running on what is there would take so long that compiling first is quicker. */
  #long(inputs: readonly Tensor[]): boolean {
    if (this.#runs > 0) return false;
    const ready = this.#fast().resolve(inputs);
    return !isPromise(ready) && expectedMs(ready.executor.plan) > WORTH_WAITING_MS;
  }

  #consider(inputs: readonly Tensor[]): void {
    this.#runs++;
    if (this.#moved || this.#moving || this.#runs < COMPILE_AT) return;
    // Shapes are all that planning looks at; contents need not be kept for it.
    void this.#move(
      inputs.map((t) => Tensor.uncleared(t.dtype, t.dims)),
      true,
    );
  }

  #move(inputs: readonly Tensor[], later = false): Promise<void> {
    return (this.#moving ??= later ? this.#plans.later(() => this.#prepare(inputs)) : this.#prepare(inputs));
  }

  async #prepare(inputs: readonly Tensor[]): Promise<void> {
    const best = this.#plans.runner(this.#graph, false);
    try {
      await best.prepare(inputs);
      this.#best = best;
      this.#moved = true;
    } catch (e) {
      this.#failure = asError(e);
      this.#plans.warn(`a graph of ${this.#graph.nodes.length} nodes stays on kernels with nothing to compile`, asError(e));
    }
  }

  /** Whether its plans were given up. */
  disposed = false;

  async dispose(): Promise<void> {
    this.disposed = true;
    await this.#moving;
    await this.#instant?.dispose();
    await this.#best?.dispose();
  }
}

export class CapturedPlans {
  readonly #runtime: Runtime;
  readonly #entries = new Map<string, Entry>();
  readonly #ones = new WeakMap<Template, Entry>();
  readonly #best: Dispatcher;
  readonly #instant: Dispatcher;
  /** Whether policy names who is to run: then nobody else does, but for callers that cannot wait. */
  readonly named: boolean;

  constructor(runtime: Runtime, options: PlansOptions) {
    this.#runtime = runtime;
    const { planned, dropped } = options;
    this.#best = { ...runtime.dispatcher(options.policy), planned, dropped };
    this.named = this.#best.policy.prefer.length > 0;
    this.#instant = { ...runtime.dispatcher({ ...options.policy, ...(this.named ? meanwhile : {}) }), instantOnly: true, planned, dropped };
  }

  runner(graph: Graph, instant: boolean): GraphRunner {
    return new GraphRunner(graph, instant ? this.#instant : this.#best, false, { model: `tfjs ${graph.name}`, handsOut: true });
  }

  later(work: () => Promise<void>): Promise<void> {
    return this.#runtime.later(work);
  }

  warn(what: string, { message }: Error): void {
    this.#runtime.host.logger.log('warn', what, { reason: message });
  }

  /** What runs a template by itself; kept with the plans, and found again through the template. */
  entryOfOne(template: Template): Entry {
    const known = this.#ones.get(template);
    if (known && !known.disposed) return known;
    const made = this.entry(`${template.id}`, () => graphOfOne(template));
    this.#ones.set(template, made);
    return made;
  }

  /** @param graph asked for if the structure is new. */
  entry(key: string, graph: () => Graph): Entry {
    const known = this.#entries.get(key);
    if (known) {
      if (this.#entries.size > PLAN_LIMIT / 2) {
        this.#entries.delete(key);
        this.#entries.set(key, known);
      }
      return known;
    }
    if (this.#entries.size >= PLAN_LIMIT) {
      const [oldest, entry] = this.#entries.entries().next().value!;
      this.#entries.delete(oldest);
      void entry.dispose().catch((e: unknown) => this.warn('releasing a captured graph failed', asError(e)));
    }
    const made = new Entry(graph(), this);
    this.#entries.set(key, made);
    return made;
  }

  /** Runs a graph now. @param key keeps its plan for the next one like it. */
  atOnce(key: string | undefined, graph: Graph, inputs: readonly Tensor[]): Tensor[] {
    if (key !== undefined) return this.entry(key, () => graph).runSync(inputs);
    const runner = this.runner(graph, true);
    const made = runner.run(inputs, { sync: true });
    void runner.dispose().catch((e: unknown) => this.warn('releasing a captured graph failed', asError(e)));
    if (isPromise(made)) throw new FlagosError('FLAGOS_E_INTERNAL', 'a kernel said to be instant makes its caller wait');
    return tensorsOf(made);
  }

  async close(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    for (const entry of entries) await entry.dispose();
  }
}
