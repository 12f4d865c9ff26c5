/** For tests: transposed convolutions whose places take different numbers of points, of an image with an infinity and a NaN. */
import type { NumericData } from '../../core/dtype.ts';
import { Tensor } from '../../core/tensor.ts';
import { ConvTranspose } from '../../ops/conv-transpose.ts';
import type { OpContext } from '../../ops/define.ts';
import { InputTensor, type TensorExpr } from '../tensor-expr.ts';
import { randomData, runJs } from './compile.test-util.ts';

export interface Shape {
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly strides: readonly number[];
  readonly group?: number;
}

export const shapes: Readonly<Record<string, Shape>> = {
  'two axes, two sets of places each': { x: [1, 3, 9, 8], w: [3, 40, 3, 3], strides: [2, 2] },
  'one axis cut, the other not': { x: [1, 3, 9, 8], w: [3, 4, 3, 2], strides: [2, 3] },
  'places without a point': { x: [2, 4, 5, 6], w: [4, 5, 2, 1], strides: [3, 2] },
  depthwise: { x: [1, 17, 10, 10], w: [17, 1, 3, 3], strides: [2, 2], group: 17 },
  'one map of many channels': { x: [1, 24, 20, 20], w: [24, 1, 5, 5], strides: [4, 4] },
};

export const inputsOf = ({ x, w }: Shape): InputTensor[] => [new InputTensor('x', 'float32', x), new InputTensor('w', 'float32', w)];

export const transposed = ([X, W]: readonly InputTensor[], { strides, group = 1 }: Shape): TensorExpr => {
  const attrs = {
    auto_pad: 'NOTSET' as const,
    dilations: undefined,
    pads: strides.flatMap(() => [1, 0]),
    strides,
    group,
    kernel_shape: undefined,
    output_padding: undefined,
    output_shape: undefined,
  };
  return ConvTranspose.compute!({ X: X!, W: W!, B: undefined }, attrs, {} as OpContext) as TensorExpr;
};

export interface InfiniteCase {
  readonly inputs: readonly InputTensor[];
  readonly data: readonly NumericData[];
  readonly outputs: readonly TensorExpr[];
}

/** The convolution with weights given for each run, and with weights that are known (and packed) before. */
export const infiniteCases = (shape: Shape): InfiniteCase[] => {
  const data = inputsOf(shape).map((t, i) => randomData(t, i + 1));
  const image = data[0]!;
  image[7] = Infinity;
  image[image.length - 3] = NaN;
  const known = new InputTensor('w', 'float32', shape.w, new Tensor('float32', shape.w, data[1]!));
  return [inputsOf(shape), [inputsOf(shape)[0]!, known]].map((inputs) => ({ inputs, data, outputs: [transposed(inputs, shape)] }));
};

/** Results that differ from what the expression gives step by step in float64; NaN and infinities must stand in the same places. */
export const wrongIn = ({ inputs, data, outputs }: InfiniteCase, got: NumericData): number[] => {
  const want = runJs(inputs, outputs, data)[0]!;
  const differs = (y: number, g: number): boolean => (Number.isFinite(y) ? !(Math.abs(g - y) < 1e-4) : !Object.is(g, y));
  return Array.from(got, Number).filter((g, i) => differs(Number(want[i]), g));
};
