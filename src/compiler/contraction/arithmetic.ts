/**
 * In what precision a contraction multiplies: in the type of its sums, or in one that is narrower and
 * has instructions of its own. Stages ask it how columns are packed, what becomes of rows, and for the
 * microkernel; everything else about them stays the same.
 */
import type { Helper } from '../loops.ts';
import { panelBytes } from './panels.ts';
import type { Plan } from './plan.ts';
import { microKernels } from './tile.ts';
import { sizeOfAxes, type StageWriter, type Tile } from './types.ts';

/** Where text about one tile finds things. */
export interface TilePlace {
  /** Number of the tile in its block. */
  readonly tile: string;
  /** Rows of the tile, and vectors in a row of it. */
  readonly rows: string;
  readonly vectors: string;
  /** Pointers of its rows: run q of row i at [q · rows + i]. */
  readonly pointers: string;
  readonly runs: string;
  /** The panel, and where results go. */
  readonly panel: string;
  readonly results: string;
}

export interface Arithmetic {
  readonly helpers: (tile: Tile) => readonly Helper[];
  /** C type packed columns are of, and bytes of one panel. */
  readonly packedType: (tile: Tile) => string;
  readonly panelBytes: (p: Plan) => number;
  /** Turns a panel of the tile's type at `wide_panel` into the packed one at `dst`; undefined where they are the same. */
  readonly narrowPanel: ((w: StageWriter, p: Plan, pad: string) => void) | undefined;
  /** What stands for an element of padding in rows, and in columns, where that is not 0. */
  readonly fill?: (w: StageWriter, p: Plan) => { readonly rows: string; readonly columns: string };
  /** Bytes one tile's rows take in the narrower type, in a worker's space `narrow`; and how they get there. */
  readonly rowBytes: (p: Plan) => number;
  readonly narrowRows:
    | ((w: StageWriter, p: Plan, at: Pick<TilePlace, 'tile' | 'rows' | 'pointers' | 'runs'>, pad: string) => void)
    | undefined;
  /** Text around everything a stage does, where the processor must be told. */
  readonly begin?: string;
  readonly end?: string;
  /** The microkernel's call. */
  readonly multiply: (w: StageWriter, p: Plan, at: TilePlace) => string;
}

/** Length and step of a run of a row. */
export const runOf = (p: Plan): readonly [length: number, stride: number] =>
  p.a.kind === 'runs' ? [p.a.length, p.a.stride] : [sizeOfAxes(p.reduce), 1];

/** Products in the type of the sums. */
export const plainArithmetic: Arithmetic = {
  helpers: microKernels,
  packedType: (tile) => tile.type,
  panelBytes,
  narrowPanel: undefined,
  rowBytes: () => 0,
  narrowRows: undefined,
  multiply: (w, p, at) => {
    const [length, stride] = runOf(p);
    return `mk_${p.tile.type}[${at.vectors} - 1][${at.rows} - 1](${at.runs}, ${at.pointers}, ${w.param(length)}, ${w.param(stride)}, ${at.panel}, ${at.results});`;
  },
};
