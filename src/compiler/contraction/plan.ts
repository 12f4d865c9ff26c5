/**
 * Decides how a contraction is computed: which side is rows and which columns, what is packed and
 * when, and how the work is cut into jobs. Everything here is arithmetic on extents; the C text
 * depends on the choices, not on the extents.
 */
import type { Affine } from '../affine.ts';
import { affineOf } from '../affine.ts';
import type { Buffer, LExpr, Stmt } from '../loops.ts';
import { mergeInside } from './axes.ts';
import type { ByteSides } from './bytes.ts';
import { coefficient, localsOf } from './factor.ts';
import { columnOperand, movesWith, readsOnly, reductionOrder, rowOperand, type ColumnOperand, type RowOperand } from './operands.ts';
import { estimate } from './cost.ts';
import { packedBytes, panelBytes, panelsOf, tilesOf } from './panels.ts';
import { sizeOfAxes, type Axis, type Contraction, type Target, type Tile } from './types.ts';

/** When columns are packed: once before the first run (constants), before all jobs, or by each job for itself. */
export type Packing = 'once' | 'before' | 'within';

export interface Plan {
  readonly contraction: Contraction;
  /** The factor that is packed. */
  readonly columnFactor: LExpr;
  readonly tile: Tile;
  readonly batch: readonly Axis[];
  /** Batch axes that the columns depend on: a panel is packed for each index of these. */
  readonly columnBatch: readonly Axis[];
  readonly rows: readonly Axis[];
  readonly columns: readonly Axis[];
  /** In the order panels are laid in. */
  readonly reduce: readonly Axis[];
  readonly a: RowOperand;
  readonly b: ColumnOperand;
  readonly finish: Finish;
  readonly packing: Packing;
  /** Rows are copied before they are used: where they lie, they would push each other out of the nearest cache. */
  readonly copyRows: boolean;
  readonly jobs: Jobs;
  /** Its factors, if they are bytes less a zero point: {@link tile} then says how bytes lie. */
  readonly bytes?: ByteSides;
}

/** What becomes of a tile. */
export interface Finish {
  readonly rows: readonly Axis[];
  readonly columns: readonly Axis[];
  readonly stmts: readonly Stmt[];
  /** Direction in which results are stored next to each other. */
  readonly along: 'rows' | 'columns';
}

/** How the work is cut. */
export interface Jobs {
  /** Pieces of rows and of columns; a job is one of each, of one batch. */
  readonly rowParts: number;
  readonly columnParts: number;
  /** Row tiles whose pointers are kept at once. */
  readonly block: number;
  readonly workers: number;
}

/** What planning has to know of its surroundings. */
export interface Surroundings {
  readonly target: Target;
  /** C type of a buffer's elements in memory. */
  readonly storage: (b: Buffer) => string;
  /** In what contractions multiply where they can; default float32 for sums in float32. `winograd`: with fewer products, where that pays. */
  readonly precision?: 'fp32' | 'bf16' | 'int8' | 'winograd';
}

export const finishOf = (c: Contraction, rows: readonly Axis[], columns: readonly Axis[]): Finish => {
  const merged = mergeInside(columns, c.finish);
  const all = mergeInside(rows, merged.stmts);
  const store = all.stmts.at(-1);
  const at: Affine | undefined = store?.kind === 'store' ? affineOf(store.at) : undefined;
  const step = (axes: readonly Axis[]): number => {
    const innermost = axes.at(-1);
    return innermost && at ? Math.abs(coefficient(at, innermost)) || Infinity : Infinity;
  };
  return { rows: all.axes, columns: merged.axes, stmts: all.stmts, along: step(all.axes) < step(merged.axes) ? 'rows' : 'columns' };
};

/** More bytes than this are packed whole only if the operand itself is about as large. */
const WHOLE_BYTES = 4 << 20;

/** Whether an expression depends on no loop around the contraction. */
export const standsAlone = (e: LExpr, c: Contraction): boolean => {
  const own = new Set([...c.axes, ...c.reduce].map((a) => a.v.name));
  return [...localsOf(e)].every((name) => own.has(name));
};

const packingOf = (c: Contraction, b: LExpr, operand: ColumnOperand, bytes: number, tile: Tile): Packing => {
  if (readsOnly(b, (x) => x.constant === true) && standsAlone(b, c)) return 'once';
  const source = operand.kind === 'evaluated' ? 0 : operand.load.buffer.size * tile.bytes;
  return bytes <= Math.max(WHOLE_BYTES, source * 1.25) ? 'before' : 'within';
};

/** Operations worth waking a thread for, and jobs each should get so that a late one does not hold up the rest. */
const WORTH_A_THREAD = 500_000;
const JOBS_PER_WORKER = 4;
/** Row tiles that share a pass over the panels. */
const MOST_TILES = 24;

/** Cuts tiles × panels so that jobs read as little as possible more than once. */
const cut = (p: Omit<Plan, 'jobs'>, target: Target): Jobs => {
  const [tiles, panels, batches, steps] = [tilesOf(p), panelsOf(p), sizeOfAxes(p.batch), sizeOfAxes(p.reduce)];
  const operations = 2 * batches * sizeOfAxes(p.rows) * sizeOfAxes(p.columns) * steps;
  const workers = operations < 2 * WORTH_A_THREAD ? 1 : target.threads;
  const wanted = workers === 1 ? 1 : Math.ceil((workers * JOBS_PER_WORKER) / batches);
  // Windows overlap: what is read of an image is not more than the image.
  const laidOut = tiles * p.tile.rows * steps * p.tile.bytes;
  const rowBytes = p.a.kind === 'runs' ? Math.min(laidOut, p.a.load.buffer.size * p.tile.bytes) : laidOut;
  const columnBytes = panels * panelBytes(p);
  let rowParts = 1;
  let columnParts = 1;
  if (p.packing === 'within') {
    // A job's panels stay in its core's cache while all rows pass over them.
    const fit = Math.max(1, Math.floor(target.l2 / 2 / panelBytes(p)));
    columnParts = Math.max(Math.ceil(panels / fit), Math.min(panels, wanted));
    rowParts = columnParts >= workers ? 1 : Math.min(tiles, Math.ceil(workers / columnParts));
  } else {
    let least = Infinity;
    for (let r = 1; r <= Math.min(tiles, wanted); r++) {
      const c = Math.min(panels, Math.ceil(wanted / r));
      if (r * c < Math.min(wanted, tiles * panels) && r < Math.min(tiles, wanted)) continue;
      const bytes = r * columnBytes + c * rowBytes;
      if (bytes < least) [least, rowParts, columnParts] = [bytes, r, c];
    }
  }
  // The rows of a block stay in its core's cache while all panels pass over them.
  const fit = Math.max(1, Math.floor(target.l2 / 2 / (p.tile.rows * steps * p.tile.bytes)));
  return { rowParts, columnParts, block: Math.min(Math.ceil(tiles / rowParts), MOST_TILES, fit), workers };
};

/** Rows at a multiple of this many bytes from each other meet in few sets of the nearest cache. */
const MEETING = 2048;
/** Elements between copied rows beyond their length, so that they do not. */
export const APART = 16;

const rowsMeet = (a: RowOperand, tile: Tile): boolean => {
  const along = a.kind === 'runs' ? a.rows.at(-1) : undefined;
  if (a.kind !== 'runs' || !along || a.stride !== 1 || a.edge || a.outer.length > 0) return false;
  return (Math.abs(coefficient(a.load.at, along)) * tile.bytes) % MEETING === 0 && a.length * tile.bytes >= MEETING;
};

/** One orientation: `rows` move with `a`, `columns` with `b`. */
export const orient = (c: Contraction, a: LExpr, b: LExpr, tile: Tile, { storage }: Surroundings): Omit<Plan, 'jobs'> => {
  const [withA, withB] = [movesWith(a, c.axes), movesWith(b, c.axes)];
  const batch = c.axes.filter((x) => withA.includes(x) && withB.includes(x));
  const columns = withB.filter((x) => !withA.includes(x));
  // An axis neither moves with only repeats the sum; it may as well be a row.
  const rows = c.axes.filter((x) => !withB.includes(x));
  const reduce = reductionOrder(a, c.reduce);
  const columnBatch = movesWith(b, batch);
  const operand = columnOperand(b, columns, reduce, tile, storage);
  const shape = { contraction: c, columnFactor: b, tile, batch, columnBatch, rows, columns, reduce };
  const rowsOf = rowOperand(a, rows, reduce, tile, storage);
  return {
    ...shape,
    b: operand,
    a: rowsOf,
    copyRows: rowsMeet(rowsOf, tile) && sizeOfAxes(columns) > tile.columns,
    finish: finishOf(c, rows, columns),
    packing: packingOf(c, b, operand, packedBytes(shape), tile),
  };
};

/** The cheaper of both orientations. */
export const planContraction = (c: Contraction, tile: Tile, around: Surroundings): Plan => {
  const both = [orient(c, c.a, c.b, tile, around), orient(c, c.b, c.a, tile, around)].map((p): Plan => ({
    ...p,
    jobs: cut(p, around.target),
  }));
  return estimate(both[0]!) <= estimate(both[1]!) ? both[0]! : both[1]!;
};
