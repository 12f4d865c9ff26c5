/**
 * Sums down the columns of a large matrix (a vector times a matrix, a reduction over the first axis)
 * as sums of rows: a row of partial sums is kept and every row of the matrix added to it, four at a
 * time, so that memory is read in the order in which it lies.
 */
import type { Buffer, LExpr } from '../loops.ts';
import type { DType } from '../../core/dtype.ts';
import { at, constantOf, eachExpression, eachNode, fresh, instantiate, k, loop, shared, type For, type Sched, type Target } from './ir.ts';
import { coefficientOf } from './linear.ts';
import { extentOf, type Axis } from './nests.ts';

/** Elements a row of partial sums has at most: what stays in the first cache. */
const ROW = 2048;
/** Rows added at a time. */
const TOGETHER = 4;
/** Elements between neighbours of a column from which reading along it is slow, and elements in all from which it matters. */
const FAR = 64;
const LEAST = 1 << 15;

interface Column {
  readonly before: readonly Sched[];
  readonly sum: Extract<Sched, { kind: 'var' }>;
  readonly steps: readonly Axis[];
  readonly names: readonly Sched[];
  readonly op: 'add' | 'max' | 'min';
  readonly term: LExpr;
  readonly after: readonly Sched[];
}

/** The reduction of a loop's body, if that is: names, a sum with constant bounds, what becomes of it. */
const columnOf = (s: For): Column | undefined => {
  const i = s.body.findIndex((x) => x.kind === 'for');
  const [sum, first] = [s.body[i - 1], s.body[i]];
  if (sum?.kind !== 'var' || sum.value?.kind !== 'const' || s.body.slice(i + 1).some((x) => x.kind === 'for')) return undefined;
  const steps: Axis[] = [];
  let body: readonly Sched[] = [first!];
  for (let x = body[0]!; x.kind === 'for' && !x.parallel; x = body[0]!) {
    const extent = constantOf(x.to);
    if (constantOf(x.from) !== 0 || extent === undefined) return undefined;
    steps.push({ v: x.v, extent });
    body = x.body;
    if (body.length !== 1) break;
  }
  const last = body.at(-1);
  const names = body.slice(0, -1);
  if (last?.kind !== 'set' || last.local.name !== sum.local.name || last.value.kind !== 'binary' || !names.every((x) => x.kind === 'let'))
    return undefined;
  const { op, a, b: term } = last.value;
  if (a.kind !== 'local' || a.name !== sum.local.name || (op !== 'add' && op !== 'max' && op !== 'min')) return undefined;
  const before = s.body.slice(0, i - 1);
  return before.every((x) => x.kind === 'let') ? { before, sum, steps, names, op, term, after: s.body.slice(i + 1) } : undefined;
};

/** Whether some read goes along the loop's counter in memory, and far between steps of the sum; and all reads are of that kind or do not move with the counter. */
const isColumn = (c: Column, v: string): boolean => {
  const innermost = c.steps.at(-1)!.v.name;
  let [far, other] = [0, 0];
  const all = [...c.names, { kind: 'let' as const, local: c.sum.local, value: c.term }];
  eachExpression(all, (e) =>
    eachNode(e, (n) => {
      if (n.kind !== 'read') return;
      const [along, down] = [coefficientOf(n.at, v), coefficientOf(n.at, innermost)];
      if (along === 1 && down !== undefined && Math.abs(down) >= FAR) far++;
      else if (along !== 0) other++;
    }),
  );
  return far > 0 && other === 0;
};

const interchanged = (s: For, c: Column, extent: number, target: Target, temps: Buffer[]): Sched[] => {
  const type = c.sum.local.type as DType;
  const piece = Math.ceil(extent / (target.threads?.count ?? 1) / FAR) * FAR;
  const width = Math.min(extent, ROW, piece);
  const row: Buffer = {
    name: fresh('index', 'row').name,
    dtype: type === 'float64' || type === 'float32' ? target.sumType(type) : type,
    size: width,
    role: 'temp',
  };
  temps.push(row);
  const blocks = Math.ceil(extent / width);
  const block = fresh('index', 'b');
  const start = blocks === 1 ? k(0) : at.mul(block, width);
  const here = extent % width === 0 ? k(width) : at.min(k(width), at.sub(k(extent), start));
  const along = (body: (place: LExpr) => Sched[]): Sched => {
    const place = fresh('index', 'x');
    return { kind: 'for', v: place, from: k(0), to: here, parallel: true, body: body(place) };
  };
  const read = (place: LExpr): LExpr => ({ kind: 'read', type, buffer: row, at: place });
  const innermost = c.steps.at(-1)!;
  const rows = (step: LExpr, count: number): Sched =>
    along((place) => {
      const where = (i: number): Map<string, LExpr> =>
        new Map([
          [s.v.name, at.add(start, place)],
          [innermost.v.name, at.add(step, k(i))],
        ]);
      const parts = Array.from({ length: count }, (_, i) => {
        const local = fresh(type, 'p');
        return { local, stmts: [...instantiate([...c.before, ...c.names, { kind: 'let', local, value: c.term }], where(i))] };
      });
      const values = parts.map(({ stmts }) => stmts.at(-1)!).map((l): LExpr => (l.kind === 'let' ? l.local : k(0)));
      const total = values.reduce<LExpr>((sum, b) => ({ kind: 'binary', type, op: c.op, a: sum, b }), read(place));
      return [...parts.flatMap((p) => p.stmts), { kind: 'store', buffer: row, at: place, value: total }];
    });
  const [quarter, left] = [fresh('index', 'q'), innermost.extent % TOGETHER];
  const whole = innermost.extent - left;
  const rest = fresh('index', 'r');
  const sums: Sched[] = [
    loop(quarter, k(whole / TOGETHER), [rows(at.mul(quarter, TOGETHER), TOGETHER)]),
    ...(left ? [loop(rest, k(left), [rows(at.add(rest, k(whole)), 1)])] : []),
  ];
  const nested = c.steps.slice(0, -1).reduceRight<Sched[]>((inner, a) => [loop(a.v, k(a.extent), inner)], sums);
  const body: Sched[] = [
    along((place) => [{ kind: 'store', buffer: row, at: place, value: c.sum.value! }]),
    ...nested,
    along((place) =>
      instantiate(
        [...c.before, { kind: 'let', local: c.sum.local, value: read(place) }, ...c.after],
        new Map([[s.v.name, at.add(start, place)]]),
      ),
    ),
  ];
  return blocks === 1 ? body : [shared(block, k(blocks), body)];
};

/** Rewrites the innermost parallel loops of statements that are such sums. New temporaries are added to `temps`. */
export const interchangeColumns = (stmts: readonly Sched[], target: Target, temps: Buffer[]): Sched[] =>
  stmts.flatMap((s): Sched[] => {
    if (s.kind !== 'for' || !s.parallel) return [s];
    if (s.body.some((x) => x.kind === 'for' && x.parallel)) return [{ ...s, body: interchangeColumns(s.body, target, temps) }];
    const extent = constantOf(s.to);
    const column = constantOf(s.from) === 0 && extent !== undefined && extent >= FAR ? columnOf(s) : undefined;
    if (!column || extent === undefined || extent * extentOf(column.steps) < LEAST || !isColumn(column, s.v.name)) return [s];
    return interchanged(s, column, extent, target, temps);
  });
