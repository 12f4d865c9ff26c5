/** Along axes: reductions, softmax, running sums, order, matrix products. */
import { refuse, type DType, type Facts } from 'flagos/plugin';
import { attr, typeAttr } from './library.ts';
import type { Slot } from './program.ts';
import { floats, numbers, type Row } from './row.ts';

const axesOf = (f: Facts): number[] | undefined => {
  const rank = f.dims(0).length;
  const given = f.has(1) ? f.numbers(1, 'the axes') : (f.ints('axes') ?? []);
  if (given.length === 0) return f.int('noop_with_empty_axes', 0) === 1 ? undefined : f.dims(0).map((_, i) => i);
  return given.map((a) => f.axis(a, rank));
};
const reduction =
  (op: string, dtypes: readonly DType[] = floats): Row =>
  (f, p) => {
    f.needType(0, ...dtypes);
    const axes = axesOf(f) ?? refuse('ATTR', 'no axes is a copy, which others do');
    if (!p) return;
    const x = p.plain(f, 0);
    const attrs = [typeAttr(x.dtype), typeAttr('int32', 'Tidx'), attr('keep_dims', 'bool', f.int('keepdims', 1) === 1)];
    p.output(f, p.op(op, attrs, [x, p.list(axes)], x.dtype));
  };

const extreme =
  (op: string): Row =>
  (f, p) => {
    f.needType(0, 'float32', 'int32');
    if (f.int('select_last_index', 0) !== 0) refuse('ATTR', 'select_last_index');
    const axis = f.axis(f.int('axis', 0), f.dims(0).length);
    if (!p) return;
    const x = p.plain(f, 0);
    const attrs = [typeAttr(x.dtype), typeAttr('int32', 'Tidx'), typeAttr('int64', 'output_type')];
    const y = p.op(op, attrs, [x, p.scalar(axis, 'int32')], 'int64');
    p.output(f, p.reshape(y, f.outDims()));
  };

/** Works on the last axis: another one is brought there and back. */
const onLast =
  (op: string): Row =>
  (f, p) => {
    f.needType(0, 'float32');
    const rank = f.dims(0).length;
    if (rank === 0) refuse('RANK', 'scalars');
    const axis = f.axis(f.int('axis', -1), rank);
    if (!p) return;
    const order = [...f.dims(0).keys()].filter((i) => i !== axis).concat(axis);
    const y = p.op(op, [typeAttr('float32')], [p.transpose(p.plain(f, 0), order)], 'float32');
    p.output(
      f,
      p.transpose(
        y,
        order.map((_, i) => order.indexOf(i)),
      ),
    );
  };

const cumSum: Row = (f, p) => {
  f.needType(0, ...numbers);
  const axis = f.axis(f.numbers(1, 'the axis')[0]!, f.dims(0).length);
  if (!p) return;
  const x = p.plain(f, 0);
  const flags = [attr('exclusive', 'bool', f.int('exclusive', 0) === 1), attr('reverse', 'bool', f.int('reverse', 0) === 1)];
  p.output(f, p.op('Cumsum', [typeAttr(x.dtype), typeAttr('int32', 'Tidx'), ...flags], [x, p.scalar(axis, 'int32')], x.dtype));
};

const topK: Row = (f, p) => {
  f.needType(0, 'float32', 'int32', 'int64');
  const rank = f.dims(0).length;
  const axis = f.axis(f.int('axis', -1), rank);
  if (f.int('largest', 1) !== 1) refuse('ATTR', 'the smallest are not there');
  const k = f.numbers(1, 'k')[0]!;
  if (k < 1) refuse('SHAPE', 'none at all');
  if (!p) return;
  const order = [...f.dims(0).keys()].filter((i) => i !== axis).concat(axis);
  const back = order.map((_, i) => order.indexOf(i));
  const x = p.transpose(p.plain(f, 0), order);
  const attrs = [typeAttr(x.dtype), attr('sorted', 'bool', true), typeAttr('int32', 'Tk'), typeAttr('int32', 'index_type')];
  const [values, places] = p.ops('TopKV2', attrs, [x, p.scalar(k, 'int32')], [x.dtype, 'int32']) as [Slot, Slot];
  p.output(f, p.transpose(values, back));
  p.output(f, p.transpose(p.cast(places, 'int64'), back), 'plain', 1);
};

const adjoint = [attr('adj_x', 'bool', false), attr('adj_y', 'bool', false)];
const matmul: Row = (f, p) => {
  f.need('float32');
  if (f.dims(0).length < 2 || f.dims(1).length < 2) refuse('RANK', 'matrices only');
  if (p) p.output(f, p.op('BatchMatMulV2', [typeAttr('float32'), ...adjoint], [p.plain(f, 0), p.plain(f, 1)], 'float32'));
};

const gemm: Row = (f, p) => {
  f.need('float32');
  if (!p) return;
  const scaled = (x: Slot, by: number): Slot => (by === 1 ? x : p.op('Mul', [typeAttr('float32')], [x, p.scalar(by)], 'float32'));
  const sides = [attr('transpose_a', 'bool', f.int('transA', 0) !== 0), attr('transpose_b', 'bool', f.int('transB', 0) !== 0)];
  const product = scaled(p.op('MatMul', [typeAttr('float32'), ...sides], [p.plain(f, 0), p.plain(f, 1)], 'float32'), f.float('alpha', 1));
  p.output(f, f.has(2) ? p.op('AddV2', [typeAttr('float32')], [product, scaled(p.plain(f, 2), f.float('beta', 1))], 'float32') : product);
};

export const axisOps: Readonly<Record<string, Row>> = {
  ReduceSum: reduction('Sum', numbers),
  ReduceProd: reduction('Prod', numbers),
  ReduceMean: reduction('Mean'),
  ReduceMax: reduction('Max', numbers),
  ReduceMin: reduction('Min', numbers),
  ArgMax: extreme('ArgMax'),
  ArgMin: extreme('ArgMin'),
  Softmax: onLast('Softmax'),
  LogSoftmax: onLast('LogSoftmax'),
  CumSum: cumSum,
  TopK: topK,
  MatMul: matmul,
  Gemm: gemm,
};
