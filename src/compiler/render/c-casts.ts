/** Casts and bit casts in C. */
import { dtypeInfo, integerRange, type DType } from '../../core/dtype.ts';
import type { ScalarType } from '../expr.ts';
import { narrow } from './c-operators.ts';
import { decode, encode, isCoded, isFloat, valueType } from './c-types.ts';

export const cast = (x: string, from: ScalarType, to: ScalarType, saturate: boolean): string => {
  if (to === 'index') return isFloat(from) ? `to_i64(${x})` : `((i64)${x})`;
  if (to === 'bool') return `(${x} != 0)`;
  if (isCoded(to)) return decode(to, encode(to, `(float)${x}`, saturate));
  if (isFloat(to)) return `((${valueType(to)})${x})`;
  const { kind, bits } = dtypeInfo(to);
  if (saturate) {
    const [lo, hi] = integerRange(to);
    // Limits of up to 16 bits are numbers of float32: vectors of it are made of such casts.
    if (isFloat(from) && from !== 'float64' && bits <= 16) return narrow(`(int32_t)clamp_f32((float)${x}, ${lo}.0f, ${hi}.0f)`, to);
    if (isFloat(from) || bits < 64) return narrow(`to_i64(clamp_f64((double)${x}, ${lo}.0, ${hi}.0))`, to);
    return from === 'uint64' || kind === 'int' ? narrow(x, to) : narrow(`${x} < 0 ? 0 : ${x}`, to);
  }
  return narrow(isFloat(from) ? `to_i64((double)${x})` : `(uint64_t)${x}`, to);
};

export const bitcast = (x: string, from: DType, to: DType): string => {
  const raw = (t: DType): string =>
    isCoded(t) ? (dtypeInfo(t).bits === 16 ? 'uint16_t' : 'uint8_t') : t === 'bool' ? 'uint8_t' : valueType(t);
  const source = isCoded(from) ? encode(from, x, false) : x;
  const bits = `({ ${raw(from)} s_ = (${raw(from)})(${source}); ${raw(to)} d_ = 0; memcpy(&d_, &s_, sizeof d_ < sizeof s_ ? sizeof d_ : sizeof s_); d_; })`;
  return isCoded(to) ? decode(to, bits) : to === 'bool' ? `(${bits} != 0)` : narrow(bits, to);
};
