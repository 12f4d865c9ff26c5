/**
 * Scalar expressions: what one element of a tensor is, as data. Op records write them through the
 * functions below; lowering turns them into loops; each chip renders them in its own language.
 *
 * Types: every expression has an element type, or `index` (a loop variable, an extent, an offset: a
 * non-negative machine integer). Arithmetic needs both sides of one type; a plain JavaScript number
 * takes the type of the other side. Float arithmetic is done in the chip's compute precision (float64
 * in the reference), narrow floats are decoded when loaded and rounded when stored or {@link cast}.
 * Integer arithmetic wraps at the width of its type. Comparisons give `bool`.
 *
 * `select`, `and` and `or` evaluate only the side they need, so a guarded load is safe.
 * Sharing an expression object between places means sharing its value.
 */
import type { DType } from '../core/dtype.ts';
import { dtypeInfo } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import type { BinaryOp, Expr, ReduceOp, ScalarType, UnaryOp, VarExpr } from './expr-nodes.ts';

export * from './expr-nodes.ts';

/** What the building functions take: plain values become constants of the other side's type. */
export type Operand = Expr | number | bigint | boolean;

let serial = 0;
/** A fresh loop variable. Names are unique in the process; renderers give their own. */
export const freshVar = (hint = 'i'): VarExpr => ({ kind: 'var', type: 'index', name: `${hint}${serial++}` });

const isExpr = (x: Operand): x is Expr => typeof x === 'object';
const isFloatType = (t: ScalarType): boolean => t !== 'index' && dtypeInfo(t).kind === 'float';

/** A constant of a type. */
export const constant = (value: number | bigint | boolean, type: ScalarType): Expr => {
  if (type === 'index') return { kind: 'const', type, value: Number(value) };
  const { kind } = dtypeInfo(type);
  if (kind === 'bool') return { kind: 'const', type, value: Boolean(value) };
  if (type === 'int64' || type === 'uint64') return { kind: 'const', type, value: BigInt(value) };
  return { kind: 'const', type, value: Number(value) };
};

/** An index constant or expression. */
export const index = (value: Operand): Expr =>
  isExpr(value) ? (value.type === 'index' ? value : cast(value, 'index')) : constant(value, 'index');

const lift = (x: Operand, like: ScalarType): Expr => (isExpr(x) ? x : constant(x, like));

const typeError = (what: string): never => {
  throw new FlagosError('FLAGOS_E_INTERNAL', `expression of mixed types: ${what}`, { hint: 'cast one side' });
};

const unary = (op: UnaryOp, x: Operand, type?: ScalarType): Expr => {
  const e = lift(x, 'float64');
  return { kind: 'unary', type: type ?? e.type, op, x: e };
};

const commonType = (op: string, a: Operand, b: Operand): [Expr, Expr] => {
  const type = isExpr(a) ? a.type : isExpr(b) ? b.type : 'float64';
  const x = lift(a, type);
  const y = lift(b, type);
  if (x.type !== y.type) typeError(`${op}(${x.type}, ${y.type})`);
  return [x, y];
};

const indexFold: Partial<Record<BinaryOp, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  min: Math.min,
  max: Math.max,
  floordiv: (a, b) => Math.floor(a / b),
  floormod: (a, b) => a - Math.floor(a / b) * b,
};

/** Index arithmetic is folded as it is written, so that loops stay readable and fast. */
const simplifyIndex = (op: BinaryOp, a: Expr, b: Expr): Expr | undefined => {
  const ka = a.kind === 'const' ? Number(a.value) : undefined;
  const kb = b.kind === 'const' ? Number(b.value) : undefined;
  if (ka !== undefined && kb !== undefined) {
    const fold = indexFold[op];
    return fold && constant(fold(ka, kb), 'index');
  }
  if (op === 'add') return ka === 0 ? b : kb === 0 ? a : undefined;
  if (op === 'sub') return kb === 0 ? a : undefined;
  if (op === 'mul') {
    if (ka === 0 || kb === 0) return constant(0, 'index');
    return ka === 1 ? b : kb === 1 ? a : undefined;
  }
  if (op === 'floordiv') return kb === 1 ? a : undefined;
  if (op === 'floormod') return kb === 1 ? constant(0, 'index') : undefined;
  return undefined;
};

const binary = (op: BinaryOp, a: Operand, b: Operand, type?: ScalarType): Expr => {
  const [x, y] = commonType(op, a, b);
  if (x.type === 'index') {
    const simple = simplifyIndex(op, x, y);
    if (simple) return simple;
  }
  return { kind: 'binary', type: type ?? x.type, op, a: x, b: y };
};

export const neg = (x: Operand): Expr => unary('neg', x);
export const abs = (x: Operand): Expr => unary('abs', x);
/** −1, 0 or 1; NaN stays NaN. */
export const sign = (x: Operand): Expr => unary('sign', x);
export const exp = (x: Operand): Expr => unary('exp', x);
/** exp(x) − 1, accurate near 0. */
export const expm1 = (x: Operand): Expr => unary('expm1', x);
export const log = (x: Operand): Expr => unary('log', x);
/** log(1 + x), accurate near 0. */
export const log1p = (x: Operand): Expr => unary('log1p', x);
export const sqrt = (x: Operand): Expr => unary('sqrt', x);
export const rsqrt = (x: Operand): Expr => unary('rsqrt', x);
export const reciprocal = (x: Operand): Expr => unary('reciprocal', x);
export const floor = (x: Operand): Expr => unary('floor', x);
export const ceil = (x: Operand): Expr => unary('ceil', x);
/** To the nearest integer, ties to even. */
export const round = (x: Operand): Expr => unary('round', x);
export const trunc = (x: Operand): Expr => unary('trunc', x);
export const sin = (x: Operand): Expr => unary('sin', x);
export const cos = (x: Operand): Expr => unary('cos', x);
export const tan = (x: Operand): Expr => unary('tan', x);
export const asin = (x: Operand): Expr => unary('asin', x);
export const acos = (x: Operand): Expr => unary('acos', x);
export const atan = (x: Operand): Expr => unary('atan', x);
export const sinh = (x: Operand): Expr => unary('sinh', x);
export const cosh = (x: Operand): Expr => unary('cosh', x);
export const tanh = (x: Operand): Expr => unary('tanh', x);
export const asinh = (x: Operand): Expr => unary('asinh', x);
export const acosh = (x: Operand): Expr => unary('acosh', x);
export const atanh = (x: Operand): Expr => unary('atanh', x);
/** Gauss error function. */
export const erf = (x: Operand): Expr => unary('erf', x);
/** 1 / (1 + exp(−x)). */
export const sigmoid = (x: Operand): Expr => unary('sigmoid', x);
/** Logical not of a bool. */
export const not = (x: Operand): Expr => unary('not', x, 'bool');
/** Bitwise complement of an integer. */
export const bitnot = (x: Operand): Expr => unary('bitnot', x);
export const isnan = (x: Operand): Expr => unary('isnan', x, 'bool');
/** +Inf or −Inf. */
export const isinf = (x: Operand): Expr => unary('isinf', x, 'bool');
/** Number of one bits of an integer. */
export const popcount = (x: Operand): Expr => unary('popcount', x);

export const add = (a: Operand, b: Operand): Expr => binary('add', a, b);
export const sub = (a: Operand, b: Operand): Expr => binary('sub', a, b);
export const mul = (a: Operand, b: Operand): Expr => binary('mul', a, b);
/** (x − m)·f + b where m, f and b are known before x, so that kernels fold them: bounds of its error allow x·f + (b − m·f) too. */
export const shiftScale = (x: Operand, m: Operand, f: Operand, b: Operand): Expr => {
  const e = add(mul(sub(x, m), f), b);
  return e.kind === 'binary' ? { ...e, folds: true } : e;
};
/** Floats: IEEE division. Integers: quotient truncated toward zero (x / 0 = 0). Index: use {@link floordiv}. */
export const div = (a: Operand, b: Operand): Expr => binary('div', a, b);
/** Remainder with the sign of the dividend (C's `%` and `fmod`). */
export const rem = (a: Operand, b: Operand): Expr => binary('rem', a, b);
/** Quotient rounded down. */
export const floordiv = (a: Operand, b: Operand): Expr => binary('floordiv', a, b);
/** Remainder with the sign of the divisor (Python's `%`). */
export const floormod = (a: Operand, b: Operand): Expr => binary('floormod', a, b);
export const pow = (a: Operand, b: Operand): Expr => binary('pow', a, b);
/** Smaller value; NaN if either is. */
export const min = (a: Operand, b: Operand): Expr => binary('min', a, b);
/** Larger value; NaN if either is. */
export const max = (a: Operand, b: Operand): Expr => binary('max', a, b);
export const atan2 = (a: Operand, b: Operand): Expr => binary('atan2', a, b);
/** Logical, on bools; the second side is evaluated only if needed. */
export const and = (a: Operand, b: Operand): Expr => {
  const [x, y] = [lift(a, 'bool'), lift(b, 'bool')];
  if (x.kind === 'const') return x.value ? y : x;
  if (y.kind === 'const' && y.value) return x;
  return binary('and', x, y, 'bool');
};
export const or = (a: Operand, b: Operand): Expr => {
  const [x, y] = [lift(a, 'bool'), lift(b, 'bool')];
  if (x.kind === 'const') return x.value ? x : y;
  if (y.kind === 'const' && !y.value) return x;
  return binary('or', x, y, 'bool');
};
export const xor = (a: Operand, b: Operand): Expr => binary('xor', lift(a, 'bool'), lift(b, 'bool'), 'bool');
export const bitand = (a: Operand, b: Operand): Expr => binary('bitand', a, b);
export const bitor = (a: Operand, b: Operand): Expr => binary('bitor', a, b);
export const bitxor = (a: Operand, b: Operand): Expr => binary('bitxor', a, b);
/** Shift left; a shift by the width or more gives 0. */
export const shl = (a: Operand, b: Operand): Expr => binary('shl', a, b);
/** Shift right (arithmetic for signed types). */
export const shr = (a: Operand, b: Operand): Expr => binary('shr', a, b);
export const eq = (a: Operand, b: Operand): Expr => binary('eq', a, b, 'bool');
export const ne = (a: Operand, b: Operand): Expr => binary('ne', a, b, 'bool');
export const lt = (a: Operand, b: Operand): Expr => binary('lt', a, b, 'bool');
export const le = (a: Operand, b: Operand): Expr => binary('le', a, b, 'bool');
export const gt = (a: Operand, b: Operand): Expr => binary('gt', a, b, 'bool');
export const ge = (a: Operand, b: Operand): Expr => binary('ge', a, b, 'bool');

/** `cond ? a : b`; only the chosen side is evaluated. */
export const select = (cond: Operand, a: Operand, b: Operand): Expr => {
  const c = lift(cond, 'bool');
  const [x, y] = commonType('select', a, b);
  if (c.kind === 'const') return c.value ? x : y;
  return { kind: 'select', type: x.type, cond: c, a: x, b: y };
};

/** lo ≤ x ≤ hi, by {@link min} and {@link max}. */
export const clamp = (x: Expr, lo: Operand, hi: Operand): Expr => min(max(x, lo), hi);

/**
 * To another type: floats round to nearest even; float → integer truncates toward zero and, out of
 * range, wraps modulo 2^width (NaN and infinities give 0), or clamps to the range with `saturate`;
 * integer → integer wraps (or clamps); anything → bool is x ≠ 0. `saturate` for float8 is ONNX's.
 */
export const cast = (x: Operand, type: ScalarType, saturate = false): Expr => {
  const e = lift(x, type);
  if (e.type === type) return e;
  if (e.kind === 'const' && (type === 'index' || isFloatType(type)) && (type === 'index' || type === 'float64'))
    return constant(Number(e.value), type);
  return { kind: 'cast', type, x: e, saturate };
};

/**
 * The value rounded to its own float type, here and now, where a specification fixes the precision of
 * an intermediate result. Chips that compute in that type anyway have nothing to do.
 */
export const rounded = (x: Expr): Expr => ({ kind: 'cast', type: x.type, x, saturate: false });

/** The same bits as another type of the same width. */
export const bitcast = (x: Expr, type: DType): Expr => (x.type === type ? x : { kind: 'bitcast', type, x });

type Extents = number | readonly number[];

const reduce = (op: ReduceOp, extents: Extents, body: (...k: Expr[]) => Expr): Expr => {
  const axes = (typeof extents === 'number' ? [extents] : extents).map((extent) => ({ v: freshVar('r'), extent }));
  const inner = body(...axes.map(({ v, extent }) => (extent === 1 ? constant(0, 'index') : v)));
  const kept = axes.filter((a) => a.extent !== 1);
  if (kept.length === 0) return inner;
  return { kind: 'reduce', type: inner.type, op, axes: kept, body: inner };
};

/** Σ over an index space (an extent, or several), in row-major order; 0 when empty. */
export const sum = (extents: Extents, body: (...k: Expr[]) => Expr): Expr => reduce('sum', extents, body);
/** Π, 1 when empty. */
export const prod = (extents: Extents, body: (...k: Expr[]) => Expr): Expr => reduce('prod', extents, body);
/** Largest; the type's lowest value (−Inf) when empty; NaN if any is. */
export const maxOf = (extents: Extents, body: (...k: Expr[]) => Expr): Expr => reduce('max', extents, body);
/** Smallest; the type's highest value (+Inf) when empty; NaN if any is. */
export const minOf = (extents: Extents, body: (...k: Expr[]) => Expr): Expr => reduce('min', extents, body);
/** Whether all are true. */
export const allOf = (extents: Extents, body: (...k: Expr[]) => Expr): Expr => reduce('and', extents, body);
/** Whether any is true. */
export const anyOf = (extents: Extents, body: (...k: Expr[]) => Expr): Expr => reduce('or', extents, body);
