/**
 * Divides stages among threads: a stage becomes a function of a range of its outermost iterations, which
 * are independent of each other. No sum is divided, so results are the same bits for any number of
 * threads. Where the outermost loop is short, loops right inside of it count as well; what a stage keeps
 * for the time of an iteration (packed panels, sums of a tile, a row) becomes a piece for each thread.
 */
import type { Buffer, LExpr, Local } from '../loops.ts';
import { at, buffersOf, constantOf, fresh, k, type For, type Sched, type ThreadTarget } from './ir.ts';
import { mentions } from './linear.ts';

/** How a stage's iterations are shared out. */
export interface Share {
  readonly body: readonly Sched[];
  /** The range a call of it does. */
  readonly lo: Local;
  readonly hi: Local;
  /** Iterations in all. */
  readonly count: number;
  /** Iterations a thread takes at a time, at least; what is no more than this is not divided. */
  readonly grain: number;
  /** Temporaries every thread has for itself. */
  readonly own: ReadonlySet<Buffer>;
}

/** What of a stage decides whether it can be divided. */
export interface Stage {
  readonly body: readonly Sched[];
  /** Operations in it. */
  readonly work: number;
}

/** Neighbouring elements of a loop in lanes that stay together: whole groups of vectors, and cache lines. */
const TOGETHER = 64;
/** Outer iterations per thread from which those of inner loops need not be counted. */
const ENOUGH = 8;
/** A stage of so many times what a thread takes at a time pays waking threads. */
const WORTH = 4;

export const isWorthThreads = (work: number, threads: ThreadTarget): boolean => threads.count > 1 && work >= WORTH * threads.grain;

/** One loop among the statements of a level: units of it, and what is counted inside of each. */
interface Loop {
  readonly units: number;
  /** Iterations in a unit. */
  readonly width: number;
  readonly inner: Level | undefined;
}

interface Level {
  readonly loops: ReadonlyMap<For, Loop>;
  readonly count: number;
}

const isIndependent = (s: For): boolean => s.parallel || s.divide === true;

/** Whether no loop of a level needs what another one makes. */
const areApart = (loops: readonly For[]): boolean => {
  if (loops.length < 2) return true;
  const used = loops.map((s) => buffersOf([s]));
  return used.every(({ writes }, i) => used.every(({ reads }, j) => i === j || [...writes].every((b) => !reads.has(b))));
};

/** How the loops of a level count; undefined if there is something besides names and independent loops. */
const levelOf = (stmts: readonly Sched[], wanted: number): Level | undefined => {
  const found = stmts.filter((s): s is For => s.kind === 'for');
  if (found.length === 0 || !stmts.every((s) => s.kind === 'let' || (s.kind === 'for' && isIndependent(s))) || !areApart(found))
    return undefined;
  const loops = new Map<For, Loop>();
  let count = 0;
  for (const s of found) {
    const [from, to] = [constantOf(s.from), constantOf(s.to)];
    if (from === undefined || to === undefined) return undefined;
    const width = s.lanes ? TOGETHER : 1;
    const units = Math.max(0, Math.ceil((to - from) / width));
    const inner = !s.lanes && units < wanted ? levelOf(s.body, Math.ceil(wanted / Math.max(1, units))) : undefined;
    loops.set(s, { units, width, inner });
    count += units * (inner?.count ?? 1);
  }
  return { loops, count };
};

/** `e` counted from `offset`, within 0 and `most`. */
const within = (e: LExpr, offset: LExpr, most: number): LExpr => at.max(at.min(at.sub(e, offset), k(most)), k(0));

/** The statements of a level, for those of its iterations that are in a range. @param offset number of its first iteration. */
const ranged = (stmts: readonly Sched[], level: Level, lo: Local, hi: Local, offset: LExpr): Sched[] => {
  let before = 0;
  return stmts.map((s): Sched => {
    if (s.kind !== 'for') return s;
    const { units, width, inner } = level.loops.get(s)!;
    const each = inner?.count ?? 1;
    const start = at.add(offset, k(before));
    const [first, last] = [within(lo, start, units * each), within(hi, start, units * each)];
    before += units * each;
    if (!inner) {
      const end = at.add(s.from, at.mul(last, width));
      return { ...s, from: at.add(s.from, at.mul(first, width)), to: width === 1 ? end : at.min(end, s.to) };
    }
    const body = ranged(s.body, inner, lo, hi, at.add(start, at.mul(at.sub(s.v, s.from), each)));
    return { ...s, from: at.add(s.from, at.div(first, each)), to: at.add(s.from, at.div(at.add(last, k(each - 1)), each)), body };
  });
};

/**
 * Whether iterations write results at places of their own: wherever one is written, the place depends on every
 * counter that is shared out.
 */
const areResultsApart = (stmts: readonly Sched[], level: Level, isOwn: (b: Buffer) => boolean): boolean => {
  /** @param counters names that depend on each counter. */
  const walk = (list: readonly Sched[], counters: readonly Set<string>[], at: Level | undefined): boolean =>
    list.every((s) => {
      const isApart = (place: LExpr): boolean => counters.length > 0 && counters.every((names) => mentions(place, names));
      switch (s.kind) {
        case 'for': {
          const divided = at?.loops.get(s);
          for (const names of counters) if (mentions(s.from, names)) names.add(s.v.name);
          return walk(s.body, divided && divided.units * divided.width > 1 ? [...counters, new Set([s.v.name])] : counters, divided?.inner);
        }
        case 'let':
          for (const names of counters) if (mentions(s.value, names)) names.add(s.local.name);
          return true;
        case 'if':
          return walk(s.then, counters, undefined) && walk(s.otherwise, counters, undefined);
        case 'store':
          return isOwn(s.buffer) || isApart(s.at);
        case 'tile':
          return isOwn(s.out);
        default:
          return true;
      }
    });
  return walk(stmts, [], level);
};

/**
 * A stage as a function of a range; undefined where it cannot be divided, or is not worth it.
 * @param isElsewhere whether another stage uses a temporary: if not, it holds something for the time of an iteration.
 */
export const divideStage = ({ body, work }: Stage, threads: ThreadTarget, isElsewhere: (b: Buffer) => boolean): Share | undefined => {
  const level = isWorthThreads(work, threads) ? levelOf(body, ENOUGH * threads.count) : undefined;
  if (!level) return undefined;
  const grain = Math.max(1, Math.ceil((threads.grain * level.count) / work));
  const own = new Set([...buffersOf(body).writes].filter((b) => b.role === 'temp' && !isElsewhere(b)));
  if (level.count <= grain || !areResultsApart(body, level, (b) => own.has(b))) return undefined;
  const [lo, hi] = [fresh('index', 'lo'), fresh('index', 'hi')];
  return { body: ranged(body, level, lo, hi, k(0)), lo, hi, count: level.count, grain, own };
};
