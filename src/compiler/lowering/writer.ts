/** Statements of loop IR while they are written: blocks, loop nests, names. */
import type { DType } from '../../core/dtype.ts';
import type { ScalarType } from '../expr.ts';
import { applySchedule } from '../explicit/apply.ts';
import type { Directives } from '../explicit/schedule.ts';
import type { Hints } from '../hints.ts';
import { ix, type Buffer, type LExpr, type Local, type Stmt } from '../loops.ts';
import type { ScanNode, TensorExpr } from '../tensor-expr.ts';

/** What index variables from outside of a body stand for. */
export type Vars = ReadonlyMap<string, LExpr>;

export class LoopWriter {
  /** Workspace made so far. */
  readonly temps: Buffer[] = [];
  /** What the nest that is being written is to heed. */
  hints: Hints = {};
  /** Blocks being written: the program's, then one per scan being entered. */
  readonly #blocks: { readonly stmts: Stmt[]; readonly scan: ScanNode | undefined; readonly vars: Vars }[] = [
    { stmts: [], scan: undefined, vars: new Map() },
  ];
  #block: Stmt[] = this.#blocks[0]!.stmts;
  #names = 0;

  get body(): Stmt[] {
    return this.#blocks[0]!.stmts;
  }

  /** Step counters of the scans around. */
  get vars(): Vars {
    return this.#blocks[this.#blocks.length - 1]!.vars;
  }

  push(...stmts: readonly Stmt[]): void {
    this.#block.push(...stmts);
  }

  local(type: ScalarType, hint = 'v'): Local {
    return { kind: 'local', type, name: `${hint}${this.#names++}` };
  }

  temp(dtype: DType, size: number, order?: readonly number[]): Buffer {
    const buffer: Buffer = { name: `w${this.temps.length}`, dtype, size, role: 'temp', ...(order ? { order } : {}) };
    this.temps.push(buffer);
    return buffer;
  }

  /** Gives a composite expression a name, so that using it twice does not compute it twice. */
  bind(e: LExpr): LExpr {
    if (e.kind === 'const' || e.kind === 'local') return e;
    const local = this.local(e.type);
    this.push({ kind: 'let', local, value: e });
    return local;
  }

  /** Collects the statements `write` writes. */
  collect(write: () => void): Stmt[] {
    const stmts: Stmt[] = [];
    this.#into(stmts, write);
    return stmts;
  }

  #into(stmts: Stmt[], write: () => void): void {
    const saved = this.#block;
    this.#block = stmts;
    write();
    this.#block = saved;
  }

  /** A loop nest over a shape, its axes outermost first in the order given; extents of 1 need no loop. */
  nest(shape: readonly number[], body: (at: LExpr[]) => void, parallel = true, order: readonly number[] = shape.map((_, d) => d)): void {
    const counters = this.#counters(shape);
    let stmts = this.collect(() => body(counters.map((v) => v ?? ix.k(0))));
    for (const d of [...order].reverse()) {
      const v = counters[d];
      if (v) stmts = [{ kind: 'for', v, extent: shape[d]!, parallel, body: stmts }];
    }
    this.push(...stmts);
  }

  #counters(shape: readonly number[]): (Local | undefined)[] {
    return shape.map((d) => (d === 1 ? undefined : this.local('index', 'i')));
  }

  /** The nest that calculates a tensor: with its hints and those of what is inlined into it, in the order its schedule says. */
  elements(t: TensorExpr, directives: Directives | undefined, order: readonly number[] | undefined, body: (at: LExpr[]) => void): void {
    const outside = this.hints;
    this.hints = t.hints ?? {};
    if (directives) this.#scheduled(t.shape, directives, body);
    else {
      const stmts = this.collect(() => this.nest(t.shape, body, true, order));
      const { parallel } = this.hints;
      this.push(...stmts.map((s) => (s.kind === 'for' && parallel ? { ...s, grain: parallel } : s)));
    }
    this.hints = outside;
  }

  #scheduled(shape: readonly number[], directives: Directives, write: (at: LExpr[]) => void): void {
    const counters = this.#counters(shape);
    const body = this.collect(() => write(counters.map((v) => v ?? ix.k(0))));
    const temp = (dtype: DType, size: number): Buffer => this.temp(dtype, size);
    this.push(...applySchedule({ shape, counters, body, temp, local: () => this.local('index', 'i') }, directives));
  }

  /** Writes into the innermost scan body of those given (what depends on none of them runs before the scans). */
  atLevel(within: ReadonlySet<ScanNode>, write: () => void): void {
    let level = this.#blocks.length - 1;
    while (level > 0 && !within.has(this.#blocks[level]!.scan!)) level--;
    const hidden = this.#blocks.splice(level + 1);
    this.#into(this.#blocks[level]!.stmts, write);
    this.#blocks.push(...hidden);
  }

  /** The loop over a scan's steps; what `write` writes, and what is materialized meanwhile and depends on the step, is its body. */
  steps(scan: ScanNode, write: (t: Local) => void): void {
    const t = this.local('index', 't');
    const body: Stmt[] = [];
    this.#blocks.push({ stmts: body, scan, vars: new Map([...this.vars, [scan.t.name, t]]) });
    this.#into(body, () => write(t));
    this.#blocks.pop();
    this.push({ kind: 'for', v: t, extent: scan.length, parallel: false, body });
  }
}
