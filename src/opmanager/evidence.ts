/**
 * Evidence: what has been measured of a kernel for a signature. The tables that hold it come with
 * their own module; selection reads an immutable snapshot through this interface, so that the
 * pipeline is the same with an empty table as with a full one.
 */

/** How exact a kernel was measured to be; `unknown`: never measured, `flaky`: differs from run to run. */
export const levels = ['fail', 'flaky', 'unknown', 'loose', 'standard', 'tight', 'bitwise'] as const;
export type Level = (typeof levels)[number];

/** Whether a measured level satisfies a demanded one. */
export const satisfies = (measured: Level, demanded: Level): boolean =>
  measured !== 'unknown' && levels.indexOf(measured) >= levels.indexOf(demanded);

export interface AccuracyEvidence {
  readonly level: Level;
  /** Largest error as a ratio of the allowed one (η), over all cases. */
  readonly maxEta?: number;
  readonly cases?: number;
  /** What was measured: these very shapes, others of about their size, or the op and its element types in general. */
  readonly basis?: 'exact' | 'bucket' | 'class';
}

export interface PerformanceEvidence {
  /** Median time, microseconds; undefined: never measured. */
  readonly medianUs?: number;
  readonly samples?: number;
  /** Median absolute deviation of the samples, microseconds. */
  readonly madUs?: number;
  /** Microseconds until the kernel was ready the first time. */
  readonly coldUs?: number;
  /** What was measured: these very shapes, or others of about their size. */
  readonly basis?: 'exact' | 'bucket';
  /** ISO 8601: the newest measurement. */
  readonly date?: string;
  /** Median its plugin ships, measured on another machine: better than a declared speed, where nothing was measured here. */
  readonly shippedUs?: number;
  /** ISO 8601: when a tuner last settled on this kernel for the signature; absent: never. */
  readonly chosenAt?: string;
}

/** What selection asks of the tables. Pure: a snapshot never changes. */
export interface EvidenceSnapshot {
  /** Grows with what is known: plans made under an older one may be worth another look. */
  readonly version?: number;
  accuracy(kernel: string, signature: string): AccuracyEvidence;
  performance(kernel: string, signature: string): PerformanceEvidence;
  /** Kernels whose time was measured for a signature; absent: this snapshot has no such list. */
  kernels?(signature: string): readonly string[];
}

const unknownAccuracy: AccuracyEvidence = { level: 'unknown' };
const unknownPerformance: PerformanceEvidence = {};

/** Nothing measured yet: selection goes by policy and declared priors. */
export const noEvidence: EvidenceSnapshot = { accuracy: () => unknownAccuracy, performance: () => unknownPerformance };
