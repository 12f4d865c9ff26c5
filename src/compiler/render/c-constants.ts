/** Constants in C. */
import type { DType } from '../../core/dtype.ts';
import { isFloat, suffix } from './c-types.ts';

export const constant = (value: number | bigint | boolean, t: DType): string => {
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value === 'bigint') return t === 'uint64' ? `${value}ULL` : value === -(1n << 63n) ? 'INT64_MIN' : `${value}LL`;
  if (!isFloat(t)) return t === 'uint32' ? `${value}u` : value === -(2 ** 31) ? 'INT32_MIN' : String(value);
  if (Number.isNaN(value)) return 'NAN';
  if (!Number.isFinite(value)) return value > 0 ? 'INFINITY' : '(-INFINITY)';
  const text = Object.is(value, -0) ? '-0.0' : /[.e]/.test(String(value)) ? String(value) : `${value}.0`;
  return `${value < 0 || Object.is(value, -0) ? `(${text}` : text}${suffix(t) === 'f32' ? 'f' : ''}${value < 0 || Object.is(value, -0) ? ')' : ''}`;
};
