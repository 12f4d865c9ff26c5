/**
 * What selection sees of the tables: an immutable view of the rows that say something about the
 * kernels of this process. Rows of another version of a kernel, or measured on another chip, say
 * nothing; several rows of one key become one statement.
 */
import { levels, type AccuracyEvidence, type EvidenceSnapshot, type Level, type PerformanceEvidence } from '../evidence.ts';
import type { AccuracyRow, PerformanceRow, Row } from './rows.ts';
import { bucketOf, classOf } from './signature.ts';

/** What makes rows about kernels of a chip valid now. */
export interface ChipIdentity {
  /** See {@link fingerprintOf}. */
  readonly fingerprint: string;
  /** Of the chip, as it is opened here: {@link chipFingerprint}. */
  readonly chip: string;
}

export interface SnapshotContext {
  /** By `provider/chip`: the chips that are open. */
  readonly chips: ReadonlyMap<string, ChipIdentity>;
  /** Rows that plugins ship, of other machines: they guide, and only what speaks against a kernel is believed. */
  readonly priors?: readonly Row[];
  /** See {@link EvidenceSnapshot.version}. */
  readonly version?: number;
}

/** What of a provider must be as it was for its kernels' rows to count. */
export const fingerprintOf = (provider: { readonly version: string; readonly fingerprint?: string | undefined }): string =>
  provider.fingerprint === undefined ? provider.version : `${provider.version}+${provider.fingerprint}`;

/** A chip's fingerprint with what decides how fast and how exact its kernels are besides the chip: processor, system, threads. */
export const chipFingerprint = (
  chip: { readonly fingerprint: string },
  host: { readonly machine?: string; readonly threads: number },
): string => [chip.fingerprint, ...(host.machine === undefined ? [] : [host.machine]), `${host.threads} threads`].join('; ');

/** What rows about kernels of an open chip must say to count, and what rows written now are to say. */
export const identityOf = (provider: Parameters<typeof fingerprintOf>[0], chip: { readonly fingerprint: string }): ChipIdentity => ({
  fingerprint: fingerprintOf(provider),
  chip: chip.fingerprint,
});

/** `provider/chip` of a kernel id. */
export const chipOf = (kernel: string): string => kernel.slice(0, Math.max(0, kernel.indexOf(':')));

export const medianOf = (sorted: readonly number[]): number => {
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

const ascending = (values: Iterable<number>): number[] => [...values].sort((a, b) => a - b);

/** The lower of two levels; never measured says nothing. */
export const worseLevel = (a: Level, b: Level): Level => {
  if (a === 'unknown') return b;
  return b === 'unknown' || levels.indexOf(a) <= levels.indexOf(b) ? a : b;
};

/** Several accuracy rows as one: the worst level, the largest error, all cases. */
const mergeAccuracy = (rows: readonly AccuracyRow[], basis: AccuracyEvidence['basis']): AccuracyEvidence | undefined => {
  const said = rows.filter((r) => r.level !== 'unknown');
  if (said.length === 0) return undefined;
  return {
    level: said.reduce<Level>((level, r) => worseLevel(level, r.level), 'unknown'),
    maxEta: said.reduce((eta, r) => Math.max(eta, Number.isNaN(r.maxEta) ? Infinity : r.maxEta), 0),
    cases: said.reduce((n, r) => n + r.cases, 0),
    ...(basis === undefined ? {} : { basis }),
  };
};

/** Rows pooled into one median: the newest ones, as many as still say how fast it is now. */
const POOLED = 4;

const newestChoice = (rows: readonly PerformanceRow[]): string | undefined =>
  rows.reduce<string | undefined>((at, r) => (r.chosen && (at === undefined || r.date > at) ? r.date : at), undefined);

/** Several performance rows as one. Of quiet measurements and others, the quiet ones count. */
const mergePerformance = (rows: readonly PerformanceRow[], basis: 'exact' | 'bucket'): PerformanceEvidence | undefined => {
  const quiet = rows.filter((r) => r.quiet);
  const newest = (quiet.length > 0 ? quiet : rows).toSorted((a, b) => (a.date < b.date ? 1 : a.date > b.date ? -1 : 0)).slice(0, POOLED);
  if (newest.length === 0) return undefined;
  const samples = ascending(newest.flatMap((r) => (r.samplesUs.length > 0 ? r.samplesUs : [r.medianUs])));
  const medianUs = medianOf(samples);
  const chosenAt = newestChoice(rows);
  return {
    medianUs,
    samples: samples.length,
    madUs: medianOf(ascending(samples.map((s) => Math.abs(s - medianUs)))),
    coldUs: newest[0]!.coldUs,
    basis,
    date: newest[0]!.date,
    ...(chosenAt === undefined ? {} : { chosenAt }),
  };
};

const unknownAccuracy: AccuracyEvidence = Object.freeze({ level: 'unknown' });
const noPerformance: PerformanceEvidence = Object.freeze({});
const SEPARATOR = '\n';

type Index<R> = Map<string, R[]>;
const put = <R>(index: Index<R>, kernel: string, name: string, row: R): void => {
  const key = kernel + SEPARATOR + name;
  const list = index.get(key);
  if (list) list.push(row);
  else index.set(key, [row]);
};

/** What a snapshot was made of. */
export interface SnapshotCounts {
  readonly accuracy: number;
  readonly performance: number;
  /** Of another version of their kernel, or another chip. */
  readonly stale: number;
  /** About chips that are not open here. */
  readonly elsewhere: number;
}

export class TableSnapshot implements EvidenceSnapshot {
  readonly version: number;
  readonly counts: SnapshotCounts;
  readonly #accuracy: Index<AccuracyRow> = new Map();
  readonly #accuracyNear: Index<AccuracyRow> = new Map();
  readonly #performance: Index<PerformanceRow> = new Map();
  readonly #performanceNear: Index<PerformanceRow> = new Map();
  /** Kernels with performance rows, by signature. */
  readonly #kernels = new Map<string, Set<string>>();
  readonly #shipped: Index<PerformanceRow> = new Map();
  /** What was answered: a snapshot never changes, so neither do its answers. */
  readonly #knownAccuracy = new Map<string, AccuracyEvidence>();
  readonly #knownPerformance = new Map<string, PerformanceEvidence>();
  readonly #knownNear = new Map<string, PerformanceEvidence>();

  constructor(rows: readonly Row[], { chips, priors = [], version = 0 }: SnapshotContext) {
    const counts = { accuracy: 0, performance: 0, stale: 0, elsewhere: 0 };
    for (const row of rows) {
      const identity = chips.get(chipOf(row.kernel));
      if (!identity) counts.elsewhere++;
      else if (identity.fingerprint !== row.fingerprint || identity.chip !== row.chip) counts.stale++;
      else {
        counts[row.table]++;
        if (row.table === 'accuracy') this.#addAccuracy(row);
        else {
          put(this.#performance, row.kernel, row.signature, row);
          put(this.#performanceNear, row.kernel, row.bucket, row);
          const known = this.#kernels.get(row.signature);
          if (known) known.add(row.kernel);
          else this.#kernels.set(row.signature, new Set([row.kernel]));
        }
      }
    }
    for (const row of priors) {
      if (chips.get(chipOf(row.kernel))?.fingerprint !== row.fingerprint) continue;
      if (row.table === 'performance') put(this.#shipped, row.kernel, row.bucket, row);
      else if (row.level === 'fail' || row.level === 'flaky') this.#addAccuracy(row);
    }
    this.version = version;
    this.counts = counts;
  }

  #addAccuracy(row: AccuracyRow): void {
    put(this.#accuracy, row.kernel, row.signature, row);
    put(this.#accuracyNear, row.kernel, row.bucket, row);
  }

  /**
   * How exact a kernel is: what was measured at this very signature, or else near it; and, as a limit
   * to that, what a sweep over its op and element types found.
   */
  accuracy(kernel: string, signature: string): AccuracyEvidence {
    const key = kernel + SEPARATOR + signature;
    let known = this.#knownAccuracy.get(key);
    if (!known) {
      const under = (name: string): string => kernel + SEPARATOR + name;
      const swept = this.#accuracy.get(under(classOf(signature))) ?? [];
      const exact = this.#accuracy.get(key);
      const own = exact ?? this.#accuracyNear.get(under(bucketOf(signature))) ?? [];
      const basis = exact ? 'exact' : own.length > 0 ? 'bucket' : 'class';
      known = mergeAccuracy([...new Set([...own, ...swept])], basis) ?? unknownAccuracy;
      this.#knownAccuracy.set(key, known);
    }
    return known;
  }

  kernels(signature: string): readonly string[] {
    return [...(this.#kernels.get(signature) ?? [])];
  }

  performance(kernel: string, signature: string): PerformanceEvidence {
    const key = kernel + SEPARATOR + signature;
    let known = this.#knownPerformance.get(key);
    if (!known) {
      known = mergePerformance(this.#performance.get(key) ?? [], 'exact') ?? this.#near(kernel + SEPARATOR + bucketOf(signature));
      this.#knownPerformance.set(key, known);
    }
    return known;
  }

  /** What is known of a bucket, or shipped: many signatures have the same one. */
  #near(key: string): PerformanceEvidence {
    let known = this.#knownNear.get(key);
    if (!known) {
      const shippedUs = mergePerformance(this.#shipped.get(key) ?? [], 'bucket')?.medianUs;
      known = mergePerformance(this.#performanceNear.get(key) ?? [], 'bucket') ?? (shippedUs === undefined ? noPerformance : { shippedUs });
      this.#knownNear.set(key, known);
    }
    return known;
  }
}

/** The rows that count now, as selection asks for them. */
export const snapshotOf = (rows: readonly Row[], context: SnapshotContext): TableSnapshot => new TableSnapshot(rows, context);
