/**
 * Lowering: tensor expressions → loop IR. One pass that walks the tensors operands first, gives each
 * materialized one a buffer and a loop nest, and turns reductions into accumulators.
 *
 * Sharing is kept: an expression object used twice in one body is evaluated once. Laziness is kept
 * too: what only one branch of a `select` needs is evaluated inside that branch.
 */
import type { DType } from '../core/dtype.ts';
import { dtypeInfo, integerRange } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { sizeOf } from '../core/tensor.ts';
import { childrenOf, type Expr, type ReduceExpr, type ScalarType, type VarExpr } from './expr.ts';
import { applySchedule } from './explicit/apply.ts';
import type { ChipClass } from './explicit/schedule.ts';
import { flattenLoops } from './flatten.ts';
import { together, type Hints } from './hints.ts';
import { hoistIndexArithmetic } from './hoist.ts';
import { ix, workOf, type Buffer, type LExpr, type Local, type Program, type Stmt } from './loops.ts';
import { joinDigits, regroup, type Digit } from './digits.ts';
import { takeInventory, type Inventory } from './materialize.ts';
import {
  ComputeTensor,
  ConcatTensor,
  InputTensor,
  ReshapeTensor,
  ScanTensor,
  ScatterTensor,
  type ScanNode,
  type TensorExpr,
} from './tensor-expr.ts';

/** What variables stand for, and what has been evaluated already, at one place of a body. */
interface Scope {
  readonly vars: ReadonlyMap<string, LExpr>;
  readonly uses: ReadonlyMap<Expr, number>;
  readonly memo: Map<Expr, LExpr>;
  readonly outer: Scope | undefined;
}

const countUses = (root: Expr): Map<Expr, number> => {
  const uses = new Map<Expr, number>();
  const walk = (e: Expr): void => {
    const n = uses.get(e) ?? 0;
    uses.set(e, n + 1);
    if (n === 0) childrenOf(e).forEach(walk);
  };
  walk(root);
  return uses;
};

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

/** Part of a buffer that holds a tensor of some shape: indices along `axis` begin at `start`. */
interface Slice {
  readonly buffer: Buffer;
  readonly shape: readonly number[];
  readonly axis: number;
  readonly start: number;
}

/** Tensors whose buffers may be laid out in any order: they are written element by element. */
const canLayOut = (t: TensorExpr): boolean => t instanceof ComputeTensor || t instanceof ConcatTensor;

class Lowering {
  readonly #inventory: Inventory;
  readonly #buffers = new Map<TensorExpr, Buffer>();
  readonly #done = new Set<ScanNode>();
  /** Tensors that were computed as parts of others. */
  readonly #slices = new Map<TensorExpr, Slice>();
  readonly #layout: Layout;
  readonly temps: Buffer[] = [];
  /** Blocks being written: the program's, then one per scan being entered. */
  readonly #blocks: { stmts: Stmt[]; scan: ScanNode | undefined; vars: ReadonlyMap<string, LExpr> }[] = [
    { stmts: [], scan: undefined, vars: new Map() },
  ];
  #block: Stmt[] = this.#blocks[0]!.stmts;
  #names = 0;

  constructor(
    inputs: readonly InputTensor[],
    outputs: readonly TensorExpr[],
    readonly inputBuffers: readonly Buffer[],
    readonly outputBuffers: readonly Buffer[],
    layout: Layout,
    chip: ChipClass | undefined,
  ) {
    this.#inventory = takeInventory(outputs, chip);
    this.#layout = layout;
    inputs.forEach((t, i) => this.#buffers.set(t, inputBuffers[i]!));
    outputs.forEach((t, i) => {
      const buffer = outputBuffers[i]!;
      // An output that is an input, a view, another output or laid out otherwise is copied; anything else is written in place.
      if (this.#isKnown(t) || layout(t) || t instanceof ReshapeTensor || t instanceof ScanTensor || t instanceof InputTensor)
        this.#copy(t, buffer);
      else this.#materialize(t, buffer);
    });
  }

  get body(): Stmt[] {
    return this.#blocks[0]!.stmts;
  }

  #local(type: ScalarType, hint = 'v'): Local {
    return { kind: 'local', type, name: `${hint}${this.#names++}` };
  }

  #temp(dtype: DType, size: number, order?: readonly number[]): Buffer {
    const buffer: Buffer = { name: `w${this.temps.length}`, dtype, size, role: 'temp', ...(order ? { order } : {}) };
    this.temps.push(buffer);
    return buffer;
  }

  /** Collects the statements `f` writes. */
  #collect(f: () => void): Stmt[] {
    const saved = this.#block;
    const stmts: Stmt[] = [];
    this.#block = stmts;
    f();
    this.#block = saved;
    return stmts;
  }

  /** What the nest that is being written is to heed. */
  #hints: Hints = {};

  /** A loop nest over a shape, its axes outermost first in the order given; extents of 1 need no loop. */
  #nest(shape: readonly number[], body: (at: LExpr[]) => void, parallel = true, order: readonly number[] = shape.map((_, d) => d)): void {
    const vars = shape.map((d) => (d === 1 ? undefined : this.#local('index', 'i')));
    let stmts = this.#collect(() => body(vars.map((v) => v ?? ix.k(0))));
    for (const d of [...order].reverse()) {
      const v = vars[d];
      if (v) stmts = [{ kind: 'for', v, extent: shape[d]!, parallel, body: stmts }];
    }
    this.#block.push(...stmts);
  }

  /** The nest that calculates a tensor: with its hints and those of what is inlined into it, in the order its schedule says. */
  #elements(t: TensorExpr, order: readonly number[] | undefined, body: (at: LExpr[]) => void): void {
    const outside = this.#hints;
    this.#hints = t.hints ?? {};
    const directives = this.#inventory.directives.get(t);
    if (directives) {
      const counters = t.shape.map((d) => (d === 1 ? undefined : this.#local('index', 'i')));
      const stmts = this.#collect(() => body(counters.map((v) => v ?? ix.k(0))));
      const temp = (dtype: DType, size: number): Buffer => this.#temp(dtype, size);
      this.#block.push(
        ...applySchedule({ shape: t.shape, counters, body: stmts, temp, local: () => this.#local('index', 'i') }, directives),
      );
    } else {
      const stmts = this.#collect(() => this.#nest(t.shape, body, true, order));
      const { parallel } = this.#hints;
      this.#block.push(...stmts.map((s) => (s.kind === 'for' && parallel ? { ...s, grain: parallel } : s)));
    }
    this.#hints = outside;
  }

  /** Position of an index in memory, where axes lie in the order given (their own, if none is). */
  #position(at: readonly LExpr[], shape: readonly number[], order: readonly number[] = shape.map((_, d) => d)): LExpr {
    const terms: Digit[] = [];
    let stride = sizeOf(shape);
    for (const d of order) {
      stride = shape[d] === 0 ? 0 : stride / shape[d]!;
      terms.push({ e: at[d]!, stride });
    }
    return joinDigits(terms).reduce((e, t) => ix.add(e, ix.mul(t.e, t.stride)), ix.k(0));
  }

  #scopeVars(): ReadonlyMap<string, LExpr> {
    return this.#blocks[this.#blocks.length - 1]!.vars;
  }

  /** The buffer of a tensor, computed on first use, in the outermost block that has what it depends on. */
  #buffer(t: TensorExpr): Buffer {
    const known = this.#buffers.get(t);
    if (known) return known;
    if (t instanceof ScanTensor) {
      this.#atLevel(t, () => this.#runScan(t.node));
      return this.#buffers.get(t)!;
    }
    if (t instanceof InputTensor) throw new FlagosError('FLAGOS_E_INTERNAL', `tensor '${t.name}' has no buffer`);
    return this.#materialize(t, this.#temp(t.dtype, t.size, canLayOut(t) ? this.#layout(t) : undefined));
  }

  /** Writes into the innermost scan body that `t` depends on (what does not depend on it runs before the scan). */
  #atLevel(t: TensorExpr, write: () => void): void {
    const within = this.#inventory.within(t);
    let level = this.#blocks.length - 1;
    while (level > 0 && !within.has(this.#blocks[level]!.scan!)) level--;
    const hidden = this.#blocks.splice(level + 1);
    const saved = this.#block;
    this.#block = this.#blocks[level]!.stmts;
    write();
    this.#block = saved;
    this.#blocks.push(...hidden);
  }

  #materialize(t: TensorExpr, buffer: Buffer): Buffer {
    this.#atLevel(t, () => this.#define(t, buffer));
    this.#buffers.set(t, buffer);
    return buffer;
  }

  #define(t: TensorExpr, buffer: Buffer): void {
    if (t instanceof ComputeTensor) this.#compute(t, buffer, (at) => this.#position(at, t.shape, buffer.order));
    else if (t instanceof ReshapeTensor || t instanceof InputTensor) this.#copy(t, buffer);
    else if (t instanceof ConcatTensor) this.#concat(t, buffer);
    else if (t instanceof ScatterTensor) this.#scatter(t, buffer);
    else throw new FlagosError('FLAGOS_E_INTERNAL', `cannot lower a ${t.kind} tensor`);
  }

  #compute(t: ComputeTensor, buffer: Buffer, position: (at: readonly LExpr[]) => LExpr): void {
    const uses = countUses(t.body);
    this.#prepare(t.body);
    this.#elements(t, buffer.order, (at) => {
      const vars = new Map(this.#scopeVars());
      t.axes.forEach((v, d) => vars.set(v.name, at[d]!));
      const value = this.#expr(t.body, { vars, uses, memo: new Map(), outer: undefined });
      this.#block.push({ kind: 'store', buffer, at: position(at), value });
    });
  }

  /** Materializes what a body reads before its loops begin, so that no buffer is filled inside them. */
  #prepare(e: Expr, seen = new Set<Expr>()): void {
    if (seen.has(e)) return;
    seen.add(e);
    if (e.kind === 'load') this.#prepareTensor(e.tensor, seen);
    childrenOf(e).forEach((c) => this.#prepare(c, seen));
  }

  #prepareTensor(t: TensorExpr, seen = new Set<Expr>()): void {
    if (t instanceof InputTensor) this.#layOutInput(t);
    if (this.#isKnown(t)) return;
    if (t instanceof ReshapeTensor) this.#prepareTensor(t.base, seen);
    else if (t instanceof ComputeTensor && this.#inventory.inlined.has(t)) this.#prepare(t.body, seen);
    else this.#buffer(t);
  }

  /** Copies an input into the layout it is wanted in, before everything else. */
  #layOutInput(t: InputTensor): void {
    const source = this.#buffers.get(t);
    const order = this.#layout(t);
    if (!order || source?.role !== 'input') return;
    const buffer = this.#temp(t.dtype, t.size, order);
    this.#atLevel(t, () =>
      this.#nest(
        t.shape,
        (at) =>
          this.#block.push({
            kind: 'store',
            buffer,
            at: this.#position(at, t.shape, order),
            value: { kind: 'read', type: t.dtype, buffer: source, at: this.#position(at, t.shape) },
          }),
        true,
        order,
      ),
    );
    this.#buffers.set(t, buffer);
  }

  #copy(t: TensorExpr, buffer: Buffer): void {
    this.#prepareTensor(t);
    if (this.#slices.has(t) || (canLayOut(t) && this.#layout(t))) {
      if (!this.#isKnown(t)) this.#buffer(t);
      this.#nest(t.shape, (at) => this.#block.push({ kind: 'store', buffer, at: this.#position(at, t.shape), value: this.#read(t, at) }));
      return;
    }
    this.#nest([t.size], ([i]) => this.#block.push({ kind: 'store', buffer, at: i!, value: this.#readFlat(t, i!) }));
  }

  #concat(t: ConcatTensor, buffer: Buffer): void {
    let start = 0;
    for (const part of t.parts) {
      const slice: Slice = { buffer, shape: t.shape, axis: t.axis, start };
      if (this.#canBeSlice(part, t)) {
        this.#compute(part, buffer, (at) => this.#sliced(slice, at));
        this.#slices.set(part, slice);
      } else {
        this.#prepareTensor(part);
        this.#nest(
          part.shape,
          (at) => this.#block.push({ kind: 'store', buffer, at: this.#sliced(slice, at), value: this.#read(part, at) }),
          true,
          buffer.order,
        );
      }
      start += part.shape[t.axis]!;
    }
  }

  /** Whether a part needs no memory of its own: it is computed where it will stand. */
  #canBeSlice(part: TensorExpr, t: ConcatTensor): part is ComputeTensor {
    if (!(part instanceof ComputeTensor) || this.#isKnown(part) || this.#inventory.inlined.has(part)) return false;
    return this.#inventory.within(part).size === this.#inventory.within(t).size;
  }

  /** Position of a part's index in the whole. */
  #sliced({ buffer, shape, axis, start }: Slice, at: readonly LExpr[]): LExpr {
    return this.#position(
      at.map((e, d) => (d === axis ? ix.add(e, ix.k(start)) : e)),
      shape,
      buffer.order,
    );
  }

  /** Whether a tensor is in memory already. */
  #isKnown(t: TensorExpr): boolean {
    return this.#buffers.has(t) || this.#slices.has(t);
  }

  #scatter(t: ScatterTensor, buffer: Buffer): void {
    this.#copy(t.base, buffer);
    const expressions = [...t.at_, t.value, t.where];
    expressions.forEach((e) => this.#prepare(e));
    const uses = new Map<Expr, number>();
    for (const e of expressions) for (const [sub, n] of countUses(e)) uses.set(sub, (uses.get(sub) ?? 0) + n);
    this.#nest(
      t.domain,
      (at) => {
        const vars = new Map(this.#scopeVars());
        t.axes.forEach((v, d) => vars.set(v.name, at[d]!));
        const scope: Scope = { vars, uses, memo: new Map(), outer: undefined };
        const cond = this.#expr(t.where, scope);
        const write = (): void => {
          const position = this.#bind(
            this.#position(
              t.at_.map((e) => this.#expr(e, scope)),
              t.shape,
            ),
          );
          const value = this.#expr(t.value, scope);
          const old: LExpr = { kind: 'read', type: t.dtype, buffer, at: position };
          const op = { add: 'add', mul: 'mul', max: 'max', min: 'min' } as const;
          this.#block.push({
            kind: 'store',
            buffer,
            at: position,
            value: t.mode === 'set' ? value : { kind: 'binary', type: t.dtype, op: op[t.mode], a: old, b: value },
          });
        };
        if (cond.kind === 'const' && cond.value) write();
        else this.#block.push({ kind: 'if', cond, then: this.#collect(write), otherwise: [] });
      },
      false,
    );
  }

  #runScan(node: ScanNode): void {
    if (this.#done.has(node)) return;
    this.#done.add(node);
    const state = node.state.map((s) => this.#temp(s.dtype, s.size));
    const next = node.state.map((s) => this.#temp(s.dtype, s.size));
    const outs = node.outs.map((o) => this.#temp(o.dtype, o.size * node.length));
    node.initial.forEach((x, i) => this.#copy(x, state[i]!));
    node.state.forEach((s, i) => this.#buffers.set(s, state[i]!));
    const t = this.#local('index', 't');
    const body: Stmt[] = [];
    this.#blocks.push({ stmts: body, scan: node, vars: new Map([...this.#scopeVars(), [node.t.name, t]]) });
    const saved = this.#block;
    this.#block = body;
    node.next.forEach((x, i) => this.#copy(x, next[i]!));
    node.outs.forEach((x, i) => {
      this.#prepareTensor(x);
      this.#nest([x.size], ([j]) =>
        this.#block.push({ kind: 'store', buffer: outs[i]!, at: ix.add(ix.mul(t, x.size), j!), value: this.#readFlat(x, j!) }),
      );
    });
    node.state.forEach((s, i) =>
      this.#nest([s.size], ([j]) =>
        this.#block.push({ kind: 'store', buffer: state[i]!, at: j!, value: { kind: 'read', type: s.dtype, buffer: next[i]!, at: j! } }),
      ),
    );
    this.#block = saved;
    this.#blocks.pop();
    this.#block.push({ kind: 'for', v: t, extent: node.length, parallel: false, body });
    for (const part of this.#inventory.order) {
      if (part instanceof ScanTensor && part.node === node) this.#buffers.set(part, (part.part === 'state' ? state : outs)[part.position]!);
    }
  }

  #readFlat(t: TensorExpr, position: LExpr): LExpr {
    const buffer = this.#buffers.get(t);
    if (buffer && !buffer.order) return { kind: 'read', type: t.dtype, buffer, at: position };
    if (t instanceof ReshapeTensor) return this.#readFlat(t.base, position);
    const p = this.#bind(position);
    let stride = t.size;
    return this.#read(
      t,
      t.shape.map((d, axis) => {
        stride = d === 0 ? 0 : stride / d;
        const q = ix.floordiv(p, stride || 1);
        return d === 1 ? ix.k(0) : axis === 0 ? q : ix.floormod(q, d || 1);
      }),
    );
  }

  #read(t: TensorExpr, at: readonly LExpr[]): LExpr {
    const slice = this.#slices.get(t);
    if (slice) return { kind: 'read', type: t.dtype, buffer: slice.buffer, at: this.#sliced(slice, at) };
    const buffer = this.#buffers.get(t);
    if (buffer) return { kind: 'read', type: t.dtype, buffer, at: this.#position(at, t.shape, buffer.order) };
    if (t instanceof ReshapeTensor) {
      const unit = this.#unitReshape(t, at);
      if (unit) return this.#read(t.base, unit);
      const axes = this.#buffers.get(t.base)?.order && regroup(at, t.shape, t.base.shape);
      return axes ? this.#read(t.base, axes) : this.#readFlat(t.base, this.#position(at, t.shape));
    }
    if (t instanceof ComputeTensor && this.#inventory.inlined.has(t)) {
      this.#hints = together(this.#hints, t.hints);
      const vars = new Map(this.#scopeVars());
      t.axes.forEach((v, d) => vars.set(v.name, this.#bind(at[d]!)));
      return this.#expr(t.body, { vars, uses: countUses(t.body), memo: new Map(), outer: undefined });
    }
    const made = this.#buffer(t);
    return { kind: 'read', type: t.dtype, buffer: made, at: this.#position(at, t.shape, made.order) };
  }

  /** A reshape that only adds or drops axes of extent 1 needs no division: the base's index, else undefined. */
  #unitReshape(t: ReshapeTensor, at: readonly LExpr[]): LExpr[] | undefined {
    const kept = t.shape.flatMap((d, i) => (d === 1 ? [] : [{ d, e: at[i]! }]));
    const wanted = t.base.shape.filter((d) => d !== 1);
    if (kept.length !== wanted.length || kept.some(({ d }, i) => d !== wanted[i])) return undefined;
    let i = 0;
    return t.base.shape.map((d) => (d === 1 ? ix.k(0) : kept[i++]!.e));
  }

  /** Gives a composite expression a name, so that using it twice does not compute it twice. */
  #bind(e: LExpr): LExpr {
    if (e.kind === 'const' || e.kind === 'local') return e;
    const local = this.#local(e.type);
    this.#block.push({ kind: 'let', local, value: e });
    return local;
  }

  #lookup(e: Expr, scope: Scope): LExpr | undefined {
    for (let s: Scope | undefined = scope; s; s = s.outer) {
      const known = s.memo.get(e);
      if (known) return known;
    }
    return undefined;
  }

  #expr(e: Expr, scope: Scope): LExpr {
    if (e.kind === 'const') return e;
    const known = this.#lookup(e, scope);
    if (known) return known;
    let made = this.#build(e, scope);
    if (e.kind !== 'var' && (scope.uses.get(e) ?? 0) > 1) made = this.#bind(made);
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
          e.index.map((i) => this.#expr(i, scope)),
        );
      case 'unary':
        return { kind: 'unary', type: e.type, op: e.op, x: this.#expr(e.x, scope) };
      case 'cast':
        return { kind: 'cast', type: e.type, x: this.#expr(e.x, scope), saturate: e.saturate };
      case 'bitcast':
        return { kind: 'bitcast', type: e.type, x: this.#expr(e.x, scope) };
      case 'reduce':
        return this.#reduce(e, scope);
      case 'select':
        return this.#select(e.type, this.#expr(e.cond, scope), e.a, e.b, scope);
      case 'binary':
        if (e.op === 'and') return this.#select('bool', this.#expr(e.a, scope), e.b, false, scope);
        if (e.op === 'or') return this.#select('bool', this.#expr(e.a, scope), true, e.b, scope);
        return { kind: 'binary', type: e.type, op: e.op, a: this.#expr(e.a, scope), b: this.#expr(e.b, scope) };
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
          : this.#collect(() => (value = this.#expr(e, { vars: scope.vars, uses: scope.uses, memo: new Map(), outer: scope })));
      return [stmts, value];
    };
    const [sa, va] = branch(a);
    const [sb, vb] = branch(b);
    if (sa.length === 0 && sb.length === 0) {
      if (a === true) return { kind: 'binary', type, op: 'or', a: cond, b: vb };
      if (b === false) return { kind: 'binary', type, op: 'and', a: cond, b: va };
      return { kind: 'select', type, cond, a: va, b: vb };
    }
    const local = this.#local(type);
    this.#block.push(
      { kind: 'var', local, value: undefined },
      { kind: 'if', cond, then: [...sa, { kind: 'set', local, value: va }], otherwise: [...sb, { kind: 'set', local, value: vb }] },
    );
    return local;
  }

  #reduce(e: ReduceExpr, scope: Scope): LExpr {
    const acc = this.#local(e.type, 'a');
    this.#block.push({ kind: 'var', local: acc, value: identityOf(e) });
    const terms = e.axes.reduce((n, a) => n * a.extent, 1);
    const unroll = terms <= (this.#hints.unroll ?? 0);
    const stmts = this.#collect(() => this.#terms(e, acc, scope));
    this.#block.push(...(unroll ? stmts.map(writtenOut) : stmts));
    return acc;
  }

  /** The loops of a reduction. */
  #terms(e: ReduceExpr, acc: Local, scope: Scope): void {
    this.#nest(
      e.axes.map((a) => a.extent),
      (at) => {
        const vars = new Map(scope.vars);
        e.axes.forEach(({ v }, d) => vars.set(v.name, at[d]!));
        // What is known outside stays known inside: it cannot depend on variables that are bound only here.
        const body = this.#expr(e.body, { vars, uses: scope.uses, memo: new Map(), outer: scope });
        const value: LExpr = { kind: 'binary', type: e.type, op: combine[e.op], a: acc, b: body };
        this.#block.push({ kind: 'set', local: acc, value });
      },
      false,
    );
  }
}

/** Loops of a reduction, marked to be written out. */
const writtenOut = (s: Stmt): Stmt => (s.kind === 'for' && !s.parallel ? { ...s, unroll: true, body: s.body.map(writtenOut) } : s);

/** The order in which a tensor's axes lie in memory, outermost first; undefined for their own order. Tensors that come from outside or go there are copied. */
export type Layout = (t: TensorExpr) => readonly number[] | undefined;

/** What a chip's schedule makes of a program's loops. */
export interface Scheduled {
  readonly body: readonly Stmt[];
  /** See {@link Program.prepare}. */
  readonly prepare: readonly Stmt[];
  /** Workspace that came with it. */
  readonly temps: readonly Buffer[];
}

/**
 * Lowers tensors to a program whose input buffers stand in the order of `inputs` and whose output
 * buffers in that of `outputs`.
 * @param schedule the chip's own way with some loops; it sees them before they are merged and hoisted.
 * @param layout gives layouts of the tensors on the way to these outputs.
 * @param chip whose explicit schedules count.
 * @throws FLAGOS_E_SCHEDULE
 */
export const lower = (
  inputs: readonly InputTensor[],
  outputs: readonly TensorExpr[],
  schedule?: (body: readonly Stmt[]) => Scheduled,
  layout?: (outputs: readonly TensorExpr[]) => Layout,
  chip?: ChipClass,
): Program => {
  const inputBuffers = inputs.map((t, i): Buffer => ({
    name: `x${i}`,
    dtype: t.dtype,
    size: t.size,
    role: 'input',
    ...(t.value ? { constant: true } : {}),
  }));
  const outputBuffers = outputs.map((t, i): Buffer => ({ name: `y${i}`, dtype: t.dtype, size: t.size, role: 'output' }));
  const lowering = new Lowering(inputs, outputs, inputBuffers, outputBuffers, layout?.(outputs) ?? (() => undefined), chip);
  const scheduled = schedule?.(lowering.body);
  const body = hoistIndexArithmetic(flattenLoops(scheduled?.body ?? lowering.body));
  return {
    inputs: inputBuffers,
    outputs: outputBuffers,
    temps: [...lowering.temps, ...(scheduled?.temps ?? [])],
    body,
    prepare: scheduled?.prepare ?? [],
    work: workOf(body),
  };
};
