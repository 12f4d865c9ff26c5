/** Tensors between onnxruntime's JavaScript API and ours: the same memory, under another class. */
import { packBits, unpackBits } from '../../core/codec.ts';
import { dtypeInfo, isDType, type DType, type TensorData } from '../../core/dtype.ts';
import { FlagosError } from '../../core/errors.ts';
import { describeValue, sizeOf, Tensor, type Value } from '../../core/tensor.ts';
import type { OrtTensor, OrtTensorConstructor } from './ort-types.ts';

/** Element types onnxruntime's JavaScript tensors have. */
const ortTypes: ReadonlySet<DType> = new Set<DType>([
  'float32',
  'float64',
  'float16',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'bool',
  'string',
  'int4',
  'uint4',
]);

/** A tensor of the user as ours, over the same memory (4-bit types, which onnxruntime packs, are copied). @throws FLAGOS_E_INPUT */
export const fromOrt = (name: string, value: OrtTensor): Tensor => {
  const { type, dims } = value;
  if (typeof type !== 'string' || !Array.isArray(dims)) {
    throw new FlagosError('FLAGOS_E_INPUT', `input '${name}' is not a tensor`, { hint: 'make it with new ort.Tensor(type, data, dims)' });
  }
  if (!isDType(type)) throw new FlagosError('FLAGOS_E_INPUT', `input '${name}' has the element type '${type}', which is unknown here`);
  const { data } = value;
  if (type === 'int4' || type === 'uint4') {
    const packed = data as Uint8Array;
    return new Tensor(
      type,
      dims,
      unpackBits(new Uint8Array(packed.buffer, packed.byteOffset, packed.byteLength), 4, sizeOf(dims), type === 'int4'),
    );
  }
  const { storage } = dtypeInfo(type);
  if (storage && !(data instanceof storage)) {
    // float16 comes as Float16Array where JavaScript has one.
    const view = data as ArrayBufferView;
    return new Tensor(type, dims, new storage(view.buffer, view.byteOffset, view.byteLength / storage.BYTES_PER_ELEMENT));
  }
  return new Tensor(type, dims, data as TensorData);
};

/** A result as a tensor of the user's onnxruntime. @throws FLAGOS_E_MODEL_UNSUPPORTED for what its API has no type for. */
export const toOrt = (OrtTensorClass: OrtTensorConstructor, name: string, value: Value): OrtTensor => {
  if (!(value instanceof Tensor) || !ortTypes.has(value.dtype)) {
    throw new FlagosError(
      'FLAGOS_E_MODEL_UNSUPPORTED',
      `output '${name}' is ${describeValue(value)}, and onnxruntime's JavaScript API has no such type`,
      {
        hint: 'load the model with flagos.load() to read it',
      },
    );
  }
  const { dtype, dims, data } = value;
  if (dtype === 'int4' || dtype === 'uint4') return new OrtTensorClass(dtype, packBits(data as Uint8Array, 4), dims);
  return new OrtTensorClass(dtype, data, dims);
};
