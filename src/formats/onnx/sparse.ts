/**
 * SparseTensorProto → a dense {@link Tensor}. Nothing behind the reader knows sparse storage.
 *
 * Source: onnx.proto, SparseTensorProto: `indices` are [nnz] linear or [nnz, rank] per axis, ascending.
 */
import { allocate, dtypeInfo, type NumericData } from '../../core/dtype.ts';
import { FlagosError } from '../../core/errors.ts';
import { stridesOf, Tensor } from '../../core/tensor.ts';
import type { Budget } from './limits.ts';
import type { SparseTensorProto } from './onnx_pb.ts';
import { readDims, readTensorProto, type TensorSource } from './tensor.ts';

const invalid = (reason: string): never => {
  throw new FlagosError('FLAGOS_E_MODEL_INVALID', reason);
};

/** Linear positions of the stored values. */
const positions = (indices: Tensor, dims: readonly number[], nnz: number, size: number, what: string): number[] => {
  const rank = dims.length;
  const linear = indices.dims.length === 1 && indices.dims[0] === nnz;
  const perAxis = indices.dims.length === 2 && indices.dims[0] === nnz && indices.dims[1] === rank;
  if (indices.dtype !== 'int64' || !(linear || perAxis)) {
    invalid(`${what} has indices ${indices.dtype}[${indices.dims.join(',')}]; they must be int64[${nnz}] or int64[${nnz},${rank}]`);
  }
  const at = indices.toNumbers();
  const strides = stridesOf(dims);
  return Array.from({ length: nnz }, (_, i) => {
    let position = 0;
    for (let axis = 0; axis < (perAxis ? rank : 1); axis++) {
      const index = at[perAxis ? i * rank + axis : i]!;
      if (index < 0 || index >= (perAxis ? dims[axis]! : size))
        invalid(`${what} has the index ${index}, outside its shape [${dims.join(', ')}]`);
      position += index * (perAxis ? strides[axis]! : 1);
    }
    return position;
  });
};

/**
 * @param budget bytes of dense tensors the model may still make.
 * @throws FLAGOS_E_MODEL_INVALID, and FLAGOS_E_MODEL_UNSUPPORTED when the dense form passes the budget.
 */
export const readSparseTensor = (proto: SparseTensorProto, what: string, budget: Budget, source: TensorSource = {}): Tensor => {
  if (!proto.values) return invalid(`${what} has no values`);
  const values = readTensorProto(proto.values, `the values of ${what}`, source);
  const { dims, count } = readDims(proto.dims, what);
  const nnz = values.dims.length === 1 ? values.dims[0]! : invalid(`the values of ${what} have ${values.dims.length} dimensions, not one`);
  const indices = proto.indices
    ? readTensorProto(proto.indices, `the indices of ${what}`, source)
    : nnz === 0
      ? Tensor.zeros('int64', [0])
      : invalid(`${what} has no indices`);
  const at = positions(indices, dims, nnz, count, what);
  const { bytes, lanes } = dtypeInfo(values.dtype);
  budget.take(count * Math.max(bytes, 8), `the dense form of ${what}`);
  const data = allocate(values.dtype, count);
  if (Array.isArray(data) || Array.isArray(values.data)) {
    if (Array.isArray(data)) at.forEach((p, i) => (data[p] = String(values.data[i])));
    return new Tensor(values.dtype, dims, data);
  }
  scatter(data, values.data, at, lanes);
  return new Tensor(values.dtype, dims, data);
};

const scatter = (to: NumericData, from: NumericData, at: readonly number[], lanes: number): void => {
  // Same dtype on both sides, so the element types of the two arrays agree.
  const target = to as { [i: number]: number | bigint };
  at.forEach((position, i) => {
    for (let lane = 0; lane < lanes; lane++) target[position * lanes + lane] = from[i * lanes + lane]!;
  });
};
