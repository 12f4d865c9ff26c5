/**
 * Loop nests that hand large intermediate values from one to the next, run slice by slice: all of them
 * for the first index of an outer axis, then all of them for the second. Attention so holds the scores
 * of one head, which stay in cache, and never those of all heads; the same goes for any chain of
 * nests whose outer axis is the same. Within a slice nests stay as parallel as they were.
 */
import { affineOf, fromAffine, type Affine } from '../affine.ts';
import { dtypeInfo } from '../../core/dtype.ts';
import { mapExpressions } from '../flatten.ts';
import { mapChildren, type Buffer, type LExpr, type Local, type Stmt } from '../loops.ts';
import { localsOf } from './factor.ts';
import { substitute } from './purify.ts';

type For = Extract<Stmt, { kind: 'for' }>;

/** Operations a slice must have: every stage of it wakes the threads once more. */
const LEAST_WORK = 8_000_000;

/** Times a slice must use what all slices read anew, where that does not stay in cache: a matrix that meets one row at a time is read once per row. */
const LEAST_REUSE = 32;

interface Access {
  readonly buffer: Buffer;
  /** Undefined: anywhere. */
  readonly at: Affine | undefined;
  readonly writes: boolean;
}

/** What a statement reads and writes, and how far its counters count. */
interface Facts {
  readonly accesses: readonly Access[];
  readonly extents: ReadonlyMap<string, number>;
  /** Counters of its outer parallel loops: they may change places. */
  readonly axes: readonly For[];
  /** Whether it adds up something along further axes. */
  readonly reduces: boolean;
}

const factsOf = (s: Stmt): Facts => {
  const accesses: Access[] = [];
  const extents = new Map<string, number>();
  let reduces = false;
  const read = (e: LExpr): LExpr => {
    if (e.kind === 'read') accesses.push({ buffer: e.buffer, at: affineOf(e.at), writes: false });
    return mapChildren(e, read);
  };
  const walk = (stmts: readonly Stmt[]): void => {
    for (const t of stmts) {
      if (t.kind === 'for') {
        extents.set(t.v.name, t.extent);
        reduces ||= !t.parallel;
        walk(t.body);
      } else if (t.kind === 'if') {
        walk(t.then);
        walk(t.otherwise);
      } else if (t.kind === 'store') accesses.push({ buffer: t.buffer, at: affineOf(t.at), writes: true });
    }
  };
  walk([s]);
  mapExpressions([s], read);
  const axes: For[] = [];
  for (let t: Stmt | undefined = s; t?.kind === 'for' && t.parallel && !t.fixed; t = t.body.length === 1 ? t.body[0] : undefined)
    axes.push(t);
  return { accesses, extents, axes, reduces };
};

/** Whether a position stays within the slice its axis chooses: `size` elements from axis · size on. */
const staysInside = (at: Affine, axis: Local, size: number, extents: ReadonlyMap<string, number>): boolean => {
  let [low, high] = [at.constant, at.constant];
  for (const [name, { coefficient }] of at.terms) {
    if (name === axis.name) continue;
    const extent = extents.get(name);
    if (extent === undefined) return false;
    if (coefficient > 0) high += coefficient * (extent - 1);
    else low += coefficient * (extent - 1);
  }
  return low >= 0 && high < size;
};

/** The axis of a statement along which everything it does with the given buffers stays in one slice. */
const axisOf = ({ accesses, extents, axes }: Facts, shared: ReadonlySet<Buffer>, count: number): For | undefined => {
  const own = accesses.filter((a) => shared.has(a.buffer));
  return axes.find(
    (axis) =>
      axis.extent === count &&
      own.every(({ buffer, at }) => {
        const size = buffer.size / count;
        return at?.terms.get(axis.v.name)?.coefficient === size && staysInside(at, axis.v, size, extents);
      }),
  );
};

/** Whether what a reduction reads stays in cache, belongs to the slice alone, or is used often enough within one. */
const keepsReuse = ({ accesses, axes, reduces }: Facts, axis: For, cache: number): boolean =>
  !reduces ||
  accesses.every(({ buffer, at, writes }) => {
    if (writes || bytesOf(buffer) <= cache) return true;
    if (!at) return false;
    if (at.terms.has(axis.v.name)) return true;
    return axes.reduce((n, a) => (a === axis || at.terms.has(a.v.name) ? n : n * a.extent), 1) >= LEAST_REUSE;
  });

const bytesOf = (b: Buffer): number => b.size * dtypeInfo(b.dtype).bytes;

/** A nest without one of its loops. */
const without = (s: Stmt, axis: For): Stmt => {
  if (s.kind !== 'for') return s;
  return s.v.name === axis.v.name ? s.body[0]! : { ...s, body: [without(s.body[0]!, axis)] };
};

/** Statements from `first` to `last` as a loop over slices; undefined if they cannot be. */
const sliced = (
  body: readonly Stmt[],
  facts: readonly Facts[],
  first: number,
  last: number,
  count: number,
  cache: number,
  fresh: (b: Buffer, size: number) => Buffer,
): Stmt | undefined => {
  const range = facts.slice(first, last + 1);
  const written = new Set(range.flatMap((f) => f.accesses.filter((a) => a.writes).map((a) => a.buffer)));
  const shared = new Set(range.flatMap((f) => f.accesses.filter((a) => !a.writes && written.has(a.buffer)).map((a) => a.buffer)));
  if ([...shared].some((b) => b.kept || b.size % count !== 0)) return undefined;
  const axes = range.map((f) => axisOf(f, shared, count));
  // A nest of one loop would leave nothing to run in parallel.
  if (!axes.every((a, i): a is For => a !== undefined && range[i]!.axes.length > 1 && a.body.length === 1)) return undefined;
  if (!axes.every((a, i) => keepsReuse(range[i]!, a, cache))) return undefined;
  const outside = facts.filter((_, i) => i < first || i > last);
  const v: Local = { kind: 'local', type: 'index', name: `slice${first}` };
  const small = new Map<Buffer, Buffer>();
  for (const b of shared)
    if (b.role === 'temp' && !outside.some((f) => f.accesses.some((a) => a.buffer === b))) small.set(b, fresh(b, b.size / count));
  const rebased = (buffer: Buffer, at: LExpr): { buffer: Buffer; at: LExpr } => {
    const part = small.get(buffer);
    const form = part && affineOf(at);
    if (!part || !form) return { buffer, at };
    const terms = new Map(form.terms);
    terms.delete(v.name);
    return { buffer: part, at: fromAffine({ constant: form.constant, terms }) };
  };
  const moved = (e: LExpr): LExpr => {
    const f = mapChildren(e, moved);
    return f.kind === 'read' ? { ...f, ...rebased(f.buffer, f.at) } : f;
  };
  const rewritten = (stmts: readonly Stmt[]): Stmt[] =>
    stmts.map((s): Stmt => {
      if (s.kind === 'for') return { ...s, body: rewritten(s.body) };
      if (s.kind === 'if') return { ...s, then: rewritten(s.then), otherwise: rewritten(s.otherwise) };
      return s.kind === 'store' ? { ...s, ...rebased(s.buffer, s.at) } : s;
    });
  const inner = body.slice(first, last + 1).map((s, i) => {
    const names = new Map<string, LExpr>([[axes[i]!.v.name, v]]);
    return mapExpressions([without(s, axes[i]!)], (e) => substitute(e, names));
  });
  const slice = rewritten(mapExpressions(inner.flat(), moved));
  return { kind: 'for', v, extent: count, parallel: false, body: slice };
};

/** Operations, two per element that is stored or sum that grows: values and bounds that are named on the way (windows have many) keep no thread busy for long. */
const updatesOf = (stmts: readonly Stmt[]): number =>
  stmts.reduce((n, s): number => {
    if (s.kind === 'for') return n + s.extent * updatesOf(s.body);
    if (s.kind === 'if') return n + Math.max(updatesOf(s.then), updatesOf(s.otherwise));
    return s.kind === 'store' || (s.kind === 'set' && localsOf(s.value).has(s.local.name)) ? n + 2 : n;
  }, 0);

/** Statements up to which large values live that come of statement `first`, each through the one before; furthest first. */
const lastUses = (facts: readonly Facts[], first: number, cache: number): number[] => {
  const ends: number[] = [];
  for (let i = first; i <= (ends[0] ?? first); i++)
    for (const { buffer, writes } of facts[i]!.accesses) {
      if (!writes || buffer.role !== 'temp' || bytesOf(buffer) <= cache) continue;
      const end = facts.findLastIndex((f) => f.accesses.some((a) => a.buffer === buffer));
      if (end > (ends[0] ?? first)) ends.unshift(end);
    }
  return ends;
};

/**
 * Runs what shares large intermediate values slice by slice.
 * @param cache bytes of cache a core has to itself: smaller values are left alone.
 * @returns the statements, and workspace that came with them.
 */
export const sliceNests = (body: readonly Stmt[], cache: number): { body: readonly Stmt[]; temps: readonly Buffer[] } => {
  const facts = body.map(factsOf);
  const temps: Buffer[] = [];
  const made: Buffer[] = [];
  const fresh = (b: Buffer, size: number): Buffer => {
    const part: Buffer = { name: `${b.name}s`, dtype: b.dtype, size, role: 'temp' };
    made.push(part);
    return part;
  };
  const out: Stmt[] = [];
  for (let i = 0; i < body.length; i++) {
    out.push(body[i]!);
    const store = facts[i]!.accesses.find((a) => a.writes);
    const large = store && store.buffer.role === 'temp' && bytesOf(store.buffer) > cache;
    if (!large || !store.at || facts[i]!.accesses.filter((a) => a.writes).length !== 1) continue;
    // The outermost axis of the value: the one its positions move furthest with.
    const outermost = facts[i]!.axes.filter((a) => a.extent > 1).reduce<number>(
      (most, a) => Math.max(most, store.at!.terms.get(a.v.name)?.coefficient ?? 0),
      0,
    );
    const count = store.buffer.size / outermost;
    if (!Number.isInteger(count) || count < 2) continue;
    for (const last of lastUses(facts, i, cache)) {
      if (updatesOf(body.slice(i, last + 1)) / count < LEAST_WORK) break;
      made.length = 0;
      const loop = sliced(body, facts, i, last, count, cache, fresh);
      if (loop?.kind !== 'for' || made.length === 0) continue;
      const inner = sliceNests(loop.body, cache);
      temps.push(...made, ...inner.temps);
      out[out.length - 1] = { ...loop, body: inner.body };
      i = last;
      break;
    }
  }
  return { body: out, temps };
};
