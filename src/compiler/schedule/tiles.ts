/**
 * Schedules a contraction as packed panels and register tiles (the scheme of Goto and van de Geijn,
 * "Anatomy of high-performance matrix multiplication", 2008). Packing reads each operand through its
 * own index expressions, so a convolution needs no im2col buffer larger than a block. An operand
 * that is known beforehand (weights) is packed once.
 */
import type { Buffer, LExpr } from '../loops.ts';
import type { DType } from '../../core/dtype.ts';
import { isKnown, type Contraction, type Operand } from './contraction.ts';
import { isWorthThreads } from './divide.ts';
import { conjunction, guardsOf, slackOf, unguarded } from './guards.ts';
import { at, fresh, instantiate, k, loop, shared, substitute, type Sched, type Target } from './ir.ts';
import { coefficientOf } from './linear.ts';
import { extentOf, unravel, type Axis } from './nests.ts';
import { alongOne } from './positions.ts';

/** Elements of packed panels that are used over and over: about what a second-level cache holds. */
const BLOCK_ELEMENTS = 65_536;
/** Pieces for each thread from which it does not matter that they cannot be cut further. */
const PIECES = 4;
/** Blocks for each thread: with fewer, those left at the end are waited for. */
const BLOCKS = 16;
/** Operations packing an element comes to. */
const PACKING = 8;

/** Statements of one stage, and the operations in them. */
export interface TiledStage {
  readonly body: readonly Sched[];
  readonly work: number;
}

export interface Tiled {
  /** Stages to run once, before everything else: packing of what is constant. */
  readonly once: readonly Sched[];
  /** Loops around the stages, outermost first. */
  readonly around: readonly Axis[];
  readonly stages: readonly TiledStage[];
  readonly temps: readonly Buffer[];
}

interface Side {
  readonly operand: Operand;
  readonly axes: readonly Axis[];
  /** Elements of one panel in this direction. */
  readonly width: number;
  readonly extent: number;
  readonly panels: number;
}

const sideOf = (operand: Operand, axes: readonly Axis[], width: number): Side => {
  const extent = extentOf(axes);
  return { operand, axes, width, extent, panels: Math.ceil(extent / width) };
};

let serial = 0;
const tempOf = (dtype: DType, size: number, hint: string): Buffer => ({ name: `${hint}${serial++}`, dtype, size, role: 'temp' });

/** Row-major position within axes. */
const ravel = (axes: readonly Axis[]): LExpr => axes.reduce<LExpr>((e, a) => at.add(at.mul(e, a.extent), a.v), k(0));

const nest = (axes: readonly Axis[], body: readonly Sched[], parallel: boolean): Sched[] =>
  axes.reduceRight<readonly Sched[]>((inner, a) => [loop(a.v, k(a.extent), inner, parallel)], body) as Sched[];

class Tiling {
  readonly once: Sched[] = [];
  readonly temps: Buffer[] = [];
  readonly #c: Contraction;
  readonly #target: Target;
  readonly #steps: number;
  readonly #isConstant: (b: Buffer) => boolean;

  constructor(c: Contraction, target: Target, isConstant: (b: Buffer) => boolean) {
    this.#c = c;
    this.#target = target;
    this.#isConstant = isConstant;
    this.#steps = extentOf(c.steps);
  }

  #temp(dtype: DType, size: number, hint: string): Buffer {
    const buffer = tempOf(dtype, size, hint);
    this.temps.push(buffer);
    return buffer;
  }

  /** Panels from `first` on, `count` of them, packed to `buffer` from element `offset` on. The last one is filled up with copies of the last element. */
  #pack(side: Side, first: LExpr, count: LExpr, buffer: Buffer, offset: LExpr): Sched {
    const { operand, axes, width, extent } = side;
    const panel = fresh('index', 'p');
    const start = at.mul(at.add(first, panel), width);
    const row = at.add(at.add(offset, at.mul(panel, this.#steps * width)), at.mul(ravel(this.#c.steps), width));
    const lane = (l: LExpr, value: LExpr, rewrite: (e: LExpr) => LExpr): Sched => ({
      kind: 'store',
      buffer,
      at: at.add(row, l),
      value: rewrite(value),
    });
    const each = Array.from({ length: width }, (_, l) => {
      const place = at.add(start, k(l));
      return lane(k(l), operand.value, alongOne(axes, extent % width === 0 ? place : at.min(place, k(extent - 1))));
    });
    const body = this.#packTogether(side, start, lane) ?? { cond: undefined, stmts: [] };
    const packed: Sched[] = body.cond ? [{ kind: 'if', cond: body.cond, then: body.stmts, otherwise: each }] : each;
    return shared(panel, count, nest(this.#c.steps, packed, false));
  }

  /**
   * A panel whose elements are neighbours along the innermost axis, all of them inside of all guards:
   * positions are taken apart once for the panel, and guards, which are linear, are looked at where
   * the panel starts and where it ends. Undefined where that is no simpler than each element by itself.
   */
  #packTogether(
    side: Side,
    start: LExpr,
    lane: (l: LExpr, value: LExpr, rewrite: (e: LExpr) => LExpr) => Sched,
  ): { cond: LExpr; stmts: Sched[] } | undefined {
    const { operand, axes, width, extent } = side;
    const innermost = axes.at(-1);
    if (!innermost) return undefined;
    const guards = guardsOf(operand.value);
    const linear = guards.every((g) => {
      const slack = slackOf(g);
      return slack !== undefined && coefficientOf(slack, innermost.v.name) !== undefined;
    });
    if (
      !linear ||
      (axes.length === 1 && guards.length === 0 && (extent % width === 0 || this.#target.lanes === 1)) ||
      innermost.extent < width
    )
      return undefined;
    const origin = unravel(axes, start, at.div, at.mod);
    const at0 = origin.get(innermost.v.name)!;
    const placed =
      (l: LExpr) =>
      (e: LExpr): LExpr =>
        substitute(e, new Map([...origin, [innermost.v.name, at.add(at0, l)]]));
    const inRow: LExpr = { kind: 'binary', type: 'bool', op: 'le', a: at.add(at0, k(width)), b: k(innermost.extent) };
    // A condition that grows along the axis holds everywhere if it does where it is least.
    const ends = guards.map((g) => placed(k(coefficientOf(slackOf(g)!, innermost.v.name)! < 0 ? width - 1 : 0))(g));
    const value = unguarded(operand.value);
    const l = fresh('index', 'l');
    const stmts: Sched[] =
      this.#target.lanes > 1
        ? [{ kind: 'for', v: l, from: k(0), to: k(width), parallel: true, lanes: true, body: [lane(l, value, placed(l))] }]
        : Array.from({ length: width }, (_, i) => lane(k(i), value, placed(k(i))));
    return { cond: conjunction([...(innermost.extent % width === 0 ? [] : [inRow]), ...ends]) ?? inRow, stmts };
  }

  schedule(): Tiled {
    const { batch, rows, columns, left, right, tile: shape } = this.#c;
    const a = sideOf(left, rows, shape.rows);
    const b = sideOf(right, columns, shape.columns);
    const [knownA, knownB] = [left, right].map((o) => isKnown(o, this.#c, this.#isConstant));
    // What is packed whole should be packed once; else what is smaller. The other is packed a block at a time.
    const wholeIsA = knownA !== knownB ? knownA : a.extent <= b.extent;
    const [whole, part] = wholeIsA ? [a, b] : [b, a];
    const perPanel = (s: Side): number => s.width * this.#steps;

    const ownBatch = batch.filter((x) => whole.operand.depends.has(x.v.name));
    const known = (wholeIsA ? knownA : knownB)!;
    const wholeBuffer = this.#temp(this.#c.type, whole.panels * perPanel(whole) * (known ? extentOf(ownBatch) : 1), 'pw');
    const wholeOffset = known ? at.mul(ravel(ownBatch), whole.panels * perPanel(whole)) : k(0);
    const packWhole = this.#pack(whole, k(0), k(whole.panels), wholeBuffer, wholeOffset);
    if (known) this.once.push(...instantiate(nest(ownBatch, [packWhole], false), new Map()));

    const threads = this.#threads();
    // Batches enough for all threads: each takes whole ones, and what is packed is its own.
    const byBatch = threads === 1 || extentOf(batch) >= PIECES * threads;
    const whole1 = { body: [packWhole], work: whole.panels * perPanel(whole) * PACKING };
    const rest = this.#stages(whole, part, wholeBuffer, wholeOffset, wholeIsA, byBatch ? 1 : threads);
    const stages = known ? rest : [whole1, ...rest];
    if (!byBatch) return { once: this.once, around: batch, stages, temps: this.temps };
    const inside = stages.flatMap((s) => s.body);
    const body = batch.reduceRight<readonly Sched[]>((inner, x) => [shared(x.v, k(x.extent), inner)], inside);
    return { once: this.once, around: [], stages: [{ body, work: this.#work }], temps: this.temps };
  }

  /** Operations of the whole contraction. */
  get #work(): number {
    const { batch, rows, columns } = this.#c;
    return 2 * this.#steps * extentOf(batch) * extentOf(rows) * extentOf(columns);
  }

  #threads(): number {
    const { threads } = this.#target;
    return threads && isWorthThreads(this.#work, threads) ? threads.count : 1;
  }

  /** Packing of what is packed a block at a time, and the tiles: of one batch, the other side being packed. */
  #stages(whole: Side, part: Side, wholeBuffer: Buffer, wholeOffset: LExpr, wholeIsA: boolean, threads: number): TiledStage[] {
    const perPanel = (s: Side): number => s.width * this.#steps;
    // Too few panels to share out: they are packed before, and threads share out the others.
    const apart = threads > 1 && part.panels < PIECES * threads;
    const cached = Math.max(1, Math.floor(BLOCK_ELEMENTS / perPanel(part)));
    const blockPanels = apart ? part.panels : Math.min(cached, Math.ceil(part.panels / (threads === 1 ? 1 : BLOCKS * threads)));
    const blocks = Math.ceil(part.panels / blockPanels);
    const partBuffer = this.#temp(this.#c.type, blockPanels * perPanel(part), 'pp');
    const block = fresh('index', 'k');
    const firstPanel = blocks === 1 ? k(0) : at.mul(block, blockPanels);
    const panelsHere = part.panels % blockPanels === 0 ? k(blockPanels) : at.min(k(blockPanels), at.sub(k(part.panels), firstPanel));

    const { tile: shape } = this.#c;
    const sums = this.#temp(this.#target.sumType(this.#c.type), shape.rows * shape.columns, 'ts');
    const [w, p] = [fresh('index', 'w'), fresh('index', 'q')];
    const wholeAt = at.add(wholeOffset, at.mul(w, perPanel(whole)));
    const partAt = at.mul(p, perPanel(part));
    const [wholeStart, partStart] = [at.mul(w, whole.width), at.mul(at.add(firstPanel, p), part.width)];
    const tile: Sched = {
      kind: 'tile',
      shape,
      out: sums,
      steps: k(this.#steps),
      a: wholeIsA ? wholeBuffer : partBuffer,
      aAt: wholeIsA ? wholeAt : partAt,
      b: wholeIsA ? partBuffer : wholeBuffer,
      bAt: wholeIsA ? partAt : wholeAt,
    };
    const [a, b] = wholeIsA ? [whole, part] : [part, whole];
    const finish = this.#finish(a, wholeIsA ? wholeStart : partStart, b, wholeIsA ? partStart : wholeStart, sums);
    const tiles = shared(w, k(whole.panels), [shared(p, panelsHere, [tile, ...finish])]);
    const pack = this.#pack(part, firstPanel, panelsHere, partBuffer, k(0));
    const work = this.#work / extentOf(this.#c.batch);
    if (apart) {
      return [
        { body: [pack], work: part.panels * perPanel(part) * PACKING },
        { body: [tiles], work },
      ];
    }
    return [{ body: blocks === 1 ? [pack, tiles] : [shared(block, k(blocks), [pack, tiles])], work }];
  }

  /** What becomes of a tile's sums: the statements around the sum, for each of its rows and columns that exist. */
  #finish(a: Side, rowStart: LExpr, b: Side, columnStart: LExpr, sums: Buffer): Sched[] {
    const { finish, sum } = this.#c;
    const element = (rows: LExpr, columns: LExpr): Sched => {
      const [i, j] = [fresh('index', 'i'), fresh('index', 'j')];
      const [alongRows, alongColumns] = [alongOne(a.axes, at.add(rowStart, i)), alongOne(b.axes, at.add(columnStart, j))];
      const read: LExpr = { kind: 'read', type: sum.type, buffer: sums, at: at.add(at.mul(i, this.#c.tile.columns), j) };
      const body = instantiate([{ kind: 'let', local: sum, value: read }, ...finish], new Map(), (e) => alongRows(alongColumns(e)));
      return loop(i, rows, [{ kind: 'for', v: j, from: k(0), to: columns, parallel: true, lanes: true, body }]);
    };
    const whole = element(k(a.width), k(b.width));
    const left = (side: Side, start: LExpr): LExpr | undefined =>
      side.extent % side.width === 0 ? undefined : at.sub(k(side.extent), start);
    const [rowsLeft, columnsLeft] = [left(a, rowStart), left(b, columnStart)];
    const isWhole = conjunction([...enough(rowsLeft, a.width), ...enough(columnsLeft, b.width)]);
    if (!isWhole) return [whole];
    const rest = element(rowsLeft ? at.min(k(a.width), rowsLeft) : k(a.width), columnsLeft ? at.min(k(b.width), columnsLeft) : k(b.width));
    return [{ kind: 'if', cond: isWhole, then: [whole], otherwise: [rest] }];
  }
}

const enough = (left: LExpr | undefined, width: number): LExpr[] =>
  left ? [{ kind: 'binary', type: 'bool', op: 'ge', a: left, b: k(width) }] : [];

/**
 * @param isConstant whether a buffer holds the same contents at every run.
 */
export const tileContraction = (c: Contraction, target: Target, isConstant: (b: Buffer) => boolean): Tiled =>
  new Tiling(c, target, isConstant).schedule();
