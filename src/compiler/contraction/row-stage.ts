/**
 * Nests over the same rows as one stage in C: a few rows at a time go through all of them, while they are
 * in the nearest cache (`compiler/rows.ts` finds such nests).
 */
import { hoistIndexArithmetic } from '../hoist.ts';
import { workOf, type Stmt } from '../loops.ts';
import { alongOf, alongStage } from './along.ts';
import { matchReduction } from './match.ts';
import type { Call } from './stages.ts';
import type { StageWriter } from './types.ts';

type For = Extract<Stmt, { kind: 'for' }>;

/** Elements of the rows that are worked on together. */
const TOGETHER = 4096;
/** Operations a thread should get at least. */
const GRAIN = 20_000;

/** The rows from `lo` to `hi` of one nest. */
const writeNest = (w: StageWriter, s: For, typeOf: (type: Exclude<Acc, 'index'>) => string): void => {
  const nest = matchReduction(s);
  const along = nest && alongOf(nest);
  if (nest && along && nest.acc.type !== 'index') return alongStage(along, typeOf(nest.acc.type)).write(w);
  for (const x of hoistIndexArithmetic([s])) {
    if (x.kind !== 'for') {
      w.block([x], '    ');
      continue;
    }
    const v = w.name(x.v);
    w.push(`    for (i64 ${v} = lo; ${v} < hi; ${v}++) {`);
    w.block(x.body, '      ');
    w.push('    }');
  }
};

type Acc = Extract<Stmt, { kind: 'let' }>['local']['type'];

/**
 * @param nests parallel loops of one extent, one after another.
 * @param longest elements of a row.
 * @param typeOf C type of values.
 */
export const rowsStage = (nests: readonly For[], longest: number, typeOf: (type: Exclude<Acc, 'index'>) => string): Call => {
  const count = nests[0]!.extent;
  const work = workOf(nests);
  const write = (w: StageWriter): void => {
    w.push('  const i64 end = hi;');
    w.push(`  const i64 together = ${w.param(Math.max(1, Math.floor(TOGETHER / longest)))};`);
    w.push('  for (i64 first = lo; first < end; first += together) {');
    w.push('    const i64 lo = first, hi = first + together < end ? first + together : end;');
    for (const s of nests) {
      w.push('    {');
      writeNest(w, s, typeOf);
      w.push('    }');
    }
    w.push('  }');
  };
  return { kind: 'call', helpers: [], write, count, grain: Math.max(1, Math.round((GRAIN * count) / work)), work };
};
