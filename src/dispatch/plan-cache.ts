/**
 * Plans of one graph, by what of the inputs they depend on: types and shapes, and the contents of
 * those inputs that decide shapes. The least recently used goes when there are too many.
 */
import type { Graph, ValueType } from '../core/graph.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import { bindNode } from '../ops/bind.ts';
import { typeOfValue } from '../ops/evaluate.ts';
import type { OpSet } from '../ops/registry.ts';

/** Plans kept per graph. */
export const PLAN_LIMIT = 64;

/** Inputs of a graph whose contents decide shapes (or branches) of nodes that read them directly. */
export const decidingInputs = (graph: Graph, ops: OpSet): boolean[] => {
  const deciding = new Set<string>();
  for (const node of graph.nodes) {
    const record = ops.find(node.domain, node.op);
    if (!record) continue;
    bindNode(record, node);
    node.inputs.forEach((name, i) => {
      if (record.inputs[Math.min(i, record.inputs.length - 1)]!.role === 'value' || (node.op === 'If' && node.domain === ''))
        deciding.add(name);
    });
  }
  return graph.inputs.map((i) => deciding.has(i.name));
};

/** Type of an input, as plans depend on it: items of a sequence or map need not be of one shape, so it says none. */
export const typeOfInput = (value: Value): ValueType | undefined => {
  const bare = (type: ValueType | undefined): ValueType | undefined =>
    type === undefined
      ? undefined
      : type.kind === 'tensor'
        ? { kind: 'tensor', dtype: type.dtype }
        : { ...type, element: bare(type.element) };
  return value instanceof Tensor ? typeOfValue(value) : bare(typeOfValue(value));
};

/** What stays of an input between runs, to compare the next one with. */
interface Sample {
  readonly dtype: Tensor['dtype'];
  readonly dims: readonly number[];
  /** A copy, where contents matter. */
  readonly data: Tensor['data'] | undefined;
}
/** `null`: present, but no tensor, so never taken for the same without a closer look. */
type Samples = readonly (Sample | null | undefined)[];

const same = (a: Sample, b: Tensor): boolean => {
  const { dims, data } = a;
  if (a.dtype !== b.dtype || dims.length !== b.dims.length) return false;
  for (let d = 0; d < dims.length; d++) if (dims[d] !== b.dims[d]) return false;
  if (data === undefined) return true;
  for (let i = 0; i < data.length; i++) if (data[i] !== b.data[i]) return false;
  return true;
};

export class PlanCache<P> {
  readonly #byValue: readonly boolean[];
  readonly #drop: (plan: P) => void;
  readonly #plans = new Map<string, P>();
  #last: P | undefined;
  #samples: Samples = [];

  /**
   * @param byValue which inputs' contents decide shapes.
   * @param drop told of each plan that is given up.
   */
  constructor(byValue: readonly boolean[], drop: (plan: P) => void) {
    this.#byValue = byValue;
    this.#drop = drop;
  }

  /** The plan for inputs like these. For inputs like the last ones this costs a comparison of dimensions. */
  find(inputs: readonly (Value | undefined)[]): P | undefined {
    if (this.#last !== undefined && this.#likeLast(inputs)) return this.#last;
    const key = this.#key(inputs);
    const known = this.#plans.get(key);
    if (known === undefined) return undefined;
    this.#plans.delete(key);
    this.#plans.set(key, known);
    this.#remember(known, inputs);
    return known;
  }

  add(inputs: readonly (Value | undefined)[], plan: P): void {
    if (this.#plans.size >= PLAN_LIMIT) {
      const [key, oldest] = this.#plans.entries().next().value!;
      this.#plans.delete(key);
      this.#drop(oldest);
    }
    this.#plans.set(this.#key(inputs), plan);
    this.#remember(plan, inputs);
  }

  /** Puts a plan in the place of another, which is given up. */
  replace(old: P, by: P): void {
    for (const [key, known] of this.#plans) {
      if (known !== old) continue;
      this.#plans.set(key, by);
      if (this.#last === old) this.#last = by;
      this.#drop(old);
    }
  }

  /** Gives one plan up. */
  remove(plan: P): void {
    for (const [key, known] of this.#plans) {
      if (known !== plan) continue;
      this.#plans.delete(key);
      if (this.#last === plan) this.#last = undefined;
      this.#drop(plan);
    }
  }

  /** Gives all plans up. */
  clear(): void {
    const plans = [...this.#plans.values()];
    this.#plans.clear();
    this.#last = undefined;
    this.#samples = [];
    for (const plan of plans) this.#drop(plan);
  }

  #remember(plan: P, inputs: readonly (Value | undefined)[]): void {
    this.#last = plan;
    this.#samples = inputs.map((v, i) =>
      v instanceof Tensor
        ? { dtype: v.dtype, dims: [...v.dims], data: this.#byValue[i] ? v.data.slice() : undefined }
        : v === undefined
          ? undefined
          : null,
    );
  }

  #likeLast(inputs: readonly (Value | undefined)[]): boolean {
    const samples = this.#samples;
    if (samples.length !== inputs.length) return false;
    for (let i = 0; i < inputs.length; i++) {
      const a = samples[i];
      const b = inputs[i];
      if (a === undefined && b === undefined) continue;
      if (!a || !(b instanceof Tensor) || !same(a, b)) return false;
    }
    return true;
  }

  #key(inputs: readonly (Value | undefined)[]): string {
    return inputs
      .map((v, i) => {
        if (!(v instanceof Tensor)) return v === undefined ? '-' : JSON.stringify(typeOfInput(v));
        if (!this.#byValue[i]) return `${v.dtype}[${v.dims}]`;
        return `${v.dtype}[${v.dims}]=${Array.isArray(v.data) ? JSON.stringify(v.data) : v.data.join(',')}`;
      })
      .join(';');
  }
}
