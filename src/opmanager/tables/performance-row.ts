/** What was measured of one kernel, as a row of the performance table. */
import { hashOf } from '../../core/hash.ts';
import { quantile, timingOf } from '../timing.ts';
import type { PerformanceRow } from './rows.ts';
import { bucketOf, opOf } from './signature.ts';
import type { ChipIdentity } from './snapshot.ts';

/** Where and how a session measured: the same for all its rows. */
export interface Session {
  /** ISO 8601, UTC. */
  readonly date: string;
  readonly host: string;
  readonly threads: number;
  readonly quiet: boolean;
}

/** Samples kept in a row. */
const KEPT = 64;
const round = (us: number): number => Number(us.toPrecision(6));

/**
 * @param samplesUs microseconds per run, in the order measured; at least one.
 * @param bytes read and written by a run.
 */
export const performanceRowOf = (
  { signature, kernel }: Pick<PerformanceRow, 'signature' | 'kernel'>,
  { fingerprint, chip }: ChipIdentity,
  samplesUs: readonly number[],
  bytes: number,
  { date, host, threads, quiet }: Session,
  more: Partial<Pick<PerformanceRow, 'coldUs' | 'chosen'>> = {},
): PerformanceRow => {
  const { medianUs, madUs } = timingOf(samplesUs);
  return {
    schema: 1,
    table: 'performance',
    id: hashOf(JSON.stringify([signature, kernel, date, host, samplesUs])),
    date,
    host,
    op: opOf(signature),
    signature,
    kernel,
    bucket: bucketOf(signature),
    fingerprint,
    chip,
    samplesUs: samplesUs.slice(0, KEPT).map(round),
    medianUs: round(medianUs),
    madUs: round(madUs),
    p95Us: round(quantile(samplesUs, 0.95)),
    coldUs: round(more.coldUs ?? 0),
    bytes,
    threads,
    quiet,
    ...(more.chosen ? { chosen: true } : {}),
  };
};
