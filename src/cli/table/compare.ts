/** Two tables side by side: what only one of them knows, and where both know something else. */
import { medianOf, worseLevel } from '../../opmanager/tables/snapshot.ts';
import type { Level } from '../../opmanager/evidence.ts';
import type { Row } from '../../opmanager/tables/rows.ts';

interface Statement {
  readonly table: Row['table'];
  readonly kernel: string;
  readonly signature: string;
  readonly chip: string;
  readonly fingerprint: string;
  readonly level?: Level;
  readonly medianUs?: number;
}

/** What a table says of each kernel, version, chip and signature. */
const statements = (rows: readonly Row[]): Map<string, Statement> => {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = JSON.stringify([row.table, row.kernel, row.signature, row.chip, row.fingerprint]);
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return new Map(
    [...groups].map(([key, group]): [string, Statement] => {
      const { table, kernel, signature, chip, fingerprint } = group[0]!;
      const base = { table, kernel, signature, chip, fingerprint };
      if (table === 'accuracy')
        return [key, { ...base, level: group.reduce<Level>((l, r) => (r.table === 'accuracy' ? worseLevel(l, r.level) : l), 'unknown') }];
      const samples = group.flatMap((r) => (r.table === 'performance' ? (r.samplesUs.length ? r.samplesUs : [r.medianUs]) : []));
      return [key, { ...base, medianUs: medianOf(samples.toSorted((a, b) => a - b)) }];
    }),
  );
};

export interface Difference {
  readonly kind: 'only first' | 'only second' | 'level' | 'time';
  readonly kernel: string;
  readonly signature: string;
  readonly first: string;
  readonly second: string;
}

const say = (s: Statement | undefined): string => (!s ? '' : (s.level ?? `${Number(s.medianUs!.toPrecision(4))} µs`));

/** @param ratio from which two medians count as different. */
export const compareTables = (first: readonly Row[], second: readonly Row[], ratio: number): Difference[] => {
  const [a, b] = [statements(first), statements(second)];
  return [...new Set([...a.keys(), ...b.keys()])].sort().flatMap((key): Difference[] => {
    const [x, y] = [a.get(key), b.get(key)];
    const { kernel, signature } = (x ?? y)!;
    const found = (kind: Difference['kind']): Difference[] => [{ kind, kernel, signature, first: say(x), second: say(y) }];
    if (!x) return found('only second');
    if (!y) return found('only first');
    if (x.level !== y.level) return found('level');
    const [s, t] = [x.medianUs ?? 0, y.medianUs ?? 0];
    return Math.max(s, t) > ratio * Math.min(s, t) ? found('time') : [];
  });
};
