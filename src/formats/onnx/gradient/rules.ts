/**
 * How gradients go back through ops, as ordinary nodes: for each input of an op, what makes its
 * gradient out of that of the op's first output. `undefined`: nothing goes back to that input.
 */
import type { Node } from '../../../core/graph.ts';

/** One node of the differentiated graph, and what its rule may make. Values go by name. */
export interface Step {
  readonly node: Node;
  /** An input, the first output, and the gradient of the latter. */
  readonly x: (input: number) => string;
  readonly y: string;
  readonly g: string;
  /** Makes a node; gives its output. */
  readonly op: (op: string, inputs: readonly string[], attrs?: Readonly<Record<string, number | string | readonly number[]>>) => string;
  /** A scalar of the element type of a value. */
  readonly scalar: (value: number, like: string) => string;
  /** @throws FLAGOS_E_MODEL_UNSUPPORTED: there is no gradient of that. */
  readonly none: (what: string) => never;
  /** A list of int64. */
  readonly list: (values: readonly number[]) => string;
}

type Back = (() => string) | undefined;
export type Rule = (step: Step) => readonly Back[];

/** The gradient of a value that was broadcast: summed over the axes along which it was repeated, in the value's shape. */
const summed = (s: Step, gradient: string, value: string): string => {
  const [full, own] = [s.op('Shape', [gradient]), s.op('Shape', [value])];
  const missing = s.op('Sub', [s.op('Shape', [full]), s.op('Shape', [own])]);
  const aligned = s.op('Concat', [s.op('Expand', [s.list([1]), missing]), own], { axis: 0 });
  const axes = s.op('Reshape', [s.op('NonZero', [s.op('Not', [s.op('Equal', [aligned, full])])]), s.list([-1])]);
  return s.op('Reshape', [s.op('ReduceSum', [gradient, axes], { noop_with_empty_axes: 1 }), own]);
};

/** An op of one argument: its gradient times a factor made of the argument and the result. */
const times =
  (factor: (s: Step) => string): Rule =>
  (s) => [() => s.op('Mul', [s.g, factor(s)])];
/** An op of broadcast arguments, by the gradient before summing of each. */
const broadcast =
  (...parts: readonly ((s: Step) => string)[]): Rule =>
  (s) =>
    parts.map((part, i) => () => summed(s, part(s), s.x(i)));
/** An op that only moves elements to another shape. */
const reshaped: Rule = (s) => [() => s.op('Reshape', [s.g, s.op('Shape', [s.x(0)])])];

const square = (s: Step, a: string): string => s.op('Mul', [a, a]);
const swapped = '...ij->...ji';
const swapLast = (s: Step, a: string): string => s.op('Einsum', [a], { equation: swapped });

/** The gradient of a sum over axes, spread over the axes again. */
const spread = (s: Step): string => {
  const keep = s.node.attrs['keepdims'];
  const axes = s.node.inputs[1] ? s.x(1) : '';
  // Without axes the sum is over all (a scalar spreads by itself), or over none where that is asked for.
  const open = keep?.value === 0 && axes !== '' ? s.op('Unsqueeze', [s.g, axes]) : s.g;
  return s.op('Expand', [open, s.op('Shape', [s.x(0)])]);
};

export const rules: Readonly<Record<string, Rule>> = {
  Identity: (s) => [() => s.g],
  Cast: (s) => [() => s.op('CastLike', [s.g, s.x(0)])],
  CastLike: (s) => [() => s.op('CastLike', [s.g, s.x(0)]), undefined],
  Add: broadcast(
    (s) => s.g,
    (s) => s.g,
  ),
  Sub: broadcast(
    (s) => s.g,
    (s) => s.op('Neg', [s.g]),
  ),
  Mul: broadcast(
    (s) => s.op('Mul', [s.g, s.x(1)]),
    (s) => s.op('Mul', [s.g, s.x(0)]),
  ),
  Div: broadcast(
    (s) => s.op('Div', [s.g, s.x(1)]),
    (s) => s.op('Neg', [s.op('Div', [s.op('Mul', [s.g, s.y]), s.x(1)])]),
  ),
  Pow: broadcast(
    (s) =>
      s.op('Mul', [
        s.g,
        s.op('Mul', [s.op('Pow', [s.x(0), s.op('Sub', [s.x(1), s.scalar(1, s.x(1))])]), s.op('CastLike', [s.x(1), s.x(0)])]),
      ]),
    (s) => s.op('CastLike', [s.op('Mul', [s.g, s.op('Mul', [s.y, s.op('Log', [s.x(0)])])]), s.x(1)]),
  ),
  Sum: (s) => s.node.inputs.map((_, i) => () => summed(s, s.g, s.x(i))),
  Expand: (s) => [() => summed(s, s.g, s.x(0)), undefined],
  Neg: (s) => [() => s.op('Neg', [s.g])],
  Reciprocal: times((s) => s.op('Neg', [square(s, s.y)])),
  Exp: times((s) => s.y),
  Log: (s) => [() => s.op('Div', [s.g, s.x(0)])],
  Sqrt: (s) => [() => s.op('Div', [s.g, s.op('Add', [s.y, s.y])])],
  Sin: times((s) => s.op('Cos', [s.x(0)])),
  Cos: times((s) => s.op('Neg', [s.op('Sin', [s.x(0)])])),
  Tanh: times((s) => s.op('Sub', [s.scalar(1, s.y), square(s, s.y)])),
  Sigmoid: times((s) => s.op('Sub', [s.y, square(s, s.y)])),
  Sign: () => [undefined],
  // At 0 these have no derivative; 0 is taken.
  Relu: times((s) => s.op('Sign', [s.y])),
  Abs: times((s) => s.op('Sign', [s.x(0)])),
  Softplus: times((s) => s.op('Sigmoid', [s.x(0)])),
  Reshape: reshaped,
  Flatten: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,
  Transpose: (s) => {
    const perm = s.node.attrs['perm'];
    if (perm?.type !== 'ints') return [() => s.op('Transpose', [s.g])];
    const inverse = perm.value.map((_, axis) => perm.value.findIndex((p) => Number(p) === axis));
    return [() => s.op('Transpose', [s.g], { perm: inverse })];
  },
  // Only as gradients of MatMul use it.
  Einsum: (s) => [s.node.attrs['equation']?.value === swapped ? () => swapLast(s, s.g) : s.none('Einsum of other equations')],
  MatMul: broadcast(
    (s) => s.op('MatMul', [s.g, swapLast(s, s.x(1))]),
    (s) => s.op('MatMul', [swapLast(s, s.x(0)), s.g]),
  ),
  ReduceSum: (s) => [() => spread(s)],
  ReduceMean: (s) => [
    () => {
      const count = s.op('Div', [s.op('Size', [s.x(0)]), s.op('Size', [s.y])]);
      return s.op('Div', [spread(s), s.op('CastLike', [count, s.g])]);
    },
  ],
};
