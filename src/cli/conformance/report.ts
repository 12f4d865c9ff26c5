/** What a conformance run says at its end. */
import type { Io } from '../io.ts';
import type { CaseResult, Status } from './case.ts';

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const countsOf = (results: readonly CaseResult[]): Counts => {
  const count = (is: (s: Status) => boolean): number => results.reduce((n, r) => n + (is(r.status) ? 1 : 0), 0);
  return { passed: count((s) => s === 'pass'), failed: count((s) => s !== 'pass' && s !== 'skip'), skipped: count((s) => s === 'skip') };
};

/** The line that programs look for. */
const lastLine = ({ passed, failed, skipped }: Counts): string => `${passed} passed, ${failed} failed, ${skipped} skipped`;

export const reportJson = (results: readonly CaseResult[], root: string): unknown => ({ root, ...countsOf(results), cases: results });

/** Reasons may be pages long; --verbose and --json give all of it. */
const REASON = 240;
const shortened = (reason: string, verbose: boolean): string =>
  verbose || reason.length <= REASON ? reason : `${reason.slice(0, REASON)}…`;

const kinds: readonly Status[] = ['fail', 'load', 'error', 'crash', 'timeout', 'stale'];
const meaning: Readonly<Partial<Record<Status, string>>> = {
  fail: 'wrong output',
  load: 'model refused',
  error: 'stopped while running',
  crash: 'process ended',
  timeout: 'took too long',
  stale: 'skipped without need',
};

export const printReport = (results: readonly CaseResult[], io: Io, verbose: boolean): void => {
  const p = io.paint;
  const color: Readonly<Record<Status, (text: string) => string>> = {
    pass: p.green,
    skip: p.yellow,
    fail: p.red,
    load: p.red,
    error: p.red,
    crash: p.red,
    timeout: p.red,
    stale: p.red,
  };
  for (const r of results) {
    if (r.status === 'pass' && !verbose) continue;
    io.out(`${color[r.status](r.status.padEnd(7))} ${r.name}${r.reason === undefined ? '' : p.dim(`: ${shortened(r.reason, verbose)}`)}\n`);
  }
  const failures = kinds.flatMap((kind) => {
    const n = results.filter((r) => r.status === kind).length;
    return n === 0 ? [] : [`${n} ${kind} (${meaning[kind] ?? kind})`];
  });
  if (failures.length > 0) io.out(`\nfailed: ${failures.join(', ')}\n`);
  const counts = countsOf(results);
  io.out(`${counts.failed > 0 ? p.red(lastLine(counts)) : p.green(lastLine(counts))}\n`);
};
