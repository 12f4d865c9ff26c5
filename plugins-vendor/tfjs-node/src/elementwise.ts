/** Element by element, with TensorFlow's broadcasting, which is ONNX's. */
import { refuse, Tensor, type DType, type Facts } from 'flagos/plugin';
import { attr, typeAttr, type Attr } from './library.ts';
import type { Slot } from './program.ts';
import { any, floats, mapped, numbers, unary, type Row } from './row.ts';

const integers: readonly DType[] = ['int32', 'int64'];

/** Beyond five axes it stretches only some, and says so while running. */
const checkRank = (f: Facts): void => {
  const out = f.outDims();
  const stretched = f.node.inputs.some((_, i) => f.dims(i).length !== out.length || f.dims(i).some((d, k) => d !== out[k]));
  if (out.length > 5 && stretched) refuse('RANK', 'broadcasting beyond rank 5');
};

const binary =
  (op: string, dtypes: readonly DType[], attrsOf: (x: Slot) => Attr[] = (x) => [typeAttr(x.dtype)]): Row =>
  (f, p) => {
    f.need(...dtypes);
    if (f.arity !== 2 || f.dtype(0) !== f.dtype(1)) refuse('DTYPE', 'two inputs of the same type only');
    checkRank(f);
    if (!p) return;
    const form = p.isLast(f, 0) && p.isLast(f, 1) ? 'last' : 'plain';
    const [a, b] = form === 'last' ? [p.last(f, 0), p.last(f, 1)] : [p.plain(f, 0), p.plain(f, 1)];
    p.output(f, p.op(op, attrsOf(a), [a, b], f.outType()), form);
  };
const equality = (op: string, dtypes: readonly DType[]): Row =>
  binary(op, dtypes, (x) => [typeAttr(x.dtype), attr('incompatible_shape_error', 'bool', true)]);
const onlyIf =
  (name: string, value: number) =>
  (f: Facts): void => {
    if (Math.abs(f.float(name, value) - value) > 1e-6) refuse('ATTR', `only with ${name} = ${value}`);
  };

/** Several inputs, two at a time. */
const folded =
  (op: string): Row =>
  (f, p) => {
    f.need('float32');
    checkRank(f);
    if (!p) return;
    const sum = f.node.inputs.map((_, i) => p.plain(f, i)).reduce((a, b) => p.op(op, [typeAttr(a.dtype)], [a, b], a.dtype));
    p.output(f, f.arity === 1 ? p.op('Identity', [typeAttr(sum.dtype)], [sum], sum.dtype) : sum);
  };

const where: Row = (f, p) => {
  f.needType(0, 'bool');
  f.needType(1, ...any);
  f.needType(2, ...any);
  checkRank(f);
  if (p) p.output(f, p.op('SelectV2', [typeAttr(f.dtype(1))], [p.plain(f, 0), p.plain(f, 1), p.plain(f, 2)], f.outType()));
};

const bound = (f: Facts, input: number, standard: number): Tensor =>
  f.constant(input) ?? Tensor.from('float32', [], [f.has(input) ? f.numbers(input, 'a bound')[0]! : standard]);
const clip = mapped(
  floats,
  (p, x, f) => {
    const limited = f.has(1) ? p.op('Maximum', [typeAttr('float32')], [x, p.constant(bound(f, 1, -Infinity))], 'float32') : x;
    const low = f.has(2) ? p.op('Minimum', [typeAttr('float32')], [limited, p.constant(bound(f, 2, Infinity))], 'float32') : limited;
    return low === x ? p.op('Identity', [typeAttr('float32')], [x], 'float32') : low;
  },
  (f) => {
    if (f.has(1)) f.numbers(1, 'min');
    if (f.has(2)) f.numbers(2, 'max');
  },
);

const cast: Row = (f, p) => {
  f.needType(0, ...any);
  const [from, to] = [f.dtype(0), f.outType()];
  if (!any.includes(to)) refuse('DTYPE', `not to ${to}`);
  if (from === 'float32' && integers.includes(to)) refuse('LIMIT', 'what floats beyond the integers become depends on the machine');
  if (p) p.output(f, from === to ? p.op('Identity', [typeAttr(from)], [p.plain(f, 0)], to) : p.cast(p.plain(f, 0), to));
};

const same = ['Acos', 'Acosh', 'Asin', 'Asinh', 'Atan', 'Atanh', 'Ceil', 'Cos', 'Cosh', 'Erf', 'Exp', 'Floor', 'Log', 'Reciprocal'];
const more = ['Relu', 'Sigmoid', 'Sin', 'Sinh', 'Softplus', 'Softsign', 'Sqrt', 'Tan', 'Tanh'];

export const elementwiseOps: Readonly<Record<string, Row>> = {
  ...Object.fromEntries([...same, ...more].map((op) => [op, unary(op)])),
  Abs: unary('Abs', numbers),
  Neg: unary('Neg', numbers),
  Sign: unary('Sign', numbers),
  Round: unary('Rint'),
  IsNaN: unary('IsNan'),
  Not: unary('LogicalNot', ['bool']),
  Elu: mapped(floats, (p, x) => p.op('Elu', [typeAttr('float32')], [x], 'float32'), onlyIf('alpha', 1)),
  Selu: mapped(
    floats,
    (p, x) => p.op('Selu', [typeAttr('float32')], [x], 'float32'),
    (f) => {
      onlyIf('alpha', 1.67326319217681884765625)(f);
      onlyIf('gamma', 1.05070102214813232421875)(f);
    },
  ),
  LeakyRelu: mapped(floats, (p, x, f) =>
    p.op('LeakyRelu', [typeAttr('float32'), attr('alpha', 'float', f.float('alpha', 0.01))], [x], 'float32'),
  ),
  Clip: clip,
  Add: binary('AddV2', numbers),
  Sub: binary('Sub', numbers),
  Mul: binary('Mul', numbers),
  Div: binary('RealDiv', floats),
  Pow: binary('Pow', floats),
  PRelu: (f, p) => {
    f.need('float32');
    checkRank(f);
    if (!p) return;
    const [x, slope] = [p.plain(f, 0), p.plain(f, 1)];
    const negative = p.op('Less', [typeAttr('float32')], [x, p.scalar(0)], 'bool');
    const scaled = p.op('Mul', [typeAttr('float32')], [x, slope], 'float32');
    p.output(f, p.op('SelectV2', [typeAttr('float32')], [negative, scaled, x], 'float32'));
  },
  Max: folded('Maximum'),
  Min: folded('Minimum'),
  Sum: folded('AddV2'),
  Equal: equality('Equal', any),
  Greater: binary('Greater', numbers),
  GreaterOrEqual: binary('GreaterEqual', numbers),
  Less: binary('Less', numbers),
  LessOrEqual: binary('LessEqual', numbers),
  And: binary('LogicalAnd', ['bool'], () => []),
  Or: binary('LogicalOr', ['bool'], () => []),
  Xor: equality('NotEqual', ['bool']),
  BitwiseAnd: binary('BitwiseAnd', integers),
  BitwiseOr: binary('BitwiseOr', integers),
  BitwiseXor: binary('BitwiseXor', integers),
  Where: where,
  Cast: cast,
};
