/** A comparison as plain data: what every kind of report is written from. Version it: programs read it. */
import type { ScoreLevel } from '../accuracy/index.ts';
import type { RegionDiff, Mode } from './attribute.ts';
import type { Spread } from './spread.ts';

/** Changes when a field changes its meaning or goes; new fields do not change it. */
export const SCHEMA = 'flagos-diff/1';

export interface FinalDiff {
  readonly output: string;
  readonly ok: boolean;
  readonly maxAbs: number;
  readonly maxRel: number;
  readonly worst: { readonly index: readonly number[]; readonly actual: unknown; readonly expected: unknown } | undefined;
  readonly accumulated: Spread | undefined;
  readonly problem?: string | undefined;
}

export type Side = 'golden' | 'chip' | 'inputs';

/** A dump that was one side, or gave inputs. */
export interface DumpUse {
  readonly side: Side;
  readonly dump: string;
  /** What it is: `.npz`, `Polygraphy`, … */
  readonly form: string;
  /** Tensors in it, those of the model's inputs left out. */
  readonly tensors: number;
  /** Values of the model it lacks, of those that were looked for. */
  readonly lacks: readonly string[];
  /** Tensors in it that this run makes no value of: not compared. */
  readonly unused: readonly string[];
}

export interface DiffReport {
  readonly schema: typeof SCHEMA;
  readonly model: string;
  /** What was asked to run it. */
  readonly chips: readonly string[];
  readonly golden: string;
  readonly mode: Mode;
  /** `flagos` is the error model. */
  readonly gate: string;
  readonly notes: readonly string[];
  readonly regions: readonly RegionDiff[];
  /** Outputs of the model; with a dump also values of which it lacks what they were made from. */
  readonly endToEnd: readonly FinalDiff[];
  /** Where a side came from elsewhere. */
  readonly dumps?: readonly DumpUse[] | undefined;
  /** Why outputs of the model were not compared. */
  readonly unable: string | undefined;
  readonly coverage: { readonly line: string };
  /** Regions of which the second witness itself is out of bounds. */
  readonly suspects: readonly string[];
  readonly regressions: readonly string[];
  readonly seconds: number;
  /** Largest memory of the process, bytes. */
  readonly peakBytes: number;
  /** Command that runs it again. */
  readonly command: string;
}

/** What the exit codes mean; 2 is wrong use. */
export const exitMeanings = {
  0: 'ok',
  1: 'out of bounds',
  3: 'a chip failed',
  4: 'no golden, or one that is itself out of bounds',
  5: 'out of time or memory',
  6: 'not the same twice',
  7: 'worse than the baseline',
  8: 'too little was compared',
} as const;
export type ExitCode = keyof typeof exitMeanings;

export const compared = (r: DiffReport): RegionDiff[] => r.regions.filter((x) => x.skipped === undefined);

/** Regions of which every element was compared: a sample never counts as one. */
export const whole = (r: DiffReport): RegionDiff[] => compared(r).filter((x) => x.outputs.every((o) => o.sampled === undefined));

/** How many regions were looked at in part only; empty if none. */
export const sampledText = (r: DiffReport): string => {
  const sampled = compared(r).length - whole(r).length;
  return sampled === 0 ? '' : ` (${sampled} of them at a sample of elements, which is no comparison of the whole)`;
};

/** Largest share of what is allowed that a region uses. */
export const etaOf = (r: RegionDiff): number => Math.max(0, ...r.outputs.map((o) => o.score.maxEta));

const order: readonly ScoreLevel[] = ['fail', 'loose', 'standard', 'tight', 'bitwise'];
export const levelOf = (r: RegionDiff): ScoreLevel => order[Math.min(...r.outputs.map((o) => order.indexOf(o.level)), order.length - 1)]!;

/** @param least share of regions that must have been compared. */
export const exitCodeOf = (r: DiffReport, least: number, withBaseline: boolean): ExitCode => {
  const done = whole(r);
  if (r.suspects.length > 0) return 4;
  if (r.regions.some((x) => x.alarms.some((a) => a.kind === 'flaky'))) return 6;
  if (withBaseline && r.regressions.length > 0) return 7;
  const bad = r.regions.some((x) => !x.ok) || r.endToEnd.some((o) => !o.ok);
  if (bad && !withBaseline) return 1;
  if (r.unable !== undefined && r.endToEnd.length === 0 && done.length === 0) return 4;
  // A dump is as much as somebody chose to write down: what counts is how much of that was compared.
  const sides = r.dumps?.filter((d) => d.side !== 'inputs') ?? [];
  if (sides.length > 0) {
    const some = done.length > 0 || r.endToEnd.length > 0;
    return some && sides.every((d) => d.tensors - d.unused.length >= least * d.tensors) ? 0 : 8;
  }
  if (r.regions.length > 0 ? done.length === 0 || done.length < least * r.regions.length : r.endToEnd.length === 0) return 8;
  return 0;
};

/** Regions that were right in a former report and are not, or use half as much again of what is allowed (from a half on). */
export const regressionsAgainst = (
  now: readonly RegionDiff[],
  before: readonly { region: string; ok: boolean; eta: number }[],
): string[] => {
  const known = new Map(before.map((b) => [b.region, b]));
  return now.flatMap((r) => {
    const b = known.get(r.region);
    if (!b || r.skipped !== undefined) return [];
    return (b.ok && !r.ok) || (etaOf(r) > 0.5 && etaOf(r) > 1.5 * b.eta) ? [r.region] : [];
  });
};
