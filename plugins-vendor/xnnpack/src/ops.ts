/** ONNX ops that XNNPACK (and what else is in tfjs-backend-wasm) has kernels for, by name; and those whose kernels must not be asked. */
import { Rows, sizeOf } from 'flagos/plugin';
import { along, gemm, matmul, reduction } from './axes.ts';
import { binary, clip, mapped, onlyIf, prelu, unary, where } from './elementwise.ts';
import { codes } from './library.ts';
import { concat, pad, reshape, tile, transpose } from './movement.ts';
import type { Program, Slot } from './program.ts';
import type { Row } from './row.ts';
import { windowOps } from './windows.ts';

const withType =
  (kernel: string) =>
  (p: Program, x: Slot, n: number, y: Slot): void =>
    p.call(kernel, x, n, codes['float32']!, y);
const typeFirst =
  (kernel: string) =>
  (p: Program, x: Slot, n: number, y: Slot): void =>
    p.call(kernel, x, codes['float32']!, n, y);

const byName: Readonly<Record<string, Row>> = {
  ...Object.fromEntries(
    ['Abs', 'Acos', 'Acosh', 'Asin', 'Asinh', 'Atan', 'Atanh', 'Ceil', 'Cos', 'Cosh', 'Erf', 'Exp', 'Floor', 'Log', 'Neg']
      .concat(['Reciprocal', 'Relu', 'Round', 'Sign', 'Sin', 'Sinh', 'Softplus', 'Sqrt', 'Tan', 'Tanh'])
      .map((op) => [op, unary(op)]),
  ),
  Sigmoid: mapped((_, p, x, y) => p.call('Sigmoid', x, y)),
  IsNaN: unary('IsNan'),
  Elu: unary('Elu', onlyIf('alpha', 1)),
  LeakyRelu: mapped((f, p, x, y) => p.call('LeakyRelu', x, codes['float32']!, f.float('alpha', 0.01), y)),
  PRelu: prelu,
  Clip: clip,
  Add: binary('Add', ['float32', 'int32']),
  Sub: binary('Sub', ['float32', 'int32']),
  Mul: binary('Multiply', ['float32', 'int32']),
  Div: binary('RealDiv'),
  Pow: binary('Pow'),
  Max: binary('Maximum'),
  Min: binary('Minimum'),
  Equal: binary('Equal', ['float32', 'int32']),
  Greater: binary('Greater', ['float32', 'int32']),
  GreaterOrEqual: binary('GreaterEqual', ['float32', 'int32']),
  Less: binary('Less', ['float32', 'int32']),
  LessOrEqual: binary('LessEqual', ['float32', 'int32']),
  And: binary('LogicalAnd', ['bool']),
  Or: binary('LogicalOr', ['bool']),
  Xor: binary('LogicalXor', ['bool']),
  Where: where,
  ReduceSum: reduction(withType('Sum')),
  ReduceProd: reduction(withType('Prod')),
  ReduceMean: reduction((p, x, n, y) => p.call('Mean', x, n, y)),
  ReduceMax: reduction(typeFirst('Max')),
  ReduceMin: reduction(typeFirst('Min')),
  Softmax: along(-1, (_, p, x, y) => p.call('Softmax', x, y, x.dims.at(-1)!, sizeOf(x.dims.slice(0, -1)))),
  CumSum: along(
    0,
    (f, p, x, y) => p.call('Cumsum', x, f.int('exclusive', 0), f.int('reverse', 0), x.dims.at(-1)!, y, codes['float32']!),
    1,
  ),
  MatMul: matmul,
  Gemm: gemm,
  Transpose: transpose,
  ...Object.fromEntries(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Identity'].map((op) => [op, reshape])),
  Concat: concat,
  Pad: pad,
  Tile: tile,
  ...windowOps,
};

/** Ops whose kernels answer wrongly, with the reason; kernels.test.ts shows that each still does. */
export const knownBugs: Readonly<Record<string, string>> = {
  Sin: 'loses digits near zero (sin 1e-7 is -3e-7) and all of them far from it',
  Cos: 'loses digits near its zeros (1e-7 absolute) and all of them for large arguments',
  Sign: 'the sign of numbers below 1e-7 comes out as 0',
  Max: 'NaN as the second argument is lost',
  Min: 'NaN as the second argument is lost',
  MaxPool: 'NaN is lost, or makes the largest of its window -Infinity',
};

export const rows = new Rows<Program>({ library: 'XNNPACK', rows: byName, knownBugs });
