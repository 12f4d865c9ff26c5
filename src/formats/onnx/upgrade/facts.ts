/**
 * What a node's outputs are known to be, from what its inputs are known to be: as much of type and
 * shape as upgrading needs (a rank, an element type), for the ops that stand between a model's inputs
 * and the ops whose old forms ask for it. Not shape inference: what is not certain stays unknown.
 */
import { dtypeFromOnnx, type DType } from '../../../core/dtype.ts';
import { tensorType, type Dim, type Node, type ValueType } from '../../../core/graph.ts';

export interface Facts {
  type(name: string): ValueType | undefined;
  /** Values of a constant of a few numbers. */
  numbers(name: string): readonly number[] | undefined;
}

/** More dimensions than any op takes; a file may claim any number. */
const mostDims = 64;

interface Known {
  readonly dtype: DType;
  readonly shape: readonly Dim[] | undefined;
}
type Rule = (node: Node, inputs: readonly (Known | undefined)[], facts: Facts) => Known | undefined;

const unknownDims = (rank: number): Dim[] | undefined => (rank >= 0 && rank <= mostDims ? new Array<Dim>(rank).fill(null) : undefined);

/** Dims from `from` on, unknown. */
const unknownRest = (shape: readonly Dim[], from: number): Dim[] => shape.slice(from).map(() => null);
const int = (node: Node, name: string, otherwise: number): number => {
  const attr = node.attrs[name];
  return attr?.type === 'int' ? Number(attr.value) : otherwise;
};

const same: Rule = (_, [x]) => x;

const sameRank: Rule = (_, [x]) => x && { dtype: x.dtype, shape: x.shape && unknownDims(x.shape.length) };

const broadcast: Rule = (_, inputs) => {
  const [first] = inputs;
  if (!first || inputs.some((i) => !i?.shape)) return first && { dtype: first.dtype, shape: undefined };
  const shapes = inputs.map((i) => i!.shape!);
  const equal = shapes.every((s) => s.length === shapes[0]!.length && s.every((d, i) => d !== null && d === shapes[0]![i]));
  return { dtype: first.dtype, shape: equal ? shapes[0] : unknownDims(Math.max(...shapes.map((s) => s.length))) };
};

/** Batch and channels stay, windows slide over the rest. */
const windowed: Rule = (_, [x, w]) => {
  if (!x?.shape) return x;
  return { dtype: x.dtype, shape: [x.shape[0] ?? null, w?.shape?.[0] ?? null, ...unknownRest(x.shape, 2)] };
};

const pooledToOne: Rule = (_, [x]) => x && { dtype: x.dtype, shape: x.shape && [...x.shape.slice(0, 2), ...x.shape.slice(2).map(() => 1)] };

const matrix: Rule = (_, [x]) => x && { dtype: x.dtype, shape: [null, null] };

const reshape: Rule = (node, [x, s], facts) => {
  if (!x) return undefined;
  const dims = facts.numbers(node.inputs[1] ?? '');
  if (dims)
    return {
      dtype: x.dtype,
      shape: dims.map((d, i) => (d > 0 ? d : d === 0 && int(node, 'allowzero', 0) === 0 ? (x.shape?.[i] ?? null) : null)),
    };
  const rank = s?.shape?.[0];
  return { dtype: x.dtype, shape: typeof rank === 'number' ? unknownDims(rank) : undefined };
};

const changeRank =
  (sign: 1 | -1): Rule =>
  (node, [x], facts) => {
    const axes = facts.numbers(node.inputs[1] ?? '');
    return x && { dtype: x.dtype, shape: x.shape && axes && unknownDims(x.shape.length + sign * axes.length) };
  };

const reduce: Rule = (node, [x], facts) => {
  if (!x?.shape) return x;
  if (int(node, 'keepdims', 1) !== 0) return { dtype: x.dtype, shape: unknownDims(x.shape.length) };
  const axes = node.inputs.length > 1 ? facts.numbers(node.inputs[1] ?? '') : x.shape;
  return { dtype: x.dtype, shape: axes && unknownDims(x.shape.length - axes.length) };
};

const gather: Rule = (_, [x, indices]) =>
  x && { dtype: x.dtype, shape: x.shape && indices?.shape && unknownDims(x.shape.length - 1 + indices.shape.length) };

const matmul: Rule = (_, [a, b]) => {
  const ranked = a?.shape && b?.shape && a.shape.length > 1 && b.shape.length > 1;
  return a && { dtype: a.dtype, shape: ranked ? unknownDims(Math.max(a.shape!.length, b.shape!.length)) : undefined };
};

const table = (rule: Rule, ops: string): [string, Rule][] => ops.split(' ').map((op) => [op, rule]);

const rules: ReadonlyMap<string, Rule> = new Map([
  ...table(
    same,
    'Abs Acos Asin Atan BatchNormalization Ceil Celu Clip Cos CumSum Dropout Elu Erf Exp Floor Gelu GroupNormalization HardSigmoid HardSwish Hardmax Identity InstanceNormalization LRN LayerNormalization LeakyRelu Log LogSoftmax LpNormalization MeanVarianceNormalization Mish Neg PRelu Reciprocal Relu Round Selu Sigmoid Sign Sin Softmax Softplus Softsign Sqrt Swish Tan Tanh ThresholdedRelu',
  ),
  ...table(sameRank, 'Concat DepthToSpace Expand Pad Resize Slice SpaceToDepth Split Tile TopK Transpose ReverseSequence'),
  ...table(broadcast, 'Add Div Max Mean Min Mod Mul Pow Sub Sum'),
  ...table(windowed, 'Conv'),
  ...table(
    (_, [x]) => x && { dtype: x.dtype, shape: x.shape && [...x.shape.slice(0, 2), ...unknownRest(x.shape, 2)] },
    'AveragePool LpPool MaxPool',
  ),
  ...table(sameRank, 'ConvTranspose'),
  ...table(pooledToOne, 'GlobalAveragePool GlobalLpPool GlobalMaxPool'),
  ...table(matrix, 'Gemm Flatten'),
  ...table(reduce, 'ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare'),
  ['MatMul', matmul],
  ['Reshape', reshape],
  ['Squeeze', changeRank(-1)],
  ['Unsqueeze', changeRank(1)],
  ['Gather', gather],
  ['Shape', (_, [x]): Known => ({ dtype: 'int64', shape: [x?.shape?.length ?? null] })],
  [
    'Cast',
    (node, [x]) => {
      const dtype = dtypeFromOnnx(int(node, 'to', 0));
      return dtype && { dtype, shape: x?.shape };
    },
  ],
  ['CastLike', (_, [x, like]) => like && { dtype: like.dtype, shape: x?.shape }],
]);

// Expand may raise the rank, so only its element type is sure.
const dtypeOnly = new Set(['Expand']);

/** Type of a node's outputs where something is known; the same for each output of ops with several. */
export const inferType = (node: Node, facts: Facts): ValueType | undefined => {
  const rule = node.domain === '' ? rules.get(node.op) : undefined;
  if (!rule) return undefined;
  const inputs = node.inputs.map((name) => {
    const type = name === '' ? undefined : facts.type(name);
    return type?.kind === 'tensor'
      ? { dtype: type.dtype, shape: (type.shape?.length ?? 0) > mostDims ? undefined : type.shape }
      : undefined;
  });
  const known = rule(node, inputs, facts);
  return known && tensorType(known.dtype, dtypeOnly.has(node.op) ? undefined : known.shape);
};
