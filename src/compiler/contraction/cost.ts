/**
 * About how many cycles a plan takes on one core. Only the order of two plans matters; the weights
 * were fitted to convolutions of ResNet-50 in both orientations and to square matrix products.
 */
import { coefficient } from './factor.ts';
import type { Plan } from './plan.ts';
import { panelsOf, tilesOf } from './panels.ts';
import { sizeOfAxes } from './types.ts';

/** Cycles to prepare, and to put away, one tile. */
const PER_TILE = 60;

/** Bytes of a cache line, and cycles a multiplication waits for one that is not in the nearest cache. */
const LINE = 64;
const PER_LINE = 8;

const packCycles = (p: Plan): number => {
  if (p.packing === 'once') return 0;
  const [steps, width] = [sizeOfAxes(p.reduce), p.tile.columns];
  const rows = sizeOfAxes(p.columnBatch) * panelsOf(p) * steps;
  const again = p.packing === 'within' ? p.jobs.rowParts : 1;
  if (p.b.kind === 'runs') return again * rows * width * 0.5;
  if (p.b.kind === 'evaluated') return again * rows * width * 3;
  const innermost = p.b.columns.at(-1)!;
  const pieces = Math.max(1, width / innermost.extent);
  const even = Math.abs(coefficient(p.b.load.at, innermost)) === 1 && !p.b.load.convert;
  return again * rows * (pieces * (p.b.load.guards.length ? 8 : 5) + (even ? p.tile.vectors * 1.5 : width * 0.7));
};

const rowCycles = (p: Plan): number => {
  const [steps, rows] = [sizeOfAxes(p.reduce), sizeOfAxes(p.batch) * sizeOfAxes(p.rows) * p.jobs.columnParts];
  if (p.a.kind === 'evaluated') return rows * steps * 2;
  const runs = sizeOfAxes(p.a.outer);
  const reload = sizeOfAxes(p.batch) * tilesOf(p) * panelsOf(p) * runs * 20;
  // A run that strides through memory touches a line or two per step, and leaves much of each unused.
  const lines = p.a.stride * p.tile.bytes >= LINE ? sizeOfAxes(p.batch) * tilesOf(p) * panelsOf(p) * steps * PER_LINE : 0;
  return rows * runs * 4 + reload + lines;
};

export const estimate = (p: Plan): number => {
  const { tile } = p;
  const [m, n, k, batches] = [sizeOfAxes(p.rows), sizeOfAxes(p.columns), sizeOfAxes(p.reduce), sizeOfAxes(p.batch)];
  const vectors = Math.ceil(n / tile.lanes);
  const perTile = m / tilesOf(p);
  // Few rows leave the multipliers waiting for loads.
  const rate = Math.min(2, (perTile * tile.vectors * 2) / (perTile + tile.vectors));
  const multiply = (batches * m * vectors * k) / rate;
  const store = batches * m * (p.finish.along === 'columns' && n > 1 ? vectors * 2 : n);
  return multiply + batches * tilesOf(p) * panelsOf(p) * PER_TILE + store + packCycles(p) + rowCycles(p);
};
