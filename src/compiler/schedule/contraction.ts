/**
 * Contractions as this schedule wants them: which axes are rows of a register tile, which are columns,
 * and whether there is enough of each for packing to pay. Recognising them is `compiler/contraction`.
 */
import { dtypeInfo, type DType } from '../../core/dtype.ts';
import { contractionOf as contractionIn, matchReduction } from '../contraction/match.ts';
import type { ScalarType } from '../expr.ts';
import type { Buffer, LExpr, Local, Stmt } from '../loops.ts';
import { eachNode, type Sched, type Target, type TileShape } from './ir.ts';
import { coefficientOf } from './linear.ts';
import { extentOf, localsOf, type Axis } from './nests.ts';
import { toSched } from './normalize.ts';

/** One side of the product: its value at a row (or column) and a step of the sum. */
export interface Operand {
  readonly value: LExpr;
  /** Names of the counters (and others) it depends on. */
  readonly depends: ReadonlySet<string>;
}

export interface Contraction {
  readonly batch: readonly Axis[];
  readonly rows: readonly Axis[];
  readonly columns: readonly Axis[];
  readonly steps: readonly Axis[];
  readonly left: Operand;
  readonly right: Operand;
  readonly sum: Local;
  /** Element type in which the tile multiplies and packs. */
  readonly type: DType;
  /** What becomes of each sum. */
  readonly finish: readonly Sched[];
  readonly tile: TileShape;
}

/** Fewer rows, columns or steps than this do not pay for packing. */
const LEAST = { rows: 3, columns: 3, steps: 4, work: 4096 };

/** Type whose tile sums a type: narrow floats are summed as float32. Undefined for what is no element. */
const tileType = (type: ScalarType): DType | undefined => {
  if (type === 'index') return undefined;
  const { kind, bits } = dtypeInfo(type);
  return kind === 'float' && bits < 32 ? 'float32' : type;
};

/** The axis whose neighbours lie side by side in the result, if one is known to. */
const contiguousAxis = (finish: readonly Stmt[], axes: readonly Axis[]): Axis | undefined => {
  for (const s of finish) if (s.kind === 'store') return axes.find((a) => coefficientOf(s.at, a.v.name) === 1);
  return undefined;
};

/** Whether an operand is the same at every run: it reads nothing but constants, and no counter of a loop around the nest. */
export const isKnown = (
  { value, depends }: Operand,
  { batch, rows, columns, steps }: Pick<Contraction, 'batch' | 'rows' | 'columns' | 'steps'>,
  isConstant: (b: Buffer) => boolean,
): boolean => {
  const own = new Set([...batch, ...rows, ...columns, ...steps].map((x) => x.v.name));
  if ([...depends].some((name) => !own.has(name))) return false;
  let known = true;
  eachNode(value, (e) => {
    known &&= e.kind !== 'read' || isConstant(e.buffer);
  });
  return known;
};

/**
 * The contraction a parallel nest calculates; undefined if it is none, or too small to be treated as one.
 * @param isConstant whether a buffer holds the same contents at every run.
 */
export const contractionOf = (s: Stmt, target: Target, isConstant: (b: Buffer) => boolean): Contraction | undefined => {
  const reduction = matchReduction(s);
  const found = reduction && contractionIn(reduction);
  const type = found && tileType(found.type);
  if (!found || !type || !target.tileTypes.has(type)) return undefined;
  const { axes, reduce: steps, sum, finish } = found;
  const [a, b] = [found.a, found.b].map((value): Operand => ({ value, depends: localsOf(value) })) as [Operand, Operand];
  const only = (x: Operand, y: Operand): Axis[] => axes.filter((v) => x.depends.has(v.v.name) && !y.depends.has(v.v.name));
  const [ofA, ofB] = [only(a, b), only(b, a)];
  const batch = axes.filter((v) => !ofA.includes(v) && !ofB.includes(v));
  const contiguous = contiguousAxis(finish, axes);
  const swap = contiguous !== undefined && ofA.includes(contiguous);
  const [rows, columns, left, right] = swap ? [ofB, ofA, b, a] : [ofA, ofB, a, b];
  const [m, n, depth] = [extentOf(rows), extentOf(columns), extentOf(steps)];
  const made = { batch, rows, columns, steps, left, right, sum, type, finish: toSched(finish) };
  if (depth < LEAST.steps || m * n * depth < LEAST.work) return undefined;
  if (m >= LEAST.rows) return n < LEAST.columns ? undefined : { ...made, tile: target.tile };
  // Few rows pass over the matrix once: packed, it is one stream of memory.
  const tile = target.lowTiles.find((t) => m <= t.rows && n >= t.columns);
  return tile && isKnown(right, made, isConstant) ? { ...made, tile } : undefined;
};
