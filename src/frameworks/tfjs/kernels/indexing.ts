/** Gathering, scattering, counting, searching and selecting by index or by order. */
import { sizeOf, Tensor } from '../../../core/tensor.ts';
import { dtypeInfo, type DType } from '../../../core/dtype.ts';
import type { GraphBuilder, KernelAttributes, KernelFamily, KernelTranslator, Sym } from '../translate.ts';
import { cast, filled, int64s, reshape } from './util.ts';

const gather: KernelTranslator = (graph, { x, indices }, { axis, batchDims }) => {
  const given = Array.isArray(axis) ? (axis[0] as number) : Number(axis ?? 0);
  return graph.op('tfjs.Gather', [x, indices], { axis: given < 0 ? given + x!.shape.length : given, batch_dims: Number(batchDims ?? 0) });
};

/** Index tuples as the rows of a matrix, int64 as ONNX has them. */
const tuples = (graph: GraphBuilder, indices: Sym, axes: number): Sym =>
  cast(graph, reshape(graph, indices, [axes > 0 ? sizeOf(indices.shape) / axes : 0, axes]), 'int64');

const gatherNd: KernelTranslator = (graph, { params, indices }) => {
  const k = indices!.shape.at(-1)!;
  if (k === 0 || sizeOf(params!.shape) === 0) return undefined;
  const [rows] = graph.op('GatherND', [params, tuples(graph, indices!, k)]);
  return [reshape(graph, rows!, [...indices!.shape.slice(0, -1), ...params!.shape.slice(k)])];
};

/** `updates` put (or added) into `data` where index tuples say. */
const scatter = (graph: GraphBuilder, data: Sym, indices: Sym, updates: Sym, reduction: 'none' | 'add'): readonly Sym[] | undefined => {
  const axes = indices.shape.length < 1 ? 1 : indices.shape.at(-1)!;
  if (axes === 0 || sizeOf(data.shape) === 0) return undefined;
  const at = tuples(graph, indices, axes);
  const values = reshape(graph, updates, [at.shape[0]!, ...data.shape.slice(axes)]);
  return graph.op('ScatterND', [data, at, values], { reduction });
};

const isNumber = (x: Sym): boolean => x.dtype === 'float32' || x.dtype === 'int32';

const sparseToDense: KernelTranslator = (graph, { sparseIndices, sparseValues, defaultValue }, { outputShape }) => {
  const shape = outputShape as number[];
  const [indices, values] = [sparseIndices!, sparseValues!];
  const count = indices.shape.length === 0 ? 1 : indices.shape[0]!;
  const axes = indices.shape.length === 2 ? indices.shape[1]! : 1;
  if (axes === 0 || sizeOf(shape) === 0) return undefined;
  const [background] = graph.op('Expand', [defaultValue, int64s(graph, shape)]);
  const dims = [count, ...shape.slice(axes)];
  const updates =
    sizeOf(values.shape) === sizeOf(dims) ? reshape(graph, values, dims) : graph.op('Expand', [values, int64s(graph, dims)])[0]!;
  return graph.op('ScatterND', [background, tuples(graph, indices, axes), updates]);
};

const bincount: KernelTranslator = (graph, { x, weights }, { size, binaryOutput }) =>
  graph.op('tfjs.Bincount', [x, weights], { size: Number(size), binary: Boolean(binaryOutput) });

const suppress =
  (version: 3 | 4 | 5): KernelTranslator =>
  (graph, { boxes, scores }, attributes: KernelAttributes) => {
    const [indices, kept, valid] = graph.op(
      'tfjs.NonMaxSuppression',
      [boxes, scores],
      {
        max_outputs: Number(attributes['maxOutputSize']),
        iou_threshold: Number(attributes['iouThreshold']),
        score_threshold: Number(attributes['scoreThreshold']),
        ...(version === 5 && { sigma: Number(attributes['softNmsSigma']) }),
        ...(version === 4 && { pad: Boolean(attributes['padToMaxOutputSize']) }),
      },
      3,
    );
    return version === 3 ? [indices!] : version === 4 ? [indices!, valid!] : [indices!, kept!];
  };

/** By adding up steps in float32, as tfjs does. */
const linspace: KernelTranslator = (graph, _, { start, stop, num }) => {
  const values = new Float32Array(Number(num));
  const step = (Number(stop) - Number(start)) / (values.length - 1);
  values[0] = Number(start);
  for (let i = 1; i < values.length; i++) values[i] = values[i - 1]! + step;
  return [graph.constant(new Tensor('float32', [values.length], values))];
};

export const indexing: KernelFamily = {
  GatherV2: gather,
  GatherNd: gatherNd,
  ScatterNd: (graph, { indices, updates }, { shape }) =>
    isNumber(updates!) ? scatter(graph, filled(graph, updates!.dtype, shape as number[], 0), indices!, updates!, 'add') : undefined,
  TensorScatterUpdate: (graph, { tensor, indices, updates }) => scatter(graph, tensor!, indices!, updates!, 'none'),
  SparseToDense: sparseToDense,
  UnsortedSegmentSum: (graph, { x, segmentIds }, { numSegments }) =>
    isNumber(x!) ? graph.op('tfjs.UnsortedSegmentSum', [x, segmentIds], { segments: Number(numSegments) }) : undefined,
  TopK: (graph, { x }, { k }) => {
    if (!isNumber(x!)) return undefined;
    const [values, indices] = graph.op('TopK', [x, int64s(graph, [Number(k)])], {}, 2);
    return [values!, cast(graph, indices!, 'int32')];
  },
  Unique: (graph, { x }, { axis }) => {
    const [values, , inverse] = graph.op('Unique', [x], { sorted: false, axis: Number(axis ?? 0) }, 3);
    return [values!, cast(graph, inverse!, 'int32')];
  },
  OneHot: (graph, { indices }, { depth, onValue, offValue, dtype }) =>
    graph.op('tfjs.OneHot', [indices], {
      depth: Number(depth),
      on: Number(onValue),
      off: Number(offValue),
      dtype: dtypeInfo((dtype as DType | undefined) ?? 'float32').onnx,
    }),
  // Of any rank: what is counted is a list.
  Bincount: (graph, { x, weights }, attributes) => {
    const list = reshape(graph, x!, [sizeOf(x!.shape)]);
    const own = sizeOf(weights!.shape) > 0 ? reshape(graph, weights!, list.shape) : weights!;
    return bincount(graph, { x: list, weights: own }, attributes);
  },
  DenseBincount: bincount,
  SearchSorted: (graph, { sortedSequence, values }, { side }) =>
    graph.op('tfjs.SearchSorted', [sortedSequence, values], { side: String(side) }),
  LinSpace: linspace,
  NonMaxSuppressionV3: suppress(3),
  NonMaxSuppressionV4: suppress(4),
  NonMaxSuppressionV5: suppress(5),
};
