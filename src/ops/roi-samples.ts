/** Where RoiAlign samples: bins of regions, and the samples of a bin that lie within the picture. */
import {
  add,
  and,
  cast,
  ceil,
  clamp,
  constant,
  div,
  floor,
  ge,
  le,
  max,
  min,
  mul,
  not,
  or,
  rounded,
  sub,
  type Expr,
} from '../compiler/expr.ts';
import { compute, type TensorExpr } from '../compiler/tensor-expr.ts';
import type { DType } from '../core/dtype.ts';

/** What regions are and how they are sampled. */
export interface Regions {
  /** [regions, 4]: x1, y1, x2, y2. */
  readonly rois: TensorExpr;
  readonly regions: number;
  /** Whether coordinates name pixel centers. */
  readonly half: boolean;
  /** Samples of a bin along each axis; 0 for as many as it is elements wide. */
  readonly ratio: number;
  readonly scale: number;
  /** Type of coordinates. */
  readonly dtype: DType;
}

/** One spatial axis of regions: where each begins, how wide a bin is, and how many samples a bin has. Tensors [regions]. */
export interface RegionAxis {
  readonly start: TensorExpr;
  readonly bin: TensorExpr;
  readonly samples: TensorExpr;
}

/** Samples of one bin along one axis. */
export interface Samples {
  /** How many may lie within the picture at most, and the number of the first that does. */
  readonly most: number;
  readonly first: Expr;
  readonly count: Expr;
  readonly place: (i: Expr) => Expr;
}

/**
 * @param low column of `rois` that holds where a region begins; the one two further holds where it ends.
 * @param bins into how many parts a region is divided.
 */
export const regionAxis = ({ rois, regions, half, ratio, scale, dtype }: Regions, low: number, bins: number): RegionAxis => {
  // How many samples a bin has jumps with its width, so the width is rounded where every implementation rounds it.
  const edge = (r: Expr, column: number): Expr => {
    const scaled = rounded(mul(cast(rois.at(r, column), dtype), scale));
    return half ? rounded(sub(scaled, 0.5)) : scaled;
  };
  const bin = compute([regions], (r) => {
    const length = rounded(sub(edge(r!, low + 2), edge(r!, low)));
    return rounded(div(half ? length : max(length, 1), bins));
  });
  return {
    bin,
    start: compute([regions], (r) => edge(r!, low)),
    samples: compute([regions], (r) => (ratio > 0 ? constant(ratio, dtype) : max(ceil(bin.at(r!)), 0))),
  };
};

/** Samples of bin `p` of region `r` along an axis of `extent` elements. */
export const samplesOf = ({ ratio, dtype }: Regions, { start, bin, samples }: RegionAxis, extent: number, r: Expr, p: Expr): Samples => {
  const [size, count] = [bin.at(r), samples.at(r)];
  const begin = add(start.at(r), mul(cast(p, dtype), size));
  const step = div(size, count);
  const before = floor(sub(div(sub(-1, begin), step), 1));
  return {
    // Samples stand at most one element apart and at least half of one, so no more than this lie within the picture.
    most: ratio > 0 ? ratio : 2 * extent + 5,
    count,
    first: ratio > 0 ? constant(0, dtype) : max(before, 0),
    place: (i) => add(begin, div(mul(add(i, 0.5), size), count)),
  };
};

/** Whether a place is in the picture or within one element of it. */
export const isNear = (place: Expr, extent: number): Expr => and(ge(place, -1), le(place, extent));

/** Whether the first or the last sample is not near the picture. */
export const leaves = ({ place, count }: Samples, extent: number): Expr =>
  or(not(isNear(place(constant(0, count.type)), extent)), not(isNear(place(sub(count, 1)), extent)));

/** The two elements around a place, and how far it is from the first of them; beyond the ends the end element is both. */
export const cornersAt = (place: Expr, extent: number): { low: Expr; high: Expr; part: Expr } => {
  const inside = clamp(place, 0, extent - 1);
  const low = floor(inside);
  return { low: cast(low, 'index'), high: cast(min(add(low, 1), extent - 1), 'index'), part: sub(inside, low) };
};
