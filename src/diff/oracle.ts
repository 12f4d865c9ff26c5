/**
 * What is right for a region on given inputs, and how far from it each element may be. Three ways, by
 * what the region holds and how much work it is:
 *
 * - `model`: the error model of its only op, in float64 from the op's record;
 * - `expressions`: the same analysis over the composed expressions of several ops;
 * - `sampled`: if asked for, large sums of products at some elements only (sampled.ts);
 * - `wide`: for large sums of products, the region compiled in float64 by `flagos/cpu`, and once more on
 *   absolute values, which gives Σ|a||b| of the whole chain. About sixty times as fast as the reference.
 */
import { compileErrorModel, type Bounds } from '../accuracy/index.ts';
import type { Numerics } from '../core/numerics.ts';
import type { Value } from '../core/tensor.ts';
import type { ChipSession, Region } from '../plugins/contract.ts';
import type { OpSet } from '../ops/registry.ts';
import { compileRegionModel } from './region-model.ts';
import { SampledOracle, type Sample } from './sampled.ts';
import { contractionWork, WideRegion } from './wide.ts';

export type OracleKind = 'model' | 'expressions' | 'wide' | 'sampled';

export interface Oracle {
  readonly kind: OracleKind;
  /** Of each output, the elements that `evaluate` is about; undefined: all. */
  readonly samples?: readonly Sample[] | undefined;
  /** @param inputs in the order of the region's inputs. @returns by output of the region. */
  evaluate(inputs: readonly Value[]): Promise<readonly (Bounds | undefined)[]>;
  /** The right values alone. */
  golden(inputs: readonly Value[]): Promise<readonly (Value | undefined)[]>;
  dispose(): Promise<void>;
}

export interface OracleParts {
  readonly ops: OpSet;
  /** Compiles float64; without it everything is calculated by the reference. */
  readonly wide: ChipSession | undefined;
  /** Multiplications from which compiling in float64 is quicker. */
  readonly wideFrom: number;
  /** Elements of each output that stand for regions of `wideFrom` multiplications and more; undefined: all are calculated. */
  readonly sample?: number | undefined;
  /** What was compiled ahead for a region, if anything was. */
  readonly ahead?: ((region: Region) => Promise<WideRegion | undefined> | undefined) | undefined;
}

/** Whether a region's golden is worth a compiler. */
export const isWide = (region: Region, { wide, wideFrom, sample }: Pick<OracleParts, 'wide' | 'wideFrom' | 'sample'>): boolean =>
  wide !== undefined && sample === undefined && contractionWork(region) >= wideFrom;

/** Multiplications from which a region is worth a compiler: the reference does half a milliard a second. */
export const WIDE_FROM = 4_000_000;

/**
 * @param samples the inputs of the first run: shapes, and contents that decide shapes.
 * @throws FLAGOS_E_UNSUPPORTED for what no expression and no record says.
 */
export const makeOracle = async (region: Region, samples: readonly Value[], numerics: Numerics, parts: OracleParts): Promise<Oracle> => {
  const { sample } = parts;
  if (sample !== undefined && contractionWork(region) >= parts.wideFrom) return new SampledOracle(parts.ops, region, numerics, sample);
  const { ops, wide } = parts;
  if (wide && isWide(region, parts)) {
    const compiled = await (parts.ahead?.(region) ?? WideRegion.prepare(region, wide, numerics));
    if (compiled) return compiled;
  }
  const [node] = region.nodes;
  if (region.nodes.length > 1) {
    const model = compileRegionModel(ops, region, numerics);
    return {
      kind: 'expressions',
      evaluate: async (inputs) => model(inputs),
      golden: async (inputs) => model(inputs).map((b) => b?.golden),
      dispose: async () => {},
    };
  }
  const record = ops.find(node!.domain, node!.op)!;
  const position = new Map(region.inputs.map((v, i) => [v.name, i]));
  const gather = (inputs: readonly Value[]): (Value | undefined)[] =>
    node!.inputs.map((name) => (name === '' ? undefined : (region.constants.get(name) ?? inputs[position.get(name)!])));
  const kept = { ...node!, outputs: node!.outputs.map((o) => (region.outputs.some((r) => r.name === o) ? o : '')) };
  const model = compileErrorModel(record, kept, gather(samples), { numerics });
  const order = region.outputs.map((o) => kept.outputs.indexOf(o.name));
  const evaluate = async (inputs: readonly Value[]): Promise<(Bounds | undefined)[]> => {
    const bounds = model.evaluate(gather(inputs));
    return order.map((i) => bounds[i]);
  };
  return {
    kind: 'model',
    evaluate,
    golden: async (inputs) => (await evaluate(inputs)).map((b) => b?.golden),
    dispose: async () => {},
  };
};
