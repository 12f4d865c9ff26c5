/** Truth values: comparisons, connectives, and choice by a condition. Strings compare as wholes. */
import { and, eq, ge, gt, le, lt, or, select, xor, type Expr } from '../compiler/expr.ts';
import { broadcastShapes, mapBroadcast } from '../compiler/tensor-expr.ts';
import { sizeOf, stridesOf, Tensor } from '../core/tensor.ts';
import { defineOp, exact, type OpRecord } from './define.ts';
import { movement } from './movement.ts';
import { numeric } from './types.ts';

const connective = (name: string, f: (a: Expr, b: Expr) => Expr): OpRecord =>
  defineOp({
    name,
    since: 7,
    inputs: { A: ['bool'], B: 'A' },
    outputs: { C: 'bool' },
    compute: ({ A, B }) => mapBroadcast([A, B], f),
    accuracy: exact,
  });

export const And = connective('And', and);
export const Or = connective('Or', or);
export const Xor = connective('Xor', xor);

const comparison = (name: string, since: number, f: (a: Expr, b: Expr) => Expr): OpRecord =>
  defineOp({
    name,
    since,
    inputs: { A: numeric, B: 'A' },
    outputs: { C: 'bool' },
    compute: ({ A, B }) => mapBroadcast([A, B], f),
    accuracy: exact,
  });

export const Greater = comparison('Greater', 7, gt);
export const GreaterOrEqual = comparison('GreaterOrEqual', 12, ge);
export const Less = comparison('Less', 7, lt);
export const LessOrEqual = comparison('LessOrEqual', 12, le);

/** Row-major positions of the elements of a tensor broadcast to a shape. */
const broadcastPositions = (dims: readonly number[], shape: readonly number[]): Uint32Array => {
  const lead = shape.length - dims.length;
  const strides = stridesOf(dims).map((s, i) => (dims[i] === 1 ? 0 : s));
  const positions = new Uint32Array(sizeOf(shape));
  const at = new Array<number>(shape.length).fill(0);
  for (let n = 0, p = 0; n < positions.length; n++) {
    positions[n] = p;
    for (let d = shape.length - 1; d >= 0; d--) {
      const step = strides[d - lead] ?? 0;
      p += step;
      if (++at[d]! < shape[d]!) break;
      p -= step * shape[d]!;
      at[d] = 0;
    }
  }
  return positions;
};

const equalElements = (a: Tensor, b: Tensor): Tensor => {
  const shape = broadcastShapes(a.dims, b.dims);
  const [i, j] = [broadcastPositions(a.dims, shape), broadcastPositions(b.dims, shape)];
  return new Tensor(
    'bool',
    shape,
    Uint8Array.from(i, (p, n) => (a.data[p] === b.data[j[n]!] ? 1 : 0)),
  );
};

export const Equal = defineOp({
  name: 'Equal',
  since: 7,
  inputs: { A: [...numeric, 'bool', 'string'], B: 'A' },
  outputs: { C: 'bool' },
  compute: ({ A, B }) => mapBroadcast([A, B], eq),
  host: ({ A, B }) => equalElements(A, B),
  shapes: ({ A, B }) => [broadcastShapes(A.shape, B.shape)],
  accuracy: exact,
});

export const Where = movement(
  defineOp({
    name: 'Where',
    since: 9,
    inputs: { condition: ['bool'], X: [...numeric, 'bool', 'string', 'complex64', 'complex128'], Y: 'X' },
    outputs: { output: 'X' },
    compute: ({ condition, X, Y }) => mapBroadcast([condition, X, Y], select),
  }),
);
