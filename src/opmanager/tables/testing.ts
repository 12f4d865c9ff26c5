/** Rows for tests. */
import type { AccuracyRow, PerformanceRow } from './rows.ts';
import { bucketOf, opOf } from './signature.ts';

let made = 0;
const common = (kernel: string, signature: string) => ({
  schema: 1 as const,
  id: `row-${made++}`,
  date: '2026-01-01T00:00:00.000Z',
  host: 'test',
  op: opOf(signature),
  signature,
  bucket: bucketOf(signature),
  kernel,
  fingerprint: '1.0.0',
  chip: 'x86 v4',
});

export const accuracyRow = (kernel: string, signature: string, over: Partial<AccuracyRow> = {}): AccuracyRow => ({
  ...common(kernel, signature),
  table: 'accuracy',
  level: 'standard',
  maxEta: 0.5,
  p999Eta: 0.2,
  maxUlp: 2,
  maxAbs: 1e-6,
  maxRel: 1e-6,
  cosine: 1,
  sqnr: Infinity,
  sqnrCeiling: 150,
  classMismatches: 0,
  cases: 10,
  inputClasses: ['normal'],
  seed: 1,
  golden: 'reference',
  evidence: '00',
  failed: [],
  ...over,
});

export const performanceRow = (
  kernel: string,
  signature: string,
  samplesUs: readonly number[],
  over: Partial<PerformanceRow> = {},
): PerformanceRow => {
  const sorted = [...samplesUs].sort((a, b) => a - b);
  return {
    ...common(kernel, signature),
    table: 'performance',
    samplesUs,
    medianUs: sorted[sorted.length >> 1] ?? 0,
    madUs: 0,
    p95Us: sorted.at(-1) ?? 0,
    coldUs: 1000,
    bytes: 64,
    threads: 1,
    quiet: true,
    ...over,
  };
};
