import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { tensorType, type ValueType } from '../../core/graph.ts';
import { MapValue, Sequence, Tensor } from '../../core/tensor.ts';
import {
  MapProtoSchema,
  OptionalProto_DataType as O,
  OptionalProtoSchema,
  SequenceProto_DataType as S,
  SequenceProtoSchema,
} from './onnx_data_pb.ts';
import { readValue } from './tensor-proto.ts';
import { failure, floatTensor } from './testing.ts';

const float = tensorType('float32');
const sequenceType: ValueType = { kind: 'sequence', element: float };
const optionalType: ValueType = { kind: 'optional', element: sequenceType };
const one = floatTensor('a', [1], [1]);
const tensor = Tensor.from('float32', [1], [1]);

const sequence = (init: Parameters<typeof create<typeof SequenceProtoSchema>>[1]): Uint8Array =>
  toBinary(SequenceProtoSchema, create(SequenceProtoSchema, init));
const optional = (init: Parameters<typeof create<typeof OptionalProtoSchema>>[1]): Uint8Array =>
  toBinary(OptionalProtoSchema, create(OptionalProtoSchema, init));

describe('values in files', () => {
  it('sequences', () => {
    expect(readValue(sequence({ elemType: S.TENSOR, tensorValues: [one, one] }), sequenceType)).toEqual(new Sequence([tensor, tensor]));
    expect(readValue(new Uint8Array(0), sequenceType)).toEqual(new Sequence([]));
    expect(
      readValue(sequence({ elemType: S.SEQUENCE, sequenceValues: [{ elemType: S.TENSOR, tensorValues: [one] }] }), sequenceType),
    ).toEqual(new Sequence([new Sequence([tensor])]));
    expect(
      readValue(sequence({ elemType: S.OPTIONAL, optionalValues: [{ elemType: O.TENSOR, tensorValue: one }, {}] }), sequenceType),
    ).toEqual(new Sequence([tensor, null]));
    const sparse = { values: one, indices: { dims: [1n], dataType: 7, int64Data: [1n] }, dims: [2n] };
    expect(readValue(sequence({ elemType: S.SPARSE_TENSOR, sparseTensorValues: [sparse] }), sequenceType)).toEqual(
      new Sequence([Tensor.from('float32', [2], [0, 1])]),
    );
    expect(failure(() => readValue(sequence({ elemType: 77 }), sequenceType))).toBe(
      'FLAGOS_E_MODEL_INVALID a sequence has element kind 77, which ONNX does not define',
    );
  });

  it('optionals', () => {
    expect(readValue(optional({ elemType: O.TENSOR, tensorValue: one }), optionalType)).toEqual(tensor);
    expect(readValue(optional({ elemType: O.TENSOR }), optionalType)).toBeNull();
    expect(readValue(new Uint8Array(0), optionalType)).toBeNull();
    expect(readValue(optional({ elemType: O.SEQUENCE, sequenceValue: { elemType: S.TENSOR, tensorValues: [one] } }), optionalType)).toEqual(
      new Sequence([tensor]),
    );
    expect(readValue(optional({ elemType: O.OPTIONAL, optionalValue: { elemType: O.TENSOR, tensorValue: one } }), optionalType)).toEqual(
      tensor,
    );
    expect(failure(() => readValue(optional({ elemType: 9 }), optionalType))).toContain('an optional has element kind 9');
  });

  it('maps', () => {
    const type: ValueType = { kind: 'map', key: 'string', element: float };
    const map = (init: Parameters<typeof create<typeof MapProtoSchema>>[1]): Uint8Array =>
      toBinary(MapProtoSchema, create(MapProtoSchema, init));
    const values = { elemType: S.TENSOR, tensorValues: [one] };
    expect(readValue(map({ keyType: 8, stringKeys: [new TextEncoder().encode('k')], values }), type)).toEqual(
      new MapValue(new Map([['k', tensor]])),
    );
    expect(readValue(map({ keyType: 7, keys: [4n], values }), type)).toEqual(new MapValue(new Map([[4n, tensor]])));
    expect(failure(() => readValue(map({ keyType: 7, keys: [4n, 5n], values }), type))).toBe(
      'FLAGOS_E_MODEL_INVALID a map has 2 keys and 1 values',
    );
  });

  it('a file of no bytes is no tensor', () => {
    expect(failure(() => readValue(new Uint8Array(0), float))).toBe('FLAGOS_E_MODEL_FORMAT the file is empty; it should be an ONNX tensor');
    expect(failure(() => readValue(Uint8Array.of(0x08, 0x80)))).toContain('FLAGOS_E_MODEL_FORMAT not an ONNX tensor');
  });
});
