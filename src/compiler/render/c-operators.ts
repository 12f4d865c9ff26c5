/** Operators of expressions in C: from texts of operands to the text of the result. */
import { dtypeInfo, isBigInt, type DType } from '../../core/dtype.ts';
import { FlagosError } from '../../core/errors.ts';
import type { BinaryOp, ScalarType, UnaryOp } from '../expr.ts';
import { isFloat, suffix, valueType } from './c-types.ts';

const infix: Partial<Record<BinaryOp, string>> = {
  add: '+',
  sub: '-',
  mul: '*',
  and: '&&',
  or: '||',
  bitand: '&',
  bitor: '|',
  bitxor: '^',
  eq: '==',
  ne: '!=',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
};
/** libm functions, `f` appended for float. */
const libm: Partial<Record<UnaryOp, string>> = {
  expm1: 'expm1',
  log: 'log',
  log1p: 'log1p',
  sqrt: 'sqrt',
  floor: 'floor',
  ceil: 'ceil',
  round: 'rint',
  trunc: 'trunc',
  abs: 'fabs',
  sin: 'sin',
  cos: 'cos',
  tan: 'tan',
  asin: 'asin',
  acos: 'acos',
  atan: 'atan',
  sinh: 'sinh',
  cosh: 'cosh',
  asinh: 'asinh',
  acosh: 'acosh',
  atanh: 'atanh',
  erf: 'erf',
  exp: 'exp',
  tanh: 'tanh',
};
/** Functions of the prelude, for float32. */
const fast32 = new Set<UnaryOp>(['exp', 'tanh', 'erf', 'log']);

/** An integer expression computed in a wider type, brought back to its own (C would leave it promoted to int). */
export const narrow = (code: string, t: ScalarType): string => {
  if (t === 'index') return code;
  const { bits, kind } = dtypeInfo(t);
  if (bits >= 8) return `((${valueType(t)})(${code}))`;
  return kind === 'uint' ? `((uint8_t)((${code}) & ${2 ** bits - 1}))` : `((int8_t)((int8_t)((${code}) << ${8 - bits}) >> ${8 - bits}))`;
};

/** Unsigned type in which an integer's arithmetic wraps without being undefined. */
const wide = (t: ScalarType): string => (t === 'index' || isBigInt(t) ? 'uint64_t' : 'uint32_t');

const unaryFloat = (op: UnaryOp, x: string, t: ScalarType): string | undefined => {
  const s = suffix(t);
  const f = s === 'f32' ? 'f' : '';
  if (op === 'isnan') return `(${x} != ${x})`;
  if (op === 'isinf') return `(fabs${f}(${x}) == INFINITY)`;
  if (op === 'neg') return `(-${x})`;
  if (op === 'sign') return `sign_${s}(${x})`;
  if (op === 'reciprocal') return `(1.0${f} / ${x})`;
  if (op === 'rsqrt') return `(1.0${f} / sqrt${f}(${x}))`;
  if (op === 'sigmoid') return `sigmoid_${s}(${x})`;
  if (s === 'f32' && fast32.has(op)) return `${op}_f32(${x})`;
  // Near its poles the float32 function is off by more than a rounding.
  if (op === 'tan' && s === 'f32') return `((float)tan((double)${x}))`;
  const name = libm[op];
  return name && `${name}${f}(${x})`;
};

const unaryInteger = (op: UnaryOp, x: string, t: ScalarType): string | undefined => {
  if (op === 'isnan' || op === 'isinf') return 'false';
  if (op === 'neg') return narrow(`0 - (${wide(t)})${x}`, t);
  if (op === 'bitnot') return narrow(`~${x}`, t);
  if (op === 'abs')
    return t !== 'index' && dtypeInfo(t).kind === 'uint' ? x : narrow(`${x} < 0 ? 0 - (${wide(t)})${x} : (${wide(t)})${x}`, t);
  if (op === 'sign') return narrow(`(${x} > 0) - (${x} < 0)`, t);
  if (op === 'popcount') {
    const mask = t !== 'index' && dtypeInfo(t).bits < 64 ? ` & ${2 ** dtypeInfo(t).bits - 1}u` : '';
    return narrow(`__builtin_popcountll((uint64_t)(${x})${mask})`, t);
  }
  return op === 'floor' || op === 'ceil' || op === 'round' || op === 'trunc' ? x : undefined;
};

/** @param t the operand's type. @throws FLAGOS_E_INTERNAL for what the type does not have */
export const unary = (op: UnaryOp, x: string, t: ScalarType): string => {
  if (op === 'not') return `(!${x})`;
  const text = (isFloat(t) ? unaryFloat : unaryInteger)(op, x, t);
  if (text === undefined) throw new FlagosError('FLAGOS_E_INTERNAL', `${op} of ${t} cannot be written in C`);
  return text;
};

const integer = (op: BinaryOp, a: string, b: string, t: DType): string => {
  const { kind, bits } = dtypeInfo(t);
  if (op === 'min') return `(${a} < ${b} ? ${a} : ${b})`;
  if (op === 'max') return `(${a} > ${b} ? ${a} : ${b})`;
  if (op === 'shl') return narrow(`(uint64_t)${b} >= ${bits} ? 0 : (${wide(t)})${a} << ${b}`, t);
  if (op === 'shr')
    return narrow(
      kind === 'uint' ? `(uint64_t)${b} >= ${bits} ? 0 : ${a} >> ${b}` : `${a} >> ((uint64_t)${b} >= ${bits} ? ${bits - 1} : ${b})`,
      t,
    );
  const symbol = infix[op];
  if (symbol) return narrow(`(${wide(t)})${a} ${symbol} (${wide(t)})${b}`, t);
  return narrow(`${op}_${kind === 'uint' ? 'u64' : 'i64'}(${a}, ${b})`, t);
};

/** @param t the operands' type. @throws FLAGOS_E_INTERNAL for what the type does not have */
export const binary = (op: BinaryOp, a: string, b: string, t: ScalarType): string => {
  const symbol = infix[op];
  if (['eq', 'ne', 'lt', 'le', 'gt', 'ge', 'and', 'or'].includes(op)) return `(${a} ${symbol} ${b})`;
  if (t === 'bool') {
    if (op === 'xor') return `(${a} != ${b})`;
    if (op === 'max') return `(${a} || ${b})`;
    if (op === 'min') return `(${a} && ${b})`;
  }
  if (isFloat(t)) {
    const s = suffix(t);
    const f = s === 'f32' ? 'f' : '';
    if (symbol) return `(${a} ${symbol} ${b})`;
    if (op === 'div') return `(${a} / ${b})`;
    if (op === 'min' || op === 'max' || op === 'floormod') return `${op}_${s}(${a}, ${b})`;
    if (op === 'pow' || op === 'atan2') return `${op}${f}(${a}, ${b})`;
    if (op === 'rem') return `fmod${f}(${a}, ${b})`;
    if (op === 'floordiv') return `floor${f}(${a} / ${b})`;
  }
  if (t === 'index') {
    if (symbol) return `(${a} ${symbol} ${b})`;
    if (op === 'min' || op === 'max') return `${op}_i64(${a}, ${b})`;
    // Positions are not negative where they are divided, except in guarded reads, which do not need them.
    if (op === 'floordiv' || op === 'div') return `floordiv_i64(${a}, ${b})`;
    if (op === 'floormod' || op === 'rem') return `floormod_i64(${a}, ${b})`;
  }
  if (t !== 'index' && !isFloat(t)) return integer(op, a, b, t);
  throw new FlagosError('FLAGOS_E_INTERNAL', `${op} of ${t} cannot be written in C`);
};
