/**
 * Tensor expressions: tensors defined by what their elements are. A record's `compute` combines the
 * tensors it is given into new ones; nothing is calculated here. Shapes are numbers (graphs are
 * specialized first), so a record may use plain JavaScript on them; code generation turns those
 * numbers back into run-time parameters, so that one compiled kernel serves many shapes.
 *
 *     const matmul = (A, B) => compute([m, n], (i, j) => sum(k, (p) => mul(A.at(i, p), B.at(p, j))))
 */
import type { DType } from '../core/dtype.ts';
import { sizeOf, stridesOf, type Tensor } from '../core/tensor.ts';
import { FlagosError } from '../core/errors.ts';
import type { Attached } from './explicit/schedule.ts';
import type { Hints } from './hints.ts';
import { add, constant, floordiv, floormod, freshVar, index, mul, type Expr, type Operand, type ScalarType, type VarExpr } from './expr.ts';

/** Reads as a tensor; see the kinds below. */
export abstract class TensorExpr {
  abstract readonly kind: 'input' | 'compute' | 'reshape' | 'concat' | 'scatter' | 'scan';
  readonly shape: readonly number[];
  /** See hints.ts. */
  hints: Hints | undefined;
  /** Schedules of the op whose output this is; see explicit/schedule.ts. */
  attached: Attached | undefined;
  /** By which a schedule finds it. */
  label: string | undefined;

  constructor(shape: readonly number[]) {
    for (const d of shape) {
      if (!Number.isSafeInteger(d) || d < 0) throw new FlagosError('FLAGOS_E_SHAPE', `[${shape.join(', ')}] is not a shape`);
    }
    this.shape = shape;
  }

  abstract get dtype(): DType;
  get rank(): number {
    return this.shape.length;
  }
  get size(): number {
    return sizeOf(this.shape);
  }

  /** The element at an index, one operand per axis. Reading outside the shape is undefined: guard it with `select`. */
  at(...at: Operand[]): Expr {
    if (at.length !== this.rank) throw new FlagosError('FLAGOS_E_INTERNAL', `rank ${this.rank} tensor read with ${at.length} indices`);
    return { kind: 'load', type: this.dtype, tensor: this, index: at.map(index) };
  }

  /** The element at a row-major position. */
  flat(position: Operand): Expr {
    return this.at(...unravel(index(position), this.shape));
  }
}

/** A tensor that comes from outside. */
export class InputTensor extends TensorExpr {
  readonly kind = 'input';
  constructor(
    readonly name: string,
    readonly dtype: DType,
    shape: readonly number[],
    readonly value?: Tensor,
  ) {
    super(shape);
  }
}

/** Names a tensor inside of an op, for its schedules. @returns the tensor. */
export const named = <T extends TensorExpr>(name: string, t: T): T => {
  t.label = name;
  return t;
};

/** A tensor given by one expression for all elements. The expression is made when it is first needed: shapes alone cost nothing. */
export class ComputeTensor extends TensorExpr {
  readonly kind = 'compute';
  readonly axes: readonly VarExpr[];
  #body: Expr | undefined;
  readonly #make: (...i: Expr[]) => Operand;
  readonly #like: DType | undefined;

  constructor(shape: readonly number[], make: (...i: Expr[]) => Operand, like?: DType) {
    super(shape);
    this.axes = shape.map(() => freshVar('i'));
    this.#make = make;
    this.#like = like;
  }

  get body(): Expr {
    if (!this.#body) {
      const made = this.#make(...this.axes.map((v, d) => (this.shape[d] === 1 ? constant(0, 'index') : v)));
      const e = typeof made === 'object' ? made : constant(made, this.#like ?? 'float32');
      this.#body = e.type === 'index' ? { kind: 'cast', type: 'int64', x: e, saturate: false } : e;
    }
    return this.#body;
  }

  get dtype(): DType {
    return this.body.type as DType;
  }
}

/** The same elements, in the same row-major order, under another shape. */
export class ReshapeTensor extends TensorExpr {
  readonly kind = 'reshape';
  constructor(
    readonly base: TensorExpr,
    shape: readonly number[],
  ) {
    super(shape);
    if (sizeOf(shape) !== base.size) {
      throw new FlagosError('FLAGOS_E_SHAPE', `[${base.shape.join(', ')}] cannot be reshaped to [${shape.join(', ')}]`);
    }
  }
  get dtype(): DType {
    return this.base.dtype;
  }
}

/** Parts laid one after another along an axis. */
export class ConcatTensor extends TensorExpr {
  readonly kind = 'concat';
  constructor(
    readonly parts: readonly TensorExpr[],
    readonly axis: number,
  ) {
    super(parts[0]!.shape.map((d, i) => (i === axis ? parts.reduce((n, p) => n + p.shape[axis]!, 0) : d)));
  }
  get dtype(): DType {
    return this.parts[0]!.dtype;
  }
}

export type ScatterMode = 'set' | 'add' | 'mul' | 'max' | 'min';

/** A copy of `base` with elements replaced (or combined), one write for each point of `domain`, in row-major order of the domain. */
export class ScatterTensor extends TensorExpr {
  readonly kind = 'scatter';
  readonly axes: readonly VarExpr[];
  readonly at_: readonly Expr[];
  readonly value: Expr;
  /** Writes only where this holds. */
  readonly where: Expr;
  constructor(
    readonly base: TensorExpr,
    readonly domain: readonly number[],
    write: (...i: Expr[]) => { at: Operand[]; value: Operand; where?: Operand },
    readonly mode: ScatterMode,
  ) {
    super(base.shape);
    this.axes = domain.map(() => freshVar('s'));
    const w = write(...this.axes);
    this.at_ = w.at.map(index);
    this.value = typeof w.value === 'object' ? w.value : constant(w.value, base.dtype);
    this.where = w.where === undefined ? constant(true, 'bool') : typeof w.where === 'object' ? w.where : constant(w.where, 'bool');
  }
  get dtype(): DType {
    return this.base.dtype;
  }
}

/** A recurrence over time; see {@link scan}. */
export interface ScanNode {
  readonly length: number;
  readonly t: VarExpr;
  /** Placeholders for the state before a step, their first values, and their values after it. */
  readonly state: readonly InputTensor[];
  readonly initial: readonly TensorExpr[];
  readonly next: readonly TensorExpr[];
  /** One slice of each stacked output. */
  readonly outs: readonly TensorExpr[];
}

/** A final state or a stacked output of a scan. */
export class ScanTensor extends TensorExpr {
  readonly kind = 'scan';
  constructor(
    readonly node: ScanNode,
    readonly part: 'state' | 'out',
    readonly position: number,
  ) {
    super(part === 'state' ? node.initial[position]!.shape : [node.length, ...node.outs[position]!.shape]);
  }
  get dtype(): DType {
    return (this.part === 'state' ? this.node.initial : this.node.outs)[this.position]!.dtype;
  }
}

/**
 * A tensor by its elements.
 * @param like type for a body that is a plain number.
 */
export const compute = (shape: readonly number[], body: (...i: Expr[]) => Operand, like?: DType): TensorExpr =>
  new ComputeTensor(shape, body, like);

/** Element by element. */
export const map = (x: TensorExpr, f: (x: Expr) => Operand): TensorExpr => compute(x.shape, (...i) => f(x.at(...i)), x.dtype);

/** The same elements under another shape. @throws FLAGOS_E_SHAPE if the sizes differ. */
export const reshape = (x: TensorExpr, shape: readonly number[]): TensorExpr =>
  shape.length === x.rank && shape.every((d, i) => d === x.shape[i]) ? x : new ReshapeTensor(x, shape);

/** Parts along an axis (0 ≤ axis < rank). @throws FLAGOS_E_SHAPE if other extents differ. */
export const concat = (parts: readonly TensorExpr[], axis: number): TensorExpr => {
  for (const p of parts) {
    if (p.rank !== parts[0]!.rank || p.shape.some((d, i) => i !== axis && d !== parts[0]!.shape[i])) {
      throw new FlagosError(
        'FLAGOS_E_SHAPE',
        `cannot concatenate [${parts[0]!.shape.join(', ')}] and [${p.shape.join(', ')}] along axis ${axis}`,
      );
    }
  }
  return parts.length === 1 ? parts[0]! : new ConcatTensor(parts, axis);
};

/** A copy of `base` with one write per point of `domain`; later writes to the same place win (mode `set`) or combine. */
export const scatter = (
  base: TensorExpr,
  domain: readonly number[],
  write: (...i: Expr[]) => { at: Operand[]; value: Operand; where?: Operand },
  mode: ScatterMode = 'set',
): TensorExpr => new ScatterTensor(base, domain, write, mode);

/**
 * A recurrence: `step` is traced once, for step number `t`, and gives the next state (shapes and
 * types as `initial`) and the slices that are stacked into outputs of shape [length, …].
 */
export const scan = (
  length: number,
  initial: readonly TensorExpr[],
  step: (t: Expr, state: readonly TensorExpr[]) => { state: readonly TensorExpr[]; out?: readonly TensorExpr[] },
): { state: readonly TensorExpr[]; out: readonly TensorExpr[] } => {
  const t = freshVar('t');
  const state = initial.map((x, i) => new InputTensor(`state${i}`, x.dtype, x.shape));
  const made = step(t, state);
  const outs = made.out ?? [];
  const node: ScanNode = { length, t, state, initial, next: made.state, outs };
  return {
    state: initial.map((_, i) => new ScanTensor(node, 'state', i)),
    out: outs.map((_, i) => new ScanTensor(node, 'out', i)),
  };
};

/** Row-major position of an index. */
export const ravel = (at: readonly Operand[], shape: readonly number[]): Expr => {
  const strides = stridesOf(shape);
  return at.reduce<Expr>((e, i, d) => add(e, mul(index(i), strides[d]!)), constant(0, 'index'));
};

/** Index of a row-major position. */
export const unravel = (position: Expr, shape: readonly number[]): Expr[] => {
  const strides = stridesOf(shape);
  return shape.map((d, axis) => {
    if (d === 1) return constant(0, 'index');
    const q = floordiv(position, strides[axis]!);
    return axis === 0 ? q : floormod(q, d);
  });
};

/** Shape of arrays combined by numpy's rules. @throws FLAGOS_E_SHAPE. Source: ONNX "Broadcasting in ONNX". */
export const broadcastShapes = (...shapes: readonly (readonly number[])[]): number[] => {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, axis) => {
    let extent = 1;
    for (const s of shapes) {
      const d = s[axis - rank + s.length] ?? 1;
      if (d === 1 || d === extent) continue;
      if (extent !== 1)
        throw new FlagosError('FLAGOS_E_SHAPE', `shapes ${shapes.map((x) => `[${x.join(', ')}]`).join(' and ')} do not broadcast`);
      extent = d;
    }
    return extent;
  });
};

/** The element of `x` that stands at index `at` of a shape `x` is broadcast to. */
export const atBroadcast = (x: TensorExpr, at: readonly Expr[]): Expr =>
  x.at(...x.shape.map((d, i) => (d === 1 ? 0 : at[at.length - x.rank + i]!)));

/** Element by element over broadcast arguments. */
export const mapBroadcast = (xs: readonly TensorExpr[], f: (...x: Expr[]) => Operand): TensorExpr =>
  compute(broadcastShapes(...xs.map((x) => x.shape)), (...i) => f(...xs.map((x) => atBroadcast(x, i))), xs[0]?.dtype);

/** A tensor of one value everywhere. */
export const fill = (shape: readonly number[], value: number | bigint | boolean, dtype: DType): TensorExpr =>
  compute(shape, () => constant(value, dtype));

export type { ScalarType };
