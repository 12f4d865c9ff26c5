/** What the operators of scalar expressions do to values in double-double, whole numbers and bools. */
import { dtypeInfo, integerRange } from '../../core/dtype.ts';
import { FlagosError } from '../../core/errors.ts';
import type { BinaryOp, ReduceOp, ScalarType, UnaryOp } from '../../compiler/expr.ts';
import { roundTo } from '../precision.ts';
import { abs, add, compare, dd, div, floor, mul, neg, one, round, sqrt, sub, toNumber, zero, type DD } from './double-double.ts';
import * as f from './functions.ts';

/** Floats are pairs; indices and integers numbers (64 bits: bigints); bools booleans. */
export type Value = DD | number | bigint | boolean;

export const unsupported = (what: string): never => {
  throw new FlagosError('FLAGOS_E_UNSUPPORTED', `${what} is not evaluated exactly`);
};

const floatUnary: Readonly<Partial<Record<UnaryOp, (x: DD) => DD>>> = {
  neg,
  abs,
  sqrt,
  floor,
  round,
  sign: f.sign,
  exp: f.exp,
  expm1: f.expm1,
  log: f.log,
  log1p: f.log1p,
  rsqrt: f.rsqrt,
  reciprocal: f.reciprocal,
  ceil: f.ceil,
  trunc: f.trunc,
  sin: f.sin,
  cos: f.cos,
  tan: f.tan,
  atan: f.atan,
  sinh: f.sinh,
  cosh: f.cosh,
  tanh: f.tanh,
  erf: f.erf,
  sigmoid: f.sigmoid,
};

const least = (a: DD, b: DD): DD => (a[0] !== a[0] ? a : b[0] !== b[0] ? b : compare(a, b) <= 0 ? a : b);
const largest = (a: DD, b: DD): DD => (a[0] !== a[0] ? a : b[0] !== b[0] ? b : compare(a, b) >= 0 ? a : b);

const floatBinary: Readonly<Partial<Record<BinaryOp, (a: DD, b: DD) => DD>>> = {
  add,
  sub,
  mul,
  div,
  min: least,
  max: largest,
  pow: f.pow,
  floordiv: (a, b) => floor(div(a, b)),
};

const compared: Readonly<Partial<Record<BinaryOp, (order: number) => boolean>>> = {
  eq: (o) => o === 0,
  ne: (o) => o !== 0,
  lt: (o) => o < 0,
  le: (o) => o <= 0,
  gt: (o) => o > 0,
  ge: (o) => o >= 0,
};

const wholeBinary: Readonly<Partial<Record<BinaryOp, (a: bigint, b: bigint) => bigint>>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => (b === 0n ? 0n : a / b),
  rem: (a, b) => (b === 0n ? 0n : a % b),
  floordiv: (a, b) => (b === 0n ? 0n : a / b - (a % b !== 0n && a < 0n !== b < 0n ? 1n : 0n)),
  floormod: (a, b) => (b === 0n ? 0n : ((a % b) + b) % b),
  min: (a, b) => (a < b ? a : b),
  max: (a, b) => (a > b ? a : b),
};

/** A whole number in an integer type: it wraps. */
const wrapped = (n: bigint, type: ScalarType): number | bigint => {
  if (type === 'index') return Number(n);
  const { kind, bits } = dtypeInfo(type);
  const w = kind === 'uint' ? BigInt.asUintN(bits, n) : BigInt.asIntN(bits, n);
  return type === 'int64' || type === 'uint64' ? w : Number(w);
};

export const isPair = (v: Value): v is DD => typeof v === 'object';

const isFloatType = (type: ScalarType): boolean => type !== 'index' && dtypeInfo(type).kind === 'float';

export const unaryOf = (op: UnaryOp, type: ScalarType, x: Value): Value => {
  if (op === 'not') return !(x as boolean);
  if (isPair(x)) {
    if (op === 'isnan') return x[0] !== x[0];
    if (op === 'isinf') return Math.abs(x[0]) === Infinity;
    return (floatUnary[op] ?? unsupported(op))(x);
  }
  const n = BigInt(x);
  if (op === 'neg') return wrapped(-n, type);
  if (op === 'abs') return wrapped(n < 0n ? -n : n, type);
  return unsupported(`${op} of whole numbers`);
};

/** Both sides evaluated: `and` and `or` are not for here. */
export const binaryOf = (op: BinaryOp, type: ScalarType, a: Value, b: Value): Value => {
  const order = compared[op];
  if (isPair(a) && isPair(b)) return order ? order(compare(a, b)) : (floatBinary[op] ?? unsupported(op))(a, b);
  if (typeof a === 'boolean' || typeof b === 'boolean') {
    if (op === 'xor' || op === 'ne') return a !== b;
    if (op === 'eq') return a === b;
    return unsupported(`${op} of bools`);
  }
  const [x, y] = [a as number | bigint, b as number | bigint];
  if (order) return order(x < y ? -1 : x > y ? 1 : 0);
  if (type === 'index' && typeof x === 'number' && typeof y === 'number') {
    // Loop arithmetic, by far the most frequent.
    if (op === 'add') return x + y;
    if (op === 'sub') return x - y;
    if (op === 'mul') return x * y;
  }
  return wrapped((wholeBinary[op] ?? unsupported(`${op} of whole numbers`))(BigInt(x), BigInt(y)), type);
};

const toPair = (x: number | bigint | boolean): DD => {
  if (typeof x !== 'bigint') return dd(Number(x));
  const hi = Number(x);
  return add(dd(hi), dd(Number(x - BigInt(hi))));
};

/** As the expression language says of casts, but that floats are not rounded to types above 8 bits. */
export const castTo = (type: ScalarType, x: Value, saturate: boolean): Value => {
  if (type === 'bool') return isPair(x) ? x[0] !== 0 : Boolean(x);
  if (isFloatType(type)) {
    const wide = isPair(x) ? x : toPair(x);
    return type !== 'index' && dtypeInfo(type).bits <= 8 ? dd(roundTo(type)(toNumber(wide))) : wide;
  }
  const n = isPair(x) ? (Number.isFinite(x[0]) ? f.trunc(x) : zero) : undefined;
  const whole = n ? BigInt(n[0]) + BigInt(n[1]) : BigInt(x as number | bigint | boolean);
  if (!saturate || type === 'index') return wrapped(whole, type);
  const [low, high] = integerRange(type);
  // An infinity is beyond either end.
  const n2 = isPair(x) && Math.abs(x[0]) === Infinity ? (x[0] > 0 ? high : low) : whole;
  return wrapped(n2 < low ? low : n2 > high ? high : n2, type);
};

/** A reduction with one more term. @param so what there is; undefined before the first. */
export const combined = (op: ReduceOp, type: ScalarType, so: Value | undefined, v: Value): Value => {
  if (so === undefined) return v;
  if (typeof v === 'boolean') return op === 'and' ? so === true && v : so === true || v;
  const as = ({ sum: 'add', prod: 'mul', max: 'max', min: 'min' } as const)[op as 'sum' | 'prod' | 'max' | 'min'];
  return binaryOf(as, type, so, v);
};

/** A reduction without terms. */
export const ofNothing = (op: ReduceOp, type: ScalarType): Value => {
  if (op === 'and') return true;
  if (op === 'or') return false;
  const float = isFloatType(type);
  if (op === 'sum') return float ? zero : wrapped(0n, type);
  if (op === 'prod') return float ? one : wrapped(1n, type);
  return float ? dd(op === 'max' ? -Infinity : Infinity) : unsupported('the largest of no whole numbers');
};
