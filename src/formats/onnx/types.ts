/** TypeProto → {@link ValueType}. Sparse tensors and opaque types have no values here and are refused where they matter. */
import { dtypeFromOnnx, type DType } from '../../core/dtype.ts';
import { FlagosError } from '../../core/errors.ts';
import { tensorType, type Dim, type ValueType } from '../../core/graph.ts';
import { TensorProto_DataType, type TensorShapeProto, type TypeProto, type ValueInfoProto } from './onnx_pb.ts';

/**
 * Element type by its number in the file.
 * @throws FLAGOS_E_MODEL_UNSUPPORTED for types the format knows and we do not, FLAGOS_E_MODEL_INVALID for others.
 */
export const readDType = (number: number, what: string): DType => {
  const dtype = dtypeFromOnnx(number);
  if (dtype) return dtype;
  if (number === 0) throw new FlagosError('FLAGOS_E_MODEL_INVALID', `${what} states no element type`);
  const name = TensorProto_DataType[number];
  throw name
    ? new FlagosError('FLAGOS_E_MODEL_UNSUPPORTED', `${what} has element type ${name}, which is not supported`)
    : new FlagosError('FLAGOS_E_MODEL_INVALID', `${what} has element type ${number}, which ONNX does not define`);
};

const readDim = (dim: TensorShapeProto['dim'][number], what: string): Dim => {
  if (dim.value.case === 'dimParam') return dim.value.value || null;
  if (dim.value.case !== 'dimValue') return null;
  const { value } = dim.value;
  // Some exporters write −1 for "not known".
  if (value < 0n) return null;
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new FlagosError('FLAGOS_E_MODEL_INVALID', `${what} has a dimension of ${value}`);
  return Number(value);
};

const readShape = (shape: TensorShapeProto | undefined, what: string): Dim[] | undefined => shape?.dim.map((d) => readDim(d, what));

/** Undefined where the proto says nothing (an element type of 0 included). */
export const readType = (proto: TypeProto | undefined, what: string): ValueType | undefined => {
  const type = proto?.value;
  if (type?.case === undefined) return undefined;
  switch (type.case) {
    case 'tensorType':
      return type.value.elemType === 0 ? undefined : tensorType(readDType(type.value.elemType, what), readShape(type.value.shape, what));
    case 'sequenceType':
      return { kind: 'sequence', element: readType(type.value.elemType, what) };
    case 'optionalType':
      return { kind: 'optional', element: readType(type.value.elemType, what) };
    case 'mapType':
      return { kind: 'map', key: readDType(type.value.keyType, what), element: readType(type.value.valueType, what) };
    default:
      throw new FlagosError(
        'FLAGOS_E_MODEL_UNSUPPORTED',
        `${what} is of ${type.case === 'opaqueType' ? 'an opaque' : 'a sparse tensor'} type`,
      );
  }
};

export const readValueInfo = (proto: ValueInfoProto, what: string): ValueType | undefined =>
  readType(proto.type, `${what} '${proto.name}'`);
