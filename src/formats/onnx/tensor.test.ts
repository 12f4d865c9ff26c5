import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { dtypeInfo, dtypes, type DType } from '../../core/dtype.ts';
import { bytesOf, Tensor } from '../../core/tensor.ts';
import { TensorProtoSchema } from './onnx_pb.ts';
import { readTensor, writeTensor } from './tensor-proto.ts';
import { failure, model, type TensorInit } from './testing.ts';

const file = (init: TensorInit): Uint8Array => toBinary(TensorProtoSchema, create(TensorProtoSchema, init));
const read = (init: TensorInit): Tensor => readTensor(file(init));
const fail = (init: TensorInit): string => failure(() => read(init));

/** Storage with every byte different, kept inside what the type can hold. */
const sample = (dtype: DType, count: number): Tensor => {
  const { storage, bits, lanes, kind } = dtypeInfo(dtype);
  if (!storage)
    return Tensor.from(
      dtype,
      [count],
      Array.from({ length: count }, (_, i) => `té${'x'.repeat(i)}`),
    );
  const bytes = Uint8Array.from({ length: count * lanes * storage.BYTES_PER_ELEMENT }, (_, i) => (i * 37 + 11) & 0xff);
  if (dtype === 'bool') bytes.forEach((b, i) => (bytes[i] = b & 1));
  if (bits < 8)
    bytes.forEach(
      (b, i) => (bytes[i] = kind === 'int' ? ((b & ((1 << bits) - 1)) ^ (1 << (bits - 1))) - (1 << (bits - 1)) : b & ((1 << bits) - 1)),
    );
  return new Tensor(dtype, [count], new storage(bytes.buffer));
};

describe('tensors round trip', () => {
  it.each(dtypes)('%s', (dtype) => {
    for (const count of [0, 1, 2, 3, 5, 8, 33]) {
      const tensor = sample(dtype, count);
      const back = readTensor(writeTensor(tensor, 'x'));
      expect(back.dtype).toBe(dtype);
      expect(back.dims).toEqual([count]);
      expect(back.data).toEqual(tensor.data);
    }
  });

  it('packs 4- and 2-bit types in the file', () => {
    const size = (dtype: DType): number => writeTensor(sample(dtype, 1000)).byteLength;
    expect(size('int4') - 500).toBeLessThan(20);
    expect(size('float4e2m1') - 500).toBeLessThan(20);
    expect(size('uint2') - 250).toBeLessThan(20);
  });

  it('keeps large data in one piece and small', () => {
    const big = new Tensor(
      'float32',
      [100, 1000],
      Float32Array.from({ length: 100_000 }, (_, i) => i),
    );
    expect(readTensor(writeTensor(big, 'w')).data).toEqual(big.data);
  });
});

describe('typed fields', () => {
  it('are decoded by element type', () => {
    expect(read({ dataType: 1, dims: [2n], floatData: [1.5, -2] }).data).toEqual(Float32Array.of(1.5, -2));
    expect(read({ dataType: 14, dims: [1n], floatData: [1, 2] }).data).toEqual(Float32Array.of(1, 2));
    expect(read({ dataType: 11, dims: [], doubleData: [Math.PI] }).data).toEqual(Float64Array.of(Math.PI));
    expect(read({ dataType: 7, dims: [2n], int64Data: [-1n, 2n ** 62n] }).data).toEqual(BigInt64Array.of(-1n, 2n ** 62n));
    expect(read({ dataType: 13, dims: [1n], uint64Data: [2n ** 64n - 1n] }).data).toEqual(BigUint64Array.of(2n ** 64n - 1n));
    expect(read({ dataType: 12, dims: [1n], uint64Data: [0xffffffffn] }).data).toEqual(Uint32Array.of(0xffffffff));
    expect(read({ dataType: 6, dims: [1n], int32Data: [-7] }).data).toEqual(Int32Array.of(-7));
    expect(read({ dataType: 3, dims: [2n], int32Data: [-128, 127] }).data).toEqual(Int8Array.of(-128, 127));
    expect(read({ dataType: 2, dims: [2n], int32Data: [255, 0] }).data).toEqual(Uint8Array.of(255, 0));
    expect(read({ dataType: 9, dims: [3n], int32Data: [0, 1, 5] }).data).toEqual(Uint8Array.of(0, 1, 1));
    expect(read({ dataType: 10, dims: [1n], int32Data: [0x3c00] }).toNumbers()).toEqual(Float64Array.of(1));
    expect(read({ dataType: 16, dims: [1n], int32Data: [0x3f80] }).toNumbers()).toEqual(Float64Array.of(1));
    expect(read({ dataType: 17, dims: [1n], int32Data: [0x38] }).toNumbers()).toEqual(Float64Array.of(1));
    expect(read({ dataType: 22, dims: [3n], int32Data: [0xf1, 0x07] }).data).toEqual(Int8Array.of(1, -1, 7));
    expect(read({ dataType: 26, dims: [5n], int32Data: [0b11_10_01_00, 1] }).data).toEqual(Int8Array.of(0, 1, -2, -1, 1));
    expect(read({ dataType: 8, dims: [1n], stringData: [new TextEncoder().encode('ü')] }).data).toEqual(['ü']);
  });

  it('must hold what the type can', () => {
    expect(fail({ dataType: 3, dims: [1n], int32Data: [300] })).toBe(
      'FLAGOS_E_MODEL_INVALID the tensor has the element 300, which int8 cannot hold',
    );
    expect(fail({ dataType: 12, dims: [1n], uint64Data: [2n ** 32n] })).toContain('which uint32 cannot hold');
    expect(fail({ dataType: 8, dims: [1n], stringData: [Uint8Array.of(0xff)] })).toBe(
      'FLAGOS_E_MODEL_INVALID element 0 of the tensor is not UTF-8 text',
    );
  });

  it('must be the right one, as long as the shape says, and the only one', () => {
    expect(fail({ dataType: 1, dims: [2n], doubleData: [1, 2] })).toBe(
      'FLAGOS_E_MODEL_INVALID the tensor is float32, but its data is in doubleData',
    );
    expect(fail({ dataType: 1, dims: [3n], floatData: [1] })).toBe(
      'FLAGOS_E_MODEL_INVALID the tensor is float32[3] and needs 3 elements, the file has 1',
    );
    expect(fail({ dataType: 1, dims: [1n], floatData: [1], rawData: new Uint8Array(4) })).toContain('has its data twice');
    expect(fail({ dataType: 1, dims: [1n], rawData: new Uint8Array(5) })).toBe(
      'FLAGOS_E_MODEL_INVALID the tensor is float32[1] and needs 4 bytes, the file has 5',
    );
    expect(fail({ dataType: 8, dims: [1n], rawData: new Uint8Array(4) })).toContain('strings, which cannot be raw bytes');
  });
});

describe('claims are held against the data before memory is taken', () => {
  it.each([
    [[-1n], 'has a dimension of -1'],
    [[2n ** 62n], 'has a dimension of'],
    [[2n ** 40n, 2n ** 40n], 'has more elements than can be counted'],
    [[2n ** 40n], 'needs'],
    [[100_000n, 100_000n, 1000n], 'needs'],
  ])('dims %s', (dims, reason) => {
    expect(fail({ dataType: 1, dims })).toContain(reason);
    expect(fail({ dataType: 1, dims, rawData: new Uint8Array(16) })).toContain(reason);
    expect(fail({ dataType: 8, dims })).toContain(reason);
  });

  it('element types', () => {
    expect(fail({ dataType: 0, dims: [] })).toBe('FLAGOS_E_MODEL_INVALID the tensor states no element type');
    expect(fail({ dataType: 27, dims: [] })).toBe(
      'FLAGOS_E_MODEL_UNSUPPORTED the tensor has element type FLOAT6E2M3, which is not supported',
    );
    expect(fail({ dataType: 99, dims: [] })).toBe('FLAGOS_E_MODEL_INVALID the tensor has element type 99, which ONNX does not define');
    expect(fail({ dataType: 1, dims: [], segment: { begin: 0n, end: 1n } })).toContain('stored in segments');
  });

  it('an empty dimension makes an empty tensor', () => {
    expect(read({ dataType: 1, dims: [0n, 2n ** 50n] }).data).toEqual(new Float32Array(0));
  });
});

describe('where the storage lies', () => {
  const at = (offset: number): { tensor: Tensor; bytes: Uint8Array } => {
    const raw = bytesOf(Float32Array.of(1, 2, 3));
    const inner = file({ dataType: 1, dims: [3n], rawData: raw });
    const start = inner.byteLength - 12;
    // Place the file so that its data begins at `offset` modulo 8.
    const bytes = new Uint8Array(64).subarray(8 - (start % 8) + offset);
    const placed = bytes.subarray(0, inner.byteLength);
    placed.set(inner);
    return { tensor: readTensor(placed), bytes: placed };
  };

  it('a view on the file where aligned', () => {
    const { tensor, bytes } = at(4);
    expect(bytesOf(tensor.data as Float32Array).buffer).toBe(bytes.buffer);
    expect(tensor.data).toEqual(Float32Array.of(1, 2, 3));
  });

  it('a copy where not', () => {
    const { tensor, bytes } = at(1);
    expect(bytesOf(tensor.data as Float32Array).buffer).not.toBe(bytes.buffer);
    expect(tensor.data).toEqual(Float32Array.of(1, 2, 3));
  });

  it('moved within the file when its bytes may be used up', () => {
    const weights = (n: number): Float32Array => Float32Array.from({ length: 40 }, (_, i) => n * 100 + i);
    for (let pad = 0; pad < 8; pad++) {
      const initializer = [0, 1, 2, 3, 4].map((n) => ({
        name: 'w'.repeat(n + pad + 1),
        dataType: 1,
        dims: [40n],
        rawData: bytesOf(weights(n)),
      }));
      const wide = { name: 'wide', dataType: 7, dims: [3n], rawData: bytesOf(BigInt64Array.of(1n, 2n, -3n)) };
      const { graph } = model(
        { graph: { initializer: [...initializer, wide, ...initializer.map((t) => ({ ...t, name: `${t.name}b` }))] } },
        { consume: true },
      );
      const tensors = [...graph.initializers.values()];
      const buffers = new Set(tensors.filter((t) => t.dtype === 'float32').map((t) => bytesOf(t.data as Float32Array).buffer));
      expect(buffers.size).toBe(1);
      initializer.forEach((t, n) => {
        expect(graph.initializers.get(t.name)!.data).toEqual(weights(n));
        expect(graph.initializers.get(`${t.name}b`)!.data).toEqual(weights(n));
      });
      expect(graph.initializers.get('wide')!.data).toEqual(BigInt64Array.of(1n, 2n, -3n));
    }
  });

  it('large consumed weights are all views', () => {
    const initializer = [1, 2, 3, 4].map((n) => ({
      name: 'w'.repeat(n),
      dataType: 1,
      dims: [5000n],
      rawData: bytesOf(new Float32Array(5000).fill(n)),
    }));
    const { graph } = model({ graph: { initializer } }, { consume: true });
    const buffers = new Set([...graph.initializers.values()].map((t) => bytesOf(t.data as Float32Array).buffer));
    expect(buffers.size).toBe(1);
    for (const [name, t] of graph.initializers) expect((t.data as Float32Array).every((x) => x === name.length)).toBe(true);
  });

  it('reads files in a Node Buffer', () => {
    const pool = Buffer.from(file({ dataType: 7, dims: [1n], rawData: bytesOf(BigInt64Array.of(5n)) }));
    for (const shift of [0, 1, 2, 3]) {
      const at = Buffer.concat([Buffer.alloc(shift), pool]).subarray(shift);
      expect(readTensor(at).data).toEqual(BigInt64Array.of(5n));
    }
  });
});
