/**
 * Moves what does not change in a loop out of it. Index arithmetic is total and pure, so it may move
 * whatever stands around it; reads and other arithmetic move only if they were certain to be
 * evaluated (not inside a branch, loops not empty) and nothing in the stage writes what they read.
 */
import type { Buffer, LExpr, Local } from '../loops.ts';
import { mapChildren } from '../loops.ts';
import { buffersOf, constantOf, fresh, keyOf, type For, type Let, type Sched } from './ir.ts';

/** Whether an expression is sums and products of counters alone: safe to compute where it was not asked for. */
const isTotal = (e: LExpr): boolean =>
  e.type === 'index' && (e.kind === 'const' || e.kind === 'local' || (e.kind === 'binary' && isTotal(e.a) && isTotal(e.b)));

const runsAtLeastOnce = (s: For): boolean => {
  const [from, to] = [constantOf(s.from), constantOf(s.to)];
  return from !== undefined && to !== undefined && to > from;
};

class Motion {
  /** Loop depth at which each local is known. */
  readonly #depth = new Map<string, number>();
  /** Per depth: declarations to put before the loop that is being left, by structural key. */
  readonly #pending: Map<string, Let>[] = [new Map()];
  readonly #written: ReadonlySet<Buffer>;
  /** Names whose values are now known by another name. */
  readonly #moved = new Map<string, LExpr>();
  /** Least depth to which something that is not total may move from here. */
  #floor = 0;

  constructor(written: ReadonlySet<Buffer>) {
    this.#written = written;
  }

  #depthOf(e: LExpr): number {
    if (e.kind === 'const') return 0;
    if (e.kind === 'local') return this.#depth.get(e.name) ?? 0;
    if (e.kind === 'read' && this.#written.has(e.buffer)) return Infinity;
    let depth = 0;
    mapChildren(e, (c) => {
      depth = Math.max(depth, this.#depthOf(c));
      return c;
    });
    return depth;
  }

  #expr(e: LExpr, depth: number): LExpr {
    if (e.kind === 'const') return e;
    if (e.kind === 'local') return this.#moved.get(e.name) ?? e;
    const own = this.#depthOf(e);
    const goal = isTotal(e) ? own : Math.max(own, this.#floor);
    if (goal < depth) return this.#move(e, goal);
    if (e.kind === 'select') return { ...e, cond: this.#expr(e.cond, depth), a: this.#guarded(e.a, depth), b: this.#guarded(e.b, depth) };
    if (e.kind === 'binary' && (e.op === 'and' || e.op === 'or')) return { ...e, a: this.#expr(e.a, depth), b: this.#guarded(e.b, depth) };
    return mapChildren(e, (c) => this.#expr(c, depth));
  }

  /** What is evaluated only sometimes stays inside its branch, except for index arithmetic. */
  #guarded(e: LExpr, depth: number): LExpr {
    return this.#within(depth, () => this.#expr(e, depth));
  }

  #within<T>(floor: number, f: () => T): T {
    const saved = this.#floor;
    this.#floor = Math.max(saved, floor);
    const result = f();
    this.#floor = saved;
    return result;
  }

  #move(e: LExpr, goal: number): LExpr {
    const pending = this.#pending[goal]!;
    const key = keyOf(e);
    let known = pending.get(key);
    if (!known) {
      const value = mapChildren(e, (c) => this.#expr(c, goal));
      const local = fresh(e.type, 'h');
      this.#depth.set(local.name, goal);
      pending.set(key, (known = { kind: 'let', local, value }));
    }
    return known.local;
  }

  block(stmts: readonly Sched[], depth: number): Sched[] {
    const out: Sched[] = [];
    const define = (local: Local, at: number): void => void this.#depth.set(local.name, at);
    for (const s of stmts) {
      switch (s.kind) {
        case 'for': {
          const [from, to] = [this.#expr(s.from, depth), this.#expr(s.to, depth)];
          // What differs between lanes is not named outside of the place that uses it: positions there must show how they depend on the counter.
          define(s.v, s.lanes ? Infinity : depth + 1);
          const outer = this.#pending[depth]!;
          this.#pending[depth] = new Map();
          this.#pending[depth + 1] = new Map();
          const body = this.#within(runsAtLeastOnce(s) ? 0 : depth + 1, () => this.block(s.body, depth + 1));
          out.push(...this.#pending[depth]!.values(), { ...s, from, to, body });
          this.#pending[depth] = outer;
          break;
        }
        case 'if': {
          const cond = this.#expr(s.cond, depth);
          const [then, otherwise] = this.#within(depth, () => [this.block(s.then, depth), this.block(s.otherwise, depth)]);
          out.push({ ...s, cond, then, otherwise });
          break;
        }
        case 'store':
          out.push({ ...s, at: this.#expr(s.at, depth), value: this.#expr(s.value, depth) });
          break;
        case 'tile':
          out.push({ ...s, aAt: this.#expr(s.aAt, depth), bAt: this.#expr(s.bAt, depth), steps: this.#expr(s.steps, depth) });
          break;
        // A variable changes, so nothing that reads it may move.
        case 'var': {
          const value = s.value && this.#expr(s.value, depth);
          define(s.local, Infinity);
          out.push({ ...s, value });
          break;
        }
        case 'let': {
          const value = this.#expr(s.value, depth);
          // A value that could move as a whole has moved, and is known by its new name.
          if (value.kind === 'local' && this.#depth.get(value.name) !== Infinity) {
            this.#moved.set(s.local.name, value);
            define(s.local, this.#depth.get(value.name) ?? 0);
          } else {
            define(s.local, this.#depthOf(value) === Infinity ? Infinity : depth);
            out.push({ ...s, value });
          }
          break;
        }
        case 'set':
          out.push({ ...s, value: this.#expr(s.value, depth) });
          break;
      }
    }
    return out;
  }
}

/** A stage with invariant expressions moved before the loops they do not depend on. */
export const moveInvariants = (body: readonly Sched[]): Sched[] => new Motion(buffersOf(body).writes).block(body, 0);
