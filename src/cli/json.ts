/** JSON for programs: what JSON has no form for is written so that nothing is lost. */
import { Sequence, Tensor, MapValue, type Value } from '../core/tensor.ts';

/** Bigints that fit become numbers, others texts; numbers JSON lacks become texts; maps become objects. */
const plain = (_key: string, v: unknown): unknown => {
  if (typeof v === 'bigint') return Number.isSafeInteger(Number(v)) ? Number(v) : v.toString();
  if (typeof v === 'number' && !Number.isFinite(v)) return String(v);
  if (v instanceof Map) return Object.fromEntries(v);
  if (v instanceof Set) return [...v];
  return v;
};

export const toJson = (value: unknown): string => `${JSON.stringify(value, plain, 2)}\n`;

/** On one line. */
export const toJsonLine = (value: unknown): string => `${JSON.stringify(value, plain)}\n`;

/** A value of a model with at most `limit` elements of each tensor. */
export const valueJson = (value: Value, limit: number): unknown => {
  if (value === null) return null;
  if (value instanceof Tensor)
    return { dtype: value.dtype, shape: value.dims, values: firstValues(value, limit), truncated: value.size > limit };
  if (value instanceof Sequence) return { sequence: value.items.map((item) => valueJson(item, limit)) };
  if (value instanceof MapValue) return { map: [...value.entries].map(([k, v]) => [k, valueJson(v, limit)]) };
  return value;
};

/** The first elements as JavaScript values, without decoding the rest. Complex ones as pairs. */
export const firstValues = (t: Tensor, limit: number): unknown[] => {
  const count = Math.min(limit, t.size);
  if (t.dtype === 'complex64' || t.dtype === 'complex128')
    return Array.from({ length: count }, (_, i) => [t.data[2 * i], t.data[2 * i + 1]]);
  return new Tensor(t.dtype, [count], t.data.slice(0, count)).toValues();
};
