/** A loaded model: run it, and ask where each node ran and why. */
import { FlagosError } from '../core/errors.ts';
import { concreteShape, describeType, type Model, type ValueInfo } from '../core/graph.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import { nearest } from '../core/nearest.ts';
import { isPromise, type MaybePromise } from '../core/async.ts';
import type { RunOptions } from '../dispatch/execute.ts';
import type { PreparedPlan } from '../dispatch/prepare.ts';
import { GraphRunner, type Dispatcher } from '../dispatch/runner.ts';
import type { Decision } from '../opmanager/decision.ts';
import { coverageOf, type Coverage, type Decisions } from './coverage.ts';
import { checkInput, checkPlaces, unknownName } from './feeds.ts';
import { IdleTuner, type IdleWork } from './tune/idle.ts';

/** Where a node of a model runs. */
export interface Placement {
  readonly node: string;
  readonly op: string;
  readonly kernel: string;
  readonly region: number;
}

export interface ModelRunOptions extends Omit<RunOptions, 'into'> {
  /** Output names wanted; default all. */
  readonly outputs?: readonly string[];
  /** Host tensors to write outputs into, by name. */
  readonly into?: Readonly<Record<string, Tensor>>;
}

export class FlagosModel {
  readonly name: string;
  /** Inputs a caller must give (initializers with a default left out). */
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly model: Model;
  readonly #runner: GraphRunner;
  readonly #plans = new Set<PreparedPlan>();
  readonly #optional: ReadonlySet<string>;
  readonly #forget: () => void;
  /** Measures it while nobody runs it, if that was asked for. */
  readonly #tuner: IdleTuner | undefined;

  /**
   * @param forget called once it is disposed, so that nobody holds on to it.
   * @param idle what tuning in the background needs, see {@link LoadOptions.tuneWhenIdle}.
   */
  constructor(model: Model, dispatcher: Dispatcher, forget: () => void, idle?: Omit<IdleWork, 'renew'>) {
    this.#forget = forget;
    this.#tuner = idle && new IdleTuner({ ...idle, renew: (inputs) => this.#runner.renew(inputs) });
    this.name = model.name;
    this.model = model;
    this.#optional = new Set(model.graph.inputs.filter((i) => model.graph.initializers.has(i.name)).map((i) => i.name));
    this.inputs = model.graph.inputs.filter((i) => !this.#optional.has(i.name));
    this.outputs = model.graph.outputs;
    const watched: Dispatcher = { ...dispatcher, planned: (plan) => this.#plans.add(plan), dropped: (plan) => this.#plans.delete(plan) };
    this.#runner = new GraphRunner(model.graph, watched, false, { model: model.name, handsOut: true });
  }

  /**
   * Runs the model. Does not change its inputs. Runs of one model are one after another.
   * @param feeds a value for each input, by name.
   * @throws FLAGOS_E_INPUT, FLAGOS_E_NO_KERNEL, FLAGOS_E_CANCELLED, FLAGOS_E_KERNEL, …
   */
  async run(feeds: Readonly<Record<string, Value>>, options: ModelRunOptions = {}): Promise<Record<string, Value>> {
    const { graph } = this.model;
    const { into, outputs: wanted } = options;
    for (const name of wanted ?? [])
      if (!this.outputs.some((o) => o.name === name)) throw unknownName(this.name, 'output', name, this.outputs);
    for (const name in feeds) if (!graph.inputs.some((i) => i.name === name)) throw unknownName(this.name, 'input', name, graph.inputs);
    for (const name in into) if (!this.outputs.some((o) => o.name === name)) throw unknownName(this.name, 'output', name, this.outputs);
    const inputs = graph.inputs.map((i) => (Object.hasOwn(feeds, i.name) ? feeds[i.name] : undefined));
    const places = into && this.outputs.map((o) => into[o.name]);
    const values = await this.runPositional(inputs, { ...options, into: places });
    if (places) checkPlaces(this.name, this.outputs, places, values);
    return Object.fromEntries(
      this.outputs.flatMap((o, i) => (wanted === undefined || wanted.includes(o.name) ? [[o.name, values[i]!] as const] : [])),
    );
  }

  /** As {@link run}, by position among the graph's inputs and outputs; synchronous where every kernel is. */
  runPositional(inputs: readonly (Value | undefined)[], options: RunOptions = {}): MaybePromise<Value[]> {
    const infos = this.model.graph.inputs;
    for (let i = 0; i < infos.length; i++) checkInput(this.name, infos[i]!, inputs[i], this.#optional);
    return this.#tuner ? this.#watched(this.#tuner, inputs, options) : this.#runner.run(inputs, options);
  }

  #watched(tuner: IdleTuner, inputs: readonly (Value | undefined)[], options: RunOptions): MaybePromise<Value[]> {
    const end = tuner.begin(inputs);
    const failed = (e: unknown): never => {
      end(false);
      throw e;
    };
    const done = (results: Value[]): Value[] => {
      end(true);
      return results;
    };
    try {
      const made = this.#runner.run(inputs, options);
      return isPromise(made) ? made.then(done, failed) : done(made);
    } catch (e) {
      return failed(e);
    }
  }

  /** Resolves when it is not being measured in the background (at once, if that was not asked for). */
  async tuned(): Promise<void> {
    await this.#tuner?.idle();
  }

  /** Plans in use, oldest first: one per combination of input shapes, and per part that had to wait for values. */
  get plans(): readonly PreparedPlan[] {
    return [...this.#plans];
  }

  /** Plans and prepares for the model's declared shapes (or the given ones), so that the first run finds everything ready. Shapes must be concrete. */
  async prepare(shapes: Readonly<Record<string, readonly number[]>> = {}): Promise<void> {
    const inputs = this.model.graph.inputs.map((info): Value | undefined => {
      if (this.#optional.has(info.name) || info.type?.kind !== 'tensor') return undefined;
      const dims = shapes[info.name] ?? concreteShape(info.type);
      if (!dims)
        throw new FlagosError('FLAGOS_E_INPUT', `the shape of input '${info.name}' is not known: ${describeType(info.type)}`, {
          hint: 'give it in `shapes`',
        });
      return Tensor.zeros(info.type.dtype, dims);
    });
    await this.#runner.prepare(inputs);
  }

  /** Where each node runs, over all plans in use (the newest one for a node counts). */
  placement(): Placement[] {
    return [...this.#decisions().values()].map(({ decision: d }) => ({
      node: d.node,
      op: d.op,
      kernel: d.kernel?.id ?? 'none',
      region: d.region?.id ?? -1,
    }));
  }

  /** Why a node runs where it runs. @throws FLAGOS_E_USAGE for a name no plan knows. */
  explain(node: string): Decision {
    const all = this.#decisions();
    const found = all.get(node);
    if (found) return found.decision;
    const folded = this.plans.some((p) => p.special.folded.includes(node));
    if (folded)
      throw new FlagosError('FLAGOS_E_USAGE', `node '${node}' was folded to a constant when the plan was made; nothing runs for it`);
    const near = nearest(node, [...all.keys()]);
    throw new FlagosError('FLAGOS_E_USAGE', `no plan has a node '${node}'`, {
      hint: near ? `did you mean '${near}'?` : all.size ? 'see `placement()` for the nodes there are' : 'run or prepare the model first',
    });
  }

  #decisions(): Decisions {
    return new Map(
      this.plans.flatMap((plan) => [...plan.planned.decisions].map(([node, decision]) => [node, { decision, plan }] as const)),
    );
  }

  /** What ran where, in numbers and in one line. */
  coverage(): Coverage {
    return coverageOf(this.#decisions(), this.plans, (plan) => plan.ran);
  }

  /** Waits for a run under way and releases kernels and memory. Runs that wait for their turn fail with FLAGOS_E_DISPOSED. */
  async dispose(): Promise<void> {
    await this.#tuner?.close();
    await this.#runner.dispose();
    this.#forget();
  }
}
