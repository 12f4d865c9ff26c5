/** Operations on the bits of integers, and bits of one type read as another. */
import { and, bitand, bitcast, bitnot, bitor, bitxor, constant, ge, lt, select, shl, shr, type Expr } from '../compiler/expr.ts';
import { map, mapBroadcast } from '../compiler/tensor-expr.ts';
import { allocate, dtypeInfo, type DType } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { bytesOf, Tensor } from '../core/tensor.ts';
import { requiredDType, requiredOneOf } from './attrs.ts';
import { defineOp, exact, type OpRecord } from './define.ts';
import { all, ints } from './types.ts';

const bitwise = (name: string, f: (a: Expr, b: Expr) => Expr): OpRecord =>
  defineOp({
    name,
    since: 18,
    inputs: { A: ints, B: 'A' },
    outputs: { C: 'A' },
    compute: ({ A, B }) => mapBroadcast([A, B], f),
    accuracy: exact,
  });

export const BitwiseAnd = bitwise('BitwiseAnd', bitand);
export const BitwiseOr = bitwise('BitwiseOr', bitor);
export const BitwiseXor = bitwise('BitwiseXor', bitxor);

export const BitwiseNot = defineOp({
  name: 'BitwiseNot',
  since: 18,
  inputs: { X: ints },
  outputs: { Y: 'X' },
  compute: ({ X }) => map(X, bitnot),
  accuracy: exact,
});

/** Shifts; right shifts of signed types keep the sign. Amounts outside [0, width) leave only the fill: copies of the sign, or zeros. */
export const BitShift = defineOp({
  name: 'BitShift',
  since: 11,
  inputs: { X: ints, Y: 'X' },
  outputs: { Z: 'X' },
  attrs: { direction: requiredOneOf('LEFT', 'RIGHT') },
  compute: ({ X, Y }, { direction }) => {
    const { kind, bits } = dtypeInfo(X.dtype);
    const signed = kind === 'int';
    return mapBroadcast([X, Y], (x, y) => {
      const within = signed ? and(ge(y, 0), lt(y, bits)) : lt(y, bits);
      if (direction === 'LEFT') return select(within, shl(x, y), 0);
      return select(within, shr(x, y), signed ? select(lt(x, 0), constant(-1, X.dtype), 0) : 0);
    });
  },
  accuracy: exact,
});

const checkWidths = (from: DType, to: DType): void => {
  const [a, b] = [dtypeInfo(from).bits, dtypeInfo(to).bits];
  if (to === 'string') throw new FlagosError('FLAGOS_E_ATTRIBUTE', "attribute 'to' is string, which has no bits");
  if (a !== b) throw new FlagosError('FLAGOS_E_DTYPE', `${from} has ${a} bits and ${to} has ${b}, they must have as many`);
};

/** The storage of one type copied byte for byte into that of another: for complex numbers, which no expression holds. */
const reinterpret = (x: Tensor, to: DType): Tensor => {
  const data = allocate(to, x.size);
  if (!Array.isArray(data) && !Array.isArray(x.data)) bytesOf(data).set(bytesOf(x.data));
  return new Tensor(to, x.dims, data);
};

export const BitCast = defineOp({
  name: 'BitCast',
  since: 26,
  inputs: { input: all.filter((t) => t !== 'string') },
  outputs: { output: ({ attrs }) => attrs.to },
  attrs: { to: requiredDType() },
  compute: ({ input }, { to }) => {
    checkWidths(input.dtype, to);
    return map(input, (x) => bitcast(x, to));
  },
  host: ({ input }, { to }) => {
    checkWidths(input.dtype, to);
    return reinterpret(input, to);
  },
  shapes: ({ input }, { to }) => {
    checkWidths(input.dtype, to);
    return [input.shape];
  },
  accuracy: exact,
});
