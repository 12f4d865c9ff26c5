/** Movement by position: transposing, joining, cutting, repeating. */
import { add, floormod, mul, sub, type Expr } from '../compiler/expr.ts';
import { atBroadcast, broadcastShapes, compute, concat, type TensorExpr } from '../compiler/tensor-expr.ts';
import { int, optionalInt, optionalInts, requiredInt } from './attrs.ts';
import { defineOp, optional, value, variadic } from './define.ts';
import { movement } from './movement.ts';
import { all, common, indices } from './types.ts';
import { expectRank, normalizeAxes, normalizeAxis, numbersOf, range, replaceAt, shapeError, showShape, valueError } from './util.ts';

/** Axis d of the result is axis perm[d] of `x`. @throws FLAGOS_E_VALUE if `perm` is no permutation of the axes. */
export const transpose = (x: TensorExpr, perm: readonly number[]): TensorExpr => {
  if (perm.length !== x.rank) throw valueError(`perm ${showShape(perm)} must name each of the ${x.rank} axes once`);
  const axes = normalizeAxes(perm, x.rank, 'perm');
  return compute(
    axes.map((a) => x.shape[a]!),
    (...i) => x.at(...range(x.rank).map((d) => i[axes.indexOf(d)]!)),
  );
};

export const Transpose = movement(
  defineOp({
    name: 'Transpose',
    since: 1,
    inputs: { data: all },
    outputs: { transposed: 'data' },
    attrs: { perm: optionalInts() },
    compute: ({ data }, { perm }) => transpose(data, perm ?? range(data.rank).reverse()),
  }),
);

export const Concat = movement(
  defineOp({
    name: 'Concat',
    since: 4,
    inputs: { inputs: variadic(common) },
    outputs: { concat_result: 'inputs' },
    attrs: { axis: requiredInt() },
    compute: ({ inputs }, { axis }) => concat(inputs, normalizeAxis(axis, inputs[0]!.rank)),
  }),
);

/** Elements start, start + step, … along an axis: `count` of them. `step` may be negative. */
export const stride = (x: TensorExpr, axis: number, start: number, count: number, step = 1): TensorExpr => {
  if (start === 0 && step === 1 && count === x.shape[axis]) return x;
  const source = (i: Expr): Expr => (step >= 0 ? add(mul(i, step), start) : sub(start, mul(i, -step)));
  return compute(replaceAt(x.shape, axis, count), (...i) => x.at(...replaceAt(i, axis, count === 0 ? i[axis]! : source(i[axis]!))));
};

/** Extents of Split's outputs: as given, or as equal as they come, the last one smaller. */
const partSizes = (extent: number, given: readonly number[] | undefined, count: number): number[] => {
  if (given) {
    if (given.some((d) => d < 0) || given.reduce((n, d) => n + d, 0) !== extent)
      throw valueError(`parts ${showShape(given)} do not add up to an extent of ${extent}`);
    return [...given];
  }
  const size = Math.ceil(extent / count);
  return range(count).map((i) => Math.max(0, Math.min(size, extent - i * size)));
};

export const Split = movement(
  defineOp({
    name: 'Split',
    since: 13,
    variadicOutputs: true,
    inputs: { input: common, split: optional(value(['int64'])) },
    outputs: { outputs: 'input' },
    attrs: { axis: int(0), num_outputs: optionalInt() },
    compute: ({ input, split }, { axis, num_outputs: wanted }, ctx) => {
      expectRank(input.shape, 1, 'input');
      if (split && wanted !== undefined) throw valueError("both 'split' and 'num_outputs' are given");
      if (wanted !== undefined && wanted < 1) throw valueError(`num_outputs is ${wanted}, it must be at least 1`);
      const at = normalizeAxis(axis, input.rank);
      // Before version 18, and with neither given, the number of parts is the number of outputs.
      const sizes = partSizes(input.shape[at]!, split && numbersOf(split), wanted ?? ctx.outputs);
      if (sizes.length < ctx.outputs) throw valueError(`splits into ${sizes.length} parts, but has ${ctx.outputs} outputs`);
      let start = 0;
      return sizes.map((size) => {
        const part = stride(input, at, start, size);
        start += size;
        return part;
      });
    },
  }),
);

/** First index, number of indices and step of one sliced axis, clamped as ONNX says. */
const sliceOf = (extent: number, start: number, end: number, step: number): { start: number; count: number } => {
  if (step === 0) throw valueError('a slice step is 0');
  const fromEnd = (i: number): number => (i < 0 ? i + extent : i);
  const clampTo = (i: number, lo: number, hi: number): number => Math.min(Math.max(i, lo), hi);
  const [first, stop] =
    step > 0
      ? [clampTo(fromEnd(start), 0, extent), clampTo(fromEnd(end), 0, extent)]
      : [clampTo(fromEnd(start), 0, extent - 1), clampTo(fromEnd(end), -1, extent - 1)];
  return { start: first, count: extent === 0 ? 0 : Math.max(0, Math.ceil((stop - first) / step)) };
};

export const Slice = movement(
  defineOp({
    name: 'Slice',
    since: 10,
    inputs: { data: common, starts: value(indices), ends: value(indices), axes: optional(value(indices)), steps: optional(value(indices)) },
    outputs: { output: 'data' },
    compute: ({ data, starts, ends, axes, steps }) => {
      const [from, to] = [numbersOf(starts), numbersOf(ends)];
      const by = steps ? numbersOf(steps) : from.map(() => 1);
      const along = axes ? numbersOf(axes) : range(from.length);
      if (to.length !== from.length || by.length !== from.length || along.length !== from.length) {
        throw shapeError(
          `starts, ends, axes and steps have ${from.length}, ${to.length}, ${along.length} and ${by.length} values, they must have as many`,
        );
      }
      return normalizeAxes(along, data.rank).reduce((x, axis, i) => {
        const { start, count } = sliceOf(x.shape[axis]!, from[i]!, to[i]!, by[i]!);
        return stride(x, axis, start, count, by[i]!);
      }, data);
    },
  }),
);

export const Tile = movement(
  defineOp({
    name: 'Tile',
    since: 6,
    inputs: { input: common, repeats: value(['int64']) },
    outputs: { output: 'input' },
    compute: ({ input, repeats }) => {
      const times = numbersOf(repeats);
      if (times.length !== input.rank) throw shapeError(`'repeats' has ${times.length} values for ${input.rank} axes`);
      if (times.some((n) => n < 0)) throw valueError(`repeats ${showShape(times)} are negative`);
      return compute(
        input.shape.map((d, i) => d * times[i]!),
        (...i) => input.at(...i.map((e, d) => (times[d] === 1 ? e : floormod(e, input.shape[d]!)))),
      );
    },
  }),
);

export const Expand = movement(
  defineOp({
    name: 'Expand',
    since: 8,
    inputs: { input: common, shape: value(['int64']) },
    outputs: { output: 'input' },
    compute: ({ input, shape }) => {
      const wanted = numbersOf(shape);
      if (wanted.some((d) => d < 0)) throw valueError(`${showShape(wanted)} is not a shape`);
      return compute(broadcastShapes(input.shape, wanted), (...i) => atBroadcast(input, i));
    },
  }),
);
