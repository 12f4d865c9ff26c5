/**
 * The golden of a large region at a seeded sample of its elements: for sums of products of which all elements would take too
 * long, or which nothing here compiles in float64. Right values and bounds are calculated in double-double from the region's
 * expressions, element by element. A sample shows what is wrong everywhere or often; it never stands for the whole.
 */
import { Analysis } from '../accuracy/analysis.ts';
import { declaredArithmetic } from '../accuracy/arithmetic.ts';
import { ExactEvaluator } from '../accuracy/exact/evaluate.ts';
import { toNumber } from '../accuracy/exact/double-double.ts';
import { levelRules, type Bounds } from '../accuracy/index.ts';
import type { TensorExpr } from '../compiler/tensor-expr.ts';
import { dtypeInfo, isFloat } from '../core/dtype.ts';
import { asError, FlagosError } from '../core/errors.ts';
import type { Numerics } from '../core/numerics.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import { CaseRandom, hashOf } from '../opmanager/verify/random.ts';
import type { OpSet } from '../ops/registry.ts';
import type { Region } from '../plugins/contract.ts';
import { regionExpressions } from '../plugins/flagos/region-expressions.ts';
import type { Oracle } from './oracle.ts';
import { boundsFrom } from './region-model.ts';

/** Which elements of an output were looked at. */
export interface Sample {
  /** Row-major, rising. */
  readonly positions: readonly number[];
  /** Elements there are. */
  readonly of: number;
  readonly seed: number;
}

/** Operations for one region before it is given up: about a minute. */
const BUDGET = 200_000_000;

/** Different positions, from a seed. */
export const samplePositions = (size: number, count: number, seed: number): number[] => {
  if (size <= count) return Array.from({ length: size }, (_, i) => i);
  const random = new CaseRandom(seed);
  const chosen = new Set<number>([0, size - 1].slice(0, count));
  while (chosen.size < count) chosen.add(random.integer(0, size - 1));
  return [...chosen].toSorted((a, b) => a - b);
};

/** The elements of a tensor of numbers at these positions. */
export const gathered = (t: Tensor, positions: readonly number[]): Tensor => {
  const { storage } = dtypeInfo(t.dtype);
  const data = new storage!(positions.length);
  positions.forEach((p, i) => (data[i] = (t.data as Float32Array)[p]!));
  return new Tensor(t.dtype, [positions.length], data);
};

export class SampledOracle implements Oracle {
  readonly kind = 'sampled';
  /** By output of the region. */
  readonly samples: readonly Sample[];
  readonly #evaluate: (inputs: readonly Value[]) => Bounds[];

  /** @param count elements of each output. @param budget operations it may take. @throws FLAGOS_E_UNSUPPORTED where a value is no tensor of floats of known shape. */
  constructor(ops: OpSet, region: Region, numerics: Numerics, count: number, budget = BUDGET) {
    const { inputs, outputs } = regionExpressions(ops, region);
    if (!outputs.every((o) => isFloat(o.dtype))) throw new FlagosError('FLAGOS_E_UNSUPPORTED', 'a sample is of floats');
    const floats = [...inputs.map((i) => i.tensor.dtype), ...outputs.map((o) => o.dtype)].filter((d) => isFloat(d));
    const arithmetic = declaredArithmetic(numerics, floats);
    const { growth, growthOf, absolute } = levelRules.standard;
    const analysis = new Analysis({
      inputRoundoff: (t) => arithmetic.inputRoundoff(t.dtype),
      roundoff: arithmetic.accumulateRoundoff,
      tiny: arithmetic.tiny,
      largest: arithmetic.largest,
      absolute,
      winograd: arithmetic.winograd,
      growth,
      growthOf,
    });
    const errors = outputs.map((t): TensorExpr | undefined => analysis.errorBeforeStore(t));
    this.samples = outputs.map((t, i) => {
      const seed = hashOf(`${region.nodes[0]!.name}#${region.outputs[i]!.name}`);
      return { positions: samplePositions(t.size, count, seed), of: t.size, seed };
    });
    this.#evaluate = (given) => {
      const values = new Map(inputs.map(({ tensor, constant, position }) => [tensor, constant ?? (given[position] as Tensor)]));
      const evaluator = new ExactEvaluator((t) => values.get(t), budget);
      return outputs.map((t, i) => {
        const at = (of: TensorExpr): Float64Array =>
          Float64Array.from(this.samples[i]!.positions, (p) => toNumber(evaluator.element(of, p)));
        const error = errors[i] && at(errors[i]);
        return boundsFrom(t.dtype, [this.samples[i]!.positions.length], at(t), { standard: error }, arithmetic, analysis.longest);
      });
    };
  }

  /** @throws FLAGOS_E_UNSUPPORTED where even a sample takes too long: each element is calculated from the region's inputs on. */
  async evaluate(inputs: readonly Value[]): Promise<readonly Bounds[]> {
    try {
      return this.#evaluate(inputs);
    } catch (thrown) {
      const error = asError(thrown);
      if (!(error instanceof FlagosError) || error.code !== 'FLAGOS_E_LIMIT') throw error;
      throw new FlagosError('FLAGOS_E_UNSUPPORTED', 'a sample of it takes too long to calculate exactly', {
        hint: 'ask for fewer elements with `--sample`',
        cause: error,
      });
    }
  }

  /** What is right everywhere is not known. */
  async golden(): Promise<readonly undefined[]> {
    return this.samples.map(() => undefined);
  }

  async dispose(): Promise<void> {}
}
