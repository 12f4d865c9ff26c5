/**
 * The error model: for one call of an op, what is right (in float64) and how far each element may be
 * from it, given what the kernel declares of its arithmetic. Design: docs/accuracy-model.md.
 *
 *     T = c · [u_out·|y*| + E] + d        E = (2·u_in + γ_K·u_acc) · Σ|a||b| for contractions
 *
 * A model is compiled once for the shapes of a call, and evaluated for as many inputs as wanted.
 */
import type { Numerics } from '../core/numerics.ts';
import { sizeOf, Tensor, type Value } from '../core/tensor.ts';
import { dtypeInfo, isFloat, type DType } from '../core/dtype.ts';
import { opName, type Node } from '../core/graph.ts';
import { FlagosError } from '../core/errors.ts';
import { isPromise } from '../core/async.ts';
import { bindNode, expressionsOf, usesHost, type BoundNode } from '../ops/bind.ts';
import { evaluateNode, typeOfValue } from '../ops/evaluate.ts';
import type { OpRecord } from '../ops/define.ts';
import { lower } from '../compiler/lower.ts';
import { renderJs } from '../compiler/render/js.ts';
import { InputTensor, type TensorExpr } from '../compiler/tensor-expr.ts';
import { Analysis } from './analysis.ts';
import { exact } from './analyzer.ts';
import { declaredArithmetic, goldenRoundoff, type DeclaredArithmetic } from './arithmetic.ts';
import { indexMeaning, type IndexMeaning } from './index-outputs.ts';
import { levelRules, modelLevels, type ModelLevel } from './levels.ts';
import { numbersIn, precisionOf, roundedTensor, spacingAt } from './precision.ts';

/** What is right for one output, and how far from it is allowed. */
export interface Bounds {
  /** The right values in the output's own type: each rounded once. Anything but a tensor must be equal. */
  readonly golden: Value;
  /** Before that rounding; undefined for what is not a float (or complex) tensor. */
  readonly exact: Float64Array | undefined;
  /** Allowed |y − y*| of each element, by level; undefined: must equal `golden`. */
  readonly allowed: Readonly<Partial<Record<ModelLevel, Float64Array>>> | undefined;
  /** Errors from which intermediate results may have overflowed, so that infinities and NaN say nothing. */
  readonly overflow: number;
  /** Of index outputs: what an index stands for. */
  readonly index: IndexMeaning | undefined;
  /** Best level the kernel's declaration allows. */
  readonly cap: ModelLevel | undefined;
}

export interface ErrorModel {
  /** By output of the node; undefined where it is left out. @throws what the op's own checks throw. */
  evaluate(inputs: readonly (Value | undefined)[]): (Bounds | undefined)[];
}

export interface ErrorModelOptions {
  readonly numerics: Numerics;
  /** Default all. Fewer cost less. */
  readonly levels?: readonly ModelLevel[];
}

interface Compiled {
  run(inputs: readonly (Tensor | undefined)[]): Tensor[];
}

/** Compiles tensors made of a node's inputs; all results float64 or as they are. */
const compileTensors = (bound: BoundNode, inputs: readonly (InputTensor | undefined)[], wanted: readonly TensorExpr[]): Compiled => {
  const last = bound.record.inputs.length - 1;
  const present = inputs.flatMap((x, i) => (x && bound.record.inputs[Math.min(i, last)]!.role !== 'value' ? [{ x, i }] : []));
  const kernel = renderJs(
    lower(
      present.map((p) => p.x),
      wanted,
    ),
  );
  return {
    run: (values) => {
      const results = wanted.map((w) => Tensor.zeros(w.dtype, w.shape));
      kernel.run(
        present.map((p) => values[p.i]!.data),
        results.map((r) => r.data),
      );
      return results;
    },
  };
};

/** One output's golden and errors as places in the list of compiled tensors. */
interface Plan {
  readonly dtype: DType;
  readonly value: number;
  readonly errors: Readonly<Partial<Record<ModelLevel, number>>>;
  readonly longest: number;
}

const hasError = (p: Plan): boolean => Object.keys(p.errors).length > 0;

const analyse = (
  bound: BoundNode,
  samples: readonly (Tensor | undefined)[],
  arithmetic: DeclaredArithmetic,
  levels: readonly ModelLevel[],
): { plans: (Plan | undefined)[]; compiled: Compiled } => {
  const { node, record } = bound;
  const inputs = samples.map((s, i) => s && new InputTensor(node.inputs[i] ?? '', s.dtype, s.dims, s));
  const made = expressionsOf(bound, inputs, samples);
  const wanted: TensorExpr[] = [];
  const want = (t: TensorExpr): number => wanted.push(t) - 1;
  const values = new Analysis(exact);
  // Budgets in ULP stand for the arithmetic inside; only the reading of inputs is on top.
  const roundoff = record.accuracy.kind === 'ulp' ? 0 : arithmetic.accumulateRoundoff;
  const analyses = levels.map((level) => {
    const { growth, growthOf, absolute } = levelRules[level];
    const tiny = roundoff > 0 ? arithmetic.tiny : 0;
    const { largest, winograd } = arithmetic;
    return new Analysis({
      inputRoundoff: (t) => arithmetic.inputRoundoff(t.dtype),
      roundoff,
      tiny,
      largest,
      absolute,
      winograd,
      growth,
      growthOf,
    });
  });
  const plans = made.map((t): Plan | undefined => {
    if (!t) return undefined;
    const errors: Partial<Record<ModelLevel, number>> = {};
    levels.forEach((level, i) => {
      const e = analyses[i]!.errorBeforeStore(t);
      if (e) errors[level] = want(e);
    });
    return { dtype: t.dtype, value: want(values.wideValue(t)), errors, longest: Math.max(1, ...analyses.map((a) => a.longest)) };
  });
  return { plans, compiled: compileTensors(bound, inputs, wanted) };
};

const largestInput = (inputs: readonly (Value | undefined)[]): number => {
  let largest = 1;
  for (const v of inputs) {
    if (!(v instanceof Tensor) || !isFloat(v.dtype)) continue;
    for (const x of v.toNumbers()) if (Number.isFinite(x) && Math.abs(x) > largest) largest = Math.abs(x);
  }
  return largest;
};

const exactly = (golden: Value, cap: ModelLevel | undefined, index?: IndexMeaning): Bounds => ({
  golden,
  exact: undefined,
  allowed: undefined,
  overflow: Infinity,
  index,
  cap,
});

/**
 * Compiles the model of a call.
 * @param samples the inputs, or others of the same types and shapes whose `value` inputs have the same contents.
 */
export const compileErrorModel = (
  record: OpRecord,
  node: Node,
  samples: readonly (Value | undefined)[],
  { numerics, levels = modelLevels }: ErrorModelOptions,
): ErrorModel => {
  const bound = bindNode(record, node);
  const tensors = samples.map((v, i) => (v instanceof Tensor && node.inputs[i] !== '' ? v : undefined));
  const types = samples.map((v, i) => (node.inputs[i] === '' ? undefined : typeOfValue(v)));
  const reference = (inputs: readonly (Value | undefined)[]): readonly (Value | undefined)[] => {
    const made = evaluateNode(record, node, inputs);
    if (isPromise(made)) throw new FlagosError('FLAGOS_E_INTERNAL', `${opName(node.domain, node.op)} is not evaluated at once`);
    return made;
  };
  const { accuracy } = record;
  const byHost = usesHost(bound, types, tensors);
  const inputTypes = tensors.flatMap((t) => (t ? [t.dtype] : []));

  if (byHost || accuracy.kind === 'exact') {
    return {
      evaluate: (inputs) => {
        const golden = reference(inputs);
        const arithmetic = declaredArithmetic(numerics, [...inputTypes, ...golden.flatMap((g) => (g instanceof Tensor ? [g.dtype] : []))]);
        return golden.map((g, i) => {
          if (g === undefined) return undefined;
          const rounds = accuracy.kind === 'ulp' || accuracy.kind === 'contraction';
          if (rounds && g instanceof Tensor && precisionOf(g.dtype)) return hostBounds(g, accuracy, arithmetic, inputs, levels);
          return exactly(g, arithmetic.cap, indexMeaning(bound, inputs, i));
        });
      },
    };
  }

  const outputTypes = expressionsOf(
    bound,
    tensors.map((s, i) => s && new InputTensor(node.inputs[i] ?? '', s.dtype, s.dims, s)),
    tensors,
  ).flatMap((t) => (t ? [t.dtype] : []));
  const arithmetic = declaredArithmetic(numerics, [...inputTypes, ...outputTypes]);
  const { plans, compiled } = analyse(bound, tensors, arithmetic, levels);
  // What has no float output, or none that rounds, is what the reference says, bit for bit.
  const needsReference = plans.some((p) => p && !isFloat(p.dtype));
  return {
    evaluate: (inputs) => {
      record.check?.(Object.fromEntries(record.inputs.map((s, i) => [s.name, s.variadic ? inputs.slice(i) : inputs[i]])), bound.attrs);
      const results = compiled.run(inputs as readonly (Tensor | undefined)[]);
      const plain = needsReference ? reference(inputs) : undefined;
      const largest = arithmetic.flushes ? largestInput(inputs) : 1;
      return plans.map((p, i) => {
        if (!p) return undefined;
        const value = results[p.value]!;
        if (!isFloat(p.dtype))
          return stepBounds(plain![i] as Tensor, value, p, results, levels, arithmetic.cap, indexMeaning(bound, inputs, i));
        const exact = value.toNumbers();
        const golden = roundedTensor(p.dtype, value.dims, exact);
        if (!hasError(p) && accuracy.kind !== 'ulp') return exactly(golden, arithmetic.cap);
        const out = precisionOf(p.dtype)!;
        const tiny = arithmetic.flushes ? Math.max(out.minNormal, arithmetic.tiny) : out.minSubnormal;
        // A kernel that declares to calculate in less than it stores has its ULP there.
        const floor = accuracy.kind === 'ulp' && accuracy.absolute === true;
        const coarse = arithmetic.accumulateRoundoff > 1.5 * out.u;
        const near = tiny + p.longest * largest * arithmetic.tiny;
        const allowed: Partial<Record<ModelLevel, Float64Array>> = {};
        for (const level of levels) {
          const error = p.errors[level] === undefined ? undefined : (results[p.errors[level]!]!.data as Float64Array);
          const { factor, ulp, absolute } = levelRules[level];
          const into = new Float64Array(exact.length);
          for (let k = 0; k < exact.length; k++) {
            // What is no number has no rounding of its own.
            const y = Math.abs(exact[k]!) || 0;
            const own =
              accuracy.kind === 'ulp'
                ? accuracy.ulp * ulp * (coarse ? 2 * arithmetic.accumulateRoundoff * y : spacingAt(finite(y, out.max), out))
                : factor * (out.u + goldenRoundoff) * y;
            into[k] = own + factor * (error?.[k] ?? 0) + near + (floor ? absolute * out.u : 0);
          }
          allowed[level] = into;
        }
        return {
          golden,
          exact,
          allowed,
          overflow: arithmetic.accumulateRoundoff * arithmetic.largest,
          index: undefined,
          cap: arithmetic.cap,
        };
      });
    },
  };
};

const finite = (y: number, max: number): number => (Number.isFinite(y) ? y : max);

/** Integers and booleans at the end of float arithmetic: one step where the analysis sees a tie within reach, else exact. */
const stepBounds = (
  golden: Tensor,
  value: Tensor,
  p: Plan,
  results: readonly Tensor[],
  levels: readonly ModelLevel[],
  cap: ModelLevel | undefined,
  index: IndexMeaning | undefined,
): Bounds => {
  if (!hasError(p) || dtypeInfo(golden.dtype).kind === 'bool' || index) return exactly(golden, cap, index);
  const exact = golden.toNumbers();
  const unrounded = value.toNumbers();
  const allowed: Partial<Record<ModelLevel, Float64Array>> = {};
  for (const level of levels) {
    const error = results[p.errors[level]!]!.data as Float64Array;
    // Where rounding intermediate results as the record says already changes the step, either is right.
    allowed[level] = exact.map((y, k) => Math.max(Math.ceil(error[k]! - 1e-9), Math.abs(unrounded[k]! - y)));
  }
  return { golden, exact, allowed, overflow: Infinity, index: undefined, cap };
};

/** Functions without an expression: their budget in ULP, or sums of as many terms as the largest input has, of the size of the largest result. */
const hostBounds = (
  golden: Tensor,
  accuracy: OpRecord['accuracy'],
  arithmetic: DeclaredArithmetic,
  inputs: readonly (Value | undefined)[],
  levels: readonly ModelLevel[],
): Bounds => {
  const exact = numbersIn(golden);
  const out = precisionOf(golden.dtype)!;
  const terms = Math.max(1, ...inputs.map((v) => (v instanceof Tensor ? sizeOf(v.dims) : 1)));
  let largest = 0;
  for (const y of exact) if (Number.isFinite(y) && Math.abs(y) > largest) largest = Math.abs(y);
  const allowed: Partial<Record<ModelLevel, Float64Array>> = {};
  for (const level of levels) {
    const { factor, growth, ulp } = levelRules[level];
    const sums = factor * growth(terms) * arithmetic.accumulateRoundoff * largest;
    allowed[level] = exact.map((y) =>
      accuracy.kind === 'ulp'
        ? (accuracy.ulp * ulp + 0.5) * spacingAt(finite(Math.abs(y), out.max), out)
        : factor * 2 * out.u * Math.abs(y) + sums + out.minSubnormal,
    );
  }
  return { golden, exact, allowed, overflow: arithmetic.accumulateRoundoff * arithmetic.largest, index: undefined, cap: arithmetic.cap };
};

/** The model of one call, evaluated: bounds of each output. */
export const errorModel = (
  record: OpRecord,
  node: Node,
  inputs: readonly (Value | undefined)[],
  options: ErrorModelOptions,
): (Bounds | undefined)[] => compileErrorModel(record, node, inputs, options).evaluate(inputs);
