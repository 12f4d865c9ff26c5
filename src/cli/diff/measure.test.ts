import { describe, expect, it } from 'vitest';
import { Sequence, Tensor } from '../../core/tensor.ts';
import { measure } from './measure.ts';

const f32 = (...values: number[]): Tensor => Tensor.from('float32', [values.length], values);
const byDefault = { rtol: undefined, atol: undefined };

describe('measure', () => {
  it('measures against the element, or the root mean square where that is larger', () => {
    // Root mean square of the expected: sqrt((1 + 0 + 4 + 9) / 4) = 1.8708.
    const d = measure(f32(1, 1e-4, 2, 3), f32(1, 0, 2, 3), byDefault);
    expect(d).toMatchObject({ ok: true, elements: 4, worst: { index: [1] } });
    expect(d.maxAbs).toBeCloseTo(1e-4, 9);
    expect(d.maxRel).toBeCloseTo(1e-4 / Math.sqrt(3.5), 9);
    expect(measure(f32(1, 0, 2.0003, 3), f32(1, 0, 2, 3), byDefault)).toMatchObject({ ok: false, worst: { index: [2] } });
    expect(measure(f32(1, 0, 2.0003, 3), f32(1, 0, 2, 3), { rtol: 1e-3, atol: undefined }).ok).toBe(true);
    expect(measure(f32(1, 0, 2.0003, 3), f32(1, 0, 2, 3), { rtol: 0, atol: 1e-3 }).ok).toBe(true);
  });

  it('holds narrower types to what they can hold', () => {
    const half = (v: number): Tensor => Tensor.from('float16', [1], [v]);
    expect(measure(half(1.001), half(1), byDefault).ok).toBe(true);
    expect(measure(half(1.004), half(1), byDefault).ok).toBe(false);
  });

  it('NaN equals NaN, and infinities only themselves', () => {
    expect(measure(f32(NaN, Infinity, -0), f32(NaN, Infinity, 0), byDefault)).toMatchObject({ ok: true, maxAbs: 0 });
    expect(measure(f32(NaN, 1), f32(1, 1), byDefault)).toMatchObject({
      ok: false,
      maxAbs: Infinity,
      worst: { index: [0], actual: NaN, expected: 1 },
    });
    expect(measure(f32(3e38), f32(Infinity), byDefault).ok).toBe(false);
  });

  it('names the place in every dimension', () => {
    const expected = Tensor.zeros('float32', [2, 3]);
    const actual = expected.clone();
    actual.data[4] = 1;
    expect(measure(actual, expected, byDefault)).toMatchObject({ ok: false, worst: { index: [1, 1], actual: 1, expected: 0 } });
  });

  it('holds everything else to be equal', () => {
    const ints = (v: number): Tensor => Tensor.from('int32', [1], [v]);
    expect(measure(ints(1), ints(1), byDefault)).toMatchObject({ ok: true, maxAbs: 0 });
    expect(measure(ints(1), ints(2), byDefault)).toMatchObject({ ok: false, maxAbs: 1, maxRel: Infinity });
    expect(measure(f32(1), ints(1), byDefault)).toMatchObject({ ok: false, problem: 'is float32, expected int32' });
    expect(measure(f32(1, 2), f32(1), byDefault).ok).toBe(false);
    expect(measure(undefined, f32(1), byDefault)).toMatchObject({ ok: false, problem: 'is missing' });
    expect(measure(new Sequence([f32(1)]), new Sequence([f32(1)]), byDefault).ok).toBe(true);
    expect(measure(Tensor.zeros('float32', [0]), Tensor.zeros('float32', [0]), byDefault)).toMatchObject({ ok: true, elements: 0 });
  });
});
