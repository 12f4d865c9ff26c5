/** Cases of the op benchmark as TensorFlow.js calls, images channels-last, weights in its own order. */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '../../src/core/tensor.ts';
import type { OpCase } from './op-case.ts';

export interface TfjsCall {
  readonly run: () => tf.Tensor;
  /** The result is to be brought into channels-first before it is compared. */
  readonly channelsLast: boolean;
  /** Tensors in another layout that were made beforehand. */
  readonly kept: readonly tf.Tensor[];
}

type Pair = [number, number];
const ints = (c: OpCase, name: string, or: readonly number[]): number[] => {
  const a = c.attrs[name];
  return a?.type === 'ints' ? a.value.map(Number) : [...or];
};
const int = (c: OpCase, name: string, or: number): number => {
  const a = c.attrs[name];
  return a?.type === 'int' ? Number(a.value) : or;
};
const text = (c: OpCase, name: string): string | undefined => {
  const a = c.attrs[name];
  return a?.type === 'string' ? a.value : undefined;
};
const listOf = (t: Tensor | undefined): number[] => (t ? Array.from(t.data as ArrayLike<number | bigint>, Number) : []);

const window = (c: OpCase): { strides: Pair; pad: tf.backend_util.ExplicitPadding } => {
  const [top, left, bottom, right] = ints(c, 'pads', [0, 0, 0, 0]) as [number, number, number, number];
  return {
    strides: ints(c, 'strides', [1, 1]) as Pair,
    pad: [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ],
  };
};

const flat = (run: () => tf.Tensor): TfjsCall => ({ run, channelsLast: false, kept: [] });
const image = (kept: readonly tf.Tensor[], run: () => tf.Tensor): TfjsCall => ({ run, channelsLast: true, kept });
const last = (x: tf.Tensor): tf.Tensor4D => tf.transpose(x as tf.Tensor4D, [0, 2, 3, 1]);

const conv = (c: OpCase, [x, w, bias]: readonly tf.Tensor[]): TfjsCall => {
  const depthwise = int(c, 'group', 1) > 1;
  const [input, filter] = [last(x!), tf.transpose(w as tf.Tensor4D, depthwise ? [2, 3, 0, 1] : [2, 3, 1, 0])];
  const { strides, pad } = window(c);
  // The types leave explicit padding out; the kernels take it, as `conv2d` does.
  const call = { x: input, filter, bias: bias!, strides, pad: pad as unknown as number };
  return image([input, filter], () => (depthwise ? tf.fused.depthwiseConv2d(call) : tf.fused.conv2d(call)));
};

const resize = (c: OpCase, x: tf.Tensor, scales: readonly number[]): TfjsCall => {
  const input = last(x);
  const size = [1, 2].map((i) => input.shape[i]! * scales[i + 1]!) as Pair;
  return image([input], () =>
    text(c, 'mode') === 'linear'
      ? tf.image.resizeBilinear(input, size, false, true)
      : tf.image.resizeNearestNeighbor(input, size, false, false),
  );
};

const slice = (x: tf.Tensor, [starts, ends, axes, steps]: readonly (readonly number[])[]): TfjsCall => {
  const [begin, end, stride] = [x.shape.map(() => 0), [...x.shape], x.shape.map(() => 1)];
  axes!.forEach((axis, i) => {
    begin[axis] = starts![i]!;
    end[axis] = ends![i]!;
    stride[axis] = steps?.[i] ?? 1;
  });
  const size = end.map((e, i) => e - begin[i]!);
  return flat(stride.every((s) => s === 1) ? () => tf.slice(x, begin, size) : () => tf.stridedSlice(x, begin, end, stride));
};

const unary: Readonly<Record<string, (x: tf.Tensor) => tf.Tensor>> = {
  Relu: tf.relu,
  Sigmoid: tf.sigmoid,
  Tanh: tf.tanh,
  Erf: tf.erf,
  Exp: tf.exp,
  Log: tf.log,
  Sqrt: tf.sqrt,
};
const reductions: Readonly<Record<string, (x: tf.Tensor, axes: number[]) => tf.Tensor>> = {
  ReduceSum: tf.sum,
  ReduceMean: tf.mean,
  ReduceMax: tf.max,
};

/** @param values the operands on the host. @returns undefined where TensorFlow.js has no such op. */
export const inTfjs = (c: OpCase, operands: readonly tf.Tensor[], values: readonly (Tensor | undefined)[]): TfjsCall | undefined => {
  const [a, b, d] = operands as [tf.Tensor, tf.Tensor, tf.Tensor];
  if (Object.hasOwn(unary, c.op)) return flat(() => unary[c.op]!(a));
  if (Object.hasOwn(reductions, c.op)) return flat(() => reductions[c.op]!(a, listOf(values[1])));
  switch (c.op) {
    case 'MatMul':
      return flat(() => tf.matMul(a, b));
    case 'Gemm': {
      // Its dense layers keep weights as [in, out]. (With transposed weights the WebAssembly backend of 4.22 adds the bias wrongly.)
      const w = int(c, 'transB', 0) === 1 ? tf.transpose(b) : tf.clone(b);
      return { ...flat(() => tf.fused.matMul({ a, b: w, bias: d })), kept: [w] };
    }
    case 'Conv':
      return conv(c, operands);
    case 'MaxPool':
    case 'AveragePool': {
      const x = last(a);
      const { strides, pad } = window(c);
      const size = ints(c, 'kernel_shape', []) as Pair;
      return image([x], c.op === 'MaxPool' ? () => tf.maxPool(x, size, strides, pad) : () => tf.avgPool(x, size, strides, pad));
    }
    case 'GlobalAveragePool': {
      const x = last(a);
      return { ...flat(() => tf.mean(x, [1, 2])), kept: [x] };
    }
    case 'BatchNormalization': {
      const x = last(a);
      const [scale, offset, mean, variance] = operands.slice(1) as tf.Tensor1D[];
      return image([x], () => tf.batchNorm(x, mean!, variance!, offset, scale, 1e-5));
    }
    case 'Resize':
      return resize(c, a, listOf(values[2]));
    case 'Softmax':
      return flat(() => tf.softmax(a));
    case 'Add':
      return flat(() => tf.add(a, b));
    case 'Mul':
      return flat(() => tf.mul(a, b));
    case 'Transpose':
      return flat(() => tf.transpose(a, ints(c, 'perm', [])));
    case 'Concat': {
      const axis = int(c, 'axis', 0);
      return flat(() => tf.concat([a, b], axis < 0 ? axis + a.shape.length : axis));
    }
    case 'Gather':
      return flat(() => tf.gather(a, b as tf.Tensor1D, int(c, 'axis', 0)));
    case 'Slice':
      return slice(a, values.slice(1).map(listOf));
    default:
      return undefined;
  }
};
