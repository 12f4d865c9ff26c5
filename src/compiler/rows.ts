/**
 * Row-wise fusion: loop nests that go over the same rows one after another (softmax: largest element,
 * exponentials, their sum, quotients) become one nest that does everything to a row while it is in the
 * nearest cache. Tensors that only these nests use shrink to one row.
 *
 * Two nests may become one if, wherever one writes what the other touches, both stay inside the row they
 * are at. Rows are runs of memory here; nests that go down columns are left alone.
 */
import { dtypeInfo } from '../core/dtype.ts';
import { affineOf } from './affine.ts';
import { mapExpressions } from './flatten.ts';
import { ix, mapChildren, type Buffer, type LExpr, type Local, type Stmt } from './loops.ts';
import { rangeOf, type Range } from './schedule/ranges.ts';

type For = Extract<Stmt, { kind: 'for' }>;

/** Elements from which going over a row again costs more than keeping loops of different kinds apart. */
const SHORTEST = 16;

/** One place where a nest reads or writes. */
interface Access {
  readonly buffer: Buffer;
  readonly write: boolean;
  /** Elements from one row to the next, and bounds of the position within a row; undefined where it is no sum over counters. */
  readonly row: { readonly stride: number; readonly within: Range } | undefined;
}

/** A nest over rows: one parallel loop, with single loops inside. */
export interface Rows {
  readonly loop: For;
  readonly accesses: readonly Access[];
  /** Extent of its longest inner loop, 1 if there is none. */
  readonly longest: number;
}

const rowOf = (at: LExpr, v: Local, ranges: ReadonlyMap<string, Range>): Access['row'] => {
  const affine = affineOf(at);
  if (!affine) return undefined;
  const stride = affine.terms.get(v.name)?.coefficient ?? 0;
  let [lo, hi] = [affine.constant, affine.constant];
  for (const [name, { local, coefficient }] of affine.terms) {
    if (name === v.name) continue;
    const [a, b] = rangeOf(ix.mul(local, coefficient), ranges);
    [lo, hi] = [lo + a, hi + b];
  }
  return { stride, within: [lo, hi] };
};

/** Whether a position moves with the rows, and further with an inner counter: down a column. */
const isColumn = (at: LExpr, v: Local): boolean => {
  const terms = affineOf(at)?.terms;
  const stride = Math.abs(terms?.get(v.name)?.coefficient ?? 0);
  return stride > 0 && [...terms!].some(([name, t]) => name !== v.name && Math.abs(t.coefficient) > stride);
};

/** Reads a statement as a nest over rows; undefined if it is none. */
const rowsOf = (s: Stmt): Rows | undefined => {
  if (s.kind !== 'for' || !s.parallel || s.fixed || s.extent < 2) return undefined;
  const accesses: Access[] = [];
  let [fits, longest] = [true, 1];
  const access = (buffer: Buffer, at: LExpr, write: boolean, ranges: ReadonlyMap<string, Range>): void => {
    if (isColumn(at, s.v)) fits = false;
    accesses.push({ buffer, write, row: rowOf(at, s.v, ranges) });
  };
  const reads = (e: LExpr, ranges: ReadonlyMap<string, Range>): LExpr => {
    if (e.kind === 'read') access(e.buffer, e.at, false, ranges);
    return mapChildren(e, (c) => reads(c, ranges));
  };
  const walk = (stmts: readonly Stmt[], ranges: ReadonlyMap<string, Range>, inside: boolean): void => {
    for (const x of stmts) {
      if (x.kind === 'for') {
        if (inside || x.fixed) fits = false;
        longest = Math.max(longest, x.extent);
        walk(x.body, new Map([...ranges, [x.v.name, [0, x.extent - 1] as const]]), true);
      } else if (x.kind === 'if') {
        reads(x.cond, ranges);
        walk(x.then, ranges, inside);
        walk(x.otherwise, ranges, inside);
      } else if (x.kind === 'call') fits = false;
      else {
        if (x.value) reads(x.value, ranges);
        if (x.kind !== 'store') continue;
        reads(x.at, ranges);
        access(x.buffer, x.at, true, ranges);
      }
    }
  };
  walk(s.body, new Map(), false);
  return fits ? { loop: s, accesses, longest } : undefined;
};

/** Elements of a row of a buffer that nests touch only inside of their rows; undefined if they do not. */
const rowSize = (buffer: Buffer, nests: readonly Rows[]): number | undefined => {
  const own = nests.flatMap((n) => n.accesses.filter((a) => a.buffer === buffer));
  const stride = own[0]?.row?.stride ?? 0;
  const inside = own.every(({ row }) => row?.stride === stride && row.within[0] >= 0 && row.within[1] < stride);
  return stride > 0 && inside ? stride : undefined;
};

/** Whether a nest may join others: it reads what one of them wrote, and all stay in their row of everything that is written. */
const canJoin = (run: readonly Rows[], next: Rows): boolean => {
  if (run[0]!.loop.extent !== next.loop.extent) return false;
  const buffers = (nests: readonly Rows[], write?: boolean): Set<Buffer> =>
    new Set(nests.flatMap((n) => n.accesses.flatMap((a) => (write === undefined || a.write === write ? [a.buffer] : []))));
  const [before, own, made] = [buffers(run), buffers([next]), buffers(run, true)];
  const written = new Set([...made, ...buffers([next], true)]);
  const isReader = [...buffers([next], false)].some((b) => made.has(b));
  return isReader && [...own].every((b) => !before.has(b) || !written.has(b) || rowSize(b, [...run, next]) !== undefined);
};

/** How often statements touch each buffer. */
const touches = (stmts: readonly Stmt[]): Map<Buffer, number> => {
  const counts = new Map<Buffer, number>();
  const touch = (b: Buffer): void => void counts.set(b, (counts.get(b) ?? 0) + 1);
  const reads = (e: LExpr): LExpr => {
    if (e.kind === 'read') touch(e.buffer);
    return mapChildren(e, reads);
  };
  const walk = (list: readonly Stmt[]): void => {
    for (const s of list) {
      if (s.kind === 'store') touch(s.buffer);
      else if (s.kind === 'for') walk(s.body);
      else if (s.kind === 'if') {
        walk(s.then);
        walk(s.otherwise);
      }
    }
  };
  walk(stmts);
  mapExpressions(stmts, reads);
  return counts;
};

/** A row of a tensor in place of the tensor. */
export interface RowBuffer {
  readonly whole: Buffer;
  readonly row: Buffer;
}

/** Nests that became one. */
export interface Fused {
  readonly loop: For;
  readonly rows: readonly RowBuffer[];
}

/** A position in a row instead of one in all rows. */
const inRow = (at: LExpr, v: Local): LExpr => {
  const { constant, terms } = affineOf(at)!;
  return [...terms].reduce<LExpr>((e, [name, t]) => (name === v.name ? e : ix.add(e, ix.mul(t.local, t.coefficient))), ix.k(constant));
};

const renamed = (e: LExpr, from: Local, to: Local): LExpr =>
  e.kind === 'local' ? (e.name === from.name ? to : e) : mapChildren(e, (c) => renamed(c, from, to));

const shrunk = (stmts: readonly Stmt[], v: Local, rows: ReadonlyMap<Buffer, Buffer>): Stmt[] => {
  const expr = (e: LExpr): LExpr => {
    const made = mapChildren(e, expr);
    const row = made.kind === 'read' && rows.get(made.buffer);
    return row && made.kind === 'read' ? { ...made, buffer: row, at: inRow(made.at, v) } : made;
  };
  const stores = (list: readonly Stmt[]): Stmt[] =>
    list.map((s): Stmt => {
      if (s.kind === 'for') return { ...s, body: stores(s.body) };
      if (s.kind === 'if') return { ...s, then: stores(s.then), otherwise: stores(s.otherwise) };
      const row = s.kind === 'store' && rows.get(s.buffer);
      return row && s.kind === 'store' ? { ...s, buffer: row, at: inRow(s.at, v) } : s;
    });
  return stores(mapExpressions(stmts, expr));
};

/**
 * One nest for several.
 * @param everywhere how often the whole program touches each buffer.
 */
const fused = (run: readonly Rows[], everywhere: ReadonlyMap<Buffer, number>): Fused => {
  const { v } = run[0]!.loop;
  const body = run.flatMap(({ loop }) => mapExpressions(loop.body, (e) => renamed(e, loop.v, v)));
  const inside = touches(body);
  const rows = [...inside].flatMap(([whole, count]): RowBuffer[] => {
    const size = rowSize(whole, run);
    // What is read before it is written comes from elsewhere.
    const first = run.findIndex((n) => n.accesses.some((a) => a.buffer === whole));
    const isOwn = whole.role === 'temp' && !whole.kept && count === everywhere.get(whole);
    const isMadeHere = run[first]!.accesses.every((a) => a.buffer !== whole || a.write);
    return size !== undefined && isOwn && isMadeHere
      ? [{ whole, row: { name: `${whole.name}r`, dtype: whole.dtype, size, role: 'temp' } }]
      : [];
  });
  return { loop: { ...run[0]!.loop, body: shrunk(body, v, new Map(rows.map((r) => [r.whole, r.row]))) }, rows };
};

/**
 * Runs of neighbouring nests that go over the same rows, among statements that run one after another;
 * statements that belong to none stand for themselves.
 * @param isApart nests that a chip has better ways with.
 */
export const runsOfRows = (stmts: readonly Stmt[], isApart: (s: Stmt) => boolean): (Stmt | readonly Rows[])[] => {
  const out: (Stmt | readonly Rows[])[] = [];
  let run: Rows[] = [];
  const flush = (): void => {
    const isLong = (n: Rows): boolean => n.longest >= SHORTEST;
    // Calculations for each row that stand before or behind everything else run in lanes of their own.
    const from = run.findIndex(isLong);
    const to = run.findLastIndex(isLong) + 1;
    const [before, rows, after] = from < 0 ? [run, [], []] : [run.slice(0, from), run.slice(from, to), run.slice(to)];
    out.push(...before.map((n) => n.loop));
    out.push(...(rows.length > 1 ? [rows] : rows.map((n) => n.loop)));
    out.push(...after.map((n) => n.loop));
    run = [];
  };
  for (const s of stmts) {
    const rows = isApart(s) ? undefined : rowsOf(s);
    if (run.length && !(rows && canJoin(run, rows))) flush();
    if (rows) run.push(rows);
    else out.push(s);
  }
  flush();
  return out;
};

/**
 * Fuses {@link runsOfRows}.
 * @param program all statements, those that are not looked at here included.
 */
export const fuseRows = (stmts: readonly Stmt[], isApart: (s: Stmt) => boolean, program: readonly Stmt[]): (Stmt | Fused)[] => {
  const everywhere = touches(program);
  return runsOfRows(stmts, isApart).map((x) => ('kind' in x ? x : fused(x, everywhere)));
};

const samePosition = (a: LExpr, b: LExpr): boolean => {
  const [x, y] = [affineOf(a), affineOf(b)];
  if (!x || !y || x.constant !== y.constant || x.terms.size !== y.terms.size) return false;
  return [...x.terms].every(([name, t]) => y.terms.get(name)?.coefficient === t.coefficient);
};

const inPlaceOf = (stmts: readonly Stmt[], from: Buffer, to: Buffer): Stmt[] => {
  const expr = (e: LExpr): LExpr => {
    const made = mapChildren(e, expr);
    return made.kind === 'read' && made.buffer === from ? { ...made, buffer: to } : made;
  };
  const stores = (list: readonly Stmt[]): Stmt[] =>
    list.map((s): Stmt => {
      if (s.kind === 'for') return { ...s, body: stores(s.body) };
      if (s.kind === 'if') return { ...s, then: stores(s.then), otherwise: stores(s.otherwise) };
      return s.kind === 'store' && s.buffer === from ? { ...s, buffer: to } : s;
    });
  return stores(mapExpressions(stmts, expr));
};

/**
 * The nests of a run, where the last one makes an element of its result from the same element of a
 * temporary that the run alone uses: that temporary then is the result's memory, written twice.
 */
export const inPlace = (run: readonly Rows[], program: readonly Stmt[]): readonly Stmt[] => {
  const stmts = run.map((n) => n.loop);
  const last = run.at(-1)!;
  const [result, ...others] = last.accesses.filter((a) => a.write).map((a) => a.buffer);
  if (!result || others.length || run.some((n) => n.accesses.some((a) => a.buffer === result && !(n === last && a.write)))) return stmts;
  const everywhere = touches(program);
  const inside = touches(stmts);
  const places = { store: undefined as LExpr | undefined, reads: [] as { buffer: Buffer; at: LExpr }[] };
  const reads = (e: LExpr): LExpr => {
    if (e.kind === 'read') places.reads.push(e);
    return mapChildren(e, reads);
  };
  const find = (list: readonly Stmt[]): void => {
    for (const s of list) {
      if (s.kind === 'for') find(s.body);
      else if (s.kind === 'if') [s.then, s.otherwise].forEach(find);
      else if (s.kind === 'store') places.store = s.at;
    }
  };
  find([last.loop]);
  mapExpressions([last.loop], reads);
  const same = [...new Set(places.reads.map((r) => r.buffer))].find(
    (b) =>
      b.role === 'temp' &&
      !b.kept &&
      b.dtype === result.dtype &&
      b.size === result.size &&
      // Narrow floats are codes outside of temporaries: between, they keep their digits.
      (result.role === 'temp' || dtypeInfo(b.dtype).kind !== 'float' || dtypeInfo(b.dtype).bits >= 32) &&
      inside.get(b) === everywhere.get(b) &&
      places.reads.every((r) => r.buffer !== b || samePosition(r.at, places.store!)),
  );
  return same ? inPlaceOf(stmts, same, result) : stmts;
};
