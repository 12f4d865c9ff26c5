/**
 * One step of gradient descent, for any number of variables at once. The variadic inputs hold all
 * variables, then all gradients, then the state of the method, variable by variable.
 */
import { add, cast, div, gt, mul, pow, select, sqrt, sub, type Expr } from '../compiler/expr.ts';
import { compute, type TensorExpr } from '../compiler/tensor-expr.ts';
import type { DType } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { float, requiredFloat, requiredOneOf } from './attrs.ts';
import { contraction, defineOp, variadic } from './define.ts';
import { elementOf, expectShape } from './util.ts';

const domain = 'ai.onnx.preview.training';
const real = ['float32', 'float64'] as const;
const inputs = { R: real, T: ['int64'], inputs: variadic(real, { least: 3, mixed: true }) } as const;
/** Each output has the type of its own variable or state, which the expressions carry. */
const outputs = { outputs: (): DType | undefined => undefined };
const EPSILON = Math.fround(1e-6);

/** What one variable's update works with: elements of the variable, its gradient and its state. */
type Update = (x: Expr, gradient: Expr, state: readonly Expr[]) => readonly Expr[];

/**
 * Applies an update to every variable.
 * @param states tensors of state a variable has.
 * @returns new variables, then the new states, in ONNX's order.
 */
const updateAll = (tensors: readonly TensorExpr[], states: number, update: (type: DType) => Update): TensorExpr[] => {
  const groups = 2 + states;
  if (tensors.length % groups !== 0) {
    throw new FlagosError('FLAGOS_E_MODEL_INVALID', `'inputs' holds ${tensors.length} tensors, there must be ${groups} for each variable`);
  }
  const count = tensors.length / groups;
  const updated = Array.from({ length: count }, (_, v) => {
    const [x, gradient, ...state] = Array.from({ length: groups }, (_unused, g) => tensors[g * count + v]!) as [
      TensorExpr,
      TensorExpr,
      ...TensorExpr[],
    ];
    for (const t of [gradient, ...state]) expectShape(t.shape, x.shape, 'inputs');
    const rule = update(x.dtype);
    return [x, ...state].map((target, part) =>
      compute(x.shape, (...i) =>
        cast(
          rule(
            x.at(...i),
            cast(gradient.at(...i), x.dtype),
            state.map((s) => cast(s.at(...i), x.dtype)),
          )[part]!,
          target.dtype,
        ),
      ),
    );
  });
  return Array.from({ length: 1 + states }, (_, part) => updated.map((parts) => parts[part]!)).flat();
};

const square = (x: Expr): Expr => mul(x, x);

/** Source: Duchi, Hazan & Singer, JMLR 12, 2011. */
export const Adagrad = defineOp({
  name: 'Adagrad',
  domain,
  since: 1,
  inputs,
  outputs,
  variadicOutputs: true,
  attrs: { decay_factor: float(0), epsilon: float(EPSILON), norm_coefficient: float(0) },
  compute: ({ R, T, inputs: tensors }, { decay_factor, epsilon, norm_coefficient }) =>
    updateAll(tensors, 1, (type) => {
      const rate = div(cast(elementOf(R, 'R'), type), add(1, mul(cast(elementOf(T, 'T'), type), decay_factor)));
      return (x, gradient, [h]) => {
        const g = add(mul(norm_coefficient, x), gradient);
        const squares = add(h!, square(g));
        return [sub(x, div(mul(rate, g), add(sqrt(squares), epsilon))), squares];
      };
    }),
  accuracy: contraction,
});

/** Source: Kingma & Ba, arXiv 1412.6980; epsilon is added after the square root. */
export const Adam = defineOp({
  name: 'Adam',
  domain,
  since: 1,
  inputs,
  outputs,
  variadicOutputs: true,
  attrs: {
    alpha: float(Math.fround(0.9)),
    beta: float(Math.fround(0.999)),
    epsilon: float(EPSILON),
    norm_coefficient: float(0),
    norm_coefficient_post: float(0),
  },
  compute: ({ R, T, inputs: tensors }, { alpha, beta, epsilon, norm_coefficient, norm_coefficient_post }) =>
    updateAll(tensors, 2, (type) => {
      const [rate, steps] = [cast(elementOf(R, 'R'), type), elementOf(T, 'T')];
      const bias = (decay: number): Expr => sub(1, pow(decay, cast(steps, type)));
      const adjusted = select(gt(steps, 0), div(mul(rate, sqrt(bias(beta))), bias(alpha)), rate);
      return (x, gradient, [v, h]) => {
        const g = add(mul(norm_coefficient, x), gradient);
        const mean = add(mul(alpha, v!), mul(1 - alpha, g));
        const squares = add(mul(beta, h!), mul(1 - beta, square(g)));
        const moved = sub(x, mul(adjusted, div(mean, add(sqrt(squares), epsilon))));
        return [mul(1 - norm_coefficient_post, moved), mean, squares];
      };
    }),
  accuracy: contraction,
});

/** Gradient descent with momentum, plain or Nesterov's. */
export const Momentum = defineOp({
  name: 'Momentum',
  domain,
  since: 1,
  inputs,
  outputs,
  variadicOutputs: true,
  attrs: { alpha: requiredFloat(), beta: requiredFloat(), mode: requiredOneOf('standard', 'nesterov'), norm_coefficient: requiredFloat() },
  compute: ({ R, T, inputs: tensors }, { alpha, beta, mode, norm_coefficient }) =>
    updateAll(tensors, 1, (type) => {
      const rate = cast(elementOf(R, 'R'), type);
      const weight = select(gt(elementOf(T, 'T'), 0), cast(beta, type), cast(1, type));
      return (x, gradient, [v]) => {
        const g = add(mul(norm_coefficient, x), gradient);
        const momentum = add(mul(alpha, v!), mul(weight, g));
        const direction = mode === 'nesterov' ? add(g, mul(alpha, momentum)) : momentum;
        return [sub(x, mul(rate, direction)), momentum];
      };
    }),
  accuracy: contraction,
});
