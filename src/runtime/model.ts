/** A loaded model: run it, and ask where each node ran and why. */
import { FlagosError } from '../core/errors.ts';
import { concreteShape, describeType, type Model, type ValueInfo } from '../core/graph.ts';
import { describeValue, Tensor, type Value } from '../core/tensor.ts';
import { nearest } from '../core/nearest.ts';
import type { MaybePromise } from '../core/async.ts';
import type { RunOptions } from '../dispatch/execute.ts';
import type { PreparedPlan } from '../dispatch/prepare.ts';
import { GraphRunner, type Dispatcher } from '../dispatch/runner.ts';
import type { Decision } from '../opmanager/decision.ts';
import { coverageOf, type Coverage } from './coverage.ts';

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
  readonly #plans: PreparedPlan[] = [];
  readonly #optional: ReadonlySet<string>;

  constructor(model: Model, dispatcher: Dispatcher) {
    this.name = model.name;
    this.model = model;
    this.#optional = new Set(model.graph.inputs.filter((i) => model.graph.initializers.has(i.name)).map((i) => i.name));
    this.inputs = model.graph.inputs.filter((i) => !this.#optional.has(i.name));
    this.outputs = model.graph.outputs;
    this.#runner = new GraphRunner(model.graph, { ...dispatcher, planned: (plan) => this.#plans.push(plan) }, false, model);
  }

  /**
   * Runs the model. Does not change its inputs. Runs of one model are one after another.
   * @param feeds a value for each input, by name.
   * @throws FLAGOS_E_INPUT, FLAGOS_E_NO_KERNEL, FLAGOS_E_CANCELLED, FLAGOS_E_KERNEL, …
   */
  async run(feeds: Readonly<Record<string, Value>>, options: ModelRunOptions = {}): Promise<Record<string, Value>> {
    for (const name of options.outputs ?? []) {
      if (!this.outputs.some((o) => o.name === name)) throw this.#unknown('output', name, this.outputs);
    }
    for (const name in feeds) {
      if (!this.model.graph.inputs.some((i) => i.name === name)) throw this.#unknown('input', name, this.model.graph.inputs);
    }
    const { into } = options;
    const values = await this.runPositional(this.model.graph.inputs.map((i) => feeds[i.name]), { ...options, into: into && this.outputs.map((o) => into[o.name]) });
    const wanted = options.outputs ?? this.outputs.map((o) => o.name);
    return Object.fromEntries(this.outputs.flatMap((o, i) => (wanted.includes(o.name) ? [[o.name, values[i]!] as const] : [])));
  }

  /** As {@link run}, by position among the graph's inputs and outputs; synchronous where every kernel is. */
  runPositional(inputs: readonly (Value | undefined)[], options: RunOptions = {}): MaybePromise<Value[]> {
    const infos = this.model.graph.inputs;
    for (let i = 0; i < infos.length; i++) this.#check(infos[i]!, inputs[i]);
    return this.#runner.run(inputs, options);
  }

  #check(info: ValueInfo, value: Value | undefined): void {
    if (value === undefined) {
      if (this.#optional.has(info.name)) return;
      throw new FlagosError('FLAGOS_E_INPUT', `input '${info.name}' is missing`, { trace: { model: this.name }, hint: `it is ${describeType(info.type)}` });
    }
    const { type } = info;
    if (type?.kind !== 'tensor') return;
    if (!(value instanceof Tensor)) throw this.#mismatch(info, value);
    if (value.dtype !== type.dtype) throw this.#mismatch(info, value);
    if (!type.shape) return;
    if (value.dims.length !== type.shape.length) throw this.#mismatch(info, value);
    for (let d = 0; d < value.dims.length; d++) {
      const expected = type.shape[d];
      if (typeof expected === 'number' && expected !== value.dims[d]) throw this.#mismatch(info, value);
    }
  }

  #mismatch(info: ValueInfo, value: Value): FlagosError {
    return new FlagosError('FLAGOS_E_INPUT', `input '${info.name}' is ${describeValue(value)}, the model takes ${describeType(info.type)}`, { trace: { model: this.name } });
  }

  #unknown(what: string, name: string, known: readonly ValueInfo[]): FlagosError {
    const near = nearest(name, known.map((k) => k.name));
    return new FlagosError('FLAGOS_E_INPUT', `there is no ${what} '${name}'`, {
      trace: { model: this.name }, hint: near ? `did you mean '${near}'?` : `${what}s are ${known.map((k) => `'${k.name}'`).join(', ')}`,
    });
  }

  /** Plans made so far: one per combination of input shapes, and per part that had to wait for values. */
  get plans(): readonly PreparedPlan[] {
    return this.#plans;
  }

  /** Plans and prepares for the model's declared shapes (or the given ones), so that the first run finds everything ready. Shapes must be concrete. */
  async prepare(shapes: Readonly<Record<string, readonly number[]>> = {}): Promise<void> {
    const inputs = this.model.graph.inputs.map((info): Value | undefined => {
      if (this.#optional.has(info.name) || info.type?.kind !== 'tensor') return undefined;
      const dims = shapes[info.name] ?? concreteShape(info.type);
      if (!dims) throw new FlagosError('FLAGOS_E_INPUT', `the shape of input '${info.name}' is not known: ${describeType(info.type)}`, { hint: 'give it in `shapes`' });
      return Tensor.zeros(info.type.dtype, dims);
    });
    await this.#runner.resolve(inputs);
  }

  /** Where each node runs, over all plans made so far (the newest one for a node counts). */
  placement(): Placement[] {
    return [...this.#decisions().values()].map((d) => ({ node: d.node, op: d.op, kernel: d.kernel?.id ?? 'none', region: d.region?.id ?? -1 }));
  }

  /** Why a node runs where it runs. @throws FLAGOS_E_USAGE for a name no plan knows. */
  explain(node: string): Decision {
    const all = this.#decisions();
    const decision = all.get(node);
    if (decision) return decision;
    const folded = this.#plans.some((p) => p.special.folded.includes(node));
    if (folded) throw new FlagosError('FLAGOS_E_USAGE', `node '${node}' was folded to a constant when the plan was made; nothing runs for it`);
    const near = nearest(node, [...all.keys()]);
    throw new FlagosError('FLAGOS_E_USAGE', `no plan has a node '${node}'`, { hint: near ? `did you mean '${near}'?` : all.size ? 'see `placement()` for the nodes there are' : 'run or prepare the model first' });
  }

  #decisions(): Map<string, Decision> {
    return new Map(this.#plans.flatMap((p) => [...p.planned.decisions]));
  }

  /** What ran where, in numbers and in one line. */
  coverage(): Coverage {
    return coverageOf([...this.#decisions().values()], this.#plans);
  }

  /** Waits for a run under way and releases kernels and memory. */
  dispose(): Promise<void> {
    return this.#runner.dispose();
  }
}
