/** Casts between element types in WebAssembly, one value at a time. */
import { integerRange, type DType } from '../../core/dtype.ts';
import type { ScalarType } from '../expr.ts';
import { i32, isCoded, isFloat, isUnsigned, op, typeOf } from './wasm-types.ts';

/** Who writes the text of which a cast is part. */
interface CastHost {
  /** A call of a function of the module. */
  call(name: string, ...args: readonly string[]): string;
  /** The value of a narrow float type nearest to a float32. */
  rounded(x: string, t: DType): string;
  /** An integer of 32 bits brought back to a narrower type's range. */
  narrow(code: string, t: ScalarType): string;
}

export const castText = (w: CastHost, x: string, from: ScalarType, to: ScalarType, saturate: boolean): string => {
  const [source, target] = [typeOf(from), typeOf(to)];
  if (to === 'bool') return source === 'i32' ? op('i32.ne', x, i32(0)) : op(`${source}.ne`, x, `(${source}.const 0)`);
  if (to === 'index') return source === 'i32' ? x : source === 'i64' ? op('i32.wrap_i64', x) : op(`i32.trunc_sat_${source}_s`, x);
  if (saturate && isCoded(to)) return w.call(`saturate_${to}`, toFloat(w, x, from, 'float32'));
  if (isFloat(to)) return toFloat(w, x, from, to);
  if (source === 'f32' || source === 'f64') return floatToInteger(w, source === 'f32' ? op('f64.promote_f32', x) : x, to, saturate);
  const wide = source === 'i64' ? x : op(`i64.extend_i32_${isUnsigned(from) ? 'u' : 's'}`, x);
  if (saturate) return saturated(w, wide, from === 'uint64', to);
  if (target === 'i64') return wide;
  return w.narrow(source === 'i64' ? op('i32.wrap_i64', x) : x, to);
};

const toFloat = (w: CastHost, x: string, from: ScalarType, to: ScalarType): string => {
  const [source, target] = [typeOf(from), typeOf(to)];
  const sign = isUnsigned(from) ? 'u' : 's';
  const made =
    source === target
      ? x
      : source === 'f64'
        ? op('f32.demote_f64', x)
        : source === 'f32'
          ? op('f64.promote_f32', x)
          : op(`${target}.convert_${source}_${sign}`, x);
  return isCoded(to) ? w.rounded(made, to) : made;
};

const floatToInteger = (w: CastHost, x: string, to: ScalarType, saturate: boolean): string => {
  if (!saturate) return typeOf(to) === 'i64' ? w.call('to_i64', x) : w.narrow(op('i32.wrap_i64', w.call('to_i64', x)), to);
  if (to === 'uint64') return op('i64.trunc_sat_f64_u', x);
  return saturated(w, op('i64.trunc_sat_f64_s', x), false, to);
};

/** A 64-bit integer cut off at a type's ends. */
const saturated = (w: CastHost, x: string, unsigned: boolean, to: ScalarType): string => {
  const [lo, hi] = integerRange(to as DType);
  const limited = unsigned
    ? w.call('min_u64', x, `(i64.const ${BigInt.asIntN(64, hi)})`)
    : to === 'uint64'
      ? w.call('max_s64', x, '(i64.const 0)')
      : w.call('clamp64', x, `(i64.const ${lo})`, `(i64.const ${hi})`);
  return typeOf(to) === 'i64' ? limited : op('i32.wrap_i64', limited);
};
