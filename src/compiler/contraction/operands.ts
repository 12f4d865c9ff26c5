/**
 * How the two sides of a contraction are read.
 *
 * Rows ("A") are not packed where it can be helped: the microkernel takes one pointer per row and run
 * of the reduction, so a convolution's windows are read where they lie in the image, and padding is a
 * pointer to zeros. Columns ("B") are packed into panels as wide as a tile.
 */
import type { Affine } from '../affine.ts';
import type { Buffer, LExpr } from '../loops.ts';
import { mergeAxes } from './axes.ts';
import { coefficient, loadOf, localsOf, type Load } from './factor.ts';
import { sizeOfAxes, type Axis, type Tile } from './types.ts';

/** A load taken apart into runs along the reduction at an even stride. */
export interface Runs {
  readonly kind: 'runs';
  readonly load: Load;
  /** Axes that choose the row, counted as one where this load allows it. */
  readonly rows: readonly Axis[];
  /** Reduction axes outside of a run. */
  readonly outer: readonly Axis[];
  readonly length: number;
  readonly stride: number;
  /** A run's outermost axis where guards depend on it, and elements per step of it: such runs may be zero in part, and are copied. */
  readonly edge: { readonly axis: Axis; readonly unit: number } | undefined;
}

/** Evaluated element by element into a copy. */
export interface Evaluated {
  readonly kind: 'evaluated';
  readonly value: LExpr;
  readonly rows: readonly Axis[];
}

/** Panels copied along columns. */
export interface Copied {
  readonly kind: 'copied';
  readonly load: Load;
  readonly columns: readonly Axis[];
  /** Reduction axes that guards depend on, outside of those they do not. */
  readonly guarded: readonly Axis[];
  readonly free: readonly Axis[];
  /** Position of a reduction index in a panel, in rows of it. */
  readonly place: Affine;
}

export type RowOperand = Runs | Evaluated;
export type ColumnOperand = Copied | Runs | Evaluated;

/** Runs shorter than this are not worth a pointer. */
const SHORT_RUN = 6;
/** A run with a guard inside is worth copying at edges while its unguarded part is shorter than this. */
const LONG_UNIT = 32;
/** Most elements of zeros kept for rows in the padding. */
const MOST_ZEROS = 1 << 16;

const forms = (load: Load): readonly Affine[] => [load.at, ...load.guards];
const guardsUse = (load: Load, axis: Axis): boolean => load.guards.some((g) => coefficient(g, axis) !== 0);

/** Whether a buffer's elements lie in memory as a tile's type. */
export const isPlain = (load: Load, tile: Tile, storage: (b: Buffer) => string): boolean =>
  !load.convert && storage(load.buffer) === tile.type;

const runsOf = (load: Load, rows: readonly Axis[], reduce: readonly Axis[]): Runs => {
  const inside: Axis[] = [];
  let edge: Axis | undefined;
  for (const axis of [...reduce].reverse()) {
    const inner = inside[0];
    if (inner && coefficient(load.at, axis) !== coefficient(load.at, inner) * inner.extent) break;
    if (guardsUse(load, axis)) {
      // With units this long the guard is better tested outside of the run; copies are dense, so the run must be.
      if (inner && sizeOfAxes(inside) >= LONG_UNIT) break;
      if (coefficient(load.at, inside.at(-1) ?? axis) !== 1) break;
      edge = axis;
      inside.unshift(axis);
      break;
    }
    inside.unshift(axis);
  }
  const innermost = inside.at(-1);
  const unit = edge ? sizeOfAxes(inside) / edge.extent : 0;
  return {
    kind: 'runs',
    load,
    rows: mergeAxes(rows, forms(load)),
    outer: mergeAxes(reduce.slice(0, reduce.length - inside.length), forms(load)),
    length: sizeOfAxes(inside),
    stride: innermost ? coefficient(load.at, innermost) : 1,
    edge: edge && { axis: edge, unit },
  };
};

/** Order of reduction axes in which a load's addresses fall fastest. */
export const reductionOrder = (e: LExpr, reduce: readonly Axis[]): readonly Axis[] => {
  const load = loadOf(e);
  if (!load) return reduce;
  return [...reduce].sort((a, b) => Math.abs(coefficient(load.at, b)) - Math.abs(coefficient(load.at, a)));
};

export const rowOperand = (
  e: LExpr,
  rows: readonly Axis[],
  reduce: readonly Axis[],
  tile: Tile,
  storage: (b: Buffer) => string,
): RowOperand => {
  const load = loadOf(e);
  if (load && isPlain(load, tile, storage)) {
    const runs = runsOf(load, rows, reduce);
    const whole = runs.outer.length === 0;
    const zeros = load.guards.length === 0 ? 0 : (runs.length - 1) * Math.abs(runs.stride) + 1;
    if ((whole || runs.length >= SHORT_RUN) && runs.stride >= 0 && zeros <= MOST_ZEROS) return runs;
  }
  return { kind: 'evaluated', value: e, rows };
};

export const columnOperand = (
  e: LExpr,
  columns: readonly Axis[],
  reduce: readonly Axis[],
  tile: Tile,
  storage: (b: Buffer) => string,
): ColumnOperand => {
  const load = loadOf(e);
  const innermost = columns.at(-1);
  if (!load || (!innermost && reduce.length === 0)) return { kind: 'evaluated', value: e, rows: columns };
  const along = innermost ? Math.abs(coefficient(load.at, innermost)) : Infinity;
  if (load.guards.length === 0 && along !== 1 && isPlain(load, tile, storage)) {
    const runs = runsOf(load, columns, reduce);
    if (runs.stride === 1 && runs.length >= tile.lanes && sizeOfAxes(runs.outer) <= MOST_OUTER) return runs;
  }
  if (!innermost) return { kind: 'evaluated', value: e, rows: columns };
  const place = placeOf(reduce);
  const guarded = reduce.filter((a) => guardsUse(load, a));
  const free = reduce.filter((a) => !guardsUse(load, a));
  return {
    kind: 'copied',
    load,
    columns: mergeAxes(columns, forms(load)),
    place,
    guarded: mergeAxes(guarded, [...forms(load), place]),
    free: mergeAxes(free, [load.at, place]),
  };
};

/** Most runs of one column whose pointers are kept on the stack while a panel is packed. */
export const MOST_OUTER = 16;

/** Row-major position of a reduction index. */
const placeOf = (reduce: readonly Axis[]): Affine => {
  const terms = new Map<string, { local: Axis['v']; coefficient: number }>();
  let stride = 1;
  for (const axis of [...reduce].reverse()) {
    terms.set(axis.v.name, { local: axis.v, coefficient: stride });
    stride *= axis.extent;
  }
  return { constant: 0, terms };
};

/** Whether an expression is made of constants alone. */
export const readsOnly = (e: LExpr, holds: (b: Buffer) => boolean): boolean => {
  switch (e.kind) {
    case 'const':
    case 'local':
      return true;
    case 'read':
      return holds(e.buffer) && readsOnly(e.at, holds);
    case 'unary':
    case 'cast':
    case 'bitcast':
      return readsOnly(e.x, holds);
    case 'binary':
      return readsOnly(e.a, holds) && readsOnly(e.b, holds);
    case 'select':
      return readsOnly(e.cond, holds) && readsOnly(e.a, holds) && readsOnly(e.b, holds);
  }
};

export const movesWith = (e: LExpr, axes: readonly Axis[]): Axis[] => {
  const names = localsOf(e);
  return axes.filter((a) => names.has(a.v.name));
};
