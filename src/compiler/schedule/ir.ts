/**
 * Scheduled loop IR: loop IR after a schedule has been applied for chips without an optimizing
 * compiler behind them (JavaScript, WebAssembly). Beyond plain loops it knows bounds that are
 * expressions (a window clipped at a border), loops whose iterations may be computed several at a
 * time (`lanes`), and `tile`, the register-tiled inner product every contraction comes down to.
 */
import type { Buffer, LExpr, Local } from '../loops.ts';
import { mapChildren } from '../loops.ts';

/** One statement; those of loop IR and `tile`. */
export type Sched =
  /** for (v = from; v < to; v++). `lanes`: iterations are independent and may run as lanes of a vector. */
  | {
      readonly kind: 'for';
      readonly v: Local;
      readonly from: LExpr;
      readonly to: LExpr;
      readonly parallel: boolean;
      readonly lanes?: boolean;
      /** Iterations are independent but for temporaries that each of them fills anew: threads with pieces of their own may share them out. */
      readonly divide?: boolean;
      /** Its author asks for it to be written out. */
      readonly unroll?: boolean;
      readonly body: readonly Sched[];
    }
  | { readonly kind: 'let'; readonly local: Local; readonly value: LExpr }
  | { readonly kind: 'var'; readonly local: Local; readonly value: LExpr | undefined }
  | { readonly kind: 'set'; readonly local: Local; readonly value: LExpr }
  | { readonly kind: 'store'; readonly buffer: Buffer; readonly at: LExpr; readonly value: LExpr }
  | { readonly kind: 'if'; readonly cond: LExpr; readonly then: readonly Sched[]; readonly otherwise: readonly Sched[] }
  /**
   * out[i·columns + j] = Σ over `steps` values of k of a[aAt + k·rows + i] · b[bAt + k·columns + j], for the
   * rows and columns of a register tile.
   */
  | {
      readonly kind: 'tile';
      readonly shape: TileShape;
      readonly a: Buffer;
      readonly aAt: LExpr;
      readonly b: Buffer;
      readonly bAt: LExpr;
      readonly out: Buffer;
      readonly steps: LExpr;
    };

export type For = Extract<Sched, { kind: 'for' }>;
export type Let = Extract<Sched, { kind: 'let' }>;

/** Extents of a register tile. */
export interface TileShape {
  readonly rows: number;
  readonly columns: number;
}

/** What a schedule must know of the chip it is for. */
export interface Target {
  /** The usual register tile. */
  readonly tile: TileShape;
  /** Tiles for products of so many rows with a matrix that is packed once, fewest rows first; chips without them leave such products to loops. */
  readonly lowTiles: readonly TileShape[];
  /** Element types the tile is there for. */
  readonly tileTypes: ReadonlySet<string>;
  /** Type of the tile's sums, by type of its elements. */
  readonly sumType: (elements: Buffer['dtype']) => Buffer['dtype'];
  /** Lanes of a vector of 32-bit elements; 1 if there are none. */
  readonly lanes: number;
  /** Neighbouring iterations that are run together where they hold reductions. */
  readonly jam: number;
  /** Threads stages are divided among; left out, there is one. */
  readonly threads?: ThreadTarget;
}

export interface ThreadTarget {
  readonly count: number;
  /** Operations a thread takes at a time, at least; a stage of some times as many pays waking threads. */
  readonly grain: number;
}

export const k = (value: number): LExpr => ({ kind: 'const', type: 'index', value });
export const constantOf = (e: LExpr): number | undefined => (e.kind === 'const' && e.type === 'index' ? Number(e.value) : undefined);

const binary = (op: 'add' | 'sub' | 'mul' | 'min' | 'max' | 'floordiv' | 'floormod', a: LExpr, b: LExpr): LExpr => ({
  kind: 'binary',
  type: 'index',
  op,
  a,
  b,
});

/** Index arithmetic on expressions, folded as it is built. */
export const at = {
  add: (a: LExpr, b: LExpr): LExpr => {
    const [x, y] = [constantOf(a), constantOf(b)];
    if (x !== undefined && y !== undefined) return k(x + y);
    return x === 0 ? b : y === 0 ? a : binary('add', a, b);
  },
  sub: (a: LExpr, b: LExpr): LExpr => {
    const [x, y] = [constantOf(a), constantOf(b)];
    if (x !== undefined && y !== undefined) return k(x - y);
    return y === 0 ? a : binary('sub', a, b);
  },
  mul: (a: LExpr, n: number): LExpr => {
    const x = constantOf(a);
    if (x !== undefined) return k(x * n);
    return n === 0 ? k(0) : n === 1 ? a : binary('mul', a, k(n));
  },
  min: (a: LExpr, b: LExpr): LExpr => {
    const [x, y] = [constantOf(a), constantOf(b)];
    return x !== undefined && y !== undefined ? k(Math.min(x, y)) : binary('min', a, b);
  },
  max: (a: LExpr, b: LExpr): LExpr => {
    const [x, y] = [constantOf(a), constantOf(b)];
    return x !== undefined && y !== undefined ? k(Math.max(x, y)) : binary('max', a, b);
  },
  div: (a: LExpr, n: number): LExpr => {
    const x = constantOf(a);
    return n === 1 ? a : x !== undefined ? k(Math.floor(x / n)) : binary('floordiv', a, k(n));
  },
  mod: (a: LExpr, n: number): LExpr => {
    const x = constantOf(a);
    return n === 1 ? k(0) : x !== undefined ? k(x - Math.floor(x / n) * n) : binary('floormod', a, k(n));
  },
};

let serial = 0;
/** A fresh local. Renderers name locals by order of appearance, so names only have to differ. */
export const fresh = (type: Local['type'], hint: string): Local => ({ kind: 'local', type, name: `${hint}_${serial++}` });

/** A loop from 0. */
export const loop = (v: Local, extent: LExpr, body: readonly Sched[], parallel = false): Sched => ({
  kind: 'for',
  v,
  from: k(0),
  to: extent,
  parallel,
  body,
});

/** A loop from 0 that threads may share out. */
export const shared = (v: Local, extent: LExpr, body: readonly Sched[]): Sched => ({
  kind: 'for',
  v,
  from: k(0),
  to: extent,
  parallel: false,
  divide: true,
  body,
});

/** Applies `f` to every expression of statements, those of nested ones included. */
export const mapExpressions = (stmts: readonly Sched[], f: (e: LExpr) => LExpr): Sched[] =>
  stmts.map((s): Sched => {
    switch (s.kind) {
      case 'for':
        return { ...s, from: f(s.from), to: f(s.to), body: mapExpressions(s.body, f) };
      case 'let':
      case 'set':
        return { ...s, value: f(s.value) };
      case 'var':
        return { ...s, value: s.value && f(s.value) };
      case 'store':
        return { ...s, at: f(s.at), value: f(s.value) };
      case 'if':
        return { ...s, cond: f(s.cond), then: mapExpressions(s.then, f), otherwise: mapExpressions(s.otherwise, f) };
      case 'tile':
        return { ...s, aAt: f(s.aAt), bAt: f(s.bAt), steps: f(s.steps) };
    }
  });

/** Visits every expression of statements. */
export const eachExpression = (stmts: readonly Sched[], visit: (e: LExpr) => void): void => {
  mapExpressions(stmts, (e) => {
    visit(e);
    return e;
  });
};

/** Visits an expression and all below it. */
export const eachNode = (e: LExpr, visit: (e: LExpr) => void): void => {
  visit(e);
  mapChildren(e, (c) => {
    eachNode(c, visit);
    return c;
  });
};

/** Puts expressions in the place of locals. */
export const substitute = (e: LExpr, values: ReadonlyMap<string, LExpr>): LExpr =>
  e.kind === 'local' ? (values.get(e.name) ?? e) : e.kind === 'const' ? e : mapChildren(e, (c) => substitute(c, values));

/** Statements with locals replaced, and with names of their own for the locals they declare. */
export const instantiate = (
  stmts: readonly Sched[],
  values: ReadonlyMap<string, LExpr>,
  rewrite: (e: LExpr) => LExpr = (e) => e,
): Sched[] => {
  const known = new Map(values);
  const renamed = (l: Local): Local => {
    const local = fresh(l.type, l.name.replace(/_.*$/, ''));
    known.set(l.name, local);
    return local;
  };
  const inner = (e: LExpr): LExpr => rewrite(substitute(e, known));
  const assigned = (l: Local): Local => {
    const now = known.get(l.name);
    return now?.kind === 'local' ? now : l;
  };
  const walk = (list: readonly Sched[]): Sched[] =>
    list.map((s): Sched => {
      switch (s.kind) {
        case 'for': {
          const [from, to] = [inner(s.from), inner(s.to)];
          return { ...s, v: renamed(s.v), from, to, body: walk(s.body) };
        }
        case 'let': {
          const value = inner(s.value);
          return { ...s, value, local: renamed(s.local) };
        }
        case 'var': {
          const value = s.value && inner(s.value);
          return { ...s, value, local: renamed(s.local) };
        }
        case 'set':
          return { ...s, value: inner(s.value), local: assigned(s.local) };
        case 'store':
          return { ...s, at: inner(s.at), value: inner(s.value) };
        case 'if':
          return { ...s, cond: inner(s.cond), then: walk(s.then), otherwise: walk(s.otherwise) };
        case 'tile':
          return { ...s, aAt: inner(s.aAt), bAt: inner(s.bAt), steps: inner(s.steps) };
      }
    });
  return walk(stmts);
};

/** Buffers statements read and write. */
export const buffersOf = (stmts: readonly Sched[]): { reads: Set<Buffer>; writes: Set<Buffer> } => {
  const [reads, writes] = [new Set<Buffer>(), new Set<Buffer>()];
  const walk = (list: readonly Sched[]): void => {
    for (const s of list) {
      if (s.kind === 'for') walk(s.body);
      else if (s.kind === 'if') {
        walk(s.then);
        walk(s.otherwise);
      } else if (s.kind === 'store') writes.add(s.buffer);
      else if (s.kind === 'tile') {
        reads.add(s.a).add(s.b);
        writes.add(s.out);
      }
    }
  };
  walk(stmts);
  eachExpression(stmts, (e) => eachNode(e, (n) => n.kind === 'read' && reads.add(n.buffer)));
  return { reads, writes };
};

/** Structural key of an expression. */
export const keyOf = (e: LExpr): string => {
  switch (e.kind) {
    case 'const':
      return `${e.type === 'index' ? '' : e.type}${typeof e.value === 'bigint' ? `${e.value}n` : Object.is(e.value, -0) ? '-0' : String(e.value)}`;
    case 'local':
      return e.name;
    case 'read':
      return `${e.buffer.name}[${keyOf(e.at)}]`;
    case 'unary':
      return `${e.op}(${keyOf(e.x)})`;
    case 'cast':
      return `${e.type}${e.saturate ? '!' : ''}:(${keyOf(e.x)})`;
    case 'bitcast':
      return `${e.type}?(${keyOf(e.x)})`;
    case 'binary':
      return `(${keyOf(e.a)} ${e.op} ${keyOf(e.b)})`;
    case 'select':
      return `(${keyOf(e.cond)} ? ${keyOf(e.a)} : ${keyOf(e.b)})`;
  }
};
