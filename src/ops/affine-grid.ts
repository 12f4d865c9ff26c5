/** AffineGrid: places for GridSample, from affine maps of a regular grid over −1 … 1. */
import { add, cast, constant, div, mul, sub, type Expr } from '../compiler/expr.ts';
import { compute } from '../compiler/tensor-expr.ts';
import type { DType } from '../core/dtype.ts';
import { flag } from './attrs.ts';
import { defineOp, value } from './define.ts';
import { floats } from './types.ts';
import { expectShape, numbersOf, range, shapeError, showShape } from './util.ts';

/** Coordinate i of `count` that are spread evenly: from −1 to 1, or at the centers of equal parts. One alone stands at 0. */
const spread = (i: Expr, count: number, align: boolean, dtype: DType): Expr => {
  const at = cast(i, dtype);
  if (!align) return sub(div(add(mul(at, 2), 1), count), 1);
  return count === 1 ? constant(0, dtype) : sub(div(mul(at, 2), count - 1), 1);
};

export const AffineGrid = defineOp({
  name: 'AffineGrid',
  since: 20,
  inputs: { theta: floats, size: value(['int64']) },
  outputs: { grid: 'theta' },
  attrs: { align_corners: flag(false) },
  compute: ({ theta, size }, { align_corners: align }) => {
    const wanted = numbersOf(size);
    if (wanted.length !== 4 && wanted.length !== 5)
      throw shapeError(`'size' is ${showShape(wanted)}, it must have 4 numbers (N, C, H, W) or 5`);
    const extents = wanted.slice(2);
    const axes = extents.length;
    expectShape(theta.shape, [wanted[0]!, axes, axes + 1], 'theta');
    const dtype: DType = theta.dtype === 'float64' ? 'float64' : 'float32';
    return compute([wanted[0]!, ...extents, axes], (...at) => {
      const [n, row] = [at[0]!, at.at(-1)!];
      const element = (column: number): Expr => cast(theta.at(n, row, column), dtype);
      // Columns are x, y, (z), 1; x runs along the last axis.
      const products = range(axes).map((c) => mul(element(c), spread(at[axes - c]!, extents[axes - 1 - c]!, align, dtype)));
      return cast(
        add(
          products.reduce((a, b) => add(a, b)),
          element(axes),
        ),
        theta.dtype,
      );
    });
  },
});
