import { describe, expect, it } from 'vitest';
import type { Tensor } from '../core/tensor.ts';
import { Attention } from './attention.ts';
import { GroupQueryAttention } from './gqa.ts';
import { MsAttention, MultiHeadAttention } from './ms-attention.ts';
import { RotaryEmbedding } from './rotary.ts';
import { call, callAll, errorOf, f32, float, i32, i64, int, tensor, text, valuesOf } from './testing.ts';

const expectClose = (actual: readonly unknown[], expected: readonly number[]): void => {
  expect(actual.length).toBe(expected.length);
  actual.forEach((v, i) => expect(v).toBeCloseTo(expected[i]!, 5));
};
const zeros = (...dims: number[]): Tensor => tensor('float32', new Array<number>(dims.reduce((n, d) => n * d, 1)).fill(0), dims);
/** One head with the identity as values: results show which keys are seen, and with what weight. */
const identity = (n: number): Tensor =>
  tensor(
    'float32',
    Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0)),
    [1, 1, n, n],
  );
const seen = (attrs: Parameters<typeof call>[2], queries = 3, ...rest: (Tensor | undefined)[]): unknown[] =>
  valuesOf(Attention, [zeros(1, 1, queries, 3), zeros(1, 1, 3, 3), identity(3), ...rest], attrs).map((v) => Number(v) > 0);

describe('Attention', () => {
  it('sees a window to both sides', () => {
    expect(seen({ left_window_size: int(1) })).toEqual([true, true, true, true, true, true, false, true, true]);
    expect(seen({ right_window_size: int(0), left_window_size: int(0) })).toEqual([
      true,
      false,
      false,
      false,
      true,
      false,
      false,
      false,
      true,
    ]);
  });
  it('ends at the last key that is not padding', () => {
    expect(seen({ is_causal: int(1) }, 1, undefined, undefined, undefined, i64(2))).toEqual([true, true, false]);
    expect(seen({ is_causal: int(1) }, 3, undefined, undefined, undefined, i64(1))).toEqual([
      false,
      false,
      false,
      false,
      false,
      false,
      true,
      false,
      false,
    ]);
  });
  it('hides keys that a short mask does not reach', () => {
    expect(seen({}, 1, tensor('bool', [true, false], [1, 2]))).toEqual([true, false, false]);
    expect(seen({}, 1, tensor('float32', [0], [1]))).toEqual([true, false, false]);
  });
  it('gives zeros where nothing is seen, whatever the keys hold', () => {
    const broken = tensor('float32', [NaN, NaN, NaN, Infinity, 0, 0, 0, 0, 0], [1, 1, 3, 3]);
    expect(valuesOf(Attention, [zeros(1, 1, 1, 3), broken, identity(3), tensor('bool', [false, false, true], [1, 3])])).toEqual([0, 0, 1]);
    expect(
      valuesOf(Attention, [zeros(1, 1, 1, 3), broken, identity(3), tensor('float32', [-Infinity, -Infinity, -Infinity], [1, 3])]),
    ).toEqual([0, 0, 0]);
  });
  it('says what does not fit', () => {
    const q = zeros(1, 1, 3, 3);
    expect(errorOf(() => call(Attention, [q, zeros(1, 1, 3, 2), q]))).toBe(
      'FLAGOS_E_SHAPE: queries [1, 1, 3, 3], keys [1, 1, 3, 2] and values [1, 1, 3, 3] (batch, heads, length, size) do not fit together',
    );
    expect(errorOf(() => call(Attention, [zeros(1, 3, 3, 3), zeros(1, 2, 3, 3), zeros(1, 2, 3, 3)]))).toBe(
      'FLAGOS_E_SHAPE: 3 query heads are not a multiple of 2 key heads',
    );
    expect(errorOf(() => call(Attention, [zeros(1, 3, 4), zeros(1, 3, 4), zeros(1, 3, 4)]))).toBe(
      "FLAGOS_E_ATTRIBUTE: 'Q' has 3 axes, so attributes 'q_num_heads' and 'kv_num_heads' are needed",
    );
    expect(errorOf(() => call(Attention, [q, q, q, undefined, q]))).toBe(
      "FLAGOS_E_MODEL_INVALID: has only one of 'past_key' and 'past_value', they go together",
    );
    expect(errorOf(() => call(Attention, [q, q, q, zeros(2, 3)]))).toBe(
      "FLAGOS_E_SHAPE: 'attn_mask' of shape [2, 3] does not broadcast to the scores' shape [1, 1, 3, 3]",
    );
  });
});

describe('RotaryEmbedding', () => {
  it('refuses positions the tables do not have', () => {
    const [x, table] = [zeros(1, 1, 1, 2), zeros(4, 1)];
    expect(errorOf(() => call(RotaryEmbedding, [x, table, table, tensor('int64', [4], [1, 1])]))).toBe(
      'FLAGOS_E_VALUE: position 4 is outside of the tables of 4 positions',
    );
  });
});

// Values from onnxruntime 1.32.
describe('attention of com.microsoft', () => {
  const q = tensor('float32', [1, 0, 0, 1, 1, 1], [1, 3, 2]);
  const kv = tensor('float32', [1, 2, 3, -1, 0, 1], [1, 3, 2]);
  it('masks by lengths, and by ends and starts', () => {
    expectClose(
      valuesOf(MultiHeadAttention, [q, kv, kv, undefined, i32(2)], { num_heads: int(1) }),
      [2.60886, -0.413289, 1.214084, 1.678874, 1.660477, 1.009285],
    );
    const merged = tensor('float32', [1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 1], [2, 6]);
    expectClose(
      valuesOf(MsAttention, [kv, merged, undefined, i32(3, 1)], { num_heads: int(1) }),
      [0.990715, 0.339523, 2.998744, -0.999163, 0.586711, 0.608859],
    );
  });
  it('masks what is still to come', () => {
    expectClose(
      valuesOf(MultiHeadAttention, [q, kv, kv], { num_heads: int(2), unidirectional: int(1) }),
      [1, 2, 2, 1.857722, 2.645579, 1.635146],
    );
  });
  it('takes queries, keys and values packed together', () => {
    const packed = tensor('float32', [1, 0, 1, 2, 5, 6, 0, 1, 3, -1, 7, 8], [1, 2, 1, 3, 2]);
    const [k, v] = [tensor('float32', [1, 2, 3, -1], [1, 2, 2]), tensor('float32', [5, 6, 7, 8], [1, 2, 2])];
    const apart = valuesOf(MultiHeadAttention, [tensor('float32', [1, 0, 0, 1], [1, 2, 2]), k, v], { num_heads: int(1) });
    expect(valuesOf(MultiHeadAttention, [packed], { num_heads: int(1) })).toEqual(apart);
  });
  it('puts new keys where the sequence ends', () => {
    const first = (values: number[]): number[] => values.flatMap((v) => [v, ...new Array<number>(15).fill(0)]);
    const one = (v: number): Tensor => tensor('float32', first([v]), [1, 1, 16]);
    const past = (values: number[]): Tensor => tensor('float32', first(values), [1, 1, 2, 16]);
    const inputs = [one(1), one(3), one(3), past([1, 2]), past([10, 20]), i32(2), tensor('int32', [3], [])];
    const attrs = { num_heads: int(1), kv_num_heads: int(1), scale: float(1) };
    const [y, k, v] = callAll(GroupQueryAttention, inputs, attrs, 3).map((t) => (t as Tensor).toNumbers());
    expect(y![0]).toBeCloseTo(7.790597, 5);
    expect([k!.filter((e) => e !== 0), v!.filter((e) => e !== 0)].map((e) => [...e])).toEqual([
      [1, 2, 3],
      [10, 20, 3],
    ]);
    expect(call(GroupQueryAttention, inputs, { ...attrs, local_window_size: int(2) }).toNumbers()[0]).toBeCloseTo(7.572004, 5);
  });
  it('says what cannot be run', () => {
    const inputs = [zeros(1, 1, 2), zeros(1, 1, 2), zeros(1, 1, 2), undefined, undefined, i32(0), i32(1)];
    const attrs = { num_heads: int(1), kv_num_heads: int(1) };
    expect(errorOf(() => call(GroupQueryAttention, inputs, { ...attrs, k_quant_type: text('PER_TENSOR') }))).toBe(
      'FLAGOS_E_UNSUPPORTED: a quantized cache cannot be run here',
    );
    expect(errorOf(() => call(GroupQueryAttention, inputs, { num_heads: int(3), kv_num_heads: int(2) }))).toBe(
      "FLAGOS_E_ATTRIBUTE: 'num_heads' 3 must be a positive multiple of 'kv_num_heads' 2",
    );
    expect(errorOf(() => call(MultiHeadAttention, [q, kv, kv, undefined, f32(1)], { num_heads: int(1) }))).toBe(
      "FLAGOS_E_DTYPE: input 'key_padding_mask' is float32, allowed are int32",
    );
  });
});
