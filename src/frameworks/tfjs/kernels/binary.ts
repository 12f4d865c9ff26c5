/**
 * Element-wise kernels of two operands, with NumPy's broadcasting: arithmetic, comparisons, logic. The
 * result has the first operand's type, as tfjs stores it; operands of two types meet in the wider one.
 */
import type { DType } from '../../../core/dtype.ts';
import type { GraphBuilder, KernelFamily, KernelTranslator, Sym } from '../translate.ts';
import { cast, listOf, reshape, scalar, upcast } from './util.ts';

type Pair = (g: GraphBuilder, a: Sym, b: Sym) => Sym;

const two = (op: string, attributes: Readonly<Record<string, number>> = {}): Pair => {
  return (g, a, b) => g.op(op, [a, b], attributes)[0]!;
};

/** The type both operands are brought to; booleans are counted as integers. */
const common = (a: Sym, b: Sym): DType => (a.dtype === 'string' ? 'string' : upcast(upcast(a.dtype, b.dtype), 'int32'));

const arithmetic =
  (pair: Pair): KernelTranslator =>
  (g, { a, b }) => {
    const type = common(a!, b!);
    return type === 'string' ? undefined : [cast(g, pair(g, cast(g, a!, type), cast(g, b!, type)), a!.dtype)];
  };

/** Calculated in a float type: a quotient of integers is none. */
const floating =
  (pair: Pair, result?: DType): KernelTranslator =>
  (g, { a, b }) => {
    const by: DType = common(a!, b!) === 'float32' ? 'float32' : 'float64';
    return [cast(g, pair(g, cast(g, a!, by), cast(g, b!, by)), result ?? a!.dtype)];
  };

const floatPair =
  (pair: Pair): KernelTranslator =>
  (g, { a, b }) => [cast(g, pair(g, cast(g, a!, 'float64'), cast(g, b!, 'float64')), 'float32')];

const comparison =
  (pair: Pair): KernelTranslator =>
  (g, { a, b }) => {
    const type = common(a!, b!);
    return type === 'string' ? undefined : [pair(g, cast(g, a!, type), cast(g, b!, type))];
  };

const logical =
  (pair: Pair): KernelTranslator =>
  (g, { a, b }) => [pair(g, cast(g, a!, 'bool'), cast(g, b!, 'bool'))];

/** The remainder has the divisor's sign. */
const mod: Pair = (g, a, b) => {
  const rest = g.op('Mod', [a, b], { fmod: 1 })[0]!;
  const opposed = g.op('Less', [g.op('Mul', [rest, b])[0]!, scalar(g, a.dtype, 0)])[0]!;
  return g.op('Where', [opposed, g.op('Add', [rest, b])[0]!, rest])[0]!;
};

/** `atan2` from `atan`, quadrant by quadrant. */
const atan2: Pair = (g, y, x) => {
  const [zero, pi] = [scalar(g, y.dtype, 0), scalar(g, y.dtype, Math.PI)];
  const angle = g.op('Atan', [g.op('Div', [y, x])[0]!])[0]!;
  const below = g.op('Less', [y, zero])[0]!;
  const turned = g.op('Where', [below, g.op('Sub', [angle, pi])[0]!, g.op('Add', [angle, pi])[0]!])[0]!;
  const sided = g.op('Where', [g.op('Less', [x, zero])[0]!, turned, angle])[0]!;
  // Where both are zero the quotient is none; tfjs has Math.atan2's 0.
  const none = g.op('And', [g.op('Equal', [x, zero])[0]!, g.op('Equal', [y, zero])[0]!])[0]!;
  return g.op('Where', [none, zero, sided])[0]!;
};

/** A condition of rank 1 chooses among the first axis of what has more. */
const select: KernelTranslator = (g, { condition, t, e }) => {
  if (t!.dtype === 'string') return undefined;
  const type = t!.dtype === e!.dtype ? t!.dtype : upcast(t!.dtype, e!.dtype);
  const [c, rank] = [cast(g, condition!, 'bool'), t!.shape.length];
  const shaped = c.shape.length === 1 && rank > 1 ? reshape(g, c, [c.shape[0]!, ...new Array<number>(rank - 1).fill(1)]) : c;
  return [g.op('Where', [shaped, cast(g, t!, type), cast(g, e!, type)])[0]!];
};

const addN: KernelTranslator = (g, inputs) => {
  const [first, ...rest] = listOf(inputs);
  return [rest.reduce((sum, x) => g.op('Add', [sum, cast(g, x, sum.dtype)])[0]!, first!)];
};

export const binary: KernelFamily = {
  Add: arithmetic(two('Add')),
  Sub: arithmetic(two('Sub')),
  Multiply: arithmetic(two('Mul')),
  Maximum: arithmetic(two('Max')),
  Minimum: arithmetic(two('Min')),
  SquaredDifference: arithmetic((g, a, b) => {
    const d = g.op('Sub', [a, b])[0]!;
    return g.op('Mul', [d, d])[0]!;
  }),
  Mod: arithmetic(mod),
  Pow: floating(two('Pow')),
  RealDiv: floating(two('Div')),
  FloorDiv: floating((g, a, b) => g.op('Floor', [g.op('Div', [a, b])[0]!])[0]!, 'int32'),
  Atan2: floating(atan2),
  /** No kernel of tfjs: absolute values of complex numbers, of their halves. In float64, where no square of a float32 is lost. */
  FlagosHypot: floatPair((g, a, b) => g.op('Sqrt', [g.op('Add', [g.op('Mul', [a, a])[0]!, g.op('Mul', [b, b])[0]!])[0]!])[0]!),
  Prelu: (g, { x, alpha }) => [g.op('PRelu', [cast(g, x!, 'float32'), cast(g, alpha!, 'float32')])[0]!],
  AddN: addN,
  Equal: comparison(two('Equal')),
  NotEqual: comparison((g, a, b) => g.op('Not', [g.op('Equal', [a, b])[0]!])[0]!),
  Greater: comparison(two('Greater')),
  GreaterEqual: comparison(two('GreaterOrEqual')),
  Less: comparison(two('Less')),
  LessEqual: comparison(two('LessOrEqual')),
  LogicalAnd: logical(two('And')),
  LogicalOr: logical(two('Or')),
  BitwiseAnd: (g, { a, b }) => [g.op('BitwiseAnd', [a!, b!])[0]!],
  Select: select,
};
