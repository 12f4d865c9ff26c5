/**
 * Splits loops: where a counter is only ever divided by one number (a view that puts several axes together), its
 * digits become counters of two loops, one in the other, and nothing is left to divide. What was not affine becomes so,
 * and schedules see the axes that are there.
 */
import { mapExpressions } from './flatten.ts';
import { ix, mapChildren, type LExpr, type Local, type Stmt } from './loops.ts';

type For = Extract<Stmt, { kind: 'for' }>;

/** The number that `e` divides the counter by, or takes its rest of; undefined if it does neither. */
const divisorOf = (e: LExpr, v: Local): number | undefined =>
  e.kind === 'binary' && (e.op === 'floordiv' || e.op === 'floormod') && e.a.kind === 'local' && e.a.name === v.name && e.b.kind === 'const'
    ? Number(e.b.value)
    : undefined;

/** What a loop's counter is divided by, if that is one number, and its digits are whole. */
const divisorIn = ({ v, extent, body }: For): number | undefined => {
  const found = new Set<number>();
  const look = (e: LExpr): LExpr => {
    const n = divisorOf(e, v);
    if (n !== undefined) found.add(n);
    return mapChildren(e, look);
  };
  mapExpressions(body, look);
  const [n = 0] = found;
  return found.size === 1 && n > 1 && n < extent && extent % n === 0 ? n : undefined;
};

const split = (loop: For): For => {
  const n = divisorIn(loop);
  if (n === undefined || loop.fixed || loop.unroll) return loop;
  const [high, low] = ['high', 'low'].map((part): Local => ({ ...loop.v, name: `${loop.v.name} ${part}` })) as [Local, Local];
  const whole = ix.add(ix.mul(high, n), low);
  const replace = (e: LExpr): LExpr => {
    if (divisorOf(e, loop.v) !== undefined) return e.kind === 'binary' && e.op === 'floordiv' ? high : low;
    return e.kind === 'local' && e.name === loop.v.name ? whole : mapChildren(e, replace);
  };
  const inner: For = split({ ...loop, v: low, extent: n, body: mapExpressions(loop.body, replace) });
  return split({ ...loop, v: high, extent: loop.extent / n, body: [inner] });
};

export const splitDigits = (stmts: readonly Stmt[]): Stmt[] =>
  stmts.map((s): Stmt => {
    if (s.kind === 'if') return { ...s, then: splitDigits(s.then), otherwise: splitDigits(s.otherwise) };
    return s.kind === 'for' ? split({ ...s, body: splitDigits(s.body) }) : s;
  });
