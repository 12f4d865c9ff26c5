/**
 * Reductions along memory: sums and extremes of rows, softmax, normalization. A compiler must not
 * reorder a sum of floats, so the order is given: neighbouring elements go to neighbouring partial
 * results, which are combined at the end. Adding up in parts also loses less than one long sum.
 */
import type { LExpr } from '../loops.ts';
import { affineOf } from '../affine.ts';
import { advance, mergeInside, splitIndex } from './axes.ts';
import { coefficient } from './factor.ts';
import type { ReductionNest } from './match.ts';
import type { Call } from './stages.ts';
import { loops } from './text.ts';
import { sizeOfAxes, type Axis, type StageWriter } from './types.ts';

/** Shorter rows are left to loops. */
const SHORT = 16;
/** Partial results: enough to keep vector units busy, few enough to combine soon. */
const PARTS = [
  { from: 256, parts: 64 },
  { from: 64, parts: 32 },
  { from: SHORT, parts: 16 },
] as const;
/** Rows of so few elements have a loop of a known length. */
const FEW = 64;
/** Elements a thread should get at least. */
const GRAIN = 16_384;

const combining = new Set(['add', 'mul', 'max', 'min']);

interface Along {
  readonly nest: ReductionNest;
  /** The reduction's axis along memory, and those outside of it. */
  readonly axis: Axis;
  readonly outer: readonly Axis[];
  readonly parts: number;
}

const readsAlong = (e: LExpr, axis: Axis): boolean => {
  if (e.kind === 'read') {
    const at = affineOf(e.at);
    return at !== undefined && coefficient(at, axis) === 1;
  }
  if (e.kind === 'const' || e.kind === 'local') return false;
  if (e.kind === 'binary') return readsAlong(e.a, axis) || readsAlong(e.b, axis);
  if (e.kind === 'select') return readsAlong(e.a, axis) || readsAlong(e.b, axis);
  return readsAlong(e.x, axis);
};

/** The nest with neighbouring axes of its reduction counted as one, where all it reads allows that. */
const merged = (nest: ReductionNest): ReductionNest => {
  const { axes, stmts } = mergeInside(nest.reduce, [{ kind: 'set', local: nest.acc, value: nest.step }]);
  const set = stmts[0]!;
  return set.kind === 'set' ? { ...nest, reduce: axes, step: set.value } : nest;
};

/** Reads a reduction as one along memory. */
export const alongOf = (given: ReductionNest): Along | undefined => {
  const nest = merged(given);
  const axis = nest.reduce.at(-1);
  const { step, acc } = nest;
  if (!axis || axis.extent < SHORT || acc.type === 'bool' || acc.type === 'index') return undefined;
  if (step.kind !== 'binary' || !combining.has(step.op) || step.a.kind !== 'local' || step.a.name !== acc.name || !readsAlong(step.b, axis))
    return undefined;
  const { parts } = PARTS.find((p) => axis.extent >= p.from)!;
  return { nest, axis, outer: nest.reduce.slice(0, -1), parts };
};

/** The stage of a reduction along memory; `type`: C type of its result. */
export const alongStage = ({ nest, axis, outer, parts }: Along, type: string): Call => {
  const { acc, step, start, axes } = nest;
  const count = sizeOfAxes(axes);
  const steps = sizeOfAxes(nest.reduce);
  const write = (w: StageWriter): void => {
    const names = axes.map((a) => w.name(a.v));
    const k = w.name(axis.v);
    const part = w.name(acc);
    // Both sides of the combination as named values: the running one, and what is combined with it.
    const other = { kind: 'local', type: acc.type, name: 'the other half of the partial results' } as const;
    const joined = w.expr({ ...(step as Extract<LExpr, { kind: 'binary' }>), b: other });
    const add = (limit: string, pad: string): void =>
      w.push(
        `${pad}for (i64 x = 0; x < ${limit}; x++) { const i64 ${k} = at + x; const ${type} ${part} = part[x]; part[x] = ${w.expr(step)}; }`,
      );
    w.push(`  ${type} part[${parts}] __attribute__((aligned(64)));`);
    splitIndex(w, 'lo', axes, names, '  ');
    w.push('  for (i64 item = lo; item < hi; item++) {');
    w.push(`    for (i64 x = 0; x < ${parts}; x++) part[x] = ${w.expr(start)};`);
    loops(
      w,
      outer,
      outer.map((a) => w.name(a.v)),
      '    ',
      (pad) => {
        w.push(`${pad}const i64 length = ${axis.extent <= FEW ? axis.extent : w.param(axis.extent)};`);
        w.push(`${pad}i64 at = 0;`);
        w.push(`${pad}for (; at + ${parts} <= length; at += ${parts}) {`);
        add(String(parts), `${pad}  `);
        w.push(`${pad}}`);
        add('length - at', pad);
      },
    );
    // Loops of known lengths: in one over the halves, too, nothing would be a vector.
    for (let half = parts / 2; half >= 1; half /= 2)
      w.push(
        `    for (i64 x = 0; x < ${half}; x++) { const ${type} ${part} = part[x], ${w.name(other)} = part[x + ${half}]; part[x] = ${joined}; }`,
      );
    w.push(`    const ${type} ${part} = part[0];`);
    w.block(nest.finish, '    ');
    w.push(`    ${advance(w, axes, names, '1')}`);
    w.push('  }');
  };
  return { kind: 'call', helpers: [], write, count, grain: Math.max(1, Math.round(GRAIN / steps)), work: 2 * count * steps };
};
