/** One output of a region held against what is right: verdict, measures, alarms. */
import { metrics, score, type Bounds, type Metrics, type Score, type ScoreLevel } from '../accuracy/index.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import { alarmsOf, type Alarm } from './alarms.ts';
import type { Doubt } from './doubt.ts';
import type { Gate } from './gates.ts';
import { gathered, type Sample } from './sampled.ts';
import { pictureOf, type Picture } from './picture.ts';
import type { Spread } from './spread.ts';

export interface OutputDiff {
  readonly output: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly ok: boolean;
  readonly level: ScoreLevel;
  /** Of the local error. */
  readonly score: Score;
  readonly metrics: Metrics | undefined;
  readonly gate: boolean | undefined;
  readonly isolated: Spread | undefined;
  readonly accumulated: Spread | undefined;
  readonly propagated: Spread | undefined;
  readonly alarms: readonly Alarm[];
  /** Where only some elements were looked at: how many of how many, and the seed they were chosen by. */
  readonly sampled?: { readonly elements: number; readonly of: number; readonly seed: number } | undefined;
  /** Of what fails: its worst elements, calculated once more. */
  readonly doubt?: Doubt | undefined;
  /** Sampled elements and histograms for a report. */
  readonly picture: Picture | undefined;
}

/** What an output is judged by. */
export interface OutputParts {
  readonly output: string;
  readonly actual: Value;
  /** Of the inputs it was made from. */
  readonly bounds: Bounds;
  readonly inputs: readonly (Value | undefined)[];
  readonly ops: readonly string[];
  readonly gate: Gate | undefined;
  readonly pictures: boolean;
  /** Elements the bounds are about; undefined: all. */
  readonly sample?: Sample | undefined;
  /** Whether the golden is somebody else's, so that the exact value is not what it is held against. */
  readonly other: boolean;
  readonly isolated: Spread | undefined;
  readonly accumulated: Spread | undefined;
  readonly propagated: Spread | undefined;
}

export const outputDiff = (p: OutputParts): OutputDiff => {
  const { bounds, gate, sample } = p;
  const all = p.actual;
  const actual = sample && all instanceof Tensor && all.size === sample.of ? gathered(all, sample.positions) : all;
  const found = score(actual, bounds);
  const s = sample ? { ...found, worst: found.worst.map((w) => ({ ...w, at: sample.positions[w.at]! })) } : found;
  const tensors =
    actual instanceof Tensor && bounds.golden instanceof Tensor && s.problem === undefined && !Array.isArray(actual.data)
      ? { actual, golden: bounds.golden }
      : undefined;
  const passes = gate && tensors ? gate.judge(tensors.actual, tensors.golden).ok : undefined;
  // What is seen in a tensor as a whole is not seen in a sample.
  const alarms = sample ? [] : alarmsOf({ actual, bounds, score: s, inputs: p.inputs, ops: p.ops });
  const topK = actual instanceof Tensor && actual.dims.length <= 2 ? [1, 5] : [];
  return {
    output: p.output,
    dtype: actual instanceof Tensor ? actual.dtype : 'value',
    shape: all instanceof Tensor ? all.dims : [],
    ok: passes ?? (s.level !== 'fail' && s.maxEta <= 1 && alarms.length === 0),
    level: s.level,
    score: s,
    metrics: tensors && metrics(tensors.actual, tensors.golden, { exact: p.other ? undefined : bounds.exact, topK }),
    gate: passes,
    isolated: p.isolated,
    accumulated: p.accumulated,
    propagated: p.propagated,
    alarms,
    sampled: sample && { elements: sample.positions.length, of: sample.of, seed: sample.seed },
    picture: p.pictures && tensors && !sample ? pictureOf(tensors.actual, bounds) : undefined,
  };
};
