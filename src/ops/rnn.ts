/** The recurrent ops: simple RNN, GRU and LSTM. Each is its cell; everything else is in recurrent.ts. */
import { add, mul, sub, type Expr } from '../compiler/expr.ts';
import { compute, type TensorExpr } from '../compiler/tensor-expr.ts';
import { flag } from './attrs.ts';
import { defineOp, optional } from './define.ts';
import { recurrence, recurrentAttrs, type Cell, type RecurrentAttrs, type RecurrentInputs, type Step } from './recurrent.ts';
import { activationsOf } from './recurrent-activations.ts';
import { floats } from './types.ts';
import { expectShape } from './util.ts';

const common = {
  X: floats,
  W: 'X',
  R: 'X',
  B: optional('X'),
  sequence_lens: optional(['int32']),
  initial_h: optional('X'),
} as const;

/** x·W + h·R + both biases of a row, before its activation. */
const preactivation = (step: Step, h: TensorExpr, b: Expr, row: Expr): Expr =>
  add(
    add(
      step.input(b, row),
      step.recurrent((n, k) => h.at(n, k), b, row),
    ),
    step.bias(row),
  );

export const RNN = defineOp({
  name: 'RNN',
  since: 14,
  inputs: common,
  outputs: { Y: 'X', Y_h: 'X' },
  attrs: recurrentAttrs,
  compute: ({ initial_h, ...inputs }, attrs) => {
    const activations = activationsOf(attrs, ['Tanh']);
    const cell: Cell = {
      gates: 1,
      next: (step) => {
        const [h] = step.state as [TensorExpr];
        const [f] = activations[step.direction]!;
        return [compute(h.shape, (b, j) => f!(step.clipped(preactivation(step, h, b!, j!))))];
      },
    };
    const { Y, last } = recurrence({ ...inputs, initial: { initial_h } }, cell, attrs);
    return { Y, Y_h: last[0] };
  },
});

/** Gates z (update), r (reset), h (hidden). */
export const GRU = defineOp({
  name: 'GRU',
  since: 14,
  inputs: common,
  outputs: { Y: 'X', Y_h: 'X' },
  attrs: { ...recurrentAttrs, linear_before_reset: flag(false) },
  compute: ({ initial_h, ...inputs }, attrs) => {
    const activations = activationsOf(attrs, ['Sigmoid', 'Tanh']);
    const cell: Cell = {
      gates: 3,
      next: (step) => {
        const [h] = step.state as [TensorExpr];
        const [f, g] = activations[step.direction]!;
        const { batch, hidden } = step;
        const update = (b: Expr, j: Expr): Expr => gates.at(b, j);
        const reset = (b: Expr, j: Expr): Expr => gates.at(b, add(j, hidden));
        const gates = compute([batch, 2 * hidden], (b, row) => f!(step.clipped(preactivation(step, h, b!, row!))));
        const candidate = (b: Expr, j: Expr): Expr => {
          const row = add(j, 2 * hidden);
          const recurrent = attrs.linear_before_reset
            ? mul(
                reset(b, j),
                add(
                  step.recurrent((n, k) => h.at(n, k), b, row),
                  step.bias(row),
                ),
              )
            : add(
                step.recurrent((n, k) => mul(reset(n, k), h.at(n, k)), b, row),
                step.bias(row),
              );
          return g!(step.clipped(add(step.input(b, row), recurrent)));
        };
        return [
          compute(h.shape, (b, j) => {
            const z = update(b!, j!);
            return add(mul(sub(1, z), candidate(b!, j!)), mul(z, h.at(b!, j!)));
          }),
        ];
      },
    };
    const { Y, last } = recurrence({ ...inputs, initial: { initial_h } }, cell, attrs);
    return { Y, Y_h: last[0] };
  },
});

type LstmAttrs = RecurrentAttrs & { readonly input_forget: boolean };

/**
 * Gates i (input), o (output), f (forget), c (cell); peepholes P stand as i, o, f.
 * @param seen the hidden state as the product with R reads it. @throws FLAGOS_E_SHAPE, FLAGOS_E_ATTRIBUTE
 */
export const lstm = (
  { P, ...inputs }: RecurrentInputs & { readonly P: TensorExpr | undefined },
  attrs: LstmAttrs,
  seen: (h: TensorExpr) => TensorExpr = (h) => h,
): { Y: TensorExpr; Y_h: TensorExpr | undefined; Y_c: TensorExpr | undefined } => {
  const activations = activationsOf(attrs, ['Sigmoid', 'Tanh', 'Tanh']);
  if (P) expectShape(P.shape, [activations.length, 3 * (inputs.R.shape.at(-1) ?? 0)], 'P');
  const cell: Cell = {
    gates: 4,
    next: (step) => {
      const [h, c] = step.state as [TensorExpr, TensorExpr];
      const read = seen(h);
      const [f, g, hiddenOf] = activations[step.direction]!;
      const { batch, hidden } = step;
      // All gates are one product; what follows is element by element.
      const sums = compute([batch, 4 * hidden], (b, row) => preactivation(step, read, b!, row!));
      const gate = (index: number, b: Expr, j: Expr): Expr => sums.at(b, add(j, index * hidden));
      const withPeephole = (index: number, b: Expr, j: Expr, through: Expr): Expr =>
        P ? add(gate(index, b, j), mul(P.at(step.direction, add(j, index * hidden)), through)) : gate(index, b, j);
      const next = compute(h.shape, (b, j) => {
        const old = c.at(b!, j!);
        const i = f!(step.clipped(withPeephole(0, b!, j!, old)));
        const forget = attrs.input_forget ? sub(1, i) : f!(step.clipped(withPeephole(2, b!, j!, old)));
        return add(mul(forget, old), mul(i, g!(step.clipped(gate(3, b!, j!)))));
      });
      const output = compute(h.shape, (b, j) => {
        const now = next.at(b!, j!);
        return mul(f!(step.clipped(withPeephole(1, b!, j!, now))), hiddenOf!(now));
      });
      return [output, next];
    },
  };
  const { Y, last } = recurrence(inputs, cell, attrs);
  return { Y, Y_h: last[0], Y_c: last[1] };
};

export const LSTM = defineOp({
  name: 'LSTM',
  since: 14,
  inputs: { ...common, initial_c: optional('X'), P: optional('X') },
  outputs: { Y: 'X', Y_h: 'X', Y_c: 'X' },
  attrs: { ...recurrentAttrs, input_forget: flag(false) },
  compute: ({ initial_h, initial_c, ...inputs }, attrs) => lstm({ ...inputs, initial: { initial_h, initial_c } }, attrs),
});
