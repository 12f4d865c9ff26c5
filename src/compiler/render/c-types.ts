/** Types of C for values and memory, and the codes of narrow floats: codes in memory, values in between. */
import { dtypeInfo, type DType } from '../../core/dtype.ts';
import type { ScalarType } from '../expr.ts';
import type { Buffer } from '../loops.ts';

const formats: Partial<Record<DType, string>> = {
  float8e4m3fn: '4, 3, 7, 1',
  float8e4m3fnuz: '4, 3, 8, 2',
  float8e5m2: '5, 2, 15, 0',
  float8e5m2fnuz: '5, 2, 16, 2',
  float4e2m1: '2, 1, 1, 3',
};

/** Type of a value in expressions. */
export const valueType = (t: ScalarType): string => {
  if (t === 'index') return 'i64';
  const { kind, bits } = dtypeInfo(t);
  if (kind === 'float') return bits === 64 ? 'double' : 'float';
  if (kind === 'bool') return 'bool';
  return `${kind === 'uint' ? 'u' : ''}int${Math.max(bits, 8)}_t`;
};

/** Type of an element in memory. */
export const storageType = (buffer: Buffer): string => {
  const { kind, bits } = dtypeInfo(buffer.dtype);
  if (kind === 'bool') return 'uint8_t';
  if (kind === 'float' && bits < 32) return buffer.role === 'temp' ? 'float' : bits === 16 ? 'uint16_t' : 'uint8_t';
  return valueType(buffer.dtype);
};
/** Bytes of an element in memory. */
export const storageBytes = (buffer: Buffer): number => {
  const { kind, bits, bytes } = dtypeInfo(buffer.dtype);
  return kind === 'float' && bits < 32 && buffer.role === 'temp' ? 4 : bytes;
};

/** Which of the prelude's functions serve a type. */
export const suffix = (t: ScalarType): 'f32' | 'f64' => (valueType(t) === 'double' ? 'f64' : 'f32');
export const isFloat = (t: ScalarType): boolean => t !== 'index' && dtypeInfo(t).kind === 'float';
/** The value of a code. */
export const decode = (dtype: DType, code: string): string => {
  if (dtype === 'float16') return `f16_to_f32(${code})`;
  if (dtype === 'bfloat16') return `bf16_to_f32(${code})`;
  return dtype === 'float8e8m0' ? `e8m0_to_f32(${code})` : `small_to_f32(${code}, ${formats[dtype]})`;
};
/** The code of a value. */
export const encode = (dtype: DType, value: string, saturate: boolean): string => {
  if (dtype === 'float16') return `f32_to_f16(${value})`;
  if (dtype === 'bfloat16') return `f32_to_bf16(${value})`;
  return dtype === 'float8e8m0' ? `f32_to_e8m0(${value}, ${saturate})` : `f32_to_small(${value}, ${formats[dtype]}, ${saturate})`;
};
/** Floats that are codes in memory. */
export const isCoded = (t: ScalarType): t is DType => t !== 'index' && dtypeInfo(t).kind === 'float' && dtypeInfo(t).bits < 32;
