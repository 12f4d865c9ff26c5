/** Batch normalization, Fourier transforms, and blocks of space that become batches or channels: compositions of plain ops. */
import type { GraphBuilder, KernelFamily, KernelTranslator, Sym } from '../translate.ts';
import { int64s, reshape, scalar } from './util.ts';

const transpose = (graph: GraphBuilder, x: Sym, perm: readonly number[]): Sym => graph.op('Transpose', [x], { perm })[0]!;

/** Axes 2i and 2i+1 for each of `n` pairs. */
const interleaved = (n: number, first: number): number[] => Array.from({ length: n }, (_, i) => [first + 2 * i, first + 2 * i + 1]).flat();

/** [N, s…, rest] padded and cut into blocks: [b…·N, s/b…, rest]. */
const spaceToBatch: KernelTranslator = (graph, { x }, { blockShape, paddings }) => {
  const [blocks, pads] = [blockShape as number[], paddings as number[][]];
  const m = blocks.length;
  const rest = x!.shape.length - 1 - m;
  const begin = [0, ...pads.map((p) => p[0]!), ...new Array<number>(rest).fill(0)];
  const end = [0, ...pads.map((p) => p[1]!), ...new Array<number>(rest).fill(0)];
  const [padded] = [...begin, ...end].some((p) => p !== 0) ? graph.op('Pad', [x, int64s(graph, [...begin, ...end])]) : [x!];
  const counts = blocks.map((b, i) => padded!.shape[i + 1]! / b);
  const tail = x!.shape.slice(1 + m);
  const split = reshape(graph, padded!, [x!.shape[0]!, ...blocks.flatMap((b, i) => [counts[i]!, b]), ...tail]);
  const pairs = interleaved(m, 1);
  const turned = transpose(graph, split, [
    ...pairs.filter((_, i) => i % 2 === 1),
    0,
    ...pairs.filter((_, i) => i % 2 === 0),
    ...tail.map((_, i) => 1 + 2 * m + i),
  ]);
  return [reshape(graph, turned, [x!.shape[0]! * blocks.reduce((p, b) => p * b, 1), ...counts, ...tail])];
};

/** The way back: [b…·N, s…, rest] as [N, s·b…, rest], cropped. */
const batchToSpace: KernelTranslator = (graph, { x }, { blockShape, crops }) => {
  const [blocks, cuts] = [blockShape as number[], crops as number[][]];
  const m = blocks.length;
  const batch = x!.shape[0]! / blocks.reduce((p, b) => p * b, 1);
  const [space, tail] = [x!.shape.slice(1, 1 + m), x!.shape.slice(1 + m)];
  const split = reshape(graph, x!, [...blocks, batch, ...space, ...tail]);
  const turned = transpose(graph, split, [m, ...blocks.flatMap((_, i) => [m + 1 + i, i]), ...tail.map((_, i) => 2 * m + 1 + i)]);
  const whole = space.map((s, i) => s * blocks[i]!);
  const joined = reshape(graph, turned, [batch, ...whole, ...tail]);
  if (cuts.every((c) => c[0] === 0 && c[1] === 0)) return [joined];
  return graph.op('Slice', [
    joined,
    int64s(graph, cuts.map((c) => c[0]!)),
    int64s(graph, cuts.map((c, i) => whole[i]! - c[1]!)),
    int64s(graph, blocks.map((_, i) => i + 1)),
  ]); // oxfmt-ignore
};

const depthToSpace: KernelTranslator = (graph, { x }, { blockSize, dataFormat }) => {
  if (dataFormat === 'NCHW') return undefined;
  const b = Number(blockSize);
  const [n, h, w, c] = x!.shape as [number, number, number, number];
  const split = reshape(graph, x!, [n, h, w, b, b, c / (b * b)]);
  return [reshape(graph, transpose(graph, split, [0, 1, 3, 2, 4, 5]), [n, h * b, w * b, c / (b * b)])];
};

/** (x − mean) · scale / √(variance + ε) + offset; what is per channel is one factor, which is folded where it is constant. */
const batchNorm: KernelTranslator = (graph, { x, mean, variance, offset, scale }, { varianceEpsilon }) => {
  const of = (op: string, a: Sym, b: Sym): Sym => graph.op(op, [a, b])[0]!;
  if ([x, mean, variance, offset, scale].some((t) => t && t.dtype !== 'float32')) return undefined;
  const deviation = graph.op('Sqrt', [of('Add', variance!, scalar(graph, 'float32', Number(varianceEpsilon ?? 0.001)))])[0]!;
  const centered = of('Sub', x!, mean!);
  const normal = scale ? of('Mul', centered, of('Div', scale, deviation)) : of('Div', centered, deviation);
  return [offset ? of('Add', normal, offset) : normal];
};

/** Of the two halves: the backend takes complex numbers apart. */
const fft =
  (inverse: boolean): KernelTranslator =>
  (graph, { real, imag }) =>
    real && imag ? graph.op('tfjs.FFT', [real, imag], { inverse }, 2) : undefined;

export const blocks: KernelFamily = {
  SpaceToBatchND: spaceToBatch,
  BatchToSpaceND: batchToSpace,
  DepthToSpace: depthToSpace,
  FusedBatchNorm: batchNorm,
  FFT: fft(false),
  IFFT: fft(true),
};
