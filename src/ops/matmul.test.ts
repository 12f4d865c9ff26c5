import { describe, expect, it } from 'vitest';
import { Einsum } from './einsum.ts';
import { FusedMatMul } from './matmul-fused.ts';
import { MatMulNBits } from './matmul-nbits.ts';
import { Gemm, MatMul } from './matmul.ts';
import { call, errorOf, f32, float, i32, i64, int, tensor, text, valuesOf } from './testing.ts';

const zeros = (...dims: number[]): ReturnType<typeof tensor> =>
  tensor('float32', new Array<number>(dims.reduce((n, d) => n * d, 1)).fill(0), dims);

describe('MatMul', () => {
  it('takes vectors and batches as numpy does', () => {
    expect(call(MatMul, [zeros(3), zeros(2, 3, 4)]).dims).toEqual([2, 4]);
    expect(call(MatMul, [zeros(5, 1, 2, 3), zeros(4, 3, 2)]).dims).toEqual([5, 4, 2, 2]);
    expect(call(MatMul, [f32(1, 2), f32(3, 4)]).toValues()).toEqual([11]);
    expect(valuesOf(MatMul, [zeros(2, 0), zeros(0, 1)])).toEqual([0, 0]);
  });
  it('wraps integers', () => {
    expect(valuesOf(MatMul, [i32(2 ** 30, 1), i32(4, 5)])).toEqual([5]);
    expect(valuesOf(MatMul, [i64(2n ** 62n), i64(4)])).toEqual([0n]);
  });
  it('says what does not fit', () => {
    expect(errorOf(() => call(MatMul, [zeros(2, 3), zeros(2, 3)]))).toBe(
      'FLAGOS_E_SHAPE: shapes [2, 3] and [2, 3] cannot be multiplied: 3 columns meet 2 rows',
    );
    expect(errorOf(() => call(MatMul, [zeros(), zeros(1)]))).toBe("FLAGOS_E_SHAPE: 'A' has shape [], it must have at least 1 axis");
    expect(errorOf(() => call(MatMul, [zeros(2, 1, 1), zeros(3, 1, 1)]))).toBe('FLAGOS_E_SHAPE: shapes [2] and [3] do not broadcast');
  });
});

describe('Gemm', () => {
  const [a, b] = [tensor('float32', [1, 2, 3, 4], [2, 2]), tensor('float32', [1, 0, 0, 1], [2, 2])];
  it('does not read a bias that is scaled by 0', () => {
    expect(valuesOf(Gemm, [a, b, f32(NaN)], { beta: float(0) })).toEqual([1, 2, 3, 4]);
  });
  it('cuts scaled integers', () => {
    expect(valuesOf(Gemm, [tensor('int32', [3, 5], [1, 2]), tensor('int32', [1, 1], [2, 1])], { alpha: float(0.3) })).toEqual([2]);
  });
  it('takes a bias that broadcasts to the product, not more', () => {
    expect(valuesOf(Gemm, [a, b, tensor('float32', [10, 20], [2, 1])])).toEqual([11, 12, 23, 24]);
    expect(errorOf(() => call(Gemm, [a, b, zeros(2, 2, 2)]))).toBe(
      "FLAGOS_E_SHAPE: C of shape [2, 2, 2] does not broadcast to the product's shape [2, 2]",
    );
    expect(errorOf(() => call(Gemm, [a, f32(1)]))).toBe('FLAGOS_E_SHAPE: A and B must be matrices, their shapes are [2, 2] and [1]');
  });
});

describe('Einsum', () => {
  const einsum = (equation: string, ...operands: ReturnType<typeof tensor>[]): ReturnType<typeof tensor> =>
    call(Einsum, operands, { equation: text(equation) });
  it('broadcasts ellipses of different lengths', () => {
    expect(einsum('...ij,...jk->...ik', zeros(2, 1, 3, 4), zeros(5, 4, 2)).dims).toEqual([2, 5, 3, 2]);
    expect(einsum('...,...', tensor('float32', [1, 2, 3, 4], [2, 2]), f32(10, 100)).toValues()).toEqual([10, 200, 30, 400]);
  });
  it('orders an implicit output by its letters, upper case first', () => {
    expect(einsum('bA', zeros(2, 3)).dims).toEqual([3, 2]);
    expect(einsum('ba,bc', zeros(2, 3), zeros(2, 4)).dims).toEqual([3, 4]);
  });
  it('contracts several operands', () => {
    const m = tensor('int32', [1, 2, 3, 4], [2, 2]);
    expect(einsum('ij,jk,kl->il', m, m, m).toValues()).toEqual([37, 54, 81, 118]);
    expect(einsum('i,i,i->', i32(1, 2), i32(3, 4), i32(5, 6)).toValues()).toEqual([63]);
  });
  it('reads diagonals', () => {
    const m = tensor('float32', [1, 2, 3, 4], [2, 2]);
    expect(einsum('ii', m).toValues()).toEqual([5]);
    expect(einsum('ii->i', m).toValues()).toEqual([1, 4]);
  });
  it('says what is wrong with an equation', () => {
    const m = zeros(2, 3);
    expect(errorOf(() => einsum('ij->ik', m))).toBe("FLAGOS_E_ATTRIBUTE: equation 'ij->ik' has 'k' in its output only");
    expect(errorOf(() => einsum('ij->ii', m))).toBe("FLAGOS_E_ATTRIBUTE: equation 'ij->ii' has 'i' twice in its output");
    expect(errorOf(() => einsum('ij,jk', m))).toBe("FLAGOS_E_ATTRIBUTE: equation 'ij,jk' has 2 terms for 1 operands");
    expect(errorOf(() => einsum('i1', m))).toBe(
      "FLAGOS_E_ATTRIBUTE: equation 'i1' has a term 'i1' that is not letters and at most one ellipsis",
    );
    expect(errorOf(() => einsum('ijk', m))).toBe("FLAGOS_E_SHAPE: term 'ijk' of equation 'ijk' does not fit an operand of shape [2, 3]");
    expect(errorOf(() => einsum('ii', m))).toBe("FLAGOS_E_SHAPE: 'i' of equation 'ii' is 2 and 3");
  });
});

it('FusedMatMul moves the first axis behind the batch', () => {
  expect(call(FusedMatMul, [zeros(3, 2, 7, 4), zeros(2, 7, 4, 5)], { transBatchA: int(1) }).dims).toEqual([2, 7, 3, 5]);
});

describe('MatMulNBits', () => {
  const attrs = { K: int(16), N: int(1), block_size: int(16) };
  const ones = tensor('float32', new Array<number>(16).fill(1), [1, 16]);
  it('unpacks numbers that lie across bytes', () => {
    // 16 numbers of 3 bits: 1, 0, 0, … with the third, 5, in the last bits of byte 0 and the first of byte 1.
    const bytes = tensor('uint8', [0b01000001, 0b1, 0, 0, 0, 0], [1, 1, 6]);
    expect(
      valuesOf(MatMulNBits, [ones, bytes, tensor('float32', [0.5], [1, 1]), tensor('uint8', [0], [1, 1])], { ...attrs, bits: int(3) }),
    ).toEqual([3]);
  });
  it('has a zero point in the middle by default', () => {
    const bytes = tensor('uint8', new Array<number>(8).fill(0x98), [1, 1, 8]);
    expect(valuesOf(MatMulNBits, [ones, bytes, tensor('float32', [2], [1, 1])], attrs)).toEqual([16]);
  });
  it('gives the bias alone for weights that are left out', () => {
    expect(
      valuesOf(MatMulNBits, [ones, tensor('uint8', [], [0, 1, 8]), tensor('float32', []), undefined, undefined, f32(3)], attrs),
    ).toEqual([3]);
  });
  it('says what it cannot read', () => {
    expect(errorOf(() => call(MatMulNBits, [ones, tensor('uint8', [1], [1, 1, 1]), f32(1)], attrs))).toBe(
      "FLAGOS_E_SHAPE: 'B' has shape [1, 1, 1], it must be [1, 1, 8]",
    );
    expect(errorOf(() => call(MatMulNBits, [ones, tensor('uint8', [1]), f32(1)], { ...attrs, weight_prepacked: int(1) }))).toBe(
      'FLAGOS_E_UNSUPPORTED: weights in a layout made for one chip (weight_prepacked) can only be read there',
    );
  });
});
