/**
 * Operators on four lanes of a vector. Floats up to 32 bits are float32 lanes, integers 32-bit lanes,
 * bools masks. Operands are given as functions that write them, called only if there is such an
 * instruction (or sequence); what has none gives undefined.
 */
import type { BinaryOp, ScalarType, UnaryOp } from '../expr.ts';
import { vectorMath, type VectorCode } from './wasm-math.ts';
import { bitsOf, isCoded, isFloat, isUnsigned, op } from './wasm-types.ts';

type Operand = () => string;

/** Whether values of a type fit a lane. */
export const fitsLane = (t: ScalarType): boolean => t === 'index' || bitsOf(t) <= 32 || t === 'bool';
export const laneType = (t: ScalarType): 'f32x4' | 'i32x4' => (isFloat(t) ? 'f32x4' : 'i32x4');

const floatBinary: Partial<Record<BinaryOp, string>> = { add: 'add', sub: 'sub', mul: 'mul', div: 'div' };
const integerBinary: Partial<Record<BinaryOp, string>> = {
  add: 'i32x4.add',
  sub: 'i32x4.sub',
  mul: 'i32x4.mul',
  bitand: 'v128.and',
  bitor: 'v128.or',
  bitxor: 'v128.xor',
};
/** Arithmetic of masks: what is not 0 is true. */
const maskBinary: Partial<Record<BinaryOp, string>> = { add: 'v128.or', sub: 'v128.xor', mul: 'v128.and' };
const compare: Partial<Record<BinaryOp, string>> = { eq: 'eq', ne: 'ne', lt: 'lt', le: 'le', gt: 'gt', ge: 'ge' };
const plainFloat: Partial<Record<UnaryOp, string>> = {
  neg: 'neg',
  abs: 'abs',
  sqrt: 'sqrt',
  floor: 'floor',
  ceil: 'ceil',
  trunc: 'trunc',
  round: 'nearest',
};

/** 32-bit lanes brought back to a narrower type's range. */
const narrow = (lanes: string, t: ScalarType, code: VectorCode): string => {
  const bits = bitsOf(t);
  if (bits >= 32) return lanes;
  if (isUnsigned(t)) return op('v128.and', lanes, code.bits(2 ** bits - 1));
  const shift = `(i32.const ${32 - bits})`;
  return op('i32x4.shr_s', op('i32x4.shl', lanes, shift), shift);
};

/** @param t the operand's type. */
export const unaryLanes = (name: UnaryOp, t: ScalarType, x: Operand, code: VectorCode): string | undefined => {
  if (!fitsLane(t)) return undefined;
  if (name === 'not') return op('v128.not', x());
  if (isFloat(t)) {
    const plain = plainFloat[name];
    if (plain) return op(`f32x4.${plain}`, x());
    const sequence = vectorMath[name];
    if (sequence) return sequence(code.keep(x()), code);
    if (name === 'reciprocal') return op('f32x4.div', code.float(1), x());
    if (name === 'rsqrt') return op('f32x4.div', code.float(1), op('f32x4.sqrt', x()));
    if (name === 'isinf') return op('f32x4.eq', op('f32x4.abs', x()), code.float(Infinity));
    if (name === 'isnan') return op('v128.not', op('f32x4.le', op('f32x4.abs', x()), code.float(Infinity)));
    return undefined;
  }
  if (name === 'neg') return narrow(op('i32x4.neg', x()), t, code);
  if (name === 'bitnot') return narrow(op('v128.xor', x(), code.bits(-1)), t, code);
  if (name === 'abs') return isUnsigned(t) ? x() : narrow(op('i32x4.abs', x()), t, code);
  return undefined;
};

/** The smaller or larger: NaN if either is. `pmax` gives its first operand where that is NaN, and where the second is, all bits are set, which is one. Three instructions where `max` takes eight on x86. */
export const extremeLanes = (name: 'min' | 'max', a: string, b: string, code: Pick<VectorCode, 'keep'>): string => {
  const kept = code.keep(b);
  return op('v128.or', op(`f32x4.p${name}`, a, kept), op('f32x4.ne', kept, kept));
};

/** One side of an operator. */
export interface Side {
  readonly text: Operand;
  /** A constant that is not NaN. */
  readonly isNumber: boolean;
}

/** All but `and` and `or`, which are lazy. @param t the operands' type. */
export const binaryLanes = (name: BinaryOp, t: ScalarType, a: Side, b: Side, code: VectorCode): string | undefined => {
  if (!fitsLane(t)) return undefined;
  if (name === 'xor') return op('v128.xor', a.text(), b.text());
  const compared = compare[name];
  if (compared) {
    const order = isFloat(t) || compared === 'eq' || compared === 'ne' ? '' : isUnsigned(t) ? '_u' : '_s';
    return op(`${laneType(t)}.${compared}${order}`, a.text(), b.text());
  }
  if (isFloat(t)) return binaryFloatLanes(name, a, b, code);
  const masks = t === 'bool' ? maskBinary[name] : undefined;
  if (masks) return op(masks, a.text(), b.text());
  const plain = integerBinary[name];
  if (plain) return narrow(op(plain, a.text(), b.text()), t, code);
  if (name === 'min' || name === 'max') return op(`i32x4.${name}_${isUnsigned(t) ? 'u' : 's'}`, a.text(), b.text());
  return undefined;
};

const binaryFloatLanes = (name: BinaryOp, a: Side, b: Side, code: VectorCode): string | undefined => {
  if (name === 'floordiv') return op('f32x4.floor', op('f32x4.div', a.text(), b.text()));
  if (name === 'min' || name === 'max') {
    // Against a number, one instruction gives what max and min are to give, NaN included.
    if (b.isNumber) return op(`f32x4.p${name}`, a.text(), b.text());
    if (a.isNumber) return op(`f32x4.p${name}`, b.text(), a.text());
    return extremeLanes(name, a.text(), b.text(), code);
  }
  const plain = floatBinary[name];
  return plain && op(`f32x4.${plain}`, a.text(), b.text());
};

/** Nearest bfloat16 values, as float32. */
export const roundedBfloat16 = (x: string, { bits }: VectorCode): string => {
  const odd = op('v128.and', op('i32x4.shr_u', x, '(i32.const 16)'), bits(1));
  const rounded = op('v128.and', op('i32x4.add', op('i32x4.add', x, bits(0x7fff)), odd), bits(-65536));
  return op('v128.bitselect', rounded, op('v128.or', x, bits(0x00400000)), op('f32x4.eq', x, x));
};

export const castLanes = (from: ScalarType, to: ScalarType, saturate: boolean, x: Operand, code: VectorCode): string | undefined => {
  if (!fitsLane(from) || !fitsLane(to)) return undefined;
  const { keep, bits, float } = code;
  if (to === 'bool') return from === 'bool' ? x() : isFloat(from) ? op('f32x4.ne', x(), float(0)) : op('i32x4.ne', x(), bits(0));
  if (isFloat(to)) {
    if (isCoded(to) && (saturate || to !== 'bfloat16')) return undefined;
    const lanes = isFloat(from)
      ? x()
      : from === 'bool'
        ? op('v128.and', x(), float(1))
        : op(`f32x4.convert_i32x4_${isUnsigned(from) ? 'u' : 's'}`, x());
    return to === 'bfloat16' ? roundedBfloat16(keep(lanes), code) : lanes;
  }
  if (isFloat(from) || saturate) return undefined;
  return narrow(from === 'bool' ? op('v128.and', x(), bits(1)) : x(), to, code);
};
