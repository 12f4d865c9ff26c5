import { describe, expect, it } from 'vitest';
import { FlagosError } from './errors.ts';
import { bytesOf, describeValue, MapValue, Sequence, sizeOf, stridesOf, Tensor } from './tensor.ts';

const codeOf = (f: () => unknown): string | undefined => {
  try {
    f();
  } catch (e) {
    if (e instanceof FlagosError) return e.code;
    throw e;
  }
  return undefined;
};

describe('shapes', () => {
  it('have sizes and row-major strides', () => {
    expect([sizeOf([]), sizeOf([2, 3]), sizeOf([2, 0, 3])]).toEqual([1, 6, 0]);
    expect([stridesOf([]), stridesOf([2, 3, 4]), stridesOf([5])]).toEqual([[], [12, 4, 1], [1]]);
  });
});

describe('a tensor', () => {
  it('checks its storage', () => {
    expect(new Tensor('float32', [2, 2], new Float32Array(4)).size).toBe(4);
    expect(codeOf(() => new Tensor('float32', [2, 2], new Float64Array(4)))).toBe('FLAGOS_E_DTYPE');
    expect(codeOf(() => new Tensor('string', [1], new Uint8Array(1)))).toBe('FLAGOS_E_DTYPE');
    expect(codeOf(() => new Tensor('float32', [2, 2], new Float32Array(3)))).toBe('FLAGOS_E_SHAPE');
    expect(codeOf(() => new Tensor('complex64', [2], new Float32Array(2)))).toBe('FLAGOS_E_SHAPE');
    expect(codeOf(() => new Tensor('float32', [-1, -1], new Float32Array(1)))).toBe('FLAGOS_E_SHAPE');
    expect(codeOf(() => Tensor.zeros('float32', [-2]))).toBe('FLAGOS_E_SHAPE');
    expect(codeOf(() => Tensor.zeros('float32', [0.5]))).toBe('FLAGOS_E_SHAPE');
    expect(() => new Tensor('float32', [2], [''] as string[])).toThrow('float32 data must be Float32Array, not Array');
  });

  it('is made from plain values', () => {
    expect(Tensor.from('float16', [3], [1, 0.1, 1e6]).data).toEqual(Uint16Array.of(0x3c00, 0x2e66, 0x7c00));
    expect(Tensor.from('int64', [2], [1, -(2n ** 63n)]).data).toEqual(BigInt64Array.of(1n, -(2n ** 63n)));
    expect(Tensor.from('bool', [3], [true, 5, 0]).data).toEqual(Uint8Array.of(1, 1, 0));
    expect(Tensor.from('int4', [2], [-8, 7n]).data).toEqual(Int8Array.of(-8, 7));
    expect(Tensor.from('string', [2], ['a', 1]).data).toEqual(['a', '1']);
    expect(Tensor.scalar('float64', 2).dims).toEqual([]);
  });

  it('refuses values that do not fit', () => {
    expect(codeOf(() => Tensor.from('int8', [1], [128]))).toBe('FLAGOS_E_VALUE');
    expect(codeOf(() => Tensor.from('uint4', [1], [-1]))).toBe('FLAGOS_E_VALUE');
    expect(codeOf(() => Tensor.from('int32', [1], [0.5]))).toBe('FLAGOS_E_VALUE');
    expect(codeOf(() => Tensor.from('int64', [1], ['x']))).toBe('FLAGOS_E_VALUE');
    expect(codeOf(() => Tensor.from('uint64', [1], [2n ** 64n]))).toBe('FLAGOS_E_VALUE');
    expect(codeOf(() => Tensor.from('float32', [2], [1]))).toBe('FLAGOS_E_SHAPE');
    expect(codeOf(() => Tensor.from('complex64', [1], [1]))).toBe('FLAGOS_E_DTYPE');
  });

  it('gives its elements as numbers and as values', () => {
    expect([...Tensor.from('bfloat16', [2], [1.5, -2]).toNumbers()]).toEqual([1.5, -2]);
    expect([...Tensor.from('uint64', [1], [2n ** 63n]).toNumbers()]).toEqual([2 ** 63]);
    expect(Tensor.from('int64', [1], [2n ** 62n + 1n]).toValues()).toEqual([2n ** 62n + 1n]);
    expect(Tensor.from('bool', [2], [true, false]).toValues()).toEqual([true, false]);
    expect(Tensor.from('float8e4m3fn', [1], [448]).toValues()).toEqual([448]);
    expect(Tensor.from('string', [1], ['a']).toValues()).toEqual(['a']);
    expect(codeOf(() => Tensor.from('string', [1], ['1']).toNumbers())).toBe('FLAGOS_E_DTYPE');
    expect(codeOf(() => Tensor.zeros('complex64', [1]).toNumbers())).toBe('FLAGOS_E_DTYPE');
  });

  it('shares storage when reshaped, not when cloned', () => {
    const x = Tensor.from('float32', [2, 3], [1, 2, 3, 4, 5, 6]);
    expect(x.reshaped([3, 2]).data).toBe(x.data);
    expect(codeOf(() => x.reshaped([4]))).toBe('FLAGOS_E_SHAPE');
    const copy = x.clone();
    expect(copy.data).toEqual(x.data);
    expect(copy.data).not.toBe(x.data);
    expect([x.byteLength, Tensor.zeros('string', [2]).byteLength]).toEqual([24, 0]);
  });
});

it('raw bytes are a view', () => {
  const data = new Uint16Array(Uint16Array.of(1, 2, 3).buffer, 2, 2);
  expect(bytesOf(data)).toEqual(Uint8Array.of(2, 0, 3, 0));
  bytesOf(data)[0] = 9;
  expect(data[0]).toBe(9);
});

it('values are described in one line', () => {
  expect([null, Tensor.zeros('int8', [2, 3]), new Sequence([null]), new MapValue(new Map())].map(describeValue)).toEqual([
    'empty optional',
    'int8[2,3]',
    'sequence of 1',
    'map of 0',
  ]);
});
