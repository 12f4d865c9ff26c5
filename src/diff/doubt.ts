/**
 * Whose fault is it? Where an output fails, its worst elements are calculated once more, in double-double from the region's
 * own expressions, and both sides are held against that: a golden is a program too, and may be the one that is wrong.
 */
import { ExactEvaluator } from '../accuracy/exact/evaluate.ts';
import { toNumber } from '../accuracy/exact/double-double.ts';
import { roundTo } from '../accuracy/precision.ts';
import type { Bounds } from '../accuracy/index.ts';
import { asError, FlagosError } from '../core/errors.ts';
import { dtypeInfo } from '../core/dtype.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import type { InputTensor } from '../compiler/tensor-expr.ts';
import type { OutputDiff } from './output-diff.ts';
import type { OpSet } from '../ops/registry.ts';
import type { Region } from '../plugins/contract.ts';
import { regionExpressions } from '../plugins/flagos/region-expressions.ts';

export interface DoubtElement {
  /** Row-major position. */
  readonly at: number;
  readonly actual: number;
  readonly golden: number;
  /** To about 100 bits, shown as the nearest float64. */
  readonly exact: number;
  /** What either may be off. */
  readonly allowed: number;
  readonly chipWrong: boolean;
  readonly goldenWrong: boolean;
}

export interface Doubt {
  /** Of the elements that were calculated again; `neither`: both are within their bounds there, and only differ. Undefined: see `why`. */
  readonly blame: 'chip' | 'golden' | 'both' | 'neither' | undefined;
  readonly elements: readonly DoubtElement[];
  /** Why it could not be told. */
  readonly why?: string | undefined;
}

/** What it says, for people. */
export const doubtSays = (d: Doubt): string => {
  if (d.blame === undefined) return `undecided: ${d.why ?? ''}`;
  const who = {
    chip: 'the chip is wrong',
    golden: 'the golden is wrong, and the chip is right',
    both: 'both are wrong',
    neither: 'both are within bounds',
  };
  return `${who[d.blame]} at ${d.elements.length === 1 ? 'the element' : `the ${d.elements.length} elements`} calculated again`;
};

/** Elements that are calculated again. */
const WORST = 4;
/** Operations for one output: some seconds. */
const BUDGET = 5_000_000;

const worstOf = (a: Float64Array, g: Float64Array, bounds: Bounds): number[] => {
  const allowed = bounds.allowed?.standard;
  const badness = (i: number): number => {
    const [x, y] = [a[i]!, g[i]!];
    if (x === y || (x !== x && y !== y)) return -1;
    if (!Number.isFinite(x) || !Number.isFinite(y)) return Infinity;
    return Math.abs(x - y) / (allowed?.[i] || Number.MIN_VALUE);
  };
  let worst: { i: number; b: number }[] = [];
  for (let i = 0; i < a.length; i++) {
    const b = badness(i);
    if (b < 0 || (worst.length === WORST && b <= worst.at(-1)!.b)) continue;
    worst = [...worst, { i, b }].toSorted((x, y) => y.b - x.b).slice(0, WORST);
  }
  return worst.map((w) => w.i);
};

export interface DoubtParts {
  readonly ops: OpSet;
  readonly region: Region;
  /** By input of the region. */
  readonly inputs: readonly Value[];
  /** Which output. */
  readonly output: number;
  readonly actual: Value;
  /** What it was held against, on the same inputs. */
  readonly golden: Value;
  readonly bounds: Bounds;
}

/** Undefined for what is no tensor of floats, or not of one shape. */
export const doubtOf = (p: DoubtParts): Doubt | undefined => {
  const { actual, golden, bounds, region } = p;
  if (!(actual instanceof Tensor) || !(golden instanceof Tensor) || actual.dims.join() !== golden.dims.join()) return undefined;
  const { kind, lanes } = dtypeInfo(golden.dtype);
  if (kind !== 'float' || lanes !== 1 || actual.dtype !== golden.dtype) return undefined;
  const [a, g] = [actual.toNumbers(), golden.toNumbers()];
  try {
    const { inputs, outputs } = regionExpressions(p.ops, region);
    const values = new Map<InputTensor, Tensor | undefined>(
      inputs.map(({ tensor, constant, position }) => [tensor, constant ?? (p.inputs[position] as Tensor | undefined)]),
    );
    const evaluator = new ExactEvaluator((t) => values.get(t), BUDGET);
    const round = roundTo(golden.dtype);
    const elements = worstOf(a, g, bounds).map((at): DoubtElement => {
      const exact = toNumber(evaluator.element(outputs[p.output]!, at));
      const allowed = bounds.allowed?.standard?.[at] ?? 0;
      const right = round(exact);
      const isWrong = (x: number): boolean => !(x === right || (x !== x && right !== right) || Math.abs(x - exact) <= allowed);
      return { at, actual: a[at]!, golden: g[at]!, exact, allowed, chipWrong: isWrong(a[at]!), goldenWrong: isWrong(g[at]!) };
    });
    if (elements.length === 0) return undefined;
    const [chip, wrongGolden] = [elements.some((e) => e.chipWrong), elements.some((e) => e.goldenWrong)];
    return { blame: chip ? (wrongGolden ? 'both' : 'chip') : wrongGolden ? 'golden' : 'neither', elements };
  } catch (thrown) {
    const error = asError(thrown);
    // What no expression says, or takes too long, stays undecided; anything else is a fault of ours.
    if (error instanceof FlagosError && (error.code === 'FLAGOS_E_UNSUPPORTED' || error.code === 'FLAGOS_E_LIMIT'))
      return { blame: undefined, elements: [], why: error.reason };
    throw error;
  }
};

/** Whether an output fails by numbers: an alarm alone says nothing of single elements. */
export const isInDoubt = ({ ok, gate, score }: Pick<OutputDiff, 'ok' | 'gate' | 'score'>): boolean =>
  !ok && (gate === false || score.level === 'fail' || score.maxEta > 1);

/**
 * Whether it falls on the golden, and what fails says nothing against the chip alone. Where both are within their bounds the
 * golden was not exact enough for the error model; another rule may be stricter than any arithmetic, which is its own affair.
 */
export const fallsOnGolden = ({ doubt, gate }: Pick<OutputDiff, 'doubt' | 'gate'>): boolean =>
  doubt?.blame === 'golden' || doubt?.blame === 'both' || (doubt?.blame === 'neither' && gate === undefined);
