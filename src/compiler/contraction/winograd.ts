/**
 * Convolutions of 3 × 3 windows with stride 1 and known weights by Winograd's algorithm: which contractions
 * are such, how their tiles are cut into jobs, and whether fewer products make up for the transforms and for
 * weights that take 4 (16/9) times the memory.
 */
import { WINDOW, winogradMatrices, type WinogradSize } from '../winograd.ts';
import { mergeAxes } from './axes.ts';
import { estimate } from './cost.ts';
import { coefficient, type Load } from './factor.ts';
import { isPlain, movesWith, readsOnly } from './operands.ts';
import { finishOf, orient, standsAlone, type Finish, type Plan, type Surroundings } from './plan.ts';
import { panelsOf } from './panels.ts';
import { sizeOfAxes, type Axis, type Contraction, type Target, type Tile } from './types.ts';

/** One axis of the image that windows slide along. */
export interface SlidingAxis {
  /** Counts results. */
  readonly axis: Axis;
  /** Elements from one point of the image to the next. */
  readonly stride: number;
  /** Points p + k from `low` up to but not `high` are in the image (or, beyond the last window, asked for by none); elsewhere there are zeros. */
  readonly low: number;
  readonly high: number;
}

/** A convolution as Winograd's algorithm sees it. */
export interface Windowed {
  readonly contraction: Contraction;
  /** As a plain contraction: its columns are feature maps, its panels hold weights row by row: window points outside, channels inside. */
  readonly plan: Omit<Plan, 'jobs'>;
  readonly load: Load;
  /** Axes that choose the image. */
  readonly images: readonly Axis[];
  readonly height: SlidingAxis;
  readonly width: SlidingAxis;
  readonly channels: number;
}

export interface WinogradPlan extends Windowed {
  readonly m: WinogradSize;
  readonly tile: Tile;
  readonly finish: Finish;
  /** Tiles along an axis of an image, and of all images. */
  readonly down: number;
  readonly across: number;
  readonly tiles: number;
  /** Parts tiles and panels are cut into: a job is one of each. */
  readonly tileParts: number;
  readonly panelParts: number;
  /** Most tiles of a job. */
  readonly block: number;
  /** Elements from a channel row of one tile to the next, and from one product's to the next's. */
  readonly pitch: number;
  readonly plane: number;
  readonly workers: number;
}

const slidingAxis = (load: Load, k: Axis, rows: readonly Axis[]): SlidingAxis | undefined => {
  const stride = coefficient(load.at, k);
  const axis = rows.find(
    (p) => coefficient(load.at, p) === stride && load.guards.every((g) => coefficient(g, p) === coefficient(g, k)) && p.extent > 1,
  );
  if (!axis || k.extent !== WINDOW || stride <= 0) return undefined;
  let [low, high] = [0, axis.extent + WINDOW - 1];
  for (const g of load.guards) {
    const slope = coefficient(g, k);
    if (slope === 0) continue;
    // Only p and k, and by one: then it is a bound of p + k.
    if (Math.abs(slope) !== 1 || g.terms.size !== 2) return undefined;
    if (slope === 1) low = Math.max(low, -g.constant);
    else high = Math.min(high, g.constant + 1);
  }
  return { axis, stride, low, high };
};

/** The contraction as a convolution of images with known weights; undefined if it is none, or of another kind. */
export const windowedOf = (c: Contraction, tile: Tile, around: Surroundings): Windowed | undefined => {
  for (const [a, b] of [
    [c.a, c.b],
    [c.b, c.a],
  ] as const) {
    if (!readsOnly(b, (x) => x.constant === true) || !standsAlone(b, c)) continue;
    const plan = orient(c, a, b, tile, around);
    if (plan.a.kind !== 'runs' || !isPlain(plan.a.load, tile, around.storage) || plan.batch.length > 0) continue;
    const { load } = plan.a;
    const [first, second, ...rest] = plan.reduce;
    const channels = mergeAxes(rest, [load.at, ...load.guards]);
    const innermost = channels[0];
    // Of any other order or kind of guard: weights that depend on the image's place, padded channels.
    if (!first || !second || !innermost || channels.length > 1 || coefficient(load.at, innermost) !== 1) continue;
    if (movesWith(b, [first, second, ...rest]).length !== plan.reduce.length) continue;
    const height = slidingAxis(load, first, plan.rows);
    const width = slidingAxis(
      load,
      second,
      plan.rows.filter((x) => x !== height?.axis),
    );
    if (!height || !width) continue;
    const own = new Set([height.axis, width.axis, first, second].map((x) => x.v.name));
    if (load.guards.some((g) => [...g.terms.keys()].some((name) => !own.has(name)))) continue;
    const images = plan.rows.filter((x) => x !== height.axis && x !== width.axis);
    // Other rows are further images, not parts of an axis that was split: tiles count from an image's first result.
    const isApart = (x: Axis): boolean =>
      [height, width].every((s) => Math.abs(coefficient(load.at, x)) >= (s.high - s.low) * s.stride || x.extent === 1);
    if (!images.every(isApart)) continue;
    return { contraction: c, plan, load, images, height, width, channels: innermost.extent };
  }
  return undefined;
};

/** Elements between rows of channels beyond their length: rows at a multiple of a page's half meet in few sets of the nearest cache. */
const APART = 16;
/** Jobs a worker should get, so that a late one does not hold up the rest; and parts of panels, of which each transforms its patches for itself. */
const JOBS_PER_WORKER = 4;
const PARTS_PER_WORKER = 2;
const WORTH_A_THREAD = 500_000;

/** How tiles are cut: patches of a job stay in its core's cache, unless weights then came too often from a slower one. */
const cutTiles = (x: Windowed, m: WinogradSize, tile: Tile, target: Target): WinogradPlan => {
  const { n } = winogradMatrices[m];
  const down = Math.ceil(x.height.axis.extent / m);
  const across = Math.ceil(x.width.axis.extent / m);
  const tiles = sizeOfAxes(x.images) * down * across;
  const panels = panelsOf(x.plan);
  const pitch = x.channels + APART;
  const patchBytes = n * n * pitch * tile.bytes;
  const weightBytes = n * n * x.channels * panels * tile.columns * tile.bytes;
  const within = (bytes: number): number => Math.max(1, Math.floor(bytes / patchBytes));
  const near = Math.max(within(target.l2 / 2), 2 * tile.rows);
  const most = weightBytes <= target.l3 / 2 ? near : Math.max(near, within(target.l3 / 4 / target.threads));
  const operations = 2 * tiles * n * n * x.channels * sizeOfAxes(x.plan.columns);
  const workers = operations < 2 * WORTH_A_THREAD ? 1 : target.threads;
  const wanted = workers === 1 ? 1 : workers * JOBS_PER_WORKER;
  const parts = Math.max(Math.ceil(tiles / most), Math.min(wanted, Math.floor(tiles / (2 * tile.rows))), 1);
  // Few jobs that are no multiple of the workers leave some of them idle for one.
  const tileParts = parts < workers ? parts : Math.ceil(parts / workers) * workers;
  const panelParts = tileParts >= workers * PARTS_PER_WORKER ? 1 : Math.min(panels, Math.ceil((workers * PARTS_PER_WORKER) / tileParts));
  const block = Math.ceil(tiles / tileParts);
  const finish = finishOf(x.contraction, [], x.plan.columns);
  const plane = block * pitch + APART;
  return { ...x, m, tile, finish, down, across, tiles, tileParts, panelParts, block, pitch, plane, workers };
};

/** Cycles of transforms: of a vector of channels of a patch, of a vector of results of a tile, and of a tile and of a panel of it besides. Measured. */
const PATCH_CYCLES: Readonly<Record<WinogradSize, number>> = { 2: 40, 4: 130 };
const RESULT_CYCLES: Readonly<Record<WinogradSize, number>> = { 2: 50, 4: 170 };
const PER_PATCH = 80;
const PER_PRODUCT = 100;
/** Products by their count, over what the microkernels take where everything is in the nearest cache. */
const FROM_CACHE = 1.15;
/** Bytes of weights memory gives all cores together in a cycle: between runs of a model they leave the caches. */
const MEMORY_BYTES = 16;

const weightCycles = (points: number, x: Windowed, target: Target): number =>
  (points * x.channels * sizeOfAxes(x.plan.columns) * x.plan.tile.bytes * target.threads) / MEMORY_BYTES;

const winogradCycles = (p: WinogradPlan, target: Target): number => {
  const { n } = winogradMatrices[p.m];
  const { tile, tiles } = p;
  const columns = Math.ceil(sizeOfAxes(p.plan.columns) / tile.lanes);
  const rowTiles = p.tileParts * Math.ceil(p.block / tile.rows);
  const perTile = tiles / rowTiles;
  const rate = Math.min(2, (perTile * tile.vectors * 2) / (perTile + tile.vectors));
  const multiply = (FROM_CACHE * n * n * tiles * columns * p.channels) / rate + n * n * rowTiles * panelsOf(p.plan) * PER_PRODUCT;
  const patches = p.panelParts * tiles * (Math.ceil(p.channels / tile.lanes) * PATCH_CYCLES[p.m] + PER_PATCH);
  const results = tiles * columns * RESULT_CYCLES[p.m];
  return multiply + patches + results + weightCycles(n * n, p, target);
};

/** Gains smaller than this are not worth the digits they cost. */
const WORTH_IT = 0.9;

/**
 * The cheapest way by Winograd's algorithm, if it is cheaper than `direct`.
 * @param direct the plain contraction as it would be calculated.
 */
export const winogradOf = (direct: Plan, around: Surroundings): WinogradPlan | undefined => {
  if (direct.tile.type !== 'float' || direct.contraction.type !== 'float32' || direct.packing !== 'once') return undefined;
  const windowed = windowedOf(direct.contraction, direct.tile, around);
  if (!windowed) return undefined;
  const { target } = around;
  let least = WORTH_IT * (estimate(direct) + weightCycles(WINDOW * WINDOW, windowed, target));
  let best: WinogradPlan | undefined;
  for (const m of [2, 4] as const) {
    const plan = cutTiles(windowed, m, direct.tile, target);
    const cycles = winogradCycles(plan, target);
    if (cycles < least) [least, best] = [cycles, plan];
  }
  return best;
};
