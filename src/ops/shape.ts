/** Ops on shapes alone: the elements keep their order, or are not looked at. */
import { sizeOf } from '../core/tensor.ts';
import { concat, fill, reshape, type TensorExpr } from '../compiler/tensor-expr.ts';
import { flag, int, optionalInt } from './attrs.ts';
import { defineOp, optional, value } from './define.ts';
import { movement } from './movement.ts';
import { all } from './types.ts';
import { insertAt, normalizeAxes, numbersOf, range, shapeError, showShape, valueError } from './util.ts';

/** ONNX's target shape made plain: 0 copies the input's extent (unless `allowZero`), one −1 takes what is left. @throws FLAGOS_E_SHAPE. */
export const resolveShape = (from: readonly number[], wanted: readonly number[], allowZero: boolean): number[] => {
  const wrong = (problem: string): Error => shapeError(`${showShape(from)} cannot be reshaped to ${showShape(wanted)}: ${problem}`);
  const dims = wanted.map((d, i) => {
    if (d < -1) throw wrong('an extent is negative');
    if (d !== 0 || allowZero) return d;
    if (i >= from.length) throw wrong(`axis ${i} is to be copied, but the input has none`);
    return from[i]!;
  });
  const unknown = dims.indexOf(-1);
  if (unknown >= 0) {
    if (dims.lastIndexOf(-1) !== unknown) throw wrong('more than one extent is -1');
    if (allowZero && dims.includes(0)) throw wrong('with an extent of 0, -1 could be anything');
    // Empty axes that are copied cancel out, so that an empty batch leaves the other extents as a full one does.
    const have = sizeOf(dims.includes(0) ? from.filter((d) => d > 0) : from);
    const known = sizeOf(dims.filter((d) => d > 0));
    if (have % known !== 0) throw wrong(`${have} elements do not divide by ${known}`);
    dims[unknown] = have / known;
  }
  if (sizeOf(dims) !== sizeOf(from)) throw wrong(`${sizeOf(from)} elements, not ${sizeOf(dims)}`);
  return dims;
};

export const Reshape = movement(
  defineOp({
    name: 'Reshape',
    since: 14,
    inputs: { data: all, shape: value(['int64']) },
    outputs: { reshaped: 'data' },
    attrs: { allowzero: flag(false) },
    compute: ({ data, shape }, { allowzero }) => reshape(data, resolveShape(data.shape, numbersOf(shape), allowzero)),
  }),
);

export const Flatten = movement(
  defineOp({
    name: 'Flatten',
    since: 1,
    inputs: { input: all },
    outputs: { output: 'input' },
    attrs: { axis: int(1) },
    compute: ({ input }, { axis }) => {
      const { rank, shape } = input;
      if (axis < -rank || axis > rank)
        throw valueError(`axis ${axis} is outside a tensor of rank ${rank}`, `it must be from ${-rank} to ${rank}`);
      const at = axis < 0 ? axis + rank : axis;
      return reshape(input, [sizeOf(shape.slice(0, at)), sizeOf(shape.slice(at))]);
    },
  }),
);

export const Squeeze = movement(
  defineOp({
    name: 'Squeeze',
    since: 13,
    inputs: { data: all, axes: optional(value(['int64'])) },
    outputs: { squeezed: 'data' },
    compute: ({ data, axes }) => {
      const { rank, shape } = data;
      const gone = axes ? normalizeAxes(numbersOf(axes), rank) : range(rank).filter((d) => shape[d] === 1);
      const long = gone.find((d) => shape[d] !== 1);
      if (long !== undefined) throw shapeError(`axis ${long} of shape ${showShape(shape)} cannot be squeezed, its extent is not 1`);
      return reshape(
        data,
        shape.filter((_, d) => !gone.includes(d)),
      );
    },
  }),
);

export const Unsqueeze = movement(
  defineOp({
    name: 'Unsqueeze',
    since: 13,
    inputs: { data: all, axes: value(['int64']) },
    outputs: { expanded: 'data' },
    compute: ({ data, axes }) => {
      const given = numbersOf(axes);
      const places = normalizeAxes(given, data.rank + given.length).sort((a, b) => a - b);
      return reshape(
        data,
        places.reduce<readonly number[]>((shape, at) => insertAt(shape, at, 1), data.shape),
      );
    },
  }),
);

/** A vector of known int64 values. */
const vector = (values: readonly number[]): TensorExpr =>
  values.length === 0
    ? fill([0], 0, 'int64')
    : concat(
        values.map((v) => fill([1], v, 'int64')),
        0,
      );

export const Shape = movement(
  defineOp({
    name: 'Shape',
    since: 1,
    inputs: { data: all },
    outputs: { shape: 'int64' },
    attrs: { start: int(0), end: optionalInt() },
    // Slicing in JavaScript has ONNX's meaning: negative counts from the end, too far is clamped.
    compute: ({ data }, { start, end }) => vector(data.shape.slice(start, end)),
  }),
);

export const Size = movement(
  defineOp({
    name: 'Size',
    since: 1,
    inputs: { data: all },
    outputs: { size: 'int64' },
    compute: ({ data }) => fill([], data.size, 'int64'),
  }),
);
