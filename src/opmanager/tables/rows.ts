/**
 * Rows of the accuracy and the performance table: one row per measurement of one kernel on one
 * signature. The key says what was measured where; when any part of it differs, a row says nothing.
 */
import type { Level } from '../evidence.ts';

/** Version of the rows' shape; rows of another one are kept and not read. */
export const ROW_SCHEMA = 1;

export interface RowKey {
  /** Op name over all domains: `Conv`, `com.microsoft.Gelu`; of a fused region its ops joined by `+`. */
  readonly op: string;
  /** What the planner calls the signature: op, attributes, element types, shapes. Of a sweep over many shapes: its class, see `classOf`. */
  readonly signature: string;
  /** Signature with every extent rounded up to a power of two (`bucketOf`): what stands in where the very shapes were not measured. */
  readonly bucket: string;
  /** `provider/chip:Op.variant`. */
  readonly kernel: string;
  /** Version of the provider, and whatever else changes what the kernel computes: `fingerprintOf` its provider. */
  readonly fingerprint: string;
  /** Chip fingerprint: model, features, driver, threads. */
  readonly chip: string;
}

interface Measured extends RowKey {
  readonly schema: typeof ROW_SCHEMA;
  /** Unique: what was measured, by whom, when; the same row read twice counts once. */
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly date: string;
  /** Machine it was measured on, by name. */
  readonly host: string;
}

export interface AccuracyRow extends Measured {
  readonly table: 'accuracy';
  readonly level: Level;
  /** Largest error over allowed error (η) of all elements of all cases, and its 99.9 % quantile. */
  readonly maxEta: number;
  readonly p999Eta: number;
  readonly maxUlp: number;
  readonly maxAbs: number;
  readonly maxRel: number;
  readonly cosine: number;
  /** Signal to quantization noise, dB, and the ceiling of the output's element type. */
  readonly sqnr: number;
  readonly sqnrCeiling: number;
  /** Elements whose class (NaN, +∞, −∞, finite) differs from the golden's. */
  readonly classMismatches: number;
  readonly cases: number;
  readonly inputClasses: readonly string[];
  readonly seed: number;
  /** `reference`, `onnxruntime`, …: what it was held against. */
  readonly golden: string;
  /** Hash of the cases and their verdicts. */
  readonly evidence: string;
  /** Case ids that failed, at most ten: each reruns alone. */
  readonly failed: readonly string[];
}

export interface PerformanceRow extends Measured {
  readonly table: 'performance';
  /** Microseconds of a run, at most 64 of them, in the order measured. */
  readonly samplesUs: readonly number[];
  readonly medianUs: number;
  /** Median absolute deviation. */
  readonly madUs: number;
  readonly p95Us: number;
  /** Microseconds until the kernel was ready the first time. */
  readonly coldUs: number;
  /** Bytes read and written by a run. */
  readonly bytes: number;
  readonly threads: number;
  /** Whether the machine did nothing else worth mentioning meanwhile. */
  readonly quiet: boolean;
  /** Whether the tuner that measured it settled on this kernel: the incumbent, which a later challenger has to beat clearly. */
  readonly chosen?: boolean;
}

export type Row = AccuracyRow | PerformanceRow;
