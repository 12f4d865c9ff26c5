/**
 * Moves index arithmetic out of the loops it does not depend on. Index arithmetic is total and pure,
 * so moving it is always right; that is what makes `x[i*n + j*m + k]` cost one addition in the loop over k.
 */
import { mapChildren, type LExpr, type Local, type Stmt } from './loops.ts';

/** Structural key of an index expression. */
const keyOf = (e: LExpr): string => {
  switch (e.kind) {
    case 'const':
      return String(e.value);
    case 'local':
      return e.name;
    case 'binary':
      return `(${keyOf(e.a)} ${e.op} ${keyOf(e.b)})`;
    default:
      return '';
  }
};

/** Arithmetic on loop counters and extents alone: total and pure. */
export const isIndexArithmetic = (e: LExpr): boolean =>
  e.type === 'index' &&
  (e.kind === 'const' || e.kind === 'local' || (e.kind === 'binary' && isIndexArithmetic(e.a) && isIndexArithmetic(e.b)));

class Hoisting {
  /** Loop depth at which each local is known. */
  readonly #depth = new Map<string, number>();
  /** Per depth: declarations to put before the loop that is being left, by structural key. */
  readonly #pending: Map<string, Extract<Stmt, { kind: 'let' }>>[] = [new Map()];
  #names = 0;

  #depthOf(e: LExpr): number {
    if (e.kind === 'const') return 0;
    if (e.kind === 'local') return this.#depth.get(e.name) ?? 0;
    return e.kind === 'binary' ? Math.max(this.#depthOf(e.a), this.#depthOf(e.b)) : 0;
  }

  #expr(e: LExpr, depth: number): LExpr {
    if (e.kind === 'binary' && isIndexArithmetic(e)) {
      const at = this.#depthOf(e);
      if (at < depth) return this.#hoist(e, at);
    }
    return mapChildren(e, (c) => this.#expr(c, depth));
  }

  #hoist(e: LExpr, at: number): LExpr {
    const pending = this.#pending[at]!;
    const key = keyOf(e);
    let known = pending.get(key);
    if (!known) {
      // Its own subexpressions may belong further out still.
      const value = mapChildren(e, (c) => this.#expr(c, at));
      const local: Local = { kind: 'local', type: 'index', name: `h${this.#names++}` };
      this.#depth.set(local.name, at);
      pending.set(key, (known = { kind: 'let', local, value }));
    }
    return known.local;
  }

  block(stmts: readonly Stmt[], depth: number): Stmt[] {
    const out: Stmt[] = [];
    for (const s of stmts) {
      switch (s.kind) {
        case 'for': {
          this.#depth.set(s.v.name, depth + 1);
          const outer = this.#pending[depth]!;
          this.#pending[depth] = new Map();
          this.#pending[depth + 1] = new Map();
          const body = this.block(s.body, depth + 1);
          out.push(...this.#pending[depth]!.values(), { ...s, body });
          this.#pending[depth] = outer;
          break;
        }
        case 'if':
          out.push({ ...s, cond: this.#expr(s.cond, depth), then: this.block(s.then, depth), otherwise: this.block(s.otherwise, depth) });
          break;
        case 'store':
          out.push({ ...s, at: this.#expr(s.at, depth), value: this.#expr(s.value, depth) });
          break;
        // A variable changes, so nothing that reads it may move.
        case 'var':
          this.#depth.set(s.local.name, Infinity);
          out.push({ ...s, value: s.value && this.#expr(s.value, depth) });
          break;
        case 'let':
          this.#depth.set(s.local.name, depth);
          out.push({ ...s, value: this.#expr(s.value, depth) });
          break;
        case 'set':
          out.push({ ...s, value: this.#expr(s.value, depth) });
          break;
        case 'call':
          out.push(s);
          break;
      }
    }
    return out;
  }
}

export const hoistIndexArithmetic = (body: readonly Stmt[]): Stmt[] => new Hoisting().block(body, 0);
