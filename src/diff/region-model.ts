/** The error model of a region of several ops: one analysis over their composed expressions, so that errors of inner values are carried on as they are inside of a fused kernel. */
import { Analysis } from '../accuracy/analysis.ts';
import { exact } from '../accuracy/analyzer.ts';
import { declaredArithmetic, type DeclaredArithmetic } from '../accuracy/arithmetic.ts';
import { levelRules, modelLevels, type Bounds, type ModelLevel } from '../accuracy/index.ts';
import { precisionOf, roundedTensor } from '../accuracy/precision.ts';
import { lower } from '../compiler/lower.ts';
import { renderJs } from '../compiler/render/js.ts';
import type { TensorExpr } from '../compiler/tensor-expr.ts';
import { isFloat, type DType } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import type { Numerics } from '../core/numerics.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import type { OpSet } from '../ops/registry.ts';
import type { Region } from '../plugins/contract.ts';
import { regionExpressions } from '../plugins/flagos/region-expressions.ts';

/**
 * Bounds from right values and from the errors of what leads to them. @param errors float64 by level; undefined: none.
 * @param longest terms of the longest sum.
 */
export const boundsFrom = (
  dtype: DType,
  dims: readonly number[],
  exact: Float64Array,
  errors: Readonly<Partial<Record<ModelLevel, Float64Array | undefined>>>,
  arithmetic: DeclaredArithmetic,
  longest: number,
): Bounds => {
  const out = precisionOf(dtype)!;
  const near = out.minSubnormal + longest * arithmetic.tiny;
  const allowed: Partial<Record<ModelLevel, Float64Array>> = {};
  for (const level of modelLevels) {
    if (!(level in errors)) continue;
    const { factor } = levelRules[level];
    allowed[level] = exact.map((y, k) => factor * (out.u * Math.abs(y) + (errors[level]?.[k] ?? 0)) + near);
  }
  return {
    golden: roundedTensor(dtype, dims, exact),
    exact,
    allowed,
    overflow: arithmetic.accumulateRoundoff * arithmetic.largest,
    index: undefined,
    cap: arithmetic.cap,
  };
};

/**
 * Compiles the model for the shapes of a region. @returns bounds by output for inputs of those shapes.
 * @throws FLAGOS_E_UNSUPPORTED where a value is no tensor of known shape.
 */
export const compileRegionModel = (
  ops: OpSet,
  region: Region,
  numerics: Numerics,
): ((inputs: readonly Value[]) => (Bounds | undefined)[]) => {
  const { inputs, outputs } = regionExpressions(ops, region);
  const wanted: TensorExpr[] = [];
  const want = (t: TensorExpr): number => wanted.push(t) - 1;
  const arithmetic = declaredArithmetic(
    numerics,
    [...inputs.map((i) => i.tensor.dtype), ...outputs.map((o) => o.dtype)].filter((d) => isFloat(d)),
  );
  const none = new Analysis(exact);
  const analyses = modelLevels.map((level) => {
    const { growth, growthOf, absolute } = levelRules[level];
    return new Analysis({
      inputRoundoff: (t) => arithmetic.inputRoundoff(t.dtype),
      roundoff: arithmetic.accumulateRoundoff,
      tiny: arithmetic.tiny,
      largest: arithmetic.largest,
      absolute,
      winograd: arithmetic.winograd,
      growth,
      growthOf,
    });
  });
  const plans = outputs.map((t) => {
    const errors = analyses.map((a) => {
      const e = a.errorBeforeStore(t);
      return e && want(e);
    });
    return { dtype: t.dtype, value: want(isFloat(t.dtype) ? none.wideValue(t) : t), errors };
  });
  const present = inputs.map((i) => i.tensor);
  const kernel = renderJs(lower(present, wanted));
  const longest = Math.max(1, ...analyses.map((a) => a.longest));
  return (given) => {
    const data = inputs.map(({ constant, position }) => {
      const t = constant ?? given[position];
      if (!(t instanceof Tensor)) throw new FlagosError('FLAGOS_E_UNSUPPORTED', 'a value of the region is no tensor');
      return t.data;
    });
    const results = wanted.map((w) => Tensor.zeros(w.dtype, w.shape));
    kernel.run(
      data,
      results.map((r) => r.data),
    );
    return plans.map(({ dtype, value, errors }): Bounds => {
      const made = results[value]!;
      const out = precisionOf(dtype);
      if (!isFloat(dtype) || !out || errors.every((e) => e === undefined))
        return {
          golden: isFloat(dtype) ? roundedTensor(dtype, made.dims, made.toNumbers()) : made,
          exact: undefined,
          allowed: undefined,
          overflow: Infinity,
          index: undefined,
          cap: arithmetic.cap,
        };
      const byLevel = Object.fromEntries(
        modelLevels.map((level, l) => [level, errors[l] === undefined ? undefined : (results[errors[l]]!.data as Float64Array)]),
      );
      return boundsFrom(dtype, made.dims, made.toNumbers(), byLevel, arithmetic, longest);
    });
  };
};
