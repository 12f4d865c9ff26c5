/** Contents between tfjs and this library: same storage, other names. */
import type { DType } from '../../core/dtype.ts';
import { FlagosError } from '../../core/errors.ts';
import { Tensor } from '../../core/tensor.ts';
import type { BackendValues, TfDType, TypedValues } from './tf-types.ts';

const storage = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;

/**
 * A copy of what tfjs hands over, in the type's own storage: the caller may change his array before
 * anything is calculated from it.
 * @throws FLAGOS_E_DTYPE for strings and complex numbers, which have no such storage.
 */
export const fromTf = (values: BackendValues | readonly number[], shape: readonly number[], dtype: TfDType): Tensor => {
  if (dtype === 'string' || dtype === 'complex64') throw new FlagosError('FLAGOS_E_DTYPE', `values of ${dtype} are not numbers`);
  return new Tensor(dtype, [...shape], storage[dtype].from(values as ArrayLike<number>));
};

export const toTf = (tensor: Tensor): TypedValues => tensor.data as TypedValues;

/** Element types tensors here may have that tfjs has too. */
export const tfDType = (dtype: DType): TfDType => {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool' || dtype === 'string') return dtype;
  throw new FlagosError('FLAGOS_E_INTERNAL', `a translator gives ${dtype}, which tfjs has no tensors of`);
};

/** Pairs of float32: the parts of complex numbers as tfjs interleaves them. */
export const interleave = (real: TypedValues, imag: TypedValues): Float32Array => {
  const out = new Float32Array(real.length * 2);
  for (let i = 0; i < real.length; i++) {
    out[2 * i] = real[i]!;
    out[2 * i + 1] = imag[i]!;
  }
  return out;
};

export const deinterleave = (values: ArrayLike<number>): { readonly real: Float32Array; readonly imag: Float32Array } => {
  const n = values.length / 2;
  const parts = { real: new Float32Array(n), imag: new Float32Array(n) };
  for (let i = 0; i < n; i++) {
    parts.real[i] = values[2 * i]!;
    parts.imag[i] = values[2 * i + 1]!;
  }
  return parts;
};

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Undefined for bytes that are no UTF-8: tfjs takes any, strings here are text. */
export const decoded = (strings: readonly Uint8Array[], dims: readonly number[]): Tensor | undefined => {
  try {
    return new Tensor(
      'string',
      dims,
      strings.map((s) => utf8.decode(s)),
    );
  } catch (e) {
    if (!(e instanceof TypeError)) throw e;
    return undefined;
  }
};

export const encoded = (tensor: Tensor): Uint8Array[] => {
  const encoder = new TextEncoder();
  return (tensor.data as string[]).map((s) => encoder.encode(s));
};
