/** Padding and cropping. `pad` serves other ops too (convolutions, pooling, resizing). */
import { add, and, floormod, ge, lt, max, min, select, sub, type Expr, type Operand } from '../compiler/expr.ts';
import { hinted } from '../compiler/hints.ts';
import { compute, type TensorExpr } from '../compiler/tensor-expr.ts';
import { oneOf, optionalInts } from './attrs.ts';
import { defineOp, optional, value } from './define.ts';
import { stride } from './layout.ts';
import { movement } from './movement.ts';
import { all, common, indices } from './types.ts';
import { normalizeAxes, numbersOf, range, shapeError, showShape } from './util.ts';

export type PadMode = 'constant' | 'reflect' | 'edge' | 'wrap';

/** Index in 0 … n−1 that a padded index shows, and for a constant whether it shows one at all. */
const source = (mode: PadMode, i: Expr, before: number, n: number): Expr => {
  switch (mode) {
    case 'constant':
      return sub(i, before);
    case 'edge':
      return sub(min(max(i, before), before + n - 1), before);
    case 'wrap':
      return floormod(add(i, (n - (before % n)) % n), n);
    case 'reflect': {
      // The picture repeats after there and back, the two ends shown once.
      const period = Math.max(2 * (n - 1), 1);
      const at = floormod(add(i, (period - (before % period)) % period), period);
      return n === 1 ? at : min(at, sub(period, at));
    }
  }
};

/**
 * `x` with elements added before and after each axis; negative amounts take elements away (first).
 * @param amounts one [before, after] per axis.
 * @param filler what `constant` shows outside.
 * @throws FLAGOS_E_SHAPE if more is taken away than there is, or nothing is there to reflect or repeat.
 */
export const pad = (
  x: TensorExpr,
  amounts: readonly (readonly [number, number])[],
  mode: PadMode = 'constant',
  filler: Operand = 0,
): TensorExpr => {
  const cropped = amounts.reduce((t, [before, after], axis) => {
    const start = Math.max(0, -before);
    const count = t.shape[axis]! - start - Math.max(0, -after);
    if (count < 0) throw shapeError(`pads ${before} and ${after} take more from axis ${axis} than its extent of ${t.shape[axis]}`);
    return stride(t, axis, start, count);
  }, x);
  const added = amounts.map(([before, after]) => [Math.max(0, before), Math.max(0, after)] as const);
  const padded = range(x.rank).filter((d) => added[d]![0] + added[d]![1] > 0);
  if (padded.length === 0) return cropped;
  const empty = padded.find((d) => cropped.shape[d] === 0);
  if (mode !== 'constant' && empty !== undefined) throw shapeError(`axis ${empty} is empty, mode '${mode}' finds nothing to pad it with`);
  const shape = cropped.shape.map((d, i) => added[i]![0] + d + added[i]![1]);
  const made = compute(
    shape,
    (...i) => {
      const at = i.map((e, d) => (padded.includes(d) ? source(mode, e, added[d]![0], cropped.shape[d]!) : e));
      if (mode !== 'constant') return cropped.at(...at);
      const inside = padded.flatMap((d) => {
        const [before, after] = added[d]!;
        return [...(before > 0 ? [ge(i[d]!, before)] : []), ...(after > 0 ? [lt(i[d]!, before + cropped.shape[d]!)] : [])];
      });
      return select(
        inside.reduce((a, b) => and(a, b)),
        cropped.at(...at),
        filler,
      );
    },
    x.dtype,
  );
  // A border of one value is a condition wherever it is read; mirrors and copies take arithmetic for each element.
  return mode === 'constant' ? made : hinted(made, { materialize: true });
};

export const Pad = movement(
  defineOp({
    name: 'Pad',
    since: 11,
    inputs: { data: all, pads: value(['int64']), constant_value: optional('data'), axes: optional(value(indices)) },
    outputs: { output: 'data' },
    attrs: { mode: oneOf('constant', 'reflect', 'edge', 'wrap') },
    compute: ({ data, pads, constant_value: filler, axes }, { mode }) => {
      const amounts = numbersOf(pads);
      const along = normalizeAxes(axes ? numbersOf(axes) : range(data.rank), data.rank);
      if (amounts.length !== 2 * along.length)
        throw shapeError(`'pads' has ${amounts.length} values, ${along.length} axes need ${2 * along.length}`);
      if (filler && filler.size !== 1) throw shapeError(`'constant_value' must hold one value, its shape is ${showShape(filler.shape)}`);
      const each = range(data.rank).map((d): [number, number] => {
        const k = along.indexOf(d);
        return k < 0 ? [0, 0] : [amounts[k]!, amounts[k + along.length]!];
      });
      return pad(data, each, mode, filler ? filler.flat(0) : 0);
    },
  }),
);

export const CenterCropPad = movement(
  defineOp({
    name: 'CenterCropPad',
    since: 18,
    inputs: { input_data: common, shape: value(indices) },
    outputs: { output_data: 'input_data' },
    attrs: { axes: optionalInts() },
    compute: ({ input_data: x, shape }, { axes }) => {
      const wanted = numbersOf(shape);
      const along = normalizeAxes(axes ?? range(x.rank), x.rank);
      if (wanted.length !== along.length || wanted.some((d) => d < 0))
        throw shapeError(`'shape' ${showShape(wanted)} must give an extent for each of ${along.length} axes`);
      return pad(
        x,
        x.shape.map((extent, d): [number, number] => {
          const k = along.indexOf(d);
          const more = k < 0 ? 0 : wanted[k]! - extent;
          // An odd element goes to the end when padding, and is taken from the end when cropping.
          const before = Math.trunc(more / 2);
          return [before, more - before];
        }),
      );
    },
  }),
);
