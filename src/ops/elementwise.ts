/** Element-wise mathematics of one argument: one table row per op, plus the few that are not one function. */
import {
  abs,
  acos,
  acosh,
  and,
  asin,
  asinh,
  atan,
  atanh,
  ceil,
  cos,
  cosh,
  erf,
  exp,
  floor,
  gt,
  isinf,
  isnan,
  log,
  lt,
  neg,
  not,
  reciprocal,
  round,
  sigmoid,
  sign,
  sin,
  sinh,
  sqrt,
  tan,
  tanh,
  type Expr,
} from '../compiler/expr.ts';
import { map, fill } from '../compiler/tensor-expr.ts';
import type { Hints } from '../compiler/hints.ts';
import { flag } from './attrs.ts';
import { anyValue, bounded, defineOp, exact, ulp, type Accuracy, type OpRecord } from './define.ts';
import { float8s, floats, numeric, signedInts } from './types.ts';

/** ONNX names the argument of its older element-wise ops `X`, of others `input`. */
type Naming = readonly [input: string, output: string];
const XY: Naming = ['X', 'Y'];
const inputOutput: Naming = ['input', 'output'];

/** An op that is one function of one argument, of the argument's type. */
const unary = (
  name: string,
  since: number,
  types: OpRecord['inputs'][number]['types'],
  f: (x: Expr) => Expr,
  accuracy: Accuracy,
  [input, output]: Naming = XY,
  hints?: Hints,
): OpRecord =>
  defineOp({
    name,
    since,
    inputs: { [input]: types },
    outputs: { [output]: input },
    compute: (args) => map(args[input], f),
    accuracy,
    ...(hints ? { hints } : {}),
  });

/** Functions of some 5 ns an element: a few thousand elements are worth a thread. */
const dear: Hints = { parallel: 2048 };

export const Abs = unary('Abs', 6, numeric, abs, exact);
export const Neg = unary('Neg', 6, [...floats, ...signedInts], neg, exact);
export const Sign = unary('Sign', 9, numeric, sign, exact, inputOutput);

export const Ceil = unary('Ceil', 6, floats, ceil, exact);
export const Floor = unary('Floor', 6, floats, floor, exact);
/** Halves go to the even integer. */
export const Round = unary('Round', 11, floats, round, exact);

export const Reciprocal = unary('Reciprocal', 6, floats, reciprocal, ulp(1));
export const Sqrt = unary('Sqrt', 6, floats, sqrt, ulp(1));
export const Exp = unary('Exp', 6, floats, exp, ulp(4), inputOutput);
export const Log = unary('Log', 6, floats, log, ulp(4), inputOutput);
export const Erf = unary('Erf', 9, floats, erf, bounded(8), inputOutput);
export const Sigmoid = unary('Sigmoid', 6, floats, sigmoid, bounded(8));

export const Sin = unary('Sin', 7, floats, sin, bounded(4), inputOutput, dear);
export const Cos = unary('Cos', 7, floats, cos, bounded(4), inputOutput, dear);
export const Tan = unary('Tan', 7, floats, tan, bounded(8), inputOutput, dear);
export const Asin = unary('Asin', 7, floats, asin, bounded(8), inputOutput, dear);
export const Acos = unary('Acos', 7, floats, acos, bounded(8), inputOutput, dear);
export const Atan = unary('Atan', 7, floats, atan, bounded(8), inputOutput, dear);

export const Sinh = unary('Sinh', 9, floats, sinh, bounded(8), inputOutput, dear);
export const Cosh = unary('Cosh', 9, floats, cosh, ulp(8), inputOutput, dear);
export const Tanh = unary('Tanh', 6, floats, tanh, bounded(8), inputOutput);
export const Asinh = unary('Asinh', 9, floats, asinh, bounded(8), inputOutput, dear);
export const Acosh = unary('Acosh', 9, floats, acosh, ulp(8), inputOutput, dear);
export const Atanh = unary('Atanh', 9, floats, atanh, bounded(8), inputOutput, dear);

export const Not = unary('Not', 1, ['bool'], not, exact);

const testable = [...floats, ...float8s] as const;

export const IsNaN = defineOp({
  name: 'IsNaN',
  since: 9,
  inputs: { X: testable },
  outputs: { Y: 'bool' },
  compute: ({ X }) => map(X, isnan),
  accuracy: exact,
});

export const IsInf = defineOp({
  name: 'IsInf',
  since: 10,
  inputs: { X: testable },
  outputs: { Y: 'bool' },
  attrs: { detect_negative: flag(true), detect_positive: flag(true) },
  compute: ({ X }, { detect_negative, detect_positive }) => {
    if (detect_negative && detect_positive) return map(X, isinf);
    if (detect_negative) return map(X, (x) => and(isinf(x), lt(x, 0)));
    return detect_positive ? map(X, (x) => and(isinf(x), gt(x, 0))) : fill(X.shape, false, 'bool');
  },
  accuracy: exact,
});

/** Passes on a value of any kind: a tensor of any type, a sequence, an optional. */
export const Identity = defineOp({
  name: 'Identity',
  since: 1,
  inputs: { input: anyValue() },
  outputs: { output: 'input' },
  compute: ({ input }) => input,
  host: ({ input }) => input,
  accuracy: exact,
});
