/** Data movement: the same elements in other places. */
import { refuse, Tensor, type Facts } from 'flagos/plugin';
import { attr, typeAttr } from './library.ts';
import { any, numbers, type Row } from './row.ts';

const reshape: Row = (f, p) => {
  f.needType(0, ...any);
  const dims = f.outDims();
  if (p) p.output(f, p.reshape(p.plain(f, 0), dims));
};
const transpose: Row = (f, p) => {
  f.needType(0, ...any);
  const perm = f.ints('perm') ?? f.dims(0).map((_, i) => f.dims(0).length - 1 - i);
  if (!p) return;
  const x = p.plain(f, 0);
  const y = p.transpose(x, perm);
  p.output(f, y === x ? p.op('Identity', [typeAttr(x.dtype)], [x], x.dtype) : y);
};

const concat: Row = (f, p) => {
  f.need(...any);
  const axis = f.axis(f.int('axis', 0), f.outDims().length);
  if (!p) return;
  const form = f.node.inputs.every((_, i) => p.isLast(f, i)) ? 'last' : 'plain';
  const parts = f.node.inputs.map((_, i) => (form === 'last' ? p.last(f, i) : p.plain(f, i)));
  const at = form === 'last' ? [0, 3, 1, 2][axis]! : axis;
  const attrs = [attr('N', 'int', parts.length), typeAttr(f.outType()), typeAttr('int32', 'Tidx')];
  p.output(f, p.op('ConcatV2', attrs, [...parts, p.scalar(at, 'int32')], f.outType()), form);
};

const split: Row = (f, p) => {
  f.needType(0, ...any);
  const axis = f.axis(f.int('axis', 0), f.dims(0).length);
  const sizes = f.node.outputs.map((_, i) => f.outDims(i)[axis]!);
  if (sizes.includes(0) || f.node.outputs.includes('')) refuse('SHAPE', 'empty or omitted parts');
  if (!p) return;
  const x = p.plain(f, 0);
  const attrs = [attr('num_split', 'int', sizes.length), typeAttr(x.dtype), typeAttr('int32', 'Tlen')];
  const parts = p.ops(
    'SplitV',
    attrs,
    [x, p.list(sizes), p.scalar(axis, 'int32')],
    sizes.map(() => x.dtype),
  );
  parts.forEach((part, i) => p.output(f, part, 'plain', i));
};

const pad: Row = (f, p) => {
  f.needType(0, ...numbers);
  const rank = f.dims(0).length;
  const mode = f.string('mode', 'constant');
  if (mode !== 'constant' && mode !== 'reflect') refuse('ATTR', `mode ${mode}`);
  const given = f.numbers(1, 'the widths');
  const axes = f.has(3) ? f.numbers(3, 'the axes').map((a) => f.axis(a, rank)) : f.dims(0).map((_, i) => i);
  if (given.some((n) => n < 0)) refuse('SHAPE', 'negative widths');
  const value = f.has(2) ? (f.constant(2) ?? refuse('SHAPE_UNKNOWN', 'the value must be known beforehand')) : Tensor.zeros(f.dtype(0), []);
  const widths = f.dims(0).map((): [number, number] => [0, 0]);
  axes.forEach((axis, i) => (widths[axis] = [given[i]!, given[axes.length + i]!]));
  if (mode === 'reflect' && f.dims(0).some((d, i) => Math.max(...widths[i]!) >= d)) refuse('SHAPE', 'wider than the tensor');
  if (rank === 0) refuse('RANK', 'scalars');
  if (!p) return;
  const x = p.plain(f, 0);
  const table = p.constant(Tensor.from('int32', [rank, 2], widths.flat()));
  const attrs = [typeAttr(x.dtype), typeAttr('int32', 'Tpaddings')];
  if (mode === 'reflect') p.output(f, p.op('MirrorPad', [...attrs, attr('mode', 'string', 'REFLECT')], [x, table], x.dtype));
  else
    p.output(
      f,
      p.op(
        'PadV2',
        attrs,
        [x, table, p.constant(value.dims.length === 0 ? value : Tensor.from(value.dtype, [], value.toValues()))],
        x.dtype,
      ),
    );
};

const slice: Row = (f, p) => {
  f.needType(0, ...any);
  const dims = f.dims(0);
  const out = f.outDims();
  if (out.includes(0)) refuse('SHAPE', 'empty results');
  const starts = f.numbers(1, 'the starts');
  const steps = f.has(4) ? f.numbers(4, 'the steps') : starts.map(() => 1);
  const axes = f.has(3) ? f.numbers(3, 'the axes').map((a) => f.axis(a, dims.length)) : starts.map((_, i) => i);
  const [begin, stride] = [dims.map(() => 0), dims.map(() => 1)];
  axes.forEach((axis, i) => {
    const [d, step] = [dims[axis]!, steps[i]!];
    const start = starts[i]! < 0 ? starts[i]! + d : starts[i]!;
    begin[axis] = Math.min(Math.max(start, 0), step < 0 ? d - 1 : d);
    stride[axis] = step;
  });
  if (!p) return;
  const x = p.plain(f, 0);
  // Where to stop follows from how many there are; before the first element is said by a bit.
  const end = begin.map((b, i) => b + (out[i]! - 1) * stride[i]! + Math.sign(stride[i]!));
  const open = end.reduce((bits, e, i) => (e < 0 ? bits | (1 << i) : bits), 0);
  const masks = ['begin_mask', 'ellipsis_mask', 'new_axis_mask', 'shrink_axis_mask'].map((n) => attr(n, 'int', 0));
  const attrs = [typeAttr(x.dtype), typeAttr('int32', 'Index'), attr('end_mask', 'int', open), ...masks];
  p.output(f, p.op('StridedSlice', attrs, [x, p.list(begin), p.list(end.map((e) => Math.max(e, 0))), p.list(stride)], x.dtype));
};

/** Indices as TensorFlow takes them: those that count from the end are made to count from the start. */
const gather: Row = (f, p) => {
  f.needType(0, ...any);
  f.needType(1, 'int32', 'int64');
  const axis = f.axis(f.int('axis', 0), f.dims(0).length);
  const extent = f.dims(0)[axis]!;
  if (!p) return;
  const [x, given] = [p.plain(f, 0), p.plain(f, 1)];
  const type = typeAttr(given.dtype);
  const negative = p.op('Less', [type], [given, p.scalar(0, given.dtype)], 'bool');
  const shifted = p.op('AddV2', [type], [given, p.scalar(extent, given.dtype)], given.dtype);
  const indices = p.op('SelectV2', [type], [negative, shifted, given], given.dtype);
  const attrs = [typeAttr(x.dtype, 'Tparams'), typeAttr(given.dtype, 'Tindices'), typeAttr('int32', 'Taxis'), attr('batch_dims', 'int', 0)];
  p.output(f, p.op('GatherV2', attrs, [x, indices, p.scalar(axis, 'int32')], x.dtype));
};

const tile: Row = (f, p) => {
  f.needType(0, ...any);
  const reps = f.numbers(1, 'the repeats');
  if (reps.some((r) => r < 1) || reps.length === 0) refuse('SHAPE', 'empty results, scalars');
  if (p) p.output(f, p.op('Tile', [typeAttr(f.dtype(0)), typeAttr('int32', 'Tmultiples')], [p.plain(f, 0), p.list(reps)], f.dtype(0)));
};
const expand: Row = (f, p) => {
  f.needType(0, ...any);
  const dims = f.outDims();
  if (dims.includes(0)) refuse('SHAPE', 'empty results');
  if (p) p.output(f, p.op('BroadcastTo', [typeAttr(f.dtype(0)), typeAttr('int32', 'Tidx')], [p.plain(f, 0), p.list(dims)], f.dtype(0)));
};

/** Blocks of channels to places in an image and back, depth before space (DCR). */
const blocks =
  (op: 'DepthToSpace' | 'SpaceToDepth'): Row =>
  (f: Facts, p) => {
    f.needType(0, 'float32');
    if (f.string('mode', 'DCR') !== 'DCR') refuse('ATTR', 'mode CRD');
    const size = f.int('blocksize', 1);
    if (size < 2) refuse('ATTR', 'blocks of one');
    const attrs = [typeAttr('float32'), attr('block_size', 'int', size), attr('data_format', 'string', 'NHWC')];
    if (p) p.output(f, p.op(op, attrs, [p.last(f, 0)], 'float32'), 'last');
  };

export const movementOps: Readonly<Record<string, Row>> = {
  ...Object.fromEntries(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Identity'].map((op) => [op, reshape])),
  Transpose: transpose,
  Concat: concat,
  Split: split,
  Pad: pad,
  Slice: slice,
  Gather: gather,
  Tile: tile,
  Expand: expand,
  DepthToSpace: blocks('DepthToSpace'),
  SpaceToDepth: blocks('SpaceToDepth'),
};
