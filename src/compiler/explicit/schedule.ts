/**
 * Explicit schedules: an author's own order of the loops that calculate a tensor, for one class of
 * chips. A schedule says in which order loops stand, which are cut into tiles, which one is divided among
 * threads, what is written out, and what is kept in memory on the way. It cannot change what is
 * calculated: loops over the tensor's axes may stand in any order, and each element's reduction keeps
 * its own. What is not possible is an error that names the op and the reason.
 *
 *     schedules: {
 *       cpu: (s) => {
 *         const [column, lane] = s.tile(s.axis(-1), 256);
 *         s.order(...s.axes.slice(0, -1), column, s.reductions, lane);   // rows of memory, not columns
 *       },
 *     }
 */
import { FlagosError } from '../../core/errors.ts';
import type { TensorExpr } from '../tensor-expr.ts';

/** Chips that share a schedule: flagos/cpu, flagos/wasm, flagos/js. */
export type ChipClass = 'cpu' | 'wasm' | 'js';

/** A loop of a schedule; made by it, and good for it alone. */
export interface Loop {
  readonly name: string;
}

/** How one tensor is calculated. */
export interface Schedule {
  /** Extents of the tensor's axes. */
  readonly shape: readonly number[];
  /** Loops over its axes, outermost first. */
  readonly axes: readonly Loop[];
  /** All loops of its reductions, as one. */
  readonly reductions: Loop;
  /** The loop over an axis; negative ones count from the last. */
  axis(i: number): Loop;
  /** Cuts the loop over an axis into pieces; what is left over is done last. In an order, both take its place. */
  tile(loop: Loop, size: number): readonly [outer: Loop, inner: Loop];
  /** The loops from the outermost in: all of them, once each. Loops behind the reductions run inside of them, their sums kept in memory. */
  order(...loops: readonly Loop[]): void;
  /** Puts a loop outermost, where it is divided among threads. */
  parallel(loop: Loop): void;
  /** Writes a loop out; for the reductions, all of them. */
  unroll(loop: Loop): void;
  /** The schedule of a tensor inside of the op, by the name that `named` gave it; it is kept in memory. */
  inner(name: string): Schedule;
}

export type ScheduleFunction = (s: Schedule, attrs: Readonly<Record<string, unknown>>) => void;
export type Schedules = Readonly<Partial<Record<ChipClass, ScheduleFunction>>>;

/** Schedules of an op, as its output carries them. */
export interface Attached {
  readonly op: string;
  readonly schedules: Schedules;
  readonly attrs: Readonly<Record<string, unknown>>;
  /** What the op is given: tensors beyond are other ops'. */
  readonly inputs: ReadonlySet<TensorExpr>;
}

/** What a schedule asks for, checked; loops by position. */
export interface Directives {
  readonly op: string;
  /** Size of the pieces an axis is cut into. */
  readonly tiles: ReadonlyMap<number, number>;
  /** Outermost first. */
  readonly order: readonly LoopId[];
  readonly unrolled: ReadonlySet<string>;
}

export type LoopId =
  | { readonly kind: 'axis' | 'outer' | 'inner'; readonly axis: number; readonly name: string }
  | { readonly kind: 'reductions'; readonly name: string };

const impossible = (op: string, reason: string): FlagosError =>
  new FlagosError('FLAGOS_E_SCHEDULE', `the schedule of ${op} is not possible: ${reason}`, { trace: { op } });

/** Refuses from elsewhere in the compiler. */
export const refuseSchedule = impossible;

/** Records what a schedule function asks for. */
export class ScheduleRecorder implements Schedule {
  readonly shape: readonly number[];
  readonly axes: readonly Loop[];
  readonly reductions: Loop;
  readonly #op: string;
  readonly #loops = new Map<Loop, LoopId>();
  readonly #tiles = new Map<number, number>();
  readonly #pieces = new Map<number, readonly [Loop, Loop]>();
  readonly #unrolled = new Set<string>();
  readonly #find: (name: string) => ScheduleRecorder;
  #order: readonly Loop[] | undefined;
  #first: Loop | undefined;

  /** @param find the schedule of an inner tensor. */
  constructor(op: string, shape: readonly number[], find: (name: string) => ScheduleRecorder) {
    this.#op = op;
    this.#find = find;
    this.shape = shape;
    this.axes = shape.map((_, axis) => this.#loop({ kind: 'axis', axis, name: `axis ${axis}` }));
    this.reductions = this.#loop({ kind: 'reductions', name: 'the reductions' });
  }

  #loop(id: LoopId): Loop {
    const loop: Loop = Object.freeze({ name: id.name });
    this.#loops.set(loop, id);
    return loop;
  }

  #id(loop: Loop): LoopId {
    const id = this.#loops.get(loop);
    if (!id) throw impossible(this.#op, `${String(loop?.name ?? loop)} is no loop of this tensor`);
    return id;
  }

  axis(i: number): Loop {
    const loop = this.axes[i < 0 ? this.shape.length + i : i];
    if (!loop) throw impossible(this.#op, `there is no axis ${i}, the tensor has ${this.shape.length}`);
    return loop;
  }

  tile(loop: Loop, size: number): readonly [Loop, Loop] {
    const id = this.#id(loop);
    if (id.kind !== 'axis') throw impossible(this.#op, `${id.name} cannot be cut into tiles, only whole axes can`);
    if (this.#tiles.has(id.axis)) throw impossible(this.#op, `${id.name} is cut into tiles already`);
    if (!Number.isInteger(size) || size < 1) throw impossible(this.#op, `a tile of ${size} is none`);
    this.#tiles.set(id.axis, size);
    const pieces = [
      this.#loop({ kind: 'outer', axis: id.axis, name: `tiles of axis ${id.axis}` }),
      this.#loop({ kind: 'inner', axis: id.axis, name: `inside of tiles of axis ${id.axis}` }),
    ] as const;
    this.#pieces.set(id.axis, pieces);
    return pieces;
  }

  order(...loops: readonly Loop[]): void {
    const given = loops.map((l) => this.#id(l));
    const twice = given.find((id, i) => given.indexOf(id) !== i);
    if (twice) throw impossible(this.#op, `${twice.name} stands in the order twice`);
    for (const id of given) {
      if (id.kind === 'axis' && this.#tiles.has(id.axis)) throw impossible(this.#op, `${id.name} is cut into tiles, which take its place`);
    }
    this.#order = loops;
  }

  parallel(loop: Loop): void {
    const id = this.#id(loop);
    if (id.kind === 'reductions') throw impossible(this.#op, 'reductions cannot be divided among threads');
    this.#first = loop;
  }

  unroll(loop: Loop): void {
    this.#unrolled.add(this.#id(loop).name);
  }

  inner(name: string): Schedule {
    return this.#find(name);
  }

  /** @throws FLAGOS_E_SCHEDULE */
  finish(): Directives {
    const usual = [...this.shape.keys()].flatMap((axis) => this.#pieces.get(axis) ?? [this.axes[axis]!]);
    const all = [...usual, this.reductions];
    let order: readonly Loop[] = this.#order ?? all;
    if (!order.includes(this.reductions)) order = [...order, this.reductions];
    const missing = all.find((l) => !order.includes(l));
    if (missing) throw impossible(this.#op, `${missing.name} is not in the order`);
    const first = this.#first;
    if (first) {
      const own = this.#id(first);
      if (own.kind === 'axis' && this.#tiles.has(own.axis))
        throw impossible(this.#op, `${own.name} is cut into tiles, which take its place`);
      if (this.#order && order[0] !== first)
        throw impossible(this.#op, `${own.name} is to be divided among threads, but ${order[0]!.name} stands before it`);
      order = [first, ...order.filter((l) => l !== first)];
    }
    return { op: this.#op, tiles: this.#tiles, order: order.map((l) => this.#id(l)), unrolled: this.#unrolled };
  }
}
