/** Element types in WebAssembly: what a value is in an expression, and what an element is in memory. */
import { dtypeInfo, type DType } from '../../core/dtype.ts';
import type { ScalarType } from '../expr.ts';
import type { Buffer } from '../loops.ts';

/** Type of a value. Bools, positions and integers up to 32 bits are i32; floats up to 32 bits f32. */
export type WasmType = 'i32' | 'i64' | 'f32' | 'f64';

export const typeOf = (t: ScalarType): WasmType => {
  if (t === 'index') return 'i32';
  const { kind, bits } = dtypeInfo(t);
  if (kind === 'float') return bits === 64 ? 'f64' : 'f32';
  return bits === 64 ? 'i64' : 'i32';
};

export const isFloat = (t: ScalarType): boolean => t !== 'index' && dtypeInfo(t).kind === 'float';
/** Whether an integer's order, quotient and conversion to float are those of unsigned numbers. */
export const isUnsigned = (t: ScalarType): boolean => t !== 'index' && (dtypeInfo(t).kind === 'uint' || t === 'bool');
export const bitsOf = (t: ScalarType): number => (t === 'index' ? 32 : dtypeInfo(t).bits);

/** Narrow float types, whose elements outside of workspace are codes. */
export const isCoded = (t: ScalarType): t is DType => t !== 'index' && dtypeInfo(t).kind === 'float' && dtypeInfo(t).bits < 32;
export const holdsCodes = ({ role, dtype }: Buffer): boolean => role !== 'temp' && isCoded(dtype);

/** Bytes of an element in memory. */
export const elementBytes = (b: Buffer): number => (isCoded(b.dtype) && !holdsCodes(b) ? 4 : dtypeInfo(b.dtype).bytes);

/** Load and store instructions by what lies in memory. */
export interface Access {
  readonly load: string;
  readonly store: string;
}

/** Access to an element as it lies in memory: a value, a bool's byte or a code. */
export const accessOf = (b: Buffer): Access => {
  const { kind } = dtypeInfo(b.dtype);
  const type = holdsCodes(b) ? 'i32' : typeOf(b.dtype);
  const bytes = elementBytes(b);
  if (type !== 'i32' || bytes === 4) return { load: `${type}.load`, store: `${type}.store` };
  const sign = kind === 'int' ? 's' : 'u';
  return { load: `i32.load${bytes * 8}_${sign}`, store: `i32.store${bytes * 8}` };
};

/** Pages a memory may have: 4 GiB, as far as 32-bit addresses reach. */
export const MOST_PAGES = 65_536;

/** An instruction with operands, in folded text form. */
export const op = (name: string, ...operands: readonly string[]): string => `(${name}${operands.map((o) => ` ${o}`).join('')})`;
export const get = (name: string): string => `(local.get ${name})`;
export const set = (name: string, value: string): string => `(local.set ${name} ${value})`;
export const i32 = (n: number): string => `(i32.const ${n | 0})`;

const floatText = (n: number): string =>
  Number.isNaN(n) ? 'nan' : n === Infinity ? 'inf' : n === -Infinity ? '-inf' : Object.is(n, -0) ? '-0' : String(n);

/** A constant of a type. */
export const constant = (value: number | bigint | boolean, t: ScalarType): string => {
  const type = typeOf(t);
  if (type === 'f32' || type === 'f64') return `(${type}.const ${floatText(Number(value))})`;
  if (type === 'i64') return `(i64.const ${BigInt.asIntN(64, BigInt(value))})`;
  return i32(Number(value));
};
