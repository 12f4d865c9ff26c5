/** {@link ValueType} → TypeProto. */
import { create } from '@bufbuild/protobuf';
import { dtypeInfo } from '../../core/dtype.ts';
import type { Dim, ValueInfo, ValueType } from '../../core/graph.ts';
import { TypeProtoSchema, ValueInfoProtoSchema, type TypeProto, type ValueInfoProto } from './onnx_pb.ts';

const dimValue = (dim: Dim): { value?: { case: 'dimValue'; value: bigint } | { case: 'dimParam'; value: string } } => {
  if (typeof dim === 'number') return { value: { case: 'dimValue', value: BigInt(dim) } };
  return dim === null ? {} : { value: { case: 'dimParam', value: dim } };
};

const element = (type: ValueType | undefined): { elemType?: TypeProto } => (type ? { elemType: toTypeProto(type) } : {});

export const toTypeProto = (type: ValueType): TypeProto => {
  switch (type.kind) {
    case 'tensor': {
      const shape = type.shape && { shape: { dim: type.shape.map(dimValue) } };
      return create(TypeProtoSchema, { value: { case: 'tensorType', value: { elemType: dtypeInfo(type.dtype).onnx, ...shape } } });
    }
    case 'sequence':
      return create(TypeProtoSchema, { value: { case: 'sequenceType', value: element(type.element) } });
    case 'optional':
      return create(TypeProtoSchema, { value: { case: 'optionalType', value: element(type.element) } });
    case 'map': {
      const value = type.element && { valueType: toTypeProto(type.element) };
      return create(TypeProtoSchema, { value: { case: 'mapType', value: { keyType: dtypeInfo(type.key).onnx, ...value } } });
    }
  }
};

export const toValueInfo = ({ name, type }: ValueInfo): ValueInfoProto =>
  create(ValueInfoProtoSchema, type ? { name, type: toTypeProto(type) } : { name });
