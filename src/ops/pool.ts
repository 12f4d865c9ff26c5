/** Pooling over windows: maximum (with the places it was found at), average and Lp norm. */
import {
  abs,
  add,
  and,
  cast,
  constant,
  div,
  eq,
  floordiv,
  isnan,
  maxOf,
  min,
  minOf,
  mul,
  or,
  pow,
  select,
  sqrt,
  sub,
  sum,
  type Expr,
} from '../compiler/expr.ts';
import { compute, ravel, unravel, type TensorExpr } from '../compiler/tensor-expr.ts';
import { integerRange, isBigInt, isFloat, type DType } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { flag, int, requiredInts } from './attrs.ts';
import { contraction, defineOp, exact } from './define.ts';
import { channelsFirst } from './conv.ts';
import type { Readable } from './readable.ts';
import { floats } from './types.ts';
import { expectRank, range } from './util.ts';
import { layWindows, windowAttrs, windowPoint, type WindowAttrs, type Windows } from './windows.ts';

export const poolAttrs = { ...windowAttrs, kernel_shape: requiredInts(), ceil_mode: flag(false) };

/** Attributes of a pooling op. */
export interface PoolAttrs extends WindowAttrs {
  readonly kernel_shape: readonly number[];
  readonly ceil_mode: boolean;
}

const planPool = (shape: readonly number[], attrs: PoolAttrs): Windows => {
  expectRank(shape, 3, 'X');
  return layWindows(shape.slice(2), attrs.kernel_shape, attrs, attrs.ceil_mode);
};

/** What a pooling sees of one window. */
interface Window {
  /** Index of the image, of the channel, and of the window among windows. */
  readonly n: Expr;
  readonly c: Expr;
  readonly w: readonly Expr[];
  /** The element at a point of the window, or `outside` where that is in the padding. */
  readonly read: (k: readonly Expr[], outside: number | bigint) => Expr;
}

/** A tensor with one element per window of [N, C, …]; `last` puts channels last in the output. */
export const overWindows = (x: Readable, windows: Windows, element: (window: Window) => Expr, last = false): TensorExpr => {
  const [batch, channels] = [x.shape[0]!, x.shape[1]!];
  const of = (n: Expr, c: Expr, w: readonly Expr[]): Expr =>
    element({
      n,
      c,
      w,
      read: (k, outside) => {
        const { inside, at } = windowPoint(windows, w, k);
        const value = x.at(n, c, ...at);
        return select(inside, value, constant(outside, value.type));
      },
    });
  return last
    ? compute([batch, ...windows.count, channels], (...at) => of(at[0]!, at.at(-1)!, at.slice(1, -1)))
    : compute([batch, channels, ...windows.count], (n, c, ...w) => of(n!, c!, w));
};

const lowestOf = (dtype: DType): number | bigint => {
  if (isFloat(dtype)) return -Infinity;
  const [lowest] = integerRange(dtype);
  return isBigInt(dtype) ? lowest : Number(lowest);
};

/** Largest element of each window; NaN if any is. */
export const maxPool = (x: TensorExpr, windows: Windows): TensorExpr =>
  overWindows(x, windows, ({ read }) => maxOf(windows.kernel, (...k) => read(k, lowestOf(x.dtype))));

/** Row-major position in `x` of the first point of each window that holds the window's largest element. */
const maxPlaces = (x: TensorExpr, windows: Windows, largest: TensorExpr, columnMajor: boolean): TensorExpr => {
  const image = x.shape.slice(2);
  const size = image.reduce((n, d) => n * d, 1);
  return overWindows(x, windows, ({ n, c, w, read }) => {
    const place = minOf(windows.kernel, (...k) => {
      const { inside, at } = windowPoint(windows, w, k);
      const e = read(k, lowestOf(x.dtype));
      const same = eq(e, largest.at(n, c, ...w));
      return select(and(inside, isFloat(x.dtype) ? or(same, isnan(e)) : same), ravel(at, image), size - 1);
    });
    const first = mul(ravel([n, c], x.shape.slice(0, 2)), size);
    if (!columnMajor) return cast(add(first, place), 'int64');
    // Column-major means that the first spatial axis runs fastest; images and channels keep their order.
    const point = unravel(place, image);
    const strides = image.map((_, a) => image.slice(0, a).reduce((p, d) => p * d, 1));
    return cast(
      point.reduce((e, i, a) => add(e, mul(i, strides[a]!)), first),
      'int64',
    );
  });
};

export const MaxPool = defineOp({
  name: 'MaxPool',
  since: 10,
  inputs: { X: [...floats, 'int8', 'uint8'] },
  outputs: { Y: 'X', Indices: 'int64' },
  attrs: { ...poolAttrs, storage_order: flag(false) },
  compute: ({ X }, attrs) => {
    const windows = planPool(X.shape, attrs);
    const Y = maxPool(X, windows);
    return { Y, Indices: maxPlaces(X, windows, Y, attrs.storage_order) };
  },
  accuracy: exact,
});

/** Points of window `w` along an axis that lie between two places counted from the first of the padding. */
const pointsBetween = (windows: Windows, a: number, w: Expr, from: number, to: number): Expr => {
  const [stride, dilation, kernel] = [windows.strides[a]!, windows.dilations[a]!, windows.kernel[a]!];
  const start = mul(w, stride);
  /** Points before a place: those at start + k·dilation < place. */
  const before = (place: number): Expr => {
    const last = (windows.count[a]! - 1) * stride + (kernel - 1) * dilation;
    if (place > last) return constant(kernel, 'index');
    if (place === 0) return constant(0, 'index');
    return min(floordiv(add(sub(constant(place, 'index'), min(start, place)), dilation - 1), dilation), kernel);
  };
  return sub(before(to), before(from));
};

/** How many points of a window count for its average: those in the image, or with `padding` those in the padding too. */
export const pointsOf = (windows: Windows, w: readonly Expr[], padding: boolean): Expr =>
  range(windows.image.length)
    .map((a) => {
      const [begin, inside, end] = [windows.begin[a]!, windows.image[a]!, windows.end[a]!];
      return padding ? pointsBetween(windows, a, w[a]!, 0, begin + inside + end) : pointsBetween(windows, a, w[a]!, begin, begin + inside);
    })
    .reduce((x, y) => mul(x, y), constant(1, 'index'));

/** Windows of a pooling op over [N, C, …], or [N, …, C] with `last`. */
export const poolWindows = (x: TensorExpr, attrs: PoolAttrs, last = false): { image: Readable; windows: Windows } => {
  const image = last ? channelsFirst(x) : x;
  return { image, windows: planPool(image.shape, attrs) };
};

export const AveragePool = defineOp({
  name: 'AveragePool',
  since: 19,
  inputs: { X: floats },
  outputs: { Y: 'X' },
  attrs: { ...poolAttrs, count_include_pad: flag(false) },
  compute: ({ X }, attrs) => {
    const windows = planPool(X.shape, attrs);
    return overWindows(X, windows, ({ w, read }) =>
      div(
        sum(windows.kernel, (...k) => read(k, 0)),
        cast(pointsOf(windows, w, attrs.count_include_pad), X.dtype),
      ),
    );
  },
});

/** (Σ |x|ᵖ)^(1/p) over what `each` visits. */
export const lpNorm = (p: number, each: (f: (x: Expr) => Expr) => Expr): Expr => {
  if (p === 1) return each(abs);
  if (p === 2) return sqrt(each((x) => mul(x, x)));
  return pow(
    each((x) => pow(abs(x), p)),
    1 / p,
  );
};

/** @throws FLAGOS_E_ATTRIBUTE unless p is at least 1. */
export const checkNorm = (p: number): void => {
  if (p < 1) throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'p' is ${p}, it must be at least 1`);
};

export const LpPool = defineOp({
  name: 'LpPool',
  since: 18,
  inputs: { X: floats },
  outputs: { Y: 'X' },
  attrs: { ...poolAttrs, p: int(2) },
  compute: ({ X }, attrs) => {
    checkNorm(attrs.p);
    const windows = planPool(X.shape, attrs);
    return overWindows(X, windows, ({ read }) => lpNorm(attrs.p, (f) => sum(windows.kernel, (...k) => f(read(k, 0)))));
  },
  accuracy: contraction,
});
