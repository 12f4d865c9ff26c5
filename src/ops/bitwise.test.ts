import { describe, expect, it } from 'vitest';
import { dtypeInfo } from '../core/dtype.ts';
import { Tensor } from '../core/tensor.ts';
import { BitCast, BitShift, BitwiseNot, BitwiseXor } from './bitwise.ts';
import { call, errorOf, f32, i32, i64, inferred, int, tensor, text, valuesOf } from './testing.ts';

const to = (dtype: Tensor['dtype']): { to: ReturnType<typeof int> } => ({ to: int(dtypeInfo(dtype).onnx) });

describe('BitShift', () => {
  const left = { direction: text('LEFT') };
  const right = { direction: text('RIGHT') };
  it('leaves only the fill when the amount is outside the width', () => {
    expect(valuesOf(BitShift, [tensor('uint8', [255, 255, 1]), tensor('uint8', [8, 200, 7])], right)).toEqual([0, 0, 0]);
    expect(valuesOf(BitShift, [tensor('uint8', [255, 255, 1]), tensor('uint8', [8, 200, 7])], left)).toEqual([0, 0, 128]);
    expect(valuesOf(BitShift, [i32(-8, -8, 8, -8), i32(1, 32, 40, -1)], right)).toEqual([-4, -1, 0, -1]);
    expect(valuesOf(BitShift, [i32(-8, 1, 3, 5), i32(1, 31, 32, -1)], left)).toEqual([-16, -(2 ** 31), 0, 0]);
    expect(valuesOf(BitShift, [i64(-1, 1), i64(64, 63)], right)).toEqual([-1n, 0n]);
    expect(valuesOf(BitShift, [tensor('uint64', [1]), tensor('uint64', [2n ** 63n])], left)).toEqual([0n]);
  });
  it('needs a direction', () => {
    expect(errorOf(() => call(BitShift, [i32(1), i32(1)]))).toBe("FLAGOS_E_ATTRIBUTE: attribute 'direction' is required");
    expect(errorOf(() => call(BitShift, [i32(1), i32(1)], { direction: text('UP') }))).toBe(
      "FLAGOS_E_ATTRIBUTE: attribute 'direction' is 'UP', it must be one of LEFT, RIGHT",
    );
  });
});

it('bitwise ops keep the width', () => {
  expect(valuesOf(BitwiseNot, [tensor('uint16', [0, 65535])])).toEqual([65535, 0]);
  expect(valuesOf(BitwiseNot, [tensor('uint64', [0])])).toEqual([2n ** 64n - 1n]);
  expect(valuesOf(BitwiseXor, [tensor('uint32', [2 ** 32 - 1]), tensor('uint32', [1])])).toEqual([2 ** 32 - 2]);
});

describe('BitCast', () => {
  it('keeps every bit, those of NaNs too', () => {
    const half = Uint16Array.of(0x7e01, 0xfe02, 0x7c00, 0x8000, 0x3c00);
    expect(call(BitCast, [new Tensor('float16', [5], half)], to('uint16')).data).toEqual(half);
    expect(call(BitCast, [new Tensor('uint16', [5], half)], to('float16')).data).toEqual(half);
    expect(call(BitCast, [new Tensor('float16', [5], half)], to('bfloat16')).data).toEqual(half);
    const bytes = Uint8Array.of(0x7f, 0xff, 0x80, 0);
    expect(call(BitCast, [new Tensor('float8e4m3fn', [4], bytes)], to('float8e5m2')).data).toEqual(bytes);
    expect(valuesOf(BitCast, [f32(1, -0)], to('int32'))).toEqual([0x3f800000, -(2 ** 31)]);
    expect(valuesOf(BitCast, [tensor('float64', [1])], to('uint64'))).toEqual([0x3ff0000000000000n]);
  });
  it('knows types narrower than a byte', () => {
    expect(valuesOf(BitCast, [tensor('int4', [-8, -1, 7])], to('uint4'))).toEqual([8, 15, 7]);
    expect(valuesOf(BitCast, [tensor('uint4', [8, 15, 7])], to('float4e2m1'))).toEqual([-0, -6, 6]);
    expect(valuesOf(BitCast, [tensor('uint2', [3, 2])], to('int2'))).toEqual([-1, -2]);
    expect(valuesOf(BitCast, [tensor('bool', [true, false])], to('uint8'))).toEqual([1, 0]);
  });
  it('reads complex numbers as 64 bits', () => {
    const complex = new Tensor('complex64', [1], Float32Array.of(1, 2));
    const packed = call(BitCast, [complex], to('uint64'));
    expect(packed.toValues()).toEqual([0x400000003f800000n]);
    expect(call(BitCast, [packed], to('complex64')).data).toEqual(complex.data);
    expect(inferred(BitCast, [complex], to('int64'))).toEqual([{ kind: 'tensor', dtype: 'int64', shape: [1] }]);
  });
  it('refuses other widths', () => {
    expect(errorOf(() => call(BitCast, [f32(1)], to('float64')))).toBe(
      'FLAGOS_E_DTYPE: float32 has 32 bits and float64 has 64, they must have as many',
    );
    expect(errorOf(() => call(BitCast, [tensor('int4', [1])], to('int8')))).toBe(
      'FLAGOS_E_DTYPE: int4 has 4 bits and int8 has 8, they must have as many',
    );
    expect(errorOf(() => call(BitCast, [f32(1)], to('string')))).toBe("FLAGOS_E_ATTRIBUTE: attribute 'to' is string, which has no bits");
    expect(errorOf(() => call(BitCast, [f32(1)], { to: int(77) }))).toBe(
      "FLAGOS_E_ATTRIBUTE: attribute 'to' is 77, which is no ONNX element type",
    );
  });
});
