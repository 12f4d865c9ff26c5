import { describe, expect, it } from 'vitest';
import { BiasGelu, BiasSplitGelu, FastGelu, MsGelu, QuickGelu } from './gelu-variants.ts';
import type { OpRecord } from './define.ts';
import type { Tensor } from '../core/tensor.ts';
import { call, errorOf, f32, float, tensor } from './testing.ts';

const x = tensor('float32', [-2, -0.5, 0, 1, 3, 0.25, -1, 0.75], [2, 4]);
const bias = f32(0.5, -0.25, 1, 0);

/** onnxruntime 1.32's values. */
const expectClose = (record: OpRecord, inputs: Tensor[], expected: readonly number[], attrs = {}): void => {
  const actual = call(record, inputs, attrs).toNumbers();
  expect(actual).toHaveLength(expected.length);
  actual.forEach((v, i) => expect(Math.abs(v - expected[i]!)).toBeLessThan(5e-7));
};

describe('GELU of onnxruntime', () => {
  it('Gelu', () => {
    expectClose(
      MsGelu,
      [x],
      [
        -0.04550027847290039, -0.1542687714099884, 0, 0.8413447141647339, 2.995950222015381, 0.14967657625675201, -0.15865525603294373,
        0.5800294876098633,
      ],
    );
  });
  it('BiasGelu', () => {
    expectClose(
      BiasGelu,
      [x, bias],
      [-0.10021081566810608, -0.16997051239013672, 0.8413447141647339, 0.8413447141647339, 3.499185800552368, 0, 0, 0.5800294876098633],
    );
  });
  it('FastGelu, with a bias and without', () => {
    expectClose(
      FastGelu,
      [x],
      [
        -0.045402348041534424, -0.1542859971523285, 0, 0.8411920070648193, 2.9963626861572266, 0.14967535436153412, -0.15880796313285828,
        0.5799605846405029,
      ],
    );
    expectClose(
      FastGelu,
      [x, bias],
      [-0.10042843222618103, -0.17003944516181946, 0.8411920070648193, 0.8411920070648193, 3.4993836879730225, 0, 0, 0.5799605846405029],
    );
  });
  it('QuickGelu', () => {
    expectClose(
      QuickGelu,
      [x],
      [
        -0.06434136629104614, -0.14961157739162445, 0, 0.845795750617981, 2.981928825378418, 0.15119965374469757, -0.15420421957969666,
        0.5863900780677795,
      ],
    );
    expectClose(
      QuickGelu,
      [x],
      [
        -0.5378828644752502, -0.21891175210475922, 0, 0.6224592924118042, 2.452723264694214, 0.1328023374080658, -0.3775407075881958,
        0.4444999694824219,
      ],
      { alpha: float(0.5) },
    );
  });
  it('BiasSplitGelu multiplies the first half by GELU of the second', () => {
    // By hand: (1.5, 1.5 | 4, 4) and (−0.5, 0 | 1, 2).
    const y = tensor('float32', [1, 2, 3, 4, -1, 0.5, 0, 2], [1, 2, 4]);
    expectClose(BiasSplitGelu, [y, f32(0.5, -0.5, 1, 0)], [5.999809972549001, 5.999809972549001, -0.42067237303427146, 0]);
    expect(call(BiasSplitGelu, [y, f32(0.5, -0.5, 1, 0)]).dims).toEqual([1, 2, 2]);
    expect(errorOf(() => call(BiasSplitGelu, [f32(1, 2, 3), f32(1, 2, 3)]))).toBe(
      "FLAGOS_E_SHAPE: the last axis of 'X' must be even to be split in halves, its shape is [3]",
    );
  });
  it('wants a bias of the last axis', () => {
    expect(errorOf(() => call(BiasGelu, [x, f32(1, 2)]))).toBe("FLAGOS_E_SHAPE: 'B' has shape [2], it must be [4]");
    expect(errorOf(() => call(FastGelu, [tensor('float32', [1], []), f32(1)]))).toBe(
      "FLAGOS_E_SHAPE: 'X' has shape [], it must have at least 1 axis",
    );
  });
});
