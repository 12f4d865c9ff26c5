/**
 * What was measured in this process, over what was known when it started: the layer tuning writes to before,
 * and whether or not, rows go to a file. A snapshot of it never changes; a later one knows more.
 */
import type { EvidenceSnapshot, PerformanceEvidence } from './evidence.ts';
import type { PerformanceRow } from './tables/rows.ts';
import { timingOf } from './timing.ts';

/** Rows of one kernel that count, from the newest: older ones speak of another state of the machine. */
const POOLED = 4;

const evidenceOf = (rows: readonly PerformanceRow[]): PerformanceEvidence => {
  const newest = [...rows].sort((a, b) => (a.date === b.date ? 0 : a.date < b.date ? 1 : -1)).slice(0, POOLED);
  const { medianUs, madUs, samples } = timingOf(newest.flatMap((r) => (r.samplesUs.length ? r.samplesUs : [r.medianUs])));
  const chosenAt = newest.find((r) => r.chosen)?.date;
  return { medianUs, madUs, samples, ...(chosenAt === undefined ? {} : { chosenAt }) };
};

/** @param rows of kernels as they are now: whoever reads them from somewhere else has left out stale ones. */
export const withRows = (base: EvidenceSnapshot, rows: readonly PerformanceRow[]): EvidenceSnapshot => {
  const grouped = new Map<string, Map<string, PerformanceRow[]>>();
  for (const row of rows) {
    const kernels = grouped.get(row.signature) ?? new Map<string, PerformanceRow[]>();
    grouped.set(row.signature, kernels);
    kernels.set(row.kernel, [...(kernels.get(row.kernel) ?? []), row]);
  }
  const own = new Map([...grouped].map(([signature, kernels]) => [signature, new Map([...kernels].map(([k, r]) => [k, evidenceOf(r)]))]));
  return {
    accuracy: (kernel, signature) => base.accuracy(kernel, signature),
    performance: (kernel, signature) => own.get(signature)?.get(kernel) ?? base.performance(kernel, signature),
    kernels: (signature) => [...new Set([...(base.kernels?.(signature) ?? []), ...(own.get(signature)?.keys() ?? [])])],
  };
};
