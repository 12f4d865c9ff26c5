/**
 * What samples of a time say: their middle, how far it can be trusted, and whether one kernel is faster
 * than another beyond doubt. Machines wander by ten percent and more, so a choice that follows the smaller
 * of two medians changes from start to start; one that asks for a clear gain stays.
 */
import type { PerformanceEvidence } from './evidence.ts';

/** What is kept of samples. Times in microseconds. */
export interface Timing {
  readonly medianUs: number;
  /** Median absolute deviation. */
  readonly madUs: number;
  readonly samples: number;
  /** Where samples are at hand: the range in which the median is whatever the noise looks like, by their order alone. */
  readonly range?: readonly [low: number, high: number];
}

/** A challenger must be faster by more than this, as a part of the incumbent's time. */
export const MARGIN = 0.05;
/** Standard error of a median over that of a mean, and a deviation from its median absolute one, for a normal distribution. */
const MEDIAN_ERROR = 1.2533;
const DEVIATION = 1.4826;
/** Of fewer samples than this the order says nothing. */
const FEW = 5;
/** Half a 95 % interval, in standard errors. */
const Z = 1.96;
/** The same for saying that one is faster: contenders are compared after each round, and who looks often finds something sooner or later. */
const Z_DECISION = 3.3;
/** How much wider such an interval is for each sample there is not: with it, 20 % of noise makes one of two equals look faster in one contest of 5000. */
const SMALL_SAMPLE = 20;
/** A declared speed is a guess: it may be this many times too high or too low. */
export const PRIOR_DOUBT = 3;

const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);

/** @param q from 0 to 1. NaN for no values. */
export const quantile = (values: readonly number[], q: number): number => {
  const list = sorted(values);
  return list[Math.min(list.length - 1, Math.floor(q * list.length))] ?? NaN;
};

export const medianOf = (values: readonly number[]): number => {
  const list = sorted(values);
  const middle = list.length >> 1;
  return list.length % 2 === 1 ? list[middle]! : (list[middle - 1]! + list[middle]!) / 2;
};

export const timingOf = (samplesUs: readonly number[]): Timing => {
  const medianUs = medianOf(samplesUs);
  const n = samplesUs.length;
  const timing: Timing = { medianUs, madUs: medianOf(samplesUs.map((s) => Math.abs(s - medianUs))), samples: n };
  if (n < FEW) return timing;
  // How many of n samples are below the median is binomial; of few samples even the least and the largest are within.
  const rank = Math.max(0, Math.floor(n / 2 - (Z_DECISION * Math.sqrt(n)) / 2));
  const list = sorted(samplesUs);
  return { ...timing, range: [list[rank]!, list[n - 1 - rank]!] };
};

/**
 * The 95 % interval of the median. A single sample is taken to be off by half; of few, the deviation is not known
 * well either.
 * @param z half its width, in standard errors.
 */
export const intervalOf = ({ medianUs, madUs, samples }: Timing, z = Z): readonly [low: number, high: number] => {
  if (samples < 2) return [medianUs / 2, medianUs * 1.5];
  const half = (z * MEDIAN_ERROR * DEVIATION * madUs * (1 + (z > Z ? SMALL_SAMPLE : 2) / samples)) / Math.sqrt(samples);
  return [Math.max(0, medianUs - half), medianUs + half];
};

/** Gain from which the order of samples is enough: for less, too few of them would decide. */
const LARGE = 0.2;
/** Five of each are all on one side by chance once in 250 times, seven once in 3400: of fewer, the gain has to be larger than noise makes it. */
const ENOUGH = 7;
const VERY_LARGE = 0.4;

/**
 * Whether `a` takes clearly less than `b`: by more than the margin, and (wide) intervals of both do not touch. Where the
 * difference is large, it is enough that their samples are apart, however they scatter.
 */
export const clearlyFaster = (a: Timing, b: Timing, margin = MARGIN): boolean => {
  if (a.medianUs >= b.medianUs * (1 - margin)) return false;
  if (intervalOf(a, Z_DECISION)[1] < intervalOf(b, Z_DECISION)[0]) return true;
  const gain = Math.min(a.samples, b.samples) < ENOUGH ? VERY_LARGE : LARGE;
  return a.range !== undefined && b.range !== undefined && a.range[1] < b.range[0] && a.medianUs < b.medianUs * (1 - gain);
};

/** The margin where both were measured in turns: what the machine does meets both, so less is beyond doubt. */
const MARGIN_IN_TURNS = 0.01;

/** How much of `b`'s time `a` takes, by the rounds in which both were measured. NaN without such rounds. */
export const ratioInTurns = (a: readonly number[], b: readonly number[]): number =>
  medianOf(Array.from({ length: Math.min(a.length, b.length) }, (_, round) => a[round]! / b[round]!));

/** Whether `a` is faster than `b` beyond doubt, by samples taken in turns, round by round. */
export const fasterInTurns = (a: readonly number[], b: readonly number[]): boolean => {
  const ratios = sorted(Array.from({ length: Math.min(a.length, b.length) }, (_, round) => a[round]! / b[round]!));
  const n = ratios.length;
  if (n < ENOUGH || medianOf(ratios) >= 1 - MARGIN_IN_TURNS) return false;
  return ratios[n - 1 - Math.max(0, Math.floor(n / 2 - (Z_DECISION * Math.sqrt(n)) / 2))]! < 1;
};

/** Evidence as a timing; undefined if there is none. */
export const timingOfEvidence = ({ medianUs, madUs, samples }: PerformanceEvidence): Timing | undefined =>
  medianUs === undefined ? undefined : { medianUs, madUs: madUs ?? 0, samples: samples ?? 1 };

/** A kernel with what was measured of it. */
export interface Measured {
  readonly kernel: string;
  readonly timing: Timing;
  /** See {@link PerformanceEvidence.chosenAt}. */
  readonly chosenAt?: string | undefined;
}

const later = (a: Measured, b: Measured): number =>
  a.chosenAt === b.chosenAt ? (a.kernel < b.kernel ? -1 : 1) : (b.chosenAt ?? '') < (a.chosenAt ?? '') ? -1 : 1;

/** The kernel that was settled on last; ties by name. */
export const incumbentOf = (field: readonly Measured[]): Measured | undefined =>
  [...field].filter((m) => m.chosenAt !== undefined).sort(later)[0];

/**
 * The kernel to use, with hysteresis: the fastest, if it is clearly faster than the incumbent; else the
 * incumbent. Without an incumbent, the fastest; equals by name.
 * @param fallback who counts as incumbent where nobody was settled on: what would run without measurements.
 */
export const settle = (field: readonly Measured[], fallback?: string): Measured | undefined => {
  const incumbent = incumbentOf(field) ?? field.find((m) => m.kernel === fallback);
  const fastest = [...field].sort((a, b) => a.timing.medianUs - b.timing.medianUs || (a.kernel < b.kernel ? -1 : 1))[0];
  if (!incumbent || !fastest) return fastest;
  return clearlyFaster(fastest.timing, incumbent.timing) ? fastest : incumbent;
};
