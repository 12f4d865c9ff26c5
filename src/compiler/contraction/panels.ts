/** Sizes that follow from a plan: its panels of columns, its tiles of rows, and the bytes packing takes. */
import type { Plan } from './plan.ts';
import { sizeOfAxes } from './types.ts';

/** Panels of a plan, and bytes of them all. */
export const panelsOf = (p: Pick<Plan, 'columns' | 'tile'>): number => Math.ceil(sizeOfAxes(p.columns) / p.tile.columns);
export const tilesOf = (p: Pick<Plan, 'rows' | 'tile'>): number => Math.ceil(sizeOfAxes(p.rows) / p.tile.rows);
export const panelBytes = (p: Pick<Plan, 'reduce' | 'tile'>): number => sizeOfAxes(p.reduce) * p.tile.columns * p.tile.bytes;
export const packedBytes = (p: Pick<Plan, 'columns' | 'tile' | 'reduce' | 'columnBatch'>): number =>
  sizeOfAxes(p.columnBatch) * panelsOf(p) * panelBytes(p);
