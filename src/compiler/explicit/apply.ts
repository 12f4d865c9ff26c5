/**
 * Applies an explicit schedule to a loop nest. Axes are cut into a part of whole tiles and a rest; loops
 * are put in order; what stands behind the reductions moves inside of them: the nest's statements are
 * dealt into groups, each with those loops around it, and a value that one group makes and another reads
 * gets memory, an element for each index. Every element still goes through the same steps in the same
 * order, so results are the same to the last bit.
 */
import type { DType } from '../../core/dtype.ts';
import { mapExpressions } from '../flatten.ts';
import { isIndexArithmetic } from '../hoist.ts';
import { ix, mapChildren, type Buffer, type LExpr, type Local, type Stmt } from '../loops.ts';
import { refuseSchedule, type Directives, type LoopId } from './schedule.ts';

type For = Extract<Stmt, { kind: 'for' }>;

export interface Nest {
  readonly shape: readonly number[];
  /** The counter of each axis; undefined where there is one index only. */
  readonly counters: readonly (Local | undefined)[];
  /** What is done for each element. */
  readonly body: readonly Stmt[];
  readonly temp: (dtype: DType, size: number) => Buffer;
  readonly local: () => Local;
}

/** A loop that is there. */
interface Concrete {
  readonly id: LoopId;
  readonly v: Local;
  readonly extent: number;
}

/** One part of the index space: its loops, and what the counters of the axes are there. */
interface Part {
  readonly loops: readonly Concrete[];
  readonly meanings: ReadonlyMap<string, LExpr>;
}

const substitute = (e: LExpr, meanings: ReadonlyMap<string, LExpr>): LExpr => {
  if (e.kind === 'local') return meanings.get(e.name) ?? e;
  return mapChildren(e, (c) => substitute(c, meanings));
};
const substituteAll = (stmts: readonly Stmt[], meanings: ReadonlyMap<string, LExpr>): Stmt[] =>
  mapExpressions(stmts, (e) => substitute(e, meanings));

/** The parts of an axis: whole tiles, and what is left over. */
const partsOfAxis = (axis: number, v: Local, extent: number, tile: number | undefined, nest: Nest): Part[] => {
  const id = (kind: 'axis' | 'outer' | 'inner', name: string): LoopId => ({ kind, axis, name });
  if (tile === undefined) return [{ loops: [{ id: id('axis', `axis ${axis}`), v, extent }], meanings: new Map() }];
  const inside = id('inner', `inside of tiles of axis ${axis}`);
  if (tile >= extent) return [{ loops: [{ id: inside, v, extent }], meanings: new Map() }];
  const whole = Math.floor(extent / tile);
  const [outer, inner] = [nest.local(), nest.local()];
  const rest = extent - whole * tile;
  return [
    {
      loops: [
        { id: id('outer', `tiles of axis ${axis}`), v: outer, extent: whole },
        { id: inside, v: inner, extent: tile },
      ],
      meanings: new Map([[v.name, ix.add(ix.mul(outer, tile), inner)]]),
    },
    ...(rest > 0
      ? [{ loops: [{ id: inside, v: inner, extent: rest }], meanings: new Map([[v.name, ix.add(inner, ix.k(whole * tile))]]) }]
      : []),
  ];
};

const partsOf = (nest: Nest, { tiles }: Directives): Part[] =>
  nest.counters.reduce<Part[]>(
    (parts, v, axis) => {
      if (!v) return parts;
      const own = partsOfAxis(axis, v, nest.shape[axis]!, tiles.get(axis), nest);
      return parts.flatMap((p) =>
        own.map((o): Part => ({ loops: [...p.loops, ...o.loops], meanings: new Map([...p.meanings, ...o.meanings]) })),
      );
    },
    [{ loops: [], meanings: new Map() }],
  );

/** Statements of a nest's body, dealt: what loops may be put around, and loops of reductions. */
type Segment = { readonly kind: 'group'; readonly stmts: Stmt[] } | { readonly kind: 'loop'; readonly loop: For; readonly body: Segment[] };

const holdsLoop = (s: Stmt): boolean =>
  s.kind === 'for' || s.kind === 'call' || (s.kind === 'if' && [...s.then, ...s.otherwise].some(holdsLoop));

const deal = (stmts: readonly Stmt[], op: string): Segment[] => {
  const segments: Segment[] = [];
  for (const s of stmts) {
    if (s.kind === 'for') segments.push({ kind: 'loop', loop: s, body: deal(s.body, op) });
    else if (holdsLoop(s)) throw refuseSchedule(op, 'no loop can move inside of a reduction that stands in a branch');
    else {
      const last = segments.at(-1);
      if (last?.kind === 'group') last.stmts.push(s);
      else segments.push({ kind: 'group', stmts: [s] });
    }
  }
  return segments;
};

const groupsOf = (segments: readonly Segment[]): Stmt[][] => segments.flatMap((s) => (s.kind === 'group' ? [s.stmts] : groupsOf(s.body)));

const mentioned = (stmts: readonly Stmt[]): Set<string> => {
  const names = new Set<string>();
  const walk = (e: LExpr): LExpr => {
    if (e.kind === 'local') names.add(e.name);
    return mapChildren(e, walk);
  };
  mapExpressions(stmts, walk);
  const sets = (list: readonly Stmt[]): void =>
    list.forEach((s) => {
      if (s.kind === 'set') names.add(s.local.name);
      else if (s.kind === 'if') [s.then, s.otherwise].forEach(sets);
    });
  sets(stmts);
  return names;
};

/** Index arithmetic is cheap: it is done again wherever it is used. */
const withoutIndexNames = (stmts: readonly Stmt[], known = new Map<string, LExpr>()): Stmt[] =>
  stmts.flatMap((s): Stmt[] => {
    const [own] = substituteAll([s], known);
    if (own!.kind === 'let' && own!.local.type === 'index' && isIndexArithmetic(own!.value)) {
      known.set(own!.local.name, own!.value);
      return [];
    }
    return own!.kind === 'for' ? [{ ...own!, body: withoutIndexNames(own!.body, known) }] : [own!];
  });

/** Memory in place of locals that live from one group to the next. */
class Spilling {
  readonly #buffers = new Map<string, { readonly buffer: Buffer; readonly local: Local }>();
  readonly #at: LExpr;

  constructor(segments: readonly Segment[], nest: Nest, at: LExpr) {
    this.#at = at;
    const groups = groupsOf(segments);
    const uses = groups.map(mentioned);
    groups.forEach((stmts, g) => {
      for (const s of stmts) {
        if ((s.kind !== 'let' && s.kind !== 'var') || !uses.some((names, i) => i !== g && names.has(s.local.name))) continue;
        // Indices have no type in memory of their own.
        const dtype = s.local.type === 'index' ? 'int64' : s.local.type;
        const size = nest.shape.reduce((n, d) => n * d, 1);
        this.#buffers.set(s.local.name, { buffer: nest.temp(dtype, size), local: s.local });
      }
    });
  }

  #read(name: string): LExpr | undefined {
    const spilled = this.#buffers.get(name);
    if (!spilled) return undefined;
    const { buffer, local } = spilled;
    const read: LExpr = { kind: 'read', type: buffer.dtype, buffer, at: this.#at };
    return local.type === 'index' ? { kind: 'cast', type: 'index', x: read, saturate: false } : read;
  }

  #store(name: string, value: LExpr): Stmt[] | undefined {
    const spilled = this.#buffers.get(name);
    if (!spilled) return undefined;
    const stored: LExpr = spilled.local.type === 'index' ? { kind: 'cast', type: 'int64', x: value, saturate: false } : value;
    return [{ kind: 'store', buffer: spilled.buffer, at: this.#at, value: stored }];
  }

  statements(stmts: readonly Stmt[]): Stmt[] {
    const use = (e: LExpr): LExpr => (e.kind === 'local' ? (this.#read(e.name) ?? e) : mapChildren(e, use));
    return mapExpressions(stmts, use).flatMap((s): Stmt[] => {
      if (s.kind === 'var' && !s.value) return this.#buffers.has(s.local.name) ? [] : [s];
      if (s.kind === 'let' || s.kind === 'var' || s.kind === 'set') return this.#store(s.local.name, s.value!) ?? [s];
      return s.kind === 'if' ? [{ ...s, then: this.statements(s.then), otherwise: this.statements(s.otherwise) }] : [s];
    });
  }
}

/** The loops of one part, in order, around its statements. */
const build = (nest: Nest, part: Part, { op, order, unrolled }: Directives): Stmt[] => {
  const loopOf = (id: LoopId): Concrete[] =>
    part.loops.filter((l) => l.id.kind === id.kind && l.id.kind !== 'reductions' && id.kind !== 'reductions' && l.id.axis === id.axis);
  const at = order.findIndex((id) => id.kind === 'reductions');
  const [outer, inner] = [order.slice(0, at).flatMap(loopOf), order.slice(at + 1).flatMap(loopOf)];
  const around = (loops: readonly Concrete[], body: Stmt[]): Stmt[] =>
    loops.reduceRight<Stmt[]>(
      (stmts, { id, v, extent }) => [
        { kind: 'for', v, extent, parallel: true, body: stmts, ...(unrolled.has(id.name) ? { unroll: true } : {}), fixed: true },
      ],
      body,
    );
  const reductionsUnrolled = (stmts: readonly Stmt[]): Stmt[] =>
    stmts.map((s) => (s.kind === 'for' ? { ...s, unroll: true, body: reductionsUnrolled(s.body) } : s));
  const named = substituteAll(nest.body, part.meanings);
  const body = unrolled.has('the reductions') ? reductionsUnrolled(named) : named;
  if (inner.length === 0) return around(outer, body);

  const segments = deal(withoutIndexNames(body), op);
  if (!segments.some((s) => s.kind === 'loop')) return around([...outer, ...inner], body);
  let stride = 1;
  let position = ix.k(0);
  for (let d = nest.shape.length - 1; d >= 0; d--) {
    const v = nest.counters[d];
    if (v) position = ix.add(ix.mul(part.meanings.get(v.name) ?? v, stride), position);
    stride *= nest.shape[d]!;
  }
  const spilling = new Spilling(segments, nest, position);
  const emit = (list: readonly Segment[]): Stmt[] =>
    list.flatMap((s): Stmt[] =>
      s.kind === 'group' ? around(inner, spilling.statements(s.stmts)) : [{ ...s.loop, body: emit(s.body), fixed: true }],
    );
  return around(outer, emit(segments));
};

/** The loops of a nest as a schedule wants them. @throws FLAGOS_E_SCHEDULE where its statements do not allow that. */
export const applySchedule = (nest: Nest, directives: Directives): Stmt[] =>
  partsOf(nest, directives).flatMap((part) => build(nest, part, directives));
