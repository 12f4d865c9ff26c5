/**
 * Unroll and jam: several neighbouring iterations of a parallel loop in one, their inner loops run
 * together. What they share is loaded once, rows of memory are used while they are at hand, and their
 * sums do not wait for each other.
 */
import type { LExpr, Local } from '../loops.ts';
import { at, constantOf, fresh, instantiate, k, substitute, type For, type Sched } from './ir.ts';
import { mentions } from './linear.ts';

/** Counters with at most this many values are written out. */
const SHORT = 4;
/** The same where an author asks for it. */
const ASKED = 16;
/** Statements beyond which writing loops out costs more than it saves. */
const LONGEST = 64;

const sizeOfBody = (stmts: readonly Sched[]): number =>
  stmts.reduce(
    (n, s): number =>
      n + (s.kind === 'for' ? 1 + sizeOfBody(s.body) : s.kind === 'if' ? 1 + sizeOfBody(s.then) + sizeOfBody(s.otherwise) : 1),
    0,
  );

/** Writes out short loops of reductions. */
export const unrollShort = (stmts: readonly Sched[]): Sched[] =>
  stmts.flatMap((s): Sched[] => {
    if (s.kind === 'if') return [{ ...s, then: unrollShort(s.then), otherwise: unrollShort(s.otherwise) }];
    if (s.kind !== 'for') return [s];
    const body = unrollShort(s.body);
    const [from, to] = [constantOf(s.from), constantOf(s.to)];
    const most = s.unroll ? ASKED : SHORT;
    const longest = s.unroll ? 4 * LONGEST : LONGEST;
    if ((s.parallel && !s.lanes) || from === undefined || to === undefined || to - from > most || sizeOfBody(body) * (to - from) > longest)
      return [{ ...s, body }];
    return Array.from({ length: Math.max(0, to - from) }, (_, i) => instantiate(body, new Map([[s.v.name, k(from + i)]]))).flat();
  });

const hasLoop = (stmts: readonly Sched[]): boolean =>
  stmts.some((s) => s.kind === 'for' || (s.kind === 'if' && (hasLoop(s.then) || hasLoop(s.otherwise))));

/** Whether loops inside have the same bounds for all iterations, and stand in no branch. */
const canJam = (stmts: readonly Sched[], varying: Set<string>): boolean =>
  stmts.every((s) => {
    switch (s.kind) {
      case 'for':
        return !mentions(s.from, varying) && !mentions(s.to, varying) && canJam(s.body, varying);
      case 'if':
        return !hasLoop(s.then) && !hasLoop(s.otherwise);
      case 'tile':
        return false;
      case 'let':
        if (mentions(s.value, varying)) varying.add(s.local.name);
        return true;
      case 'var':
        varying.add(s.local.name);
        return true;
      default:
        return true;
    }
  });

/** Names of locals declared anywhere in statements, nested loops' counters apart. */
const declared = (stmts: readonly Sched[]): Local[] =>
  stmts.flatMap((s): Local[] => {
    if (s.kind === 'let' || s.kind === 'var') return [s.local];
    if (s.kind === 'for') return declared(s.body);
    return s.kind === 'if' ? [...declared(s.then), ...declared(s.otherwise)] : [];
  });

const jammed = (stmts: readonly Sched[], copies: readonly ReadonlyMap<string, LExpr>[]): Sched[] =>
  stmts.flatMap((s): Sched[] => {
    if (s.kind === 'for') return [{ ...s, body: jammed(s.body, copies) }];
    return copies.map((names) => renamed(s, names));
  });

const renamed = (s: Sched, names: ReadonlyMap<string, LExpr>): Sched => {
  const use = (e: LExpr): LExpr => substitute(e, names);
  const own = (l: Local): Local => {
    const now = names.get(l.name);
    return now?.kind === 'local' ? now : l;
  };
  switch (s.kind) {
    case 'let':
    case 'set':
      return { ...s, local: own(s.local), value: use(s.value) };
    case 'var':
      return { ...s, local: own(s.local), value: s.value && use(s.value) };
    case 'store':
      return { ...s, at: use(s.at), value: use(s.value) };
    case 'if':
      return { ...s, cond: use(s.cond), then: s.then.map((x) => renamed(x, names)), otherwise: s.otherwise.map((x) => renamed(x, names)) };
    default:
      return s;
  }
};

const jam = (s: For, from: number, to: number, width: number): Sched[] => {
  const v = fresh('index', 'j');
  const rounds = Math.floor((to - from) / width);
  const locals = declared(s.body);
  const copies = Array.from(
    { length: width },
    (_, lane) =>
      new Map<string, LExpr>([
        [s.v.name, at.add(at.mul(v, width), k(from + lane))],
        ...locals.map((l) => [l.name, fresh(l.type, 'u')] as const),
      ]),
  );
  const main: Sched = { kind: 'for', v, from: k(0), to: k(rounds), parallel: true, body: jammed(s.body, copies) };
  const done = from + rounds * width;
  return done === to ? [main] : [main, ...instantiate([{ ...s, from: k(done) }], new Map())];
};

/** Jams the innermost parallel loops that hold reductions. */
export const jamReductions = (stmts: readonly Sched[], width: number): Sched[] =>
  stmts.flatMap((s): Sched[] => {
    if (s.kind === 'if') return [{ ...s, then: jamReductions(s.then, width), otherwise: jamReductions(s.otherwise, width) }];
    if (s.kind !== 'for' || !s.parallel) return [s];
    if (s.body.some((x) => x.kind === 'for' && x.parallel)) return [{ ...s, body: jamReductions(s.body, width) }];
    const [from, to] = [constantOf(s.from), constantOf(s.to)];
    const worth = from !== undefined && to !== undefined && to - from >= width && sizeOfBody(s.body) * width <= 4 * LONGEST;
    return worth && hasLoop(s.body) && canJam(s.body, new Set([s.v.name])) ? jam(s, from, to, width) : [s];
  });
