/** From verdicts of cases to rows of the accuracy table: one row for each kernel and each combination of element types. */
import { levels, type Level } from '../evidence.ts';
import { ROW_SCHEMA, type AccuracyRow } from '../tables/rows.ts';
import type { CaseVerdict } from './check.ts';
import { hashOf } from './random.ts';

export interface RowContext {
  /** See `RowKey`. */
  readonly fingerprint: string;
  readonly chip: string;
  readonly host: string;
  /** ISO 8601, UTC. */
  readonly date: string;
}

const FAILED = 10;
/** JSON has no infinities. */
const finite = (x: number): number => (Number.isFinite(x) ? x : x > 0 ? Number.MAX_VALUE : x < 0 ? -Number.MAX_VALUE : 0);

const lowest = (all: readonly Level[]): Level => levels[Math.min(...all.map((l) => levels.indexOf(l)))]!;

/** 64 bits as hex: enough to tell evidence apart. */
const digest = (text: string): string => [hashOf(text), hashOf(`${text}#2`)].map((h) => h.toString(16).padStart(8, '0')).join('');

/** @param golden what the cases were held against. */
export const accuracyRows = (
  verdicts: readonly CaseVerdict[],
  { fingerprint, chip, host, date }: RowContext,
  golden = 'reference',
): AccuracyRow[] => {
  const groups = new Map<string, CaseVerdict[]>();
  for (const v of verdicts) {
    const key = `${v.kernel}\n${v.signature}`;
    const list = groups.get(key);
    if (list) list.push(v);
    else groups.set(key, [v]);
  }
  return [...groups.values()].map((cases) => {
    const { kernel, signature } = cases[0]!;
    const measured = cases.flatMap((c) => c.metrics ?? []);
    const most = (of: readonly number[]): number => finite(of.reduce((m, x) => (x > m ? x : m), 0));
    const least = (of: readonly number[], none: number): number => finite(of.reduce((m, x) => (x < m ? x : m), none));
    const evidence = digest(cases.map((c) => `${c.id} ${c.level} ${c.maxEta}`).join('\n'));
    return {
      table: 'accuracy',
      schema: ROW_SCHEMA,
      id: digest([kernel, signature, fingerprint, chip, evidence, date, host].join('\n')),
      date,
      host,
      op: signature.slice(0, signature.indexOf('(')),
      signature,
      bucket: signature,
      kernel,
      fingerprint,
      chip,
      level: lowest(cases.map((c) => c.level)),
      maxEta: most(cases.map((c) => c.maxEta)),
      p999Eta: most(cases.map((c) => c.p999Eta)),
      maxUlp: most(measured.map((m) => m.maxUlp)),
      maxAbs: most(measured.map((m) => m.maxAbs)),
      maxRel: most(measured.map((m) => m.maxRel)),
      cosine: least(
        measured.map((m) => m.cosine),
        1,
      ),
      sqnr: least(
        measured.map((m) => m.sqnr),
        Infinity,
      ),
      sqnrCeiling: least(
        measured.map((m) => m.sqnrCeiling),
        Infinity,
      ),
      classMismatches: cases.reduce((n, c) => n + c.classMismatches, 0),
      cases: cases.length,
      inputClasses: [...new Set(cases.map((c) => c.inputClass))],
      // Each case has a seed of its own, made from its id: 0 is the version of that rule.
      seed: 0,
      golden,
      evidence,
      failed: cases.flatMap((c) => (c.level === 'fail' || c.level === 'flaky' ? [c.id] : [])).slice(0, FAILED),
    };
  });
};
