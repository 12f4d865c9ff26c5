/**
 * Element-wise kernels of one operand. tfjs calculates in float64 and stores in the operand's type, so
 * functions of integers are taken in float32 and cut; results are the operand's type unless stated.
 */
import type { GraphBuilder, KernelFamily, KernelTranslator, Sym } from '../translate.ts';
import { cast, filled, scalar } from './util.ts';

type Step = (g: GraphBuilder, x: Sym) => Sym;

const one = (op: string, attributes: Readonly<Record<string, number>> = {}): Step => {
  return (g, x) => g.op(op, [x], attributes)[0]!;
};

/** In float32 (or the type given), and back to the operand's type. */
const through =
  (step: Step, by: 'float32' | 'float64' = 'float32'): KernelTranslator =>
  (g, { x }) => [cast(g, step(g, cast(g, x!, by)), x!.dtype)];

/** In the operand's own type where it is int32 or float32. */
const own =
  (step: Step): KernelTranslator =>
  (g, { x }) =>
    x!.dtype === 'bool' ? [cast(g, step(g, cast(g, x!, 'int32')), 'bool')] : [step(g, x!)];

/** Integers are whole already. */
const whole =
  (step: Step): KernelTranslator =>
  (g, { x }) => [x!.dtype === 'float32' ? step(g, x!) : g.op('Identity', [x!])[0]!];

/** A question about numbers, which only floats can answer with yes. */
const test =
  (step: Step): KernelTranslator =>
  (g, { x }) => [step(g, cast(g, x!, 'float32'))];

const not = one('Not');
const or = (g: GraphBuilder, a: Sym, b: Sym): Sym => g.op('Or', [a, b])[0]!;

/** Float results whatever the operand is. */
const toFloat =
  (step: Step): KernelTranslator =>
  (g, { x }) => [step(g, cast(g, x!, 'float32'))];

const plus = (g: GraphBuilder, x: Sym, by: number): Sym => g.op('Add', [x, scalar(g, x.dtype, by)])[0]!;

const elu: KernelTranslator = through(one('Elu'));

/** 1 where positive, `alpha` elsewhere, NaN where NaN. */
const step: KernelTranslator = (g, { x }, { alpha }) => {
  const float = cast(g, x!, 'float32');
  const zero = scalar(g, 'float32', 0);
  const positive = g.op('Greater', [float, zero])[0]!;
  const chosen = g.op('Where', [positive, scalar(g, 'float32', 1), scalar(g, 'float32', (alpha as number | undefined) ?? 0)])[0]!;
  return [cast(g, g.op('Where', [g.op('IsNaN', [float])[0]!, float, chosen])[0]!, x!.dtype)];
};

const clip: KernelTranslator = (g, { x }, { clipValueMin, clipValueMax }) => {
  const [lo, hi] = [scalar(g, 'float32', clipValueMin as number), scalar(g, 'float32', clipValueMax as number)];
  const float = cast(g, x!, 'float32');
  const above = g.op('Where', [g.op('Greater', [float, hi])[0]!, hi, float])[0]!;
  return [cast(g, g.op('Where', [g.op('Less', [float, lo])[0]!, lo, above])[0]!, x!.dtype)];
};

const like =
  (value: number): KernelTranslator =>
  (g, { x }) =>
    x!.dtype === 'string' || x!.dtype === 'complex64' ? undefined : [filled(g, x!.dtype, x!.shape, value)];

const sign: Step = (g, x) => {
  const made = g.op('Sign', [x])[0]!;
  // Of what is no number tfjs says 0.
  return x.dtype === 'float32' ? g.op('Where', [g.op('IsNaN', [x])[0]!, scalar(g, 'float32', 0), made])[0]! : made;
};

export const unary: KernelFamily = {
  Abs: own(one('Abs')),
  Neg: own(one('Neg')),
  Sign: own(sign),
  Square: own((g, x) => g.op('Mul', [x, x])[0]!),
  Ceil: whole(one('Ceil')),
  Floor: whole(one('Floor')),
  Round: whole(one('Round')),
  Exp: toFloat(one('Exp')),
  Expm1: through((g, x) => plus(g, one('Exp')(g, x), -1), 'float64'),
  Log: through(one('Log')),
  Log1p: through((g, x) => one('Log')(g, plus(g, x, 1)), 'float64'),
  Sqrt: through(one('Sqrt')),
  Rsqrt: through((g, x) => one('Reciprocal')(g, one('Sqrt')(g, x))),
  Reciprocal: through(one('Reciprocal')),
  Erf: through(one('Erf')),
  Sigmoid: through(one('Sigmoid')),
  Softplus: through(one('Softplus')),
  Sin: through(one('Sin')),
  Cos: through(one('Cos')),
  Tan: through(one('Tan')),
  Asin: through(one('Asin')),
  Acos: through(one('Acos')),
  Atan: through(one('Atan')),
  Sinh: through(one('Sinh')),
  Cosh: through(one('Cosh')),
  Tanh: through(one('Tanh')),
  Asinh: through(one('Asinh')),
  Acosh: through(one('Acosh')),
  Atanh: through(one('Atanh')),
  Relu: own(one('Relu')),
  Relu6: own((g, x) => g.op('Min', [one('Relu')(g, x), scalar(g, x.dtype, 6)])[0]!),
  Elu: elu,
  Selu: through(one('Selu')),
  LeakyRelu: (g, { x }, { alpha }) => [g.op('LeakyRelu', [cast(g, x!, 'float32')], { alpha: alpha as number })[0]!],
  EluGrad: (g, { dy, y }) => {
    const grad = cast(g, dy!, 'float32');
    const made = cast(g, y!, 'float32');
    const below = g.op('Mul', [grad, plus(g, made, 1)])[0]!;
    return [g.op('Where', [g.op('GreaterOrEqual', [made, scalar(g, 'float32', 0)])[0]!, grad, below])[0]!];
  },
  Step: step,
  ClipByValue: clip,
  IsNan: test(one('IsNaN')),
  IsInf: test(one('IsInf')),
  IsFinite: test((g, x) => not(g, or(g, one('IsNaN')(g, x), one('IsInf')(g, x)))),
  LogicalNot: (g, { x }) => [not(g, cast(g, x!, 'bool'))],
  ZerosLike: like(0),
  OnesLike: like(1),
};
