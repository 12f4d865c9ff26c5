/** Kernels that move elements and change none: transposing, cutting, joining, padding, repeating. */
import { Tensor } from '../../../core/tensor.ts';
import type { GraphBuilder, KernelFamily, KernelTranslator, Sym } from '../translate.ts';
import { axesOf, filled, int64s, isEmpty, listOf, reshape, scalar, upcast, cast } from './util.ts';
import { denseSlice, type SliceSpec } from './strided-slice.ts';

const isText = (x: Sym): boolean => x.dtype === 'string';

const sliced = (g: GraphBuilder, x: Sym, starts: readonly number[], ends: readonly number[], steps?: readonly number[]): Sym => {
  if (x.shape.length === 0) return g.op('Identity', [x])[0]!;
  const axes = x.shape.map((_, i) => i);
  return g.op('Slice', [x, int64s(g, starts), int64s(g, ends), int64s(g, axes), ...(steps ? [int64s(g, steps)] : [])])[0]!;
};

const transpose: KernelTranslator = (g, { x }, { perm }) => [g.op('Transpose', [x!], { perm: perm as number[] })[0]!];

/** Empty operands add nothing, whatever their shape. */
const joined = (g: GraphBuilder, parts: readonly Sym[], axis: number): Sym => {
  const type = parts.reduce((t, p) => (t === p.dtype ? t : upcast(t, p.dtype)), parts[0]!.dtype);
  const shape = [...parts[0]!.shape];
  shape[axis] = parts.reduce((n, p) => n + p.shape[axis]!, 0);
  const full = parts.filter((p) => !isEmpty(p));
  if (full.length === 0) return filled(g, type, shape, 0);
  if (full.length === 1) return g.op('Identity', [cast(g, full[0]!, type)])[0]!;
  return g.op(
    'Concat',
    full.map((p) => cast(g, p, type)),
    { axis },
  )[0]!;
};

const concat: KernelTranslator = (g, inputs, { axis }) => {
  const parts = listOf(inputs);
  const rank = parts[0]!.shape.length;
  if (parts.some(isText) || parts.some((p) => p.shape.length !== rank)) return undefined;
  const [at] = axesOf(axis, rank);
  // tfjs refuses what does not fit even if it is empty.
  if (parts.some((p) => p.shape.some((d, i) => i !== at && d !== parts[0]!.shape[i]))) return undefined;
  return [joined(g, parts, at!)];
};

const pack: KernelTranslator = (g, inputs, { axis }) => {
  const parts = listOf(inputs);
  if (parts.some(isText) || parts.some((p) => p.dtype !== parts[0]!.dtype)) return undefined;
  const at = axesOf((axis as number | undefined) ?? 0, parts[0]!.shape.length + 1)[0]!;
  return [
    joined(
      g,
      parts.map((p) => reshape(g, p, p.shape.toSpliced(at, 0, 1))),
      at,
    ),
  ];
};

const unpack: KernelTranslator = (g, { value }, { axis }) => {
  const at = axesOf((axis as number | undefined) ?? 0, value!.shape.length)[0]!;
  const shape = value!.shape.toSpliced(at, 1);
  return Array.from({ length: value!.shape[at]! }, (_, i) => {
    const starts = value!.shape.map((_d, d) => (d === at ? i : 0));
    const ends = value!.shape.map((d, n) => (n === at ? i + 1 : d));
    return g.op('Reshape', [sliced(g, value!, starts, ends), int64s(g, shape)], { allowzero: 1 })[0]!;
  });
};

const slice: KernelTranslator = (g, { x }, { begin, size }) => {
  if (isText(x!)) return undefined;
  const from = x!.shape.map((_, i) => (typeof begin === 'number' ? (i === 0 ? begin : 0) : ((begin as number[])[i] ?? 0)));
  const count = x!.shape.map((d, i) => {
    const n = typeof size === 'number' ? (i === 0 ? size : -1) : ((size as number[] | undefined)?.[i] ?? -1);
    return n < 0 ? d - from[i]! : n;
  });
  if (from.some((b, i) => b < 0 || b + count[i]! > x!.shape[i]!)) return undefined;
  return [
    sliced(
      g,
      x!,
      from,
      from.map((b, i) => b + count[i]!),
    ),
  ];
};

const stridedSlice: KernelTranslator = (g, { x }, attributes) => {
  if (isText(x!)) return undefined;
  const { starts, ends, steps, shape } = denseSlice(x!.shape, attributes as unknown as SliceSpec);
  return [g.op('Reshape', [sliced(g, x!, starts, ends, steps), int64s(g, shape)], { allowzero: 1 })[0]!];
};

/** Sizes along the axis: given, or equal parts, or one of them `-1` for the rest. */
const sizesOf = (given: number | readonly number[], extent: number): number[] => {
  if (typeof given === 'number') return new Array<number>(given).fill(extent / given);
  const known = given.reduce((n, s) => (s < 0 ? n : n + s), 0);
  return given.map((s) => (s < 0 ? extent - known : s));
};

const splitV: KernelTranslator = (g, { x }, { numOrSizeSplits, axis }) => {
  if (isText(x!)) return undefined;
  const at = axesOf((axis as number | undefined) ?? 0, x!.shape.length)[0]!;
  const given = numOrSizeSplits as number | number[];
  const sizes = sizesOf(given, x!.shape[at]!);
  const unknown = typeof given === 'number' ? 0 : given.filter((s) => s < 0).length;
  if (unknown > 1 || sizes.reduce((n, s) => n + s, 0) !== x!.shape[at]! || sizes.some((s) => !Number.isInteger(s) || s < 0))
    return undefined;
  let from = 0;
  return sizes.map((size) => {
    const start = from;
    from += size;
    return sliced(
      g,
      x!,
      x!.shape.map((_, d) => (d === at ? start : 0)),
      x!.shape.map((d, n) => (n === at ? start + size : d)),
    );
  });
};

const padV2: KernelTranslator = (g, { x }, { paddings, constantValue }) => {
  if (isText(x!)) return undefined;
  const pads = paddings as readonly (readonly [number, number])[];
  const shape = x!.shape.map((d, i) => d + pads[i]![0] + pads[i]![1]);
  const value = (constantValue as number | undefined) ?? 0;
  if (x!.shape.length === 0) return [g.op('Identity', [x!])[0]!];
  if (isEmpty(x!)) return [filled(g, x!.dtype, shape, value)];
  return [g.op('Pad', [x!, int64s(g, [...pads.map((p) => p[0]), ...pads.map((p) => p[1])]), scalar(g, x!.dtype, value)])[0]!];
};

/** Positions of a mirrored axis; `edge` is 1 where the border itself is not repeated. */
const mirrored = (extent: number, before: number, after: number, edge: number): number[] =>
  Array.from({ length: before + extent + after }, (_, i) => {
    const at = i - before;
    if (at < 0) return -at - 1 + edge;
    return at >= extent ? 2 * extent - at - 1 - edge : at;
  });

const mirrorPad: KernelTranslator = (g, { x }, { paddings, mode }) => {
  const pads = paddings as readonly (readonly [number, number])[];
  return [
    pads.reduce(
      (y, [before, after], axis) => {
        if (before + after === 0) return y;
        const at = mirrored(x!.shape[axis]!, before, after, mode === 'reflect' ? 1 : 0);
        return g.op('Gather', [y, g.constant(Tensor.from('int32', [at.length], at))], { axis })[0]!;
      },
      g.op('Identity', [x!])[0]!,
    ),
  ];
};

const tile: KernelTranslator = (g, { x }, { reps }) => {
  if (isText(x!)) return undefined;
  const times = reps as number[];
  const rank = Math.max(times.length, x!.shape.length);
  const padded = reshape(g, x!, [...new Array<number>(rank - x!.shape.length).fill(1), ...x!.shape]);
  const all = [...new Array<number>(rank - times.length).fill(1), ...times];
  if (rank === 0) return [g.op('Identity', [x!])[0]!];
  return [g.op('Tile', [padded, int64s(g, all)])[0]!];
};

const reverse: KernelTranslator = (g, { x }, { dims }) => {
  const axes = axesOf(dims, x!.shape.length);
  if (isText(x!) || axes.length === 0 || isEmpty(x!)) return isText(x!) ? undefined : [g.op('Identity', [x!])[0]!];
  return [
    g.op('Slice', [
      x!,
      int64s(
        g,
        axes.map((a) => x!.shape[a]! - 1),
      ),
      int64s(
        g,
        axes.map((a) => -x!.shape[a]! - 1),
      ),
      int64s(g, axes),
      int64s(
        g,
        axes.map(() => -1),
      ),
    ])[0]!,
  ];
};

export const shape: KernelFamily = {
  Transpose: transpose,
  Concat: concat,
  Pack: pack,
  Unpack: unpack,
  Slice: slice,
  StridedSlice: stridedSlice,
  SplitV: splitV,
  PadV2: padV2,
  MirrorPad: mirrorPad,
  Tile: tile,
  Reverse: reverse,
};
