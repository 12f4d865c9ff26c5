/**
 * Loop IR: what lowering produces and renderers print. Statements over flat buffers, with every
 * tensor index already a row-major position. Deliberately small, so that a renderer is one file.
 */
import type { DType } from '../core/dtype.ts';
import type { BinaryOp, ScalarType, UnaryOp } from './expr.ts';

/** A flat array a program reads or writes. `temp` buffers are the program's own workspace. */
export interface Buffer {
  readonly name: string;
  readonly dtype: DType;
  /** Elements. */
  readonly size: number;
  readonly role: 'input' | 'output' | 'temp';
  /** An input that holds the same values in every run. */
  readonly constant?: boolean;
  /** Workspace that keeps its contents from one run to the next: {@link Program.prepare} fills it. */
  readonly kept?: boolean;
  /** The tensor's axes in the order they lie in memory, outermost first, where that is not their own order. */
  readonly order?: readonly number[];
}

/** Writes one stage in a chip's language; what it refers to becomes its parameters. */
export interface StageWriter {
  /** An integer that depends on shapes. */
  param(value: number): string;
  buffer(buffer: Buffer): string;
  expr(e: LExpr): string;
  name(local: Local): string;
  block(stmts: readonly Stmt[], pad: string): void;
  push(line: string): void;
}

/**
 * Text a stage needs before it; equal texts stand once. A shared helper is a unit that many programs
 * have in common and that takes long to compile: it may be compiled apart, once.
 */
export type Helper =
  | string
  | {
      /** Texts the definition needs before it. */
      readonly needs: readonly string[];
      /** What stages need of it. Symbols are `HIDDEN`: visible to the units of one library only. */
      readonly declaration: string;
      readonly definition: string;
    };

/** A scalar variable: a loop counter, or a named intermediate value. */
export interface Local {
  readonly kind: 'local';
  readonly type: ScalarType;
  readonly name: string;
}

export type LExpr =
  | { readonly kind: 'const'; readonly type: ScalarType; readonly value: number | bigint | boolean }
  | Local
  | { readonly kind: 'read'; readonly type: ScalarType; readonly buffer: Buffer; readonly at: LExpr }
  | { readonly kind: 'unary'; readonly type: ScalarType; readonly op: UnaryOp; readonly x: LExpr }
  | { readonly kind: 'binary'; readonly type: ScalarType; readonly op: BinaryOp; readonly a: LExpr; readonly b: LExpr }
  | { readonly kind: 'select'; readonly type: ScalarType; readonly cond: LExpr; readonly a: LExpr; readonly b: LExpr }
  | { readonly kind: 'cast'; readonly type: ScalarType; readonly x: LExpr; readonly saturate: boolean }
  | { readonly kind: 'bitcast'; readonly type: ScalarType; readonly x: LExpr };

export type Stmt =
  /** for (v = 0; v < extent; v++). `parallel`: iterations write different elements and may run in any order, or at once. */
  | {
      readonly kind: 'for';
      readonly v: Local;
      readonly extent: number;
      readonly parallel: boolean;
      readonly body: readonly Stmt[];
      /** Its author asks for it to be written out; its extent then is part of the text. */
      readonly unroll?: boolean;
      /** Elements a thread should get at least, where its author says so. */
      readonly grain?: number;
      /** Its author gave the order of its loops: schedules leave them as they are. */
      readonly fixed?: boolean;
    }
  /** Declares a value that does not change. */
  | { readonly kind: 'let'; readonly local: Local; readonly value: LExpr }
  /** Declares a variable (`undefined`: assigned before it is read). */
  | { readonly kind: 'var'; readonly local: Local; readonly value: LExpr | undefined }
  | { readonly kind: 'set'; readonly local: Local; readonly value: LExpr }
  | { readonly kind: 'store'; readonly buffer: Buffer; readonly at: LExpr; readonly value: LExpr }
  | { readonly kind: 'if'; readonly cond: LExpr; readonly then: readonly Stmt[]; readonly otherwise: readonly Stmt[] }
  /**
   * A stage in the chip's own language, made by the chip's schedule: only its renderer meets it. The
   * body works on [lo, hi) of `count`; `worker` numbers who does. Helpers stand once before all stages.
   */
  | {
      readonly kind: 'call';
      readonly helpers: readonly Helper[];
      readonly write: (w: StageWriter) => void;
      readonly count: number;
      readonly grain: number;
      readonly work: number;
    };

/** A lowered computation: call it with one array per input and output buffer. */
export interface Program {
  readonly inputs: readonly Buffer[];
  readonly outputs: readonly Buffer[];
  readonly temps: readonly Buffer[];
  readonly body: readonly Stmt[];
  /** Run once before the first run, when constants have their addresses. */
  readonly prepare: readonly Stmt[];
  /** A rough count of operations, for choosing how it runs. */
  readonly work: number;
}

/** A rough count of a statement list's operations: two per innermost statement. */
export const workOf = (stmts: readonly Stmt[]): number =>
  stmts.reduce((n, s): number => {
    if (s.kind === 'for') return n + s.extent * workOf(s.body);
    if (s.kind === 'if') return n + workOf(s.then) + workOf(s.otherwise);
    return n + (s.kind === 'call' ? s.work : 2);
  }, 0);

/** Rebuilds an expression from its transformed children. */
export const mapChildren = (e: LExpr, f: (child: LExpr) => LExpr): LExpr => {
  switch (e.kind) {
    case 'const':
    case 'local':
      return e;
    case 'read':
      return { ...e, at: f(e.at) };
    case 'unary':
    case 'cast':
    case 'bitcast':
      return { ...e, x: f(e.x) };
    case 'binary':
      return { ...e, a: f(e.a), b: f(e.b) };
    case 'select':
      return { ...e, cond: f(e.cond), a: f(e.a), b: f(e.b) };
  }
};

/** Direct subexpressions. */
export const childrenOf = (e: LExpr): readonly LExpr[] => {
  switch (e.kind) {
    case 'const':
    case 'local':
      return [];
    case 'read':
      return [e.at];
    case 'unary':
    case 'cast':
    case 'bitcast':
      return [e.x];
    case 'binary':
      return [e.a, e.b];
    case 'select':
      return [e.cond, e.a, e.b];
  }
};

/** Whether an expression reads memory: where its guard says no, it must not be evaluated. */
export const readsMemory = (e: LExpr): boolean => e.kind === 'read' || childrenOf(e).some(readsMemory);

const k = (value: number): LExpr => ({ kind: 'const', type: 'index', value });
const isK = (e: LExpr, v: number): boolean => e.kind === 'const' && e.value === v;

/** Index arithmetic on lowered expressions, folded as it is built. */
export const ix = {
  k,
  add: (a: LExpr, b: LExpr): LExpr =>
    isK(a, 0)
      ? b
      : isK(b, 0)
        ? a
        : a.kind === 'const' && b.kind === 'const'
          ? k(Number(a.value) + Number(b.value))
          : { kind: 'binary', type: 'index', op: 'add', a, b },
  mul: (a: LExpr, n: number): LExpr =>
    n === 1 ? a : n === 0 ? k(0) : a.kind === 'const' ? k(Number(a.value) * n) : { kind: 'binary', type: 'index', op: 'mul', a, b: k(n) },
  floordiv: (a: LExpr, n: number): LExpr =>
    n === 1 ? a : a.kind === 'const' ? k(Math.floor(Number(a.value) / n)) : { kind: 'binary', type: 'index', op: 'floordiv', a, b: k(n) },
  floormod: (a: LExpr, n: number): LExpr =>
    n === 1 ? k(0) : a.kind === 'const' ? k(Number(a.value) % n) : { kind: 'binary', type: 'index', op: 'floormod', a, b: k(n) },
};
