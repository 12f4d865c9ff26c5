/**
 * A graph that runs: plans by input shapes, made when first needed and kept, and the way on when a
 * kernel fails. Model, tail of a plan, and body of control flow are all one of these.
 */
import { FlagosError } from '../core/errors.ts';
import { captures, opName, type Graph, type Model } from '../core/graph.ts';
import type { Logger } from '../core/log.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import { chain, isPromise, type MaybePromise } from '../core/async.ts';
import { bindNode } from '../ops/bind.ts';
import { evaluateNode, typeOfValue } from '../ops/evaluate.ts';
import type { OpSet } from '../ops/registry.ts';
import type { Arg } from '../ops/bind.ts';
import type { Prepared } from '../plugins/contract.ts';
import { Executor, StepFailure, type RunOptions } from './execute.ts';
import { planGraph, regionKey, signatureOf, type PlanContext, type PlannedGraph, type PlannedRegion } from './planner.ts';
import { bindPlan, prepareRegion, type PreparedPlan } from './prepare.ts';
import { specialize, type Specialized } from './specialize.ts';

/** What running needs of the world: ops, open chips, selection. One per runtime. */
export interface Dispatcher extends PlanContext {
  readonly ops: OpSet;
  readonly logger: Logger;
  /** Sets a kernel aside for a signature. `lasting`: for the whole process, not only where it failed. */
  setAside(kernel: string, signature: string, reason: string, lasting: boolean): void;
  /** Told of each plan that was made, for reports. */
  planned?(plan: PreparedPlan, graph: Graph): void;
}

interface CachedPlan {
  readonly executor: Executor;
  readonly shapes: readonly (Tensor | undefined)[];
  readonly key: string;
}

/** Plans kept per graph; beyond that the least recently used goes. */
const PLAN_LIMIT = 64;
const ATTEMPTS = 16;

const sameTensor = (a: Tensor, b: Tensor): boolean => {
  for (let i = 0; i < a.data.length; i++) if (a.data[i] !== b.data[i]) return false;
  return true;
};

export class GraphRunner {
  readonly #plans = new Map<string, CachedPlan>();
  #last: CachedPlan | undefined;
  #lastSample: readonly (Value | Shape | undefined)[] = [];
  #queue: Promise<unknown> | undefined;
  #disposed = false;
  readonly #names: readonly string[];
  /** Inputs whose contents decide shapes of the nodes that read them: part of a plan's key. */
  readonly #byValue: readonly boolean[];
  readonly #byContent: boolean;
  /** Of the run under way: handed on to bodies of control flow. */
  #options: RunOptions = {};

  /** @param byContent whether input contents may be used for planning (tails and bodies: yes; a model's inputs: no). */
  constructor(readonly graph: Graph, readonly dispatcher: Dispatcher, byContent: boolean, readonly model?: Model) {
    this.#names = graph.inputs.map((i) => i.name);
    this.#byContent = byContent;
    const deciding = byContent ? decidingNames(graph, dispatcher.ops) : new Set<string>();
    this.#byValue = this.#names.map((n) => deciding.has(n));
  }

  /** Runs once; calls made while another runs wait for it. @returns the graph's outputs, in order. */
  run(inputs: readonly (Value | undefined)[], options: RunOptions = {}): MaybePromise<Value[]> {
    if (this.#queue) return this.#enqueue(() => this.#run(inputs, options, 0));
    const result = this.#run(inputs, options, 0);
    return isPromise(result) ? this.#enqueue(() => result) : result;
  }

  #enqueue(start: () => MaybePromise<Value[]>): Promise<Value[]> {
    const before = this.#queue;
    const result = (async () => {
      if (before) await before.catch(() => undefined);
      return start();
    })();
    const settled = result.catch(() => undefined).then(() => {
      if (this.#queue === settled) this.#queue = undefined;
    });
    this.#queue = settled;
    return result;
  }

  #run(inputs: readonly (Value | undefined)[], options: RunOptions, attempt: number): MaybePromise<Value[]> {
    if (this.#disposed) throw new FlagosError('FLAGOS_E_DISPOSED', 'the model was disposed', { trace: { model: this.model?.name } });
    this.#options = options;
    return chain(this.resolve(inputs), (plan) => {
      const recover = (e: unknown): MaybePromise<Value[]> => this.#recover(e, inputs, options, attempt);
      try {
        const result = plan.executor.run(inputs, options);
        return isPromise(result) ? result.then((r) => this.#owned(r, inputs), recover) : this.#owned(result, inputs);
      } catch (e) {
        return recover(e);
      }
    });
  }

  /** A model's results are the caller's to keep and change: none is an input, and no two are one. */
  #owned(results: Value[], inputs: readonly (Value | undefined)[]): Value[] {
    if (!this.model || this.graph !== this.model.graph) return results;
    for (let i = 0; i < results.length; i++) {
      const r = results[i]!;
      if (r instanceof Tensor && (inputs.includes(r) || results.indexOf(r) < i)) results[i] = r.clone();
    }
    return results;
  }

  #recover(thrown: unknown, inputs: readonly (Value | undefined)[], options: RunOptions, attempt: number): MaybePromise<Value[]> {
    if (!(thrown instanceof StepFailure)) throw thrown instanceof FlagosError ? thrown.at({ model: this.model?.name }) : thrown;
    const { error, step } = thrown;
    const { policy, logger } = this.dispatcher;
    error.at({ model: this.model?.name });
    const planned = step.planned;
    if (error.kind === 'user' || policy.onFailure === 'error' || !planned?.chip || attempt >= ATTEMPTS) throw error;
    logger.log('warn', `${step.kernel} failed, trying the next candidate`, { node: step.label, reason: error.reason });
    for (const n of planned.nodes) {
      const kernel = `${planned.chip.id}:${opName(n.node.domain, n.node.op)}.${planned.variant}`;
      this.dispatcher.setAside(kernel, signatureOf(n), error.reason, policy.onFailure === 'quarantine');
    }
    this.#forget();
    try {
      const again = this.#run(inputs, options, attempt + 1);
      return isPromise(again) ? again.catch((e: unknown) => { throw withFirst(e, error); }) : again;
    } catch (e) {
      throw withFirst(e, error);
    }
  }

  /** Drops all plans: kernels they use were set aside, or policy changed. */
  #forget(): void {
    for (const p of this.#plans.values()) void p.executor.dispose();
    this.#plans.clear();
    this.#last = undefined;
  }

  /** The plan for inputs of these shapes; a seen signature costs a comparison of dimensions. */
  resolve(inputs: readonly (Value | undefined)[]): MaybePromise<CachedPlan> {
    const last = this.#last;
    if (last && this.#matches(last, inputs)) return last;
    const key = this.#key(inputs);
    const known = this.#plans.get(key);
    if (known) {
      this.#plans.delete(key);
      this.#plans.set(key, known);
      return this.#remember(known, inputs);
    }
    return chain(this.#build(inputs), (executor) => {
      const plan: CachedPlan = { executor, key, shapes: inputs.map((v) => (v instanceof Tensor ? v : undefined)) };
      if (this.#plans.size >= PLAN_LIMIT) {
        const oldest = this.#plans.keys().next().value!;
        void this.#plans.get(oldest)!.executor.dispose();
        this.#plans.delete(oldest);
      }
      this.#plans.set(key, plan);
      return this.#remember(plan, inputs);
    });
  }

  #remember(plan: CachedPlan, inputs: readonly (Value | undefined)[]): CachedPlan {
    this.#last = plan;
    // Contents are compared later, so they are copied; shapes are immutable.
    this.#lastSample = inputs.map((v, i) => (v instanceof Tensor && this.#byValue[i] ? v.clone() : v instanceof Tensor ? new Shape(v) : v));
    return plan;
  }

  #matches(_plan: CachedPlan, inputs: readonly (Value | undefined)[]): boolean {
    const sample = this.#lastSample;
    if (sample.length !== inputs.length) return false;
    for (let i = 0; i < inputs.length; i++) {
      const a = sample[i];
      const b = inputs[i];
      if (a === b && a === undefined) continue;
      if (!(b instanceof Tensor) || !(a instanceof Tensor || a instanceof Shape)) return false;
      if (a.dtype !== b.dtype || a.dims.length !== b.dims.length) return false;
      for (let d = 0; d < a.dims.length; d++) if (a.dims[d] !== b.dims[d]) return false;
      if (a instanceof Tensor && !sameTensor(a, b)) return false;
    }
    return true;
  }

  #key(inputs: readonly (Value | undefined)[]): string {
    return inputs.map((v, i) => {
      if (!(v instanceof Tensor)) return v === undefined ? '-' : JSON.stringify(typeOfValue(v));
      return `${v.dtype}[${v.dims}]${this.#byValue[i] ? `=${Array.from(v.data as ArrayLike<unknown>).join(',')}` : ''}`;
    }).join(';');
  }

  /** What is known of the inputs for planning. */
  #known(inputs: readonly (Value | undefined)[]): Map<string, Arg> {
    const known = new Map<string, Arg>();
    inputs.forEach((v, i) => {
      if (v !== undefined) known.set(this.#names[i]!, { type: typeOfValue(v), value: v instanceof Tensor && this.#byValue[i] ? v.clone() : undefined });
    });
    return known;
  }

  #build(inputs: readonly (Value | undefined)[]): MaybePromise<Executor> {
    try {
      const special = specialize(this.graph, this.#known(inputs), { ops: this.dispatcher.ops });
      const built = this.#prepare(special, new Set(), 0);
      return isPromise(built) ? built.catch((e: unknown) => { throw this.#located(e); }) : built;
    } catch (e) {
      throw this.#located(e);
    }
  }

  #located(e: unknown): unknown {
    return e instanceof FlagosError ? e.at({ model: this.model?.name }) : e;
  }

  /** Plans and prepares; a region that cannot be prepared after all is taken apart, a node that cannot is given to the next candidate. */
  #prepare(special: Specialized, unmergeable: ReadonlySet<string>, attempt: number): MaybePromise<Executor> {
    return this.#prepareKernels(special, planGraph(special, { ...this.dispatcher, unmergeable, settled: this.#byContent }), unmergeable, attempt);
  }

  #prepareKernels(special: Specialized, planned: PlannedGraph, unmergeable: ReadonlySet<string>, attempt: number): MaybePromise<Executor> {
    const kernels: Prepared[] = [];
    const undo = (): void => kernels.forEach((k) => void k.dispose());
    const again = (failed: PlannedRegion, thrown: unknown): MaybePromise<Executor> => {
      undo();
      if (!(thrown instanceof FlagosError) || thrown.kind === 'user' || attempt >= ATTEMPTS * 4 || !failed.chip) throw thrown;
      if (thrown.kind !== 'unsupported' && this.dispatcher.policy.onFailure === 'error') throw thrown;
      this.dispatcher.logger.log('info', `${failed.kernel} cannot be prepared`, { node: failed.nodes[0]!.node.name, nodes: failed.nodes.length, reason: thrown.reason });
      if (failed.nodes.length > 1) return this.#prepare(special, new Set([...unmergeable, regionKey(failed.region)]), attempt + 1);
      this.dispatcher.setAside(failed.kernel, failed.signature, thrown.reason, false);
      try {
        return this.#prepare(special, unmergeable, attempt + 1);
      } catch (e) {
        throw withFirst(e, thrown);
      }
    };
    const prepareFrom = (i: number): MaybePromise<Executor> => {
      for (; i < planned.regions.length; i++) {
        const region = planned.regions[i]!;
        try {
          const made = prepareRegion(region, (p) => this.#control(p, special));
          if (isPromise(made)) {
            return made.then((k) => { kernels.push(k); return prepareFrom(i + 1); }, (e: unknown) => again(region, e));
          }
          kernels.push(made);
        } catch (e) {
          return again(region, e);
        }
      }
      return this.#bind(special, planned, kernels);
    };
    return prepareFrom(0);
  }

  #bind(special: Specialized, planned: PlannedGraph, kernels: readonly Prepared[]): Executor {
    const plan = bindPlan(special, planned, kernels, this.#names, this.graph.outputs.map((o) => o.name), (names, outputs) => {
      const tail: Graph = {
        name: `${this.graph.name} (rest)`,
        inputs: names.map((name) => ({ name, type: undefined })),
        outputs: outputs.map((name) => ({ name, type: undefined })),
        initializers: special.constants,
        nodes: planned.tail.map((n) => n.node),
        types: this.graph.types,
      };
      const runner = new GraphRunner(tail, this.dispatcher, true, this.model);
      return (values, options) => runner.run(values, { signal: options.signal, observer: options.observer });
    });
    this.dispatcher.planned?.(plan, this.graph);
    return new Executor(plan);
  }

  /** Control flow: the record's function, with subgraphs run as graphs of their own. */
  #control(planned: PlannedRegion, special: Specialized): Prepared {
    const { node, bound } = planned.nodes[0]!;
    const record = bound!.record;
    const runners = new Map<Graph, { runner: GraphRunner; outer: readonly string[] }>();
    const runnerOf = (g: Graph): { runner: GraphRunner; outer: readonly string[] } => {
      let made = runners.get(g);
      if (!made) {
        const outer = captures(g).filter((name) => !special.constants.has(name));
        const constants = captures(g).flatMap((name) => (special.constants.has(name) ? [[name, special.constants.get(name)!] as const] : []));
        const body: Graph = {
          ...g,
          inputs: [...g.inputs, ...outer.map((name) => ({ name, type: special.types.get(name) }))],
          initializers: new Map([...constants, ...g.initializers]),
        };
        runners.set(g, (made = { runner: new GraphRunner(body, this.dispatcher, true, this.model), outer }));
      }
      return made;
    };
    const names = planned.region.inputs.map((v) => v.name);
    return {
      workspaceBytes: 0,
      run: (inputs, outputs) => {
        const at = new Map(names.map((n, i) => [n, inputs[i] as Value]));
        const valueOf = (name: string): Value | undefined => (name === '' ? undefined : (special.constants.get(name) ?? at.get(name)));
        const results = evaluateNode(record, node, node.inputs.map(valueOf), (g, args) => {
          const { runner, outer } = runnerOf(g);
          const { signal, observer } = this.#options;
          return runner.run([...args, ...outer.map((name) => at.get(name))], { signal, observer });
        });
        const positions = planned.region.outputs.map((o) => node.outputs.indexOf(o.name));
        const store = (values: readonly (Value | undefined)[]): void => positions.forEach((p, i) => { outputs[i] = values[p]; });
        return isPromise(results) ? results.then(store) : store(results);
      },
      dispose: async () => {
        for (const { runner } of runners.values()) await runner.dispose();
      },
    };
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    if (this.#queue) await this.#queue;
    for (const p of this.#plans.values()) await p.executor.dispose();
    this.#plans.clear();
    this.#last = undefined;
  }
}

/** Type and dims of a tensor, without its data: what stays of a user's input between runs. */
class Shape {
  readonly dtype: Tensor['dtype'];
  readonly dims: readonly number[];
  constructor(t: Tensor) {
    this.dtype = t.dtype;
    this.dims = [...t.dims];
  }
}

/** When nothing else can run it, the first failure is what the reader needs to see. */
const withFirst = (later: unknown, first: FlagosError): unknown => (later instanceof FlagosError && later.code === 'FLAGOS_E_NO_KERNEL' ? first : later);

/** Inputs of a graph whose contents decide shapes (or branches) of nodes that read them directly. */
const decidingNames = (graph: Graph, ops: OpSet): Set<string> => {
  const inputs = new Set(graph.inputs.map((i) => i.name));
  const deciding = new Set<string>();
  for (const node of graph.nodes) {
    const record = ops.find(node.domain, node.op);
    if (!record) continue;
    bindNode(record, node);
    node.inputs.forEach((name, i) => {
      const spec = record.inputs[Math.min(i, record.inputs.length - 1)]!;
      if (inputs.has(name) && (spec.role === 'value' || (node.op === 'If' && node.domain === ''))) deciding.add(name);
    });
  }
  return deciding;
};
