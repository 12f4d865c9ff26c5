/**
 * Single elements of tensor expressions in double-double: what is right where even float64 is in doubt, and what is right
 * about a few elements where all of them would take too long. The meaning of an expression is that of the error model's
 * golden (analysis.ts): floats are never rounded on the way, but for types of 8 bits and less, which are steps of a quantization.
 */
import { dtypeInfo, type TensorData } from '../../core/dtype.ts';
import { FlagosError } from '../../core/errors.ts';
import { stridesOf, type Tensor } from '../../core/tensor.ts';
import type { Expr, LoadExpr, ReduceExpr, VarExpr } from '../../compiler/expr.ts';
import {
  ComputeTensor,
  ConcatTensor,
  InputTensor,
  ReshapeTensor,
  ScanTensor,
  type ScanNode,
  type TensorExpr,
} from '../../compiler/tensor-expr.ts';
import { isFloatExpr } from '../analyzer.ts';
import { numbersIn } from '../precision.ts';
import { dd, type DD } from './double-double.ts';
import { binaryOf, castTo, combined, isPair, ofNothing, unaryOf, unsupported, type Value } from './operators.ts';

type Scope = ReadonlyMap<VarExpr, number>;

export class ExactEvaluator {
  readonly #data: (input: InputTensor) => Tensor | undefined;
  readonly #known = new Map<TensorExpr, Map<number, Value>>();
  /** States of the recurrences under way: by placeholder, at the step they are at. */
  #states = new Map<InputTensor, { readonly node: ScanNode; readonly position: number; readonly step: number }>();
  readonly #numbers = new Map<Tensor, Float64Array | TensorData>();
  /** Operations left before it is given up. */
  #budget: number;

  /** @param budget operations it may take: about five million a second. */
  constructor(data: (input: InputTensor) => Tensor | undefined, budget: number) {
    this.#data = data;
    this.#budget = budget;
  }

  /**
   * An element of a tensor of floats.
   * @param position row-major.
   * @throws FLAGOS_E_UNSUPPORTED where the expression holds something it cannot evaluate, FLAGOS_E_LIMIT where it takes too long.
   */
  element(t: TensorExpr, position: number): DD {
    const v = this.#at(t, position);
    return isPair(v) ? v : dd(Number(v));
  }

  #at(t: TensorExpr, position: number): Value {
    if (t instanceof InputTensor && !this.#states.has(t)) return this.#input(t, position);
    // What is inside of a recurrence is another value at each of its steps.
    const remembered = this.#states.size === 0;
    const known = remembered ? this.#known.get(t)?.get(position) : undefined;
    if (known !== undefined) return known;
    const made = this.#make(t, position);
    if (remembered) {
      const all = this.#known.get(t) ?? new Map<number, Value>();
      this.#known.set(t, all.set(position, made));
    }
    return made;
  }

  #make(t: TensorExpr, position: number): Value {
    if (t instanceof ComputeTensor) {
      const at = unravel(position, t.shape);
      return this.#expr(t.body, new Map(t.axes.map((v, d) => [v, at[d]!])));
    }
    if (t instanceof ReshapeTensor) return this.#at(t.base, position);
    if (t instanceof ConcatTensor) {
      const at = unravel(position, t.shape);
      for (const part of t.parts) {
        if (at[t.axis]! < part.shape[t.axis]!) return this.#at(part, ravel(at, part.shape));
        at[t.axis]! -= part.shape[t.axis]!;
      }
    }
    if (t instanceof ScanTensor) return this.#scan(t, position);
    if (t instanceof InputTensor) return this.#state(t, position);
    return unsupported(`a ${t.kind}`);
  }

  #input(t: InputTensor, position: number): Value {
    const tensor = t.value ?? this.#data(t);
    if (!tensor) throw new FlagosError('FLAGOS_E_INTERNAL', `input '${t.name}' has no value`);
    const { kind, lanes } = dtypeInfo(t.dtype);
    if (lanes !== 1 || kind === 'string') return unsupported(`a tensor of ${t.dtype}`);
    let data = this.#numbers.get(tensor);
    if (!data) this.#numbers.set(tensor, (data = kind === 'float' ? numbersIn(tensor) : tensor.data));
    const v = data[position] as number | bigint;
    return kind === 'float' ? dd(Number(v)) : kind === 'bool' ? Boolean(v) : v;
  }

  #spend(n: number): void {
    this.#budget -= n;
    if (this.#budget < 0) throw new FlagosError('FLAGOS_E_LIMIT', 'evaluating it exactly takes too long');
  }

  #state(t: InputTensor, position: number): Value {
    const { node, position: which, step } = this.#states.get(t)!;
    return this.#stateAfter(node, which, step, position);
  }

  /** @param steps that were made. */
  #stateAfter(node: ScanNode, which: number, steps: number, position: number): Value {
    if ([...this.#states.values()].some((s) => s.node !== node)) return unsupported('a recurrence inside of one');
    const known = this.#steps.get(node) ?? new Map<string, Value>();
    this.#steps.set(node, known);
    const key = `${which} ${steps} ${position}`;
    const made =
      known.get(key) ??
      (steps === 0
        ? this.#outside(() => this.#at(node.initial[which]!, position))
        : this.#inStep(node, steps - 1, () => this.#at(node.next[which]!, position)));
    known.set(key, made);
    return made;
  }

  /** Elements of states by recurrence, after so many steps. */
  readonly #steps = new Map<ScanNode, Map<string, Value>>();
  readonly #t = new Map<VarExpr, number>();

  #inStep(node: ScanNode, step: number, work: () => Value): Value {
    const [states, t] = [this.#states, this.#t.get(node.t)];
    this.#states = new Map(states);
    node.state.forEach((s, position) => this.#states.set(s, { node, position, step }));
    this.#t.set(node.t, step);
    try {
      return work();
    } finally {
      this.#states = states;
      if (t === undefined) this.#t.delete(node.t);
      else this.#t.set(node.t, t);
    }
  }

  #outside(work: () => Value): Value {
    const states = this.#states;
    this.#states = new Map();
    try {
      return work();
    } finally {
      this.#states = states;
    }
  }

  #scan(t: ScanTensor, position: number): Value {
    const { node } = t;
    if (t.part === 'state') return this.#stateAfter(node, t.position, node.length, position);
    const slice = node.outs[t.position]!;
    const step = Math.floor(position / slice.size);
    return this.#inStep(node, step, () => this.#at(slice, position % slice.size));
  }

  #expr(e: Expr, scope: Scope): Value {
    this.#spend(1);
    switch (e.kind) {
      case 'const':
        return isFloatExpr(e) ? dd(Number(e.value)) : e.value;
      case 'var':
        return scope.get(e) ?? this.#t.get(e) ?? unsupported(`variable ${e.name}`);
      case 'load':
        return this.#load(e, scope);
      case 'unary':
        return unaryOf(e.op, e.type, this.#expr(e.x, scope));
      case 'binary':
        return this.#binary(e, scope);
      case 'select':
        return this.#expr(this.#expr(e.cond, scope) === true ? e.a : e.b, scope);
      case 'cast':
        return castTo(e.type, this.#expr(e.x, scope), e.saturate);
      case 'reduce':
        return this.#reduce(e, scope);
      case 'bitcast':
        return unsupported('a change of bits');
    }
  }

  #load(e: LoadExpr, scope: Scope): Value {
    const { shape } = e.tensor;
    let position = 0;
    e.index.forEach((i, d) => {
      position = position * shape[d]! + Number(this.#expr(i, scope));
    });
    return this.#at(e.tensor, position);
  }

  #binary(e: Extract<Expr, { kind: 'binary' }>, scope: Scope): Value {
    const a = this.#expr(e.a, scope);
    if (e.op === 'and') return a === true && this.#expr(e.b, scope) === true;
    if (e.op === 'or') return a === true || this.#expr(e.b, scope) === true;
    return binaryOf(e.op, e.type, a, this.#expr(e.b, scope));
  }

  #reduce(e: ReduceExpr, scope: Scope): Value {
    const inner = new Map(scope);
    let made: Value | undefined;
    const combine = (v: Value): boolean => {
      made = combined(e.op, e.type, made, v);
      return typeof made === 'boolean' && made === (e.op === 'or');
    };
    const loop = (d: number): boolean => {
      if (d === e.axes.length) return combine(this.#expr(e.body, inner));
      const { v, extent } = e.axes[d]!;
      for (let i = 0; i < extent; i++) {
        inner.set(v, i);
        if (loop(d + 1)) return true;
      }
      return false;
    };
    loop(0);
    return made ?? ofNothing(e.op, e.type);
  }
}

const unravel = (position: number, shape: readonly number[]): number[] => {
  const at = new Array<number>(shape.length);
  for (let d = shape.length - 1, p = position; d >= 0; d--) {
    at[d] = p % shape[d]!;
    p = Math.floor(p / shape[d]!);
  }
  return at;
};
const ravel = (at: readonly number[], shape: readonly number[]): number => {
  const strides = stridesOf(shape);
  return at.reduce((n, i, d) => n + i * strides[d]!, 0);
};
