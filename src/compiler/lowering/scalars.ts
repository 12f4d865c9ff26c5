/**
 * Scalar expressions → expressions of loop IR, with the statements they need before them.
 *
 * Sharing is kept: an expression object used twice in one body is evaluated once. Laziness is kept
 * too: what only one branch of a `select` needs is evaluated inside that branch.
 */
import { dtypeInfo, integerRange } from '../../core/dtype.ts';
import { FlagosError } from '../../core/errors.ts';
import { childrenOf, type Expr, type LoadExpr, type ReduceExpr, type ScalarType, type VarExpr } from '../expr.ts';
import type { LExpr, Local, Stmt } from '../loops.ts';
import type { LoopWriter, Vars } from './writer.ts';

/** What variables stand for, and what has been evaluated already, at one place of a body. */
export interface Scope {
  readonly vars: Vars;
  readonly uses: ReadonlyMap<Expr, number>;
  readonly memo: Map<Expr, LExpr>;
  readonly outer: Scope | undefined;
}

/** How often each expression below some is used. */
const countUses = (roots: readonly Expr[]): Map<Expr, number> => {
  const uses = new Map<Expr, number>();
  const walk = (e: Expr, seen: Set<Expr>): void => {
    uses.set(e, (uses.get(e) ?? 0) + 1);
    if (seen.has(e)) return;
    seen.add(e);
    for (const c of childrenOf(e)) walk(c, seen);
  };
  for (const root of roots) walk(root, new Set());
  return uses;
};

/** A fresh scope for the evaluation of some expressions. */
export const scopeOf = (roots: readonly Expr[], vars: Vars): Scope => ({ vars, uses: countUses(roots), memo: new Map(), outer: undefined });

/** Where a reduction starts: its identity. */
const identityOf = (e: ReduceExpr): LExpr => {
  const type = e.type;
  const constant = (value: number | bigint | boolean): LExpr => ({ kind: 'const', type, value });
  if (e.op === 'and') return constant(true);
  if (e.op === 'or') return constant(false);
  const big = type === 'int64' || type === 'uint64';
  if (e.op === 'sum') return constant(big ? 0n : 0);
  if (e.op === 'prod') return constant(big ? 1n : 1);
  if (type === 'index') return constant(e.op === 'max' ? Number.MIN_SAFE_INTEGER : Number.MAX_SAFE_INTEGER);
  if (dtypeInfo(type).kind === 'float') return constant(e.op === 'max' ? -Infinity : Infinity);
  const [lo, hi] = integerRange(type);
  const bound = e.op === 'max' ? lo : hi;
  return constant(big ? bound : Number(bound));
};

const combine = { sum: 'add', prod: 'mul', max: 'max', min: 'min', and: 'and', or: 'or' } as const;

/** Loops of a reduction, marked to be written out. */
const writtenOut = (s: Stmt): Stmt => (s.kind === 'for' && !s.parallel ? { ...s, unroll: true, body: s.body.map(writtenOut) } : s);

const lookup = (e: Expr, scope: Scope): LExpr | undefined => {
  for (let s: Scope | undefined = scope; s; s = s.outer) {
    const known = s.memo.get(e);
    if (known) return known;
  }
  return undefined;
};

export class ScalarLowering {
  readonly #writer: LoopWriter;
  readonly #read: (tensor: LoadExpr['tensor'], at: readonly LExpr[]) => LExpr;

  /** @param read an element of a tensor. */
  constructor(writer: LoopWriter, read: (tensor: LoadExpr['tensor'], at: readonly LExpr[]) => LExpr) {
    this.#writer = writer;
    this.#read = read;
  }

  expr(e: Expr, scope: Scope): LExpr {
    if (e.kind === 'const') return e;
    const known = lookup(e, scope);
    if (known) return known;
    let made = this.#build(e, scope);
    if (e.kind !== 'var' && (scope.uses.get(e) ?? 0) > 1) made = this.#writer.bind(made);
    scope.memo.set(e, made);
    return made;
  }

  #build(e: Expr, scope: Scope): LExpr {
    switch (e.kind) {
      case 'const':
        return e;
      case 'var':
        return this.#variable(e, scope);
      case 'load':
        return this.#read(
          e.tensor,
          e.index.map((i) => this.expr(i, scope)),
        );
      case 'unary':
        return { kind: 'unary', type: e.type, op: e.op, x: this.expr(e.x, scope) };
      case 'cast':
        return { kind: 'cast', type: e.type, x: this.expr(e.x, scope), saturate: e.saturate };
      case 'bitcast':
        return { kind: 'bitcast', type: e.type, x: this.expr(e.x, scope) };
      case 'reduce':
        return this.#reduce(e, scope);
      case 'select':
        return this.#select(e.type, this.expr(e.cond, scope), e.a, e.b, scope);
      case 'binary':
        if (e.op === 'and') return this.#select('bool', this.expr(e.a, scope), e.b, false, scope);
        if (e.op === 'or') return this.#select('bool', this.expr(e.a, scope), true, e.b, scope);
        return { kind: 'binary', type: e.type, op: e.op, a: this.expr(e.a, scope), b: this.expr(e.b, scope) };
    }
  }

  #variable(e: VarExpr, scope: Scope): LExpr {
    const v = scope.vars.get(e.name);
    if (!v) throw new FlagosError('FLAGOS_E_INTERNAL', `loop variable ${e.name} is used outside its loop`);
    return v;
  }

  #select(type: ScalarType, cond: LExpr, a: Expr | boolean, b: Expr | boolean, scope: Scope): LExpr {
    const branch = (e: Expr | boolean): [Stmt[], LExpr] => {
      let value: LExpr = { kind: 'const', type: 'bool', value: e === true };
      const stmts =
        typeof e === 'boolean'
          ? []
          : this.#writer.collect(() => (value = this.expr(e, { vars: scope.vars, uses: scope.uses, memo: new Map(), outer: scope })));
      return [stmts, value];
    };
    const [sa, va] = branch(a);
    const [sb, vb] = branch(b);
    if (sa.length === 0 && sb.length === 0) {
      if (a === true) return { kind: 'binary', type, op: 'or', a: cond, b: vb };
      if (b === false) return { kind: 'binary', type, op: 'and', a: cond, b: va };
      return { kind: 'select', type, cond, a: va, b: vb };
    }
    const local = this.#writer.local(type);
    this.#writer.push(
      { kind: 'var', local, value: undefined },
      { kind: 'if', cond, then: [...sa, { kind: 'set', local, value: va }], otherwise: [...sb, { kind: 'set', local, value: vb }] },
    );
    return local;
  }

  #reduce(e: ReduceExpr, scope: Scope): LExpr {
    const acc = this.#writer.local(e.type, 'a');
    this.#writer.push({ kind: 'var', local: acc, value: identityOf(e) });
    const terms = e.axes.reduce((n, a) => n * a.extent, 1);
    const unroll = terms <= (this.#writer.hints.unroll ?? 0);
    const stmts = this.#writer.collect(() => this.#terms(e, acc, scope));
    this.#writer.push(...(unroll ? stmts.map(writtenOut) : stmts));
    return acc;
  }

  /** The loops of a reduction. */
  #terms(e: ReduceExpr, acc: Local, scope: Scope): void {
    this.#writer.nest(
      e.axes.map((a) => a.extent),
      (at) => {
        const vars = new Map(scope.vars);
        e.axes.forEach(({ v }, d) => vars.set(v.name, at[d]!));
        // What is known outside stays known inside: it cannot depend on variables that are bound only here.
        const body = this.expr(e.body, { vars, uses: scope.uses, memo: new Map(), outer: scope });
        const value: LExpr = { kind: 'binary', type: e.type, op: combine[e.op], a: acc, b: body };
        this.#writer.push({ kind: 'set', local: acc, value });
      },
      false,
    );
  }
}
