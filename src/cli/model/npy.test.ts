/** Files below were written by numpy 2 (`numpy.save`) on a little-endian machine. */
import { describe, expect, it } from 'vitest';
import { Tensor } from '../../core/tensor.ts';
import { convertTo, readNpy, writeNpy } from './npy.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(text.match(/../g) ?? [], (b) => parseInt(b, 16));
const header = (text: string, data: string): Uint8Array =>
  Uint8Array.from([...hex('934e554d505901007600'), ...new TextEncoder().encode(`${text.padEnd(117)}\n`), ...hex(data)]);

const floats = header("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }", '0000c03f000000c0');
const bigEndian = header("{'descr': '>i8', 'fortran_order': False, 'shape': (2,), }", '00000000000000010000000000000002');
const scalar = header("{'descr': '|b1', 'fortran_order': False, 'shape': (), }", '01');
// numpy.save of numpy.asfortranarray([[0, 1, 2], [3, 4, 5]]), as bytes.
const fortran = header("{'descr': '|i1', 'fortran_order': True, 'shape': (2, 3), }", '000301040205');

describe('npy', () => {
  it('reads what numpy writes', () => {
    expect(readNpy(floats, 'x')).toEqual(new Tensor('float32', [1, 2], Float32Array.of(1.5, -2)));
    expect(readNpy(bigEndian, 'x')).toEqual(new Tensor('int64', [2], BigInt64Array.of(1n, 2n)));
    expect(readNpy(scalar, 'x')).toEqual(new Tensor('bool', [], Uint8Array.of(1)));
    expect(readNpy(fortran, 'x')).toEqual(new Tensor('int8', [2, 3], Int8Array.of(0, 1, 2, 3, 4, 5)));
  });

  it('writes what numpy would have written, byte for byte', () => {
    expect(writeNpy(new Tensor('float32', [1, 2], Float32Array.of(1.5, -2)))).toEqual(floats);
    expect(writeNpy(new Tensor('bool', [], Uint8Array.of(1)))).toEqual(scalar);
    expect(writeNpy(new Tensor('string', [1], ['a']))).toBeUndefined();
    expect(writeNpy(Tensor.zeros('bfloat16', [1]))).toBeUndefined();
  });

  it('gives back every type NumPy has', () => {
    for (const dtype of [
      'float16',
      'float32',
      'float64',
      'int8',
      'int16',
      'int32',
      'int64',
      'uint8',
      'uint16',
      'uint32',
      'uint64',
      'bool',
      'complex64',
      'complex128',
    ] as const) {
      const t = Tensor.zeros(dtype, [2, 0, 3]);
      expect(readNpy(writeNpy(t)!, dtype)).toEqual(t);
      const one = Tensor.zeros(dtype, [3]);
      expect(readNpy(writeNpy(one)!, dtype)).toEqual(one);
    }
  });

  it('says what is wrong with a file', () => {
    expect(() => readNpy(hex('00112233'), 'a.npy')).toThrow('a.npy is no .npy file');
    expect(() => readNpy(hex('934e554d505901'), 'a.npy')).toThrow('a.npy is cut off');
    expect(() => readNpy(floats.subarray(0, floats.length - 1), 'a.npy')).toThrow('a.npy should hold 8 bytes of elements and holds 7');
    expect(() => readNpy(header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -2), }", '00'.repeat(8)), 'a.npy')).toThrow(
      'a.npy has a shape that is none',
    );
    expect(() => readNpy(header("{'descr': '<U3', 'fortran_order': False, 'shape': (1,), }", ''), 'a.npy')).toThrow(
      "a.npy has elements of numpy type 'U3'",
    );
    expect(() => readNpy(header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", ''), 'a.npy')).toThrow(
      'a.npy holds no plain array',
    );
    expect(() => readNpy(header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }", ''), 'a.npy')).toThrow(
      'a.npy should hold',
    );
  });
});

describe('convertTo', () => {
  it('rounds floats and widens integers', () => {
    expect(convertTo(new Tensor('float64', [1], Float64Array.of(0.1)), 'float32', 'x').data).toEqual(Float32Array.of(Math.fround(0.1)));
    expect(convertTo(new Tensor('int64', [2], BigInt64Array.of(-1n, 3n)), 'int32', 'x').data).toEqual(Int32Array.of(-1, 3));
    expect(convertTo(new Tensor('int32', [1], Int32Array.of(7)), 'int64', 'x').data).toEqual(BigInt64Array.of(7n));
    expect(convertTo(new Tensor('int64', [1], BigInt64Array.of(2n)), 'float32', 'x').data).toEqual(Float32Array.of(2));
  });

  it('refuses what would change values', () => {
    expect(() => convertTo(new Tensor('int64', [1], BigInt64Array.of(2n ** 40n)), 'int32', 'x')).toThrow(
      'x holds int64 values that do not fit into int32',
    );
    expect(() => convertTo(new Tensor('int64', [1], BigInt64Array.of(-1n)), 'uint64', 'x')).toThrow('do not fit into uint64');
    expect(() => convertTo(new Tensor('float32', [1], Float32Array.of(1.5)), 'int32', 'x')).toThrow(
      'x holds float32, the input takes int32',
    );
    expect(() => convertTo(new Tensor('string', [1], ['1']), 'float32', 'x')).toThrow('x holds string, the input takes float32');
  });
});
