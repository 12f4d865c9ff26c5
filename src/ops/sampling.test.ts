import { describe, expect, it } from 'vitest';
import type { Tensor } from '../core/tensor.ts';
import { Bernoulli, Dropout, Multinomial, RandomNormal, RandomNormalLike, RandomUniform, RandomUniformLike } from './sampling.ts';
import { call, callAll, errorOf, f32, float, i32, inferred, int, ints, tensor, valuesOf } from './testing.ts';

const seed = { seed: float(3) };
const mean = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;

describe('random tensors', () => {
  const shape = { shape: ints(40, 250) };
  it('have the distribution asked for', () => {
    const n = call(RandomNormal, [], { ...shape, ...seed, mean: float(5), scale: float(2) }).toNumbers();
    expect(Math.abs(mean(n) - 5)).toBeLessThan(0.1);
    expect(Math.abs(Math.sqrt(mean(n.map((x) => (x - 5) ** 2))) - 2)).toBeLessThan(0.1);
    const u = call(RandomUniform, [], { ...shape, ...seed, low: float(-1), high: float(3), dtype: int(11) });
    expect(u.dtype).toBe('float64');
    expect(Math.abs(mean(u.toNumbers()) - 1)).toBeLessThan(0.1);
    expect(u.toNumbers().every((x) => x >= -1 && x < 3)).toBe(true);
  });
  it('repeat with a seed, and only then', () => {
    const attrs = { shape: ints(4) };
    expect(valuesOf(RandomUniform, [], { ...attrs, ...seed })).toEqual(valuesOf(RandomUniform, [], { ...attrs, ...seed }));
    expect(valuesOf(RandomUniform, [], attrs)).not.toEqual(valuesOf(RandomUniform, [], attrs));
  });
  it('take the shape, and the type unless given, of another', () => {
    const like = call(RandomNormalLike, [tensor('float16', [1, 2], [2, 1])]);
    expect([like.dtype, like.dims]).toEqual(['float16', [2, 1]]);
    expect(call(RandomUniformLike, [tensor('string', ['a'])], { dtype: int(1) }).dtype).toBe('float32');
    expect(inferred(RandomNormalLike, [i32(1, 2)], { dtype: int(16) })).toEqual([{ kind: 'tensor', dtype: 'bfloat16', shape: [2] }]);
    expect(errorOf(() => call(RandomUniformLike, [i32(1)]))).toBe('FLAGOS_E_ATTRIBUTE: random numbers of type int32 are not defined');
  });
  it('refuse negative extents', () => {
    expect(errorOf(() => call(RandomNormal, [], { shape: ints(2, -1) }))).toBe(
      "FLAGOS_E_ATTRIBUTE: attribute 'shape' is [2, -1], extents must not be negative",
    );
  });
});

describe('Bernoulli', () => {
  it('draws with the element’s own probability', () => {
    const p = tensor(
      'float32',
      Array.from({ length: 3000 }, (_, i) => (i % 3) / 2),
    );
    const y = call(Bernoulli, [p], { ...seed, dtype: int(9) });
    expect(y.dtype).toBe('bool');
    expect(y.toNumbers().every((v, i) => i % 3 === 1 || v === (i % 3) / 2)).toBe(true);
    expect(Math.abs(mean(y.toNumbers().filter((_, i) => i % 3 === 1)) - 0.5)).toBeLessThan(0.06);
  });
  it('wants probabilities', () => {
    expect(errorOf(() => call(Bernoulli, [f32(0.5, 1.5)]))).toBe("FLAGOS_E_VALUE: 'input' holds 1.5, a probability must be from 0 to 1");
    expect(errorOf(() => call(Bernoulli, [f32(NaN)]))).toBe("FLAGOS_E_VALUE: 'input' holds NaN, a probability must be from 0 to 1");
  });
});

describe('Multinomial', () => {
  it('draws classes in proportion to e^x', () => {
    const logits = tensor('float32', [Math.log(1), Math.log(3), -Infinity, 1000, 0, 0], [2, 3]);
    const y = call(Multinomial, [logits], { ...seed, sample_size: int(4000), dtype: int(7) });
    expect([y.dtype, y.dims]).toEqual(['int64', [2, 4000]]);
    const [first, second] = [y.toNumbers().subarray(0, 4000), y.toNumbers().subarray(4000)];
    expect(first.every((c) => c === 0 || c === 1)).toBe(true);
    expect(Math.abs(mean(first) - 0.75)).toBeLessThan(0.05);
    expect(second.every((c) => c === 0)).toBe(true);
  });
  it('handles empty batches and no samples', () => {
    expect(call(Multinomial, [tensor('float32', [], [0, 3])]).dims).toEqual([0, 1]);
    expect(call(Multinomial, [tensor('float32', [], [2, 0])], { sample_size: int(0) }).dims).toEqual([2, 0]);
    expect(inferred(Multinomial, [tensor('float32', [1, 2], [1, 2])], { sample_size: int(5) })).toEqual([
      { kind: 'tensor', dtype: 'int32', shape: [1, 5] },
    ]);
  });
  it('says what it cannot draw from', () => {
    expect(errorOf(() => call(Multinomial, [f32(1)]))).toBe("FLAGOS_E_SHAPE: 'input' has shape [1], it must be [batch, classes]");
    expect(errorOf(() => call(Multinomial, [tensor('float32', [], [1, 0])]))).toBe(
      "FLAGOS_E_SHAPE: 'input' has shape [1, 0], there must be a class to draw",
    );
    expect(errorOf(() => call(Multinomial, [tensor('float32', [NaN, 1], [1, 2])]))).toBe(
      "FLAGOS_E_VALUE: a row of 'input' holds no finite log-probability, or NaN",
    );
    expect(errorOf(() => call(Multinomial, [tensor('float32', [1], [1, 1])], { sample_size: int(-1) }))).toBe(
      "FLAGOS_E_ATTRIBUTE: attribute 'sample_size' is -1, it must not be negative",
    );
  });
});

describe('Dropout', () => {
  const data = tensor(
    'float32',
    Array.from({ length: 1000 }, () => 1),
  );
  const yes = tensor('bool', [true], []);
  const no = tensor('bool', [false], []);
  const half = tensor('float32', [0.5], []);
  const run = (inputs: (Tensor | undefined)[], attrs = {}): Tensor[] => callAll(Dropout, inputs, attrs) as Tensor[];

  it('is a copy in inference, whatever the ratio', () => {
    for (const inputs of [[data], [data, half], [data, half, no], [data, undefined, no]]) {
      const [output, mask] = run(inputs);
      expect(output!.data).toEqual(data.data);
      expect(mask!.toValues().every((m) => m === true)).toBe(true);
    }
  });
  it('drops and scales in training', () => {
    const [output, mask] = run([data, tensor('float32', [0.75], []), yes], { seed: int(1) });
    expect(output!.toNumbers().every((v, i) => v === (mask!.data[i] ? 4 : 0))).toBe(true);
    expect(Math.abs(mean(mask!.toNumbers()) - 0.25)).toBeLessThan(0.06);
    const [again] = run([data, tensor('float32', [0.75], []), yes], { seed: int(1) });
    expect(again!.data).toEqual(output!.data);
    const [byDefault] = run([data, undefined, yes]);
    expect(new Set(byDefault!.toValues())).toEqual(new Set([0, 2]));
  });
  it('drops nothing at ratio 0 and refuses 1', () => {
    expect(run([data, tensor('float32', [0], []), yes])[0]!.data).toEqual(data.data);
    expect(errorOf(() => run([data, tensor('float32', [1], []), yes]))).toBe("FLAGOS_E_VALUE: 'ratio' is 1, it must be from 0 to below 1");
  });
  it('infers both outputs', () => {
    expect(inferred(Dropout, [f32(1), undefined, yes], {}, 2)).toEqual([
      { kind: 'tensor', dtype: 'float32', shape: [1] },
      { kind: 'tensor', dtype: 'bool', shape: [1] },
    ]);
    expect(inferred(Dropout, [f32(1)], {}, 2)).toEqual([
      { kind: 'tensor', dtype: 'float32', shape: [1] },
      { kind: 'tensor', dtype: 'bool', shape: [1] },
    ]);
  });
});
