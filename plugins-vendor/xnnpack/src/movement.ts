/** Data movement: the same elements in other places. */
import { refuse, sizeOf } from 'flagos/plugin';
import { codes } from './library.ts';
import { lastOf, type Row } from './row.ts';

export const transpose: Row = (f, p) => {
  f.needType(0, 'float32', 'int32', 'bool');
  const rank = f.dims(0).length;
  if (rank > 6) refuse('RANK', 'up to rank 6');
  const perm = f.ints('perm') ?? f.dims(0).map((_, i) => rank - 1 - i);
  if (p) p.output(f, p.transpose(p.plain(f, 0), perm));
};

/** Another shape, the same elements: no kernel runs, so that a region need not end here. */
export const reshape: Row = (f, p) => {
  f.needType(0, 'float32', 'int32', 'bool');
  const dims = f.outDims();
  if (p) p.output(f, p.reshaped(p.plain(f, 0), dims));
};

export const concat: Row = (f, p) => {
  f.need('float32', 'int32');
  const axis = f.axis(f.int('axis', 0), f.outDims().length);
  if (!p) return;
  const form = p.areLast(f) ? 'last' : 'plain';
  const parts = f.node.inputs.map((_, i) => (form === 'last' ? p.last(f, i) : p.plain(f, i)));
  const at = form === 'last' ? [0, 3, 1, 2][axis]! : axis;
  const y = p.temp(form === 'last' ? lastOf(f.outDims()) : f.outDims(), f.outType());
  const rows = sizeOf(y.dims.slice(0, at));
  const widths = parts.map((s) => s.bytes / rows);
  const width = y.bytes / rows;
  p.steps.push(() => {
    const { bytes } = p.library;
    let column = p.place(y);
    parts.forEach((part, i) => {
      const w = widths[i]!;
      let from = p.place(part);
      for (let r = 0, to = column; r < rows; r++, to += width, from += w) bytes.copyWithin(to, from, from + w);
      column += w;
    });
  });
  p.output(f, y, form);
};

export const pad: Row = (f, p) => {
  f.needType(0, 'float32');
  const rank = f.dims(0).length;
  const mode = f.string('mode', 'constant');
  if (mode !== 'constant' && mode !== 'reflect') refuse('ATTR', `mode ${mode}`);
  if (rank === 0 || rank > (mode === 'reflect' ? 4 : 6)) refuse('RANK', `rank ${rank}`);
  const given = f.numbers(1, 'the widths');
  const axes = f.has(3) ? f.numbers(3, 'the axes').map((a) => f.axis(a, rank)) : f.dims(0).map((_, i) => i);
  const value = f.has(2) ? f.numbers(2, 'the value')[0]! : 0;
  const [before, after] = [new Array<number>(rank).fill(0), new Array<number>(rank).fill(0)];
  axes.forEach((axis, i) => {
    before[axis] = given[i]!;
    after[axis] = given[axes.length + i]!;
  });
  if ([...before, ...after].some((n) => n < 0)) refuse('SHAPE', 'negative widths');
  if (mode === 'reflect' && f.dims(0).some((d, i) => Math.max(before[i]!, after[i]!) >= d)) refuse('SHAPE', 'wider than the tensor');
  if (!p) return;
  const x = p.plain(f, 0);
  const y = p.temp(f.outDims());
  const head = [x, p.list(x.dims), rank, codes['float32']!, p.list(before), p.list(after)] as const;
  if (mode === 'constant') p.call('PadV2', ...head, value, y);
  else p.call('MirrorPad', ...head, 0, y);
  p.output(f, y);
};

export const tile: Row = (f, p) => {
  f.needType(0, 'float32', 'int32');
  const reps = f.numbers(1, 'the repeats');
  if (reps.some((r) => r < 1)) refuse('SHAPE', 'empty results are not made');
  if (f.dims(0).length > 6) refuse('RANK', 'up to rank 6');
  if (!p) return;
  const x = p.plain(f, 0);
  const y = p.temp(f.outDims(), f.outType());
  p.call('Tile', x, p.list(x.dims), x.dims.length, p.list(y.dims), y.dims.length, codes[x.dtype]!, y);
  p.output(f, y);
};
