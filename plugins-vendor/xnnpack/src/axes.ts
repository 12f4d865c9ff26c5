/** Along axes: reductions, softmax, running sums, matrix products. Kernels work on the last axes; others are brought there. */
import { type Facts, refuse, sizeOf, Tensor } from 'flagos/plugin';
import { codes } from './library.ts';
import type { Program, Slot } from './program.ts';
import type { Row } from './row.ts';

/** Axes of a reduction, brought to the end. @returns the tensor to reduce and how many elements go into one. */
const innermost = (p: Program, x: Slot, axes: readonly number[]): [Slot, number] => {
  const kept = x.dims.map((_, i) => i).filter((i) => !axes.includes(i));
  const order = [...kept, ...[...axes].sort((a, b) => a - b)];
  return [order.every((o, i) => o === i) ? x : p.transpose(x, order), sizeOf(axes.map((a) => x.dims[a]!))];
};
const reduceAxes = (f: Facts): number[] | undefined => {
  const rank = f.dims(0).length;
  const given = f.has(1) ? f.numbers(1, 'the axes') : (f.ints('axes') ?? []);
  if (given.length === 0) return f.int('noop_with_empty_axes', 0) === 1 ? undefined : f.dims(0).map((_, i) => i);
  return given.map((a) => f.axis(a, rank));
};
export const reduction =
  (call: (p: Program, x: Slot, n: number, y: Slot) => void): Row =>
  (f, p) => {
    f.needType(0, 'float32');
    const axes = reduceAxes(f) ?? refuse('ATTR', 'no axes is a copy, which others do');
    if (f.dims(0).length > 6) refuse('RANK', 'up to rank 6');
    if (!p) return;
    const [x, n] = innermost(p, p.plain(f, 0), axes);
    const y = p.temp(f.outDims());
    call(p, x, n, y);
    p.output(f, y);
  };

/** Works along one axis, which is brought to the end and back again. */
export const along =
  (standard: number, call: (f: Facts, p: Program, x: Slot, y: Slot) => void, axisInput?: number): Row =>
  (f, p) => {
    f.needType(0, 'float32');
    const rank = f.dims(0).length;
    if (rank === 0 || rank > 6) refuse('RANK', 'rank 1 to 6');
    const axis = f.axis(axisInput === undefined ? f.int('axis', standard) : f.numbers(axisInput, 'the axis')[0]!, rank);
    if (!p) return;
    const order = [...f.dims(0).keys()].filter((i) => i !== axis).concat(axis);
    const plain = p.plain(f, 0);
    const x = axis === rank - 1 ? plain : p.transpose(plain, order);
    const y = p.temp(x.dims);
    call(f, p, x, y);
    p.output(
      f,
      axis === rank - 1
        ? y
        : p.transpose(
            y,
            order.map((_, i) => order.indexOf(i)),
          ),
    );
  };

const matrixProduct = (p: Program, a: Slot, b: Slot, ta: boolean, tb: boolean, y: Slot): void =>
  p.call('BatchMatMul', a, p.list(a.dims), 3, p.fresh(b), p.list(b.dims), 3, ta, tb, y);
const asBatch = (dims: readonly number[]): number[] => [sizeOf(dims.slice(0, -2)), ...dims.slice(-2)];

export const matmul: Row = (f, p) => {
  f.need('float32');
  const [a, b] = [f.dims(0), f.dims(1)];
  if (a.length < 2 || b.length < 2) refuse('RANK', 'matrices only');
  const [na, nb] = [sizeOf(a.slice(0, -2)), sizeOf(b.slice(0, -2))];
  const same = a.length === b.length && a.slice(0, -2).every((d, i) => d === b[i]);
  if (!same && na !== 1 && nb !== 1) refuse('SHAPE', 'batches that are stretched along some of their axes');
  if (!p) return;
  const y = p.temp(f.outDims());
  matrixProduct(p, p.reshaped(p.plain(f, 0), asBatch(a)), p.reshaped(p.plain(f, 1), asBatch(b)), false, false, y);
  p.output(f, y);
};

export const gemm: Row = (f, p) => {
  f.need('float32');
  if (!p) return;
  const scaled = (x: Slot, by: number): Slot => {
    if (by === 1) return x;
    const y = p.temp(x.dims);
    p.call('Multiply', x, p.list(x.dims), x.dims.length, p.fixed(Tensor.from('float32', [1], [by])), p.list([1]), 1, codes['float32']!, y);
    return y;
  };
  const [a, b] = [p.plain(f, 0), p.plain(f, 1)];
  let y = p.temp(f.outDims());
  matrixProduct(p, p.reshaped(a, [1, ...a.dims]), p.reshaped(b, [1, ...b.dims]), f.int('transA', 0) !== 0, f.int('transB', 0) !== 0, y);
  y = scaled(y, f.float('alpha', 1));
  if (f.has(2)) {
    const c = scaled(p.plain(f, 2), f.float('beta', 1));
    const sum = p.temp(y.dims);
    p.call('Add', y, p.list(y.dims), 2, c, p.list(c.dims), c.dims.length, codes['float32']!, sum);
    y = sum;
  }
  p.output(f, y);
};
