/**
 * Pooling over images whose rows run along memory: what a window takes from a row it shares with its neighbours, and
 * with windows of a larger stride it is not next to what they take. So a row of results is made in two steps. First
 * all image rows under it are combined, column by column, as they lie in memory; then each window combines the few
 * columns it sees, which are in the first cache by then. Where the padding is, columns hold what changes nothing.
 */
import { affineOf, type Affine } from '../affine.ts';
import { ix, mapChildren, type LExpr, type Local } from '../loops.ts';
import { advance, affineText, splitIndex } from './axes.ts';
import { readsOf } from './across.ts';
import { coefficient, localsOf } from './factor.ts';
import type { ReductionNest } from './match.ts';
import { substitute } from './purify.ts';
import type { Call } from './stages.ts';
import { loops } from './text.ts';
import { sizeOfAxes, type Axis, type StageWriter } from './types.ts';
import { insideOf, leavesAlone } from './windows.ts';

type Read = Extract<LExpr, { kind: 'read' }>;
type Step = Extract<LExpr, { kind: 'binary' }>;

interface Separable {
  readonly nest: ReductionNest;
  /** The axis of results that runs along memory, and how many elements of the image lie between two of them. */
  readonly axis: Axis;
  readonly stride: number;
  readonly outer: readonly Axis[];
  /** The window's axis along memory, and elements between two of its points. */
  readonly across: Axis;
  readonly dilation: number;
  /** The window's other axes. */
  readonly down: readonly Axis[];
  /** `acc` combined with one element. */
  readonly step: Step;
  /** What must be ≥ 0 for a row to count. */
  readonly guards: readonly Affine[];
  /** Columns, and the part of them that is inside of the image. */
  readonly columns: number;
  readonly inside: readonly [from: number, to: number];
}

/** Columns at the most: they are to stay in the first cache. */
const MOST_COLUMNS = 2048;
/** Rows of fewer results are no gain. */
const SHORT = 8;
const MOST_STRIDE = 4;
/** Rows of so few columns have loops of a known length: half of what they take would be in loops over what vectors leave. */
const FEW_COLUMNS = 64;
/** Points of a window along memory that are written out one by one. */
const MOST_POINTS = 16;
/** Operations a thread should get at least. */
const GRAIN = 20_000;

const column: Local = { kind: 'local', type: 'index', name: 'column of a row of windows' };
const element: Local = { kind: 'local', type: 'float32', name: 'what a column holds' };

/** Columns for which a guard on nothing but columns holds; undefined if it is about something else as well. */
const columnsInside = (g: Affine, { axis, stride, across, dilation }: Pick<Separable, 'axis' | 'stride' | 'across' | 'dilation'>) => {
  const sign = Math.sign(coefficient(g, axis));
  if (g.terms.size !== 2 || coefficient(g, axis) !== sign * stride || coefficient(g, across) !== sign * dilation) return undefined;
  return sign > 0 ? ([-g.constant, Infinity] as const) : ([-Infinity, g.constant + 1] as const);
};

/** Reads a reduction as pooling in two steps; undefined if it is none. */
export const separableOf = (n: ReductionNest): Separable | undefined => {
  const found = insideOf(n);
  const store = n.finish.at(-1);
  const to = store?.kind === 'store' ? affineOf(store.at) : undefined;
  const axis = to && n.axes.find((a) => coefficient(to, a) === 1);
  if (!found || found.step.kind !== 'binary' || !axis || axis.extent < SHORT || !leavesAlone(found.step.op, n.start)) return undefined;
  const { step } = found;
  const reads = readsOf(step.b);
  const at = reads.length === 1 ? affineOf(reads[0]!.at) : undefined;
  if (!at || (step.type !== 'float32' && step.type !== 'float64')) return undefined;
  const steps = (a: Axis): number => coefficient(at, a);
  const stride = steps(axis);
  const across = n.reduce.find((a) => steps(a) > 0 && steps(a) <= MOST_STRIDE && a.extent > 1 && a.extent <= MOST_POINTS);
  if (!across || stride < 1 || stride > MOST_STRIDE) return undefined;
  const down = n.reduce.filter((a) => a !== across);
  const columns = stride * (axis.extent - 1) + steps(across) * (across.extent - 1) + 1;
  if (sizeOfAxes(down) < 2 || columns > MOST_COLUMNS) return undefined;
  // The element itself, or something of it alone.
  const bare = localsOf(mapReads(step.b, () => element));
  if (bare.size !== 1) return undefined;
  let [from, end] = [0, columns];
  const guards: Affine[] = [];
  for (const g of found.guards) {
    if (coefficient(g, axis) === 0 && coefficient(g, across) === 0) {
      guards.push(g);
      continue;
    }
    const range = columnsInside(g, { axis, stride, across, dilation: steps(across) });
    if (!range) return undefined;
    [from, end] = [Math.max(from, range[0]), Math.min(end, range[1])];
  }
  const outer = n.axes.filter((a) => a !== axis);
  return { nest: n, axis, stride, outer, across, dilation: steps(across), down, step, guards, columns, inside: [from, end] };
};

const mapReads = (e: LExpr, f: (read: Read) => LExpr): LExpr => (e.kind === 'read' ? f(e) : mapChildren(e, (c) => mapReads(c, f)));

/** Room for the columns of a row; few sizes, so that stages of one shape and another have the same text. */
const roomFor = (columns: number): number => 2 ** Math.ceil(Math.log2(Math.max(64, columns)));

const write = (w: StageWriter, p: Separable, type: string): void => {
  const { nest, axis, across, outer, down } = p;
  const acc = w.name(nest.acc);
  const names = outer.map((a) => w.name(a.v));
  const start = w.expr(nest.start);
  const [from, end] = p.inside;
  const count = (n: number): string => (p.columns <= FEW_COLUMNS ? String(n) : w.param(n));
  w.push(`  ${type} columns[${roomFor(p.columns)}] __attribute__((aligned(64)));`);
  splitIndex(w, 'lo', outer, names, '  ');
  w.push('  for (i64 item = lo; item < hi; item++) {');
  w.push(`    for (i64 c = 0; c < ${count(p.columns)}; c++) columns[c] = ${start};`);
  const first = new Map<string, LExpr>([
    [axis.v.name, ix.k(0)],
    [across.v.name, ix.k(0)],
  ]);
  const ofColumn = mapReads(p.step, (r) => ({ ...r, at: ix.add(substitute(r.at, first), column) }));
  loops(
    w,
    down,
    down.map((a) => w.name(a.v)),
    '    ',
    (pad) => {
      const holds = p.guards.map((g) => `${affineText(w, g, (local) => w.name(local))} >= 0`).join(' && ');
      const c = w.name(column);
      w.push(
        `${pad}${holds ? `if (${holds}) ` : ''}for (i64 ${c} = ${count(from)}; ${c} < ${count(end)}; ${c}++) { const ${type} ${acc} = columns[${c}]; columns[${c}] = ${w.expr(ofColumn)}; }`,
      );
    },
  );
  const x = w.name(axis.v);
  const combine = w.expr({ ...p.step, b: { ...element, type: p.step.type } });
  w.push(`    for (i64 ${x} = 0; ${x} < ${count(axis.extent)}; ${x}++) {`);
  w.push(`      ${type} all = columns[${x} * ${p.stride}];`);
  for (let i = 1; i < across.extent; i++)
    w.push(`      { const ${type} ${acc} = all, ${w.name(element)} = columns[${x} * ${p.stride} + ${i * p.dilation}]; all = ${combine}; }`);
  w.push(`      const ${type} ${acc} = all;`);
  w.block(nest.finish, '      ');
  w.push('    }');
  w.push(`    ${advance(w, outer, names, '1')}`);
  w.push('  }');
};

/** The stage of a pooling in two steps. `type`: C type of the results on the way. */
export const separableStage = (p: Separable, type: string): Call => {
  const rows = sizeOfAxes(p.outer);
  const perRow = p.columns * (sizeOfAxes(p.down) + 1) + p.axis.extent * (p.across.extent + 2);
  return {
    kind: 'call',
    helpers: [],
    write: (w) => write(w, p, type),
    count: rows,
    grain: Math.max(1, Math.round(GRAIN / perRow)),
    work: rows * perRow,
  };
};
