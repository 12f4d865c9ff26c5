/**
 * One small call per op, for asking who can run it. Most ops take anything: their required inputs are
 * matrices of 2 × 4. The others are here: shapes that fit each other, contents that decide shapes,
 * attributes that have no default. A test runs each of them.
 */
import { dtypeInfo, isFloat, type DType } from '../../core/dtype.ts';
import { MapValue, Tensor, type Value } from '../../core/tensor.ts';
import type { PlainAttributes } from '../../runtime/call.ts';

/** An input: its shape, or its value (by its element type, where that is the op's choice), or (variadic ones) a list of these. `null` leaves it out. */
export type ExampleInput = readonly number[] | Value | ((dtype: DType) => Tensor) | null | readonly (readonly number[] | Value)[];

export interface Example {
  readonly inputs: Readonly<Record<string, ExampleInput>>;
  /** May depend on the type of the input the op is listed by. */
  readonly attrs?: PlainAttributes | ((dtype: DType) => PlainAttributes);
  /** The input by whose types an op is listed, where it is not the first one with several. */
  readonly by?: string;
}

const tensor =
  (dtype: DType) =>
  (...values: (number | bigint | boolean | string)[]): Tensor =>
    Tensor.from(dtype, [values.length], values);
const int64 = tensor('int64');
const scalar = (dtype: DType, value: number | bigint | boolean | string): Tensor => Tensor.from(dtype, [], [value]);

const example = (inputs: Example['inputs'], attrs: Example['attrs'] = {}, by?: string): Example => ({
  inputs,
  attrs,
  ...(by === undefined ? {} : { by }),
});

const image = [1, 2, 6, 6] as const;
const pool = { kernel_shape: [2, 2] };
const picture = [1, 6, 6, 2] as const;
const square = { A: [4, 4], B: [4, 4] };
const heads = [1, 2, 4, 8] as const;
const grads = { R: [], T: scalar('int64', 1) };
const recurrent = (gates: number): Example => example({ X: [3, 1, 2], W: [1, 4 * gates, 2], R: [1, 4 * gates, 4] }, { hidden_size: 4 });
const window = example({ size: scalar('int64', 8) });
const scale = (...names: string[]): Record<string, number[]> => Object.fromEntries(names.map((n) => [n, []]));
const map = new MapValue(new Map([[1n, scalar('float32', 2)]]));
const keys = (dtype: DType): Tensor => tensor(dtype)(...(dtype === 'string' ? ['a', 'b'] : [1, 2]));
const tree = {
  nodes_featureids: [0, 0, 0],
  nodes_nodeids: [0, 1, 2],
  nodes_treeids: [0, 0, 0],
  nodes_truenodeids: [1, 0, 0],
  nodes_falsenodeids: [2, 0, 0],
  nodes_modes: ['BRANCH_LEQ', 'LEAF', 'LEAF'],
  nodes_values: { type: 'floats', value: [0.5, 0, 0] },
} as const;
const qconv = { x: image, w: [3, 2, 3, 3], ...scale('x_scale', 'x_zero_point', 'w_scale', 'w_zero_point', 'y_scale', 'y_zero_point') };

export const examples: Readonly<Record<string, Example>> = {
  AffineGrid: example({ theta: [1, 2, 3], size: int64(1, 1, 4, 4) }),
  ArgMax: example({ data: [2, 4] }),
  Attention: example({ Q: heads, K: heads, V: heads }),
  AveragePool: example({ X: image }, pool),
  BatchNormalization: example({ X: image, scale: [2], B: [2], input_mean: [2], input_var: [2] }),
  BitCast: example({ input: [2, 4] }, (dtype) => ({ to: dtypeInfo(dtype).onnx })),
  BitShift: example({ X: [2, 4], Y: [2, 4] }, { direction: 'LEFT' }),
  BlackmanWindow: window,
  Cast: example({ input: [2, 4] }, { to: 1 }),
  CastLike: example({ input: [2, 4], target_type: scalar('float32', 1) }),
  CausalConvWithState: example({ input: [1, 2, 8], weight: [2, 1, 3] }),
  CenterCropPad: example({ input_data: [2, 4], shape: int64(3, 3) }),
  Col2Im: example({ input: [1, 8, 9], image_shape: int64(4, 4), block_shape: int64(2, 2) }),
  Compress: example({ input: [2, 4], condition: [2] }, { axis: 0 }),
  Concat: example(
    {
      inputs: [
        [2, 4],
        [2, 4],
      ],
    },
    { axis: 0 },
  ),
  ConcatFromSequence: example({ input_sequence: null }, { axis: 0 }),
  Constant: example({}, { value: tensor('float32')(1, 2) }),
  ConstantOfShape: example({ input: int64(2, 4) }),
  Conv: example({ X: image, W: [3, 2, 3, 3] }),
  ConvInteger: example({ x: image, w: [3, 2, 3, 3] }),
  ConvTranspose: example({ X: image, W: [2, 3, 3, 3] }),
  CumProd: example({ x: [2, 4], axis: scalar('int64', 1) }),
  CumSum: example({ x: [2, 4], axis: scalar('int64', 1) }),
  DeformConv: example({ X: image, W: [3, 2, 3, 3], offset: [1, 18, 4, 4] }),
  DepthToSpace: example({ input: [1, 4, 2, 2] }, { blocksize: 2 }),
  DequantizeLinear: example({ x: [2, 4], x_scale: [] }),
  Det: example({ X: [3, 3] }),
  DFT: example({ input: [1, 8, 1] }),
  Dropout: example({ data: [2, 4] }),
  Einsum: example(
    {
      Inputs: [
        [2, 4],
        [4, 3],
      ],
    },
    { equation: 'ij,jk->ik' },
  ),
  Expand: example({ input: [1, 4], shape: int64(2, 4) }),
  Gather: example({ data: [2, 4], indices: int64(0, 1) }),
  GatherElements: example({ data: [2, 4], indices: [1, 4] }),
  GatherND: example({ data: [2, 4], indices: [2, 1] }),
  Gemm: example(square),
  GlobalAveragePool: example({ X: image }),
  GlobalLpPool: example({ X: image }),
  GlobalMaxPool: example({ X: image }),
  GridSample: example({ X: image, grid: [1, 4, 4, 2] }, { mode: 'nearest' }),
  GroupNormalization: example({ X: image, scale: [2], bias: [2] }, { num_groups: 2 }),
  GRU: recurrent(3),
  HammingWindow: window,
  HannWindow: window,
  ImageDecoder: example({ encoded_stream: tensor('uint8')(80, 54, 32, 49, 32, 49, 32, 50, 53, 53, 10, 1, 2, 3) }),
  InstanceNormalization: example({ input: image, scale: [2], B: [2] }),
  LayerNormalization: example({ X: [2, 4], Scale: [4] }),
  LinearAttention: example(
    { query: [1, 4, 8], key: [1, 4, 8], value: [1, 4, 8] },
    {
      q_num_heads: 2,
      kv_num_heads: 2,
      update_rule: 'linear',
    },
  ),
  LpPool: example({ X: image }, pool),
  LRN: example({ X: image }, { size: 3 }),
  LSTM: recurrent(4),
  MatMul: example(square),
  MatMulInteger: example(square),
  MaxPool: example({ X: image }, pool),
  // Of image 0, from (1, 1) to (4, 3).
  MaxRoiPool: example({ X: image, rois: (dtype) => Tensor.from(dtype, [1, 5], [0, 1, 1, 4, 3]) }, { pooled_shape: [2, 2] }),
  MaxUnpool: example({ X: [1, 1, 2, 2], I: Tensor.from('int64', [1, 1, 2, 2], [0, 3, 9, 12]) }, { ...pool, strides: [2, 2] }),
  MeanVarianceNormalization: example({ X: image }),
  MelWeightMatrix: example({
    num_mel_bins: scalar('int64', 4),
    dft_length: scalar('int64', 16),
    sample_rate: scalar('int64', 8000),
    lower_edge_hertz: scalar('float32', 0),
    upper_edge_hertz: scalar('float32', 4000),
  }),
  Mod: example({ A: [2, 4], B: [2, 4] }, (dtype) => ({ fmod: isFloat(dtype) ? 1 : 0 })),
  NegativeLogLikelihoodLoss: example({ input: [2, 4], target: [2] }),
  NonMaxSuppression: example({ boxes: [1, 4, 4], scores: [1, 1, 4] }),
  OneHot: example({ indices: [4], depth: scalar('int64', 5), values: [2] }, {}, 'values'),
  Optional: example({ input: [2, 4] }),
  Pad: example({ data: [2, 4], pads: int64(0, 1, 0, 1) }),
  QLinearConv: example(qconv),
  QLinearMatMul: example({
    a: [4, 4],
    b: [4, 4],
    ...scale('a_scale', 'a_zero_point', 'b_scale', 'b_zero_point', 'y_scale', 'y_zero_point'),
  }),
  QuantizeLinear: example({ x: [2, 4], y_scale: [] }),
  RandomNormal: example({}, { shape: [2, 4] }),
  RandomUniform: example({}, { shape: [2, 4] }),
  Range: example({ start: null, limit: null, delta: null }),
  Resize: example({ X: image, roi: null, scales: tensor('float32')(1, 1, 2, 2) }),
  Reshape: example({ data: [2, 4], shape: int64(4, 2) }),
  ReverseSequence: example({ input: [4, 2], sequence_lens: int64(1, 2) }),
  RegexFullMatch: example({ X: [4] }, { pattern: 'a' }),
  RMSNormalization: example({ X: [2, 4], scale: [4] }),
  RNN: recurrent(1),
  RoiAlign: example({ X: image, rois: (dtype) => Tensor.from(dtype, [1, 4], [1, 1, 4, 3]), batch_indices: int64(0) }),
  RotaryEmbedding: example({ X: heads, cos_cache: [1, 4, 4], sin_cache: [1, 4, 4] }),
  Scatter: example({ data: [2, 4], indices: [1, 4], updates: [1, 4] }),
  ScatterElements: example({ data: [2, 4], indices: [1, 4], updates: [1, 4] }),
  ScatterND: example({ data: [2, 4], indices: [1, 1], updates: [1, 4] }),
  SequenceAt: example({ input_sequence: null, position: scalar('int64', 0) }),
  SequenceConstruct: example({
    inputs: [
      [2, 4],
      [2, 4],
    ],
  }),
  Slice: example({ data: [2, 4], starts: int64(0), ends: int64(1) }),
  SoftmaxCrossEntropyLoss: example({ scores: [2, 4], labels: [2] }),
  SpaceToDepth: example({ input: image }, { blocksize: 2 }),
  Split: example({ input: [2, 4] }),
  STFT: example({ signal: [1, 16, 1], frame_step: scalar('int64', 4), window: null, frame_length: scalar('int64', 8) }),
  TensorScatter: example({ past_cache: [1, 4, 2], update: [1, 1, 2] }),
  TfIdfVectorizer: example({ X: [4] }, (dtype) => ({
    max_gram_length: 1,
    max_skip_count: 0,
    min_gram_length: 1,
    mode: 'TF',
    ngram_counts: [0],
    ngram_indexes: [0, 1],
    ...(dtype === 'string' ? { pool_strings: ['a', 'b'] } : { pool_int64s: [1, 2] }),
  })),
  StringNormalizer: example({ X: [4] }),
  Tile: example({ input: [2, 4], repeats: int64(1, 2) }),
  TopK: example({ X: [2, 4], K: int64(2) }),
  Unsqueeze: example({ data: [2, 4], axes: int64(0) }),
  'ai.onnx.ml.ArrayFeatureExtractor': example({ X: [2, 4], Y: int64(0, 1) }),
  'ai.onnx.ml.CastMap': example({ X: map }),
  'ai.onnx.ml.CategoryMapper': example({ X: [4] }, { cats_int64s: [1, 2], cats_strings: ['a', 'b'] }),
  'ai.onnx.ml.DictVectorizer': example({ X: map }, { int64_vocabulary: [1, 2] }),
  'ai.onnx.ml.Imputer': example({ X: [2, 4] }, (dtype) =>
    dtype.startsWith('float') ? { imputed_value_floats: [1] } : { imputed_value_int64s: [1] },
  ),
  'ai.onnx.ml.LabelEncoder': example({ X: [4] }, (dtype) => ({ keys_tensor: keys(dtype), values_int64s: [3, 4] })),
  'ai.onnx.ml.LinearClassifier': example({ X: [2, 4] }, { coefficients: [1, 2, 3, 4], intercepts: [0], classlabels_ints: [0, 1] }),
  'ai.onnx.ml.LinearRegressor': example({ X: [2, 4] }, { coefficients: [1, 2, 3, 4], intercepts: [0] }),
  'ai.onnx.ml.OneHotEncoder': example({ X: [4] }, { cats_int64s: [1, 2] }),
  'ai.onnx.ml.Scaler': example({ X: [2, 4] }, { offset: [0], scale: [1] }),
  'ai.onnx.ml.SVMClassifier': example(
    { X: [2, 4] },
    {
      classlabels_ints: [0, 1],
      coefficients: [1, -1],
      rho: [0],
      support_vectors: [1, 0, 0, 0, 0, 1, 0, 0],
      vectors_per_class: [1, 1],
    },
  ),
  'ai.onnx.ml.SVMRegressor': example({ X: [2, 4] }, { coefficients: [1], n_supports: 1, rho: [0], support_vectors: [1, 0, 0, 0] }),
  'ai.onnx.ml.TreeEnsemble': example(
    { X: [2, 4] },
    {
      leaf_targetids: [0, 0],
      leaf_weights: tensor('float32')(1, 2),
      nodes_featureids: [0],
      nodes_modes: tensor('uint8')(0),
      nodes_splits: tensor('float32')(0.5),
      nodes_truenodeids: [0],
      nodes_trueleafs: [1],
      nodes_falsenodeids: [1],
      nodes_falseleafs: [1],
      tree_roots: [0],
      n_targets: 1,
    },
  ),
  'ai.onnx.ml.TreeEnsembleClassifier': example(
    { X: [2, 4] },
    {
      ...tree,
      class_ids: [0, 1],
      class_nodeids: [1, 2],
      class_treeids: [0, 0],
      class_weights: [1, 1],
      classlabels_int64s: [0, 1],
    },
  ),
  'ai.onnx.ml.TreeEnsembleRegressor': example(
    { X: [2, 4] },
    { ...tree, n_targets: 1, target_ids: [0, 0], target_nodeids: [1, 2], target_treeids: [0, 0], target_weights: [1, 2] },
  ),
  'ai.onnx.ml.ZipMap': example({ X: [2, 2] }, { classlabels_int64s: [0, 1] }),
  'ai.onnx.preview.training.Adagrad': example({ ...grads, inputs: [[4], [4], [4]] }, {}, 'inputs'),
  'ai.onnx.preview.training.Adam': example({ ...grads, inputs: [[4], [4], [4], [4]] }, {}, 'inputs'),
  'ai.onnx.preview.training.Momentum': example(
    { ...grads, inputs: [[4], [4], [4]] },
    { alpha: 0.9, beta: 0.9, mode: 'standard', norm_coefficient: 0 },
    'inputs',
  ),
  SimplifiedLayerNormalization: example({ X: [2, 4], scale: [4] }),
  'com.microsoft.Attention': example({ input: [1, 4, 8], weights: [8, 24], bias: [24] }, { num_heads: 2 }),
  'com.microsoft.BiasGelu': example({ A: [2, 4], B: [4] }),
  'com.microsoft.BiasSplitGelu': example({ X: [1, 2, 8], bias: [8] }),
  'com.microsoft.DequantizeLinear': example({ x: [2, 4], x_scale: [] }),
  'com.microsoft.DynamicQuantizeMatMul': example({ ...square, b_scale: [] }, {}, 'B'),
  'com.microsoft.DynamicQuantizeLSTM': example(
    { X: [3, 1, 2], W: [1, 2, 16], R: [1, 4, 16], W_scale: [1], W_zero_point: [1], R_scale: [1], R_zero_point: [1] },
    { hidden_size: 4 },
    'W',
  ),
  'com.microsoft.EmbedLayerNormalization': example({
    input_ids: Tensor.from('int32', [1, 3], [0, 2, 1]),
    word_embedding: [3, 4],
    position_embedding: [5, 4],
    gamma: [4],
    beta: [4],
  }),
  'com.microsoft.FusedConv': example({ X: image, W: [3, 2, 3, 3] }),
  'com.microsoft.FusedGemm': example(square),
  'com.microsoft.FusedMatMul': example(square),
  'com.microsoft.FusedMatMulActivation': example(square, { activation: 'Relu' }),
  'com.microsoft.GridSample': example({ X: image, Grid: [1, 4, 4, 2] }),
  'com.microsoft.GroupQueryAttention': example(
    {
      query: [1, 4, 16],
      key: [1, 4, 16],
      value: [1, 4, 16],
      past_key: null,
      past_value: null,
      seqlens_k: tensor('int32')(3),
      total_sequence_length: scalar('int32', 4),
    },
    { num_heads: 2, kv_num_heads: 2 },
  ),
  'com.microsoft.MatMulIntegerToFloat': example({ ...square, a_scale: [], b_scale: [] }),
  'com.microsoft.MatMulNBits': example({ A: [2, 32], B: [8, 2, 8], scales: [8, 2] }, { K: 32, N: 8, block_size: 16 }),
  'com.microsoft.MultiHeadAttention': example({ query: [1, 4, 8], key: [1, 4, 8], value: [1, 4, 8] }, { num_heads: 2 }),
  'com.microsoft.NhwcConv': example({ X: [1, 6, 6, 2], W: [3, 2, 3, 3] }),
  'com.microsoft.NhwcFusedConv': example({ X: [1, 6, 6, 2], W: [3, 2, 3, 3] }),
  'com.microsoft.NhwcMaxPool': example({ x: [1, 6, 6, 2] }, pool),
  'com.microsoft.QAttention': example(
    { input: [1, 4, 8], weight: [8, 24], bias: [24], ...scale('input_scale', 'weight_scale') },
    { num_heads: 2 },
  ),
  'com.microsoft.QEmbedLayerNormalization': example(
    {
      input_ids: Tensor.from('int32', [1, 3], [0, 2, 1]),
      word_embedding_quant: [3, 4],
      position_embedding_quant: [5, 4],
      gamma_quant: [4],
      beta_quant: [4],
      ...scale('word_embedding_scale', 'position_embedding_scale', 'gamma_scale', 'beta_scale'),
      ...scale('word_embedding_zero_point', 'position_embedding_zero_point', 'gamma_zero_point', 'beta_zero_point'),
    },
    {},
    'word_embedding_quant',
  ),
  'com.microsoft.QGemm': example({ ...square, ...scale('a_scale', 'a_zero_point', 'b_scale', 'b_zero_point') }),
  'com.microsoft.QLinearAdd': example({ A: [2, 4], B: [2, 4], ...scale('A_scale', 'B_scale', 'C_scale') }),
  'com.microsoft.QLinearAveragePool': example({ X: image, ...scale('x_scale', 'y_scale') }, pool),
  'com.microsoft.QLinearConcat': example(
    { ...scale('Y_scale', 'Y_zero_point'), inputs: [[2, 4], scalar('float32', 1), []] },
    { axis: 0 },
    'Y_zero_point',
  ),
  'com.microsoft.QLinearConv': example(qconv),
  'com.microsoft.QLinearGlobalAveragePool': example({ X: image, ...scale('x_scale', 'x_zero_point', 'y_scale', 'y_zero_point') }),
  'com.microsoft.QLinearLeakyRelu': example({ X: [2, 4], ...scale('X_scale', 'Y_scale') }),
  'com.microsoft.QLinearMul': example({ A: [2, 4], B: [2, 4], ...scale('A_scale', 'B_scale', 'C_scale') }),
  'com.microsoft.QLinearSigmoid': example({ X: [2, 4], ...scale('X_scale', 'Y_scale') }),
  'com.microsoft.QLinearSoftmax': example({ X: [2, 4], ...scale('X_scale', 'y_scale', 'y_zero_point') }, { opset: 13 }),
  'com.microsoft.QLinearWhere': example(
    { condition: [2, 4], X: [2, 4], Y: [2, 4], ...scale('x_scale', 'x_zero_point', 'y_scale', 'y_zero_point', 'z_scale', 'z_zero_point') },
    {},
    'X',
  ),
  'com.microsoft.QuantizeLinear': example({ x: [2, 4], y_scale: [] }),
  'com.microsoft.RotaryEmbedding': example({ input: [1, 4, 8], position_ids: [1, 4], cos_cache: [8, 4], sin_cache: [8, 4] }),
  'com.microsoft.SkipLayerNormalization': example({ input: [1, 2, 4], skip: [1, 2, 4], gamma: [4] }),
  'com.microsoft.SkipSimplifiedLayerNormalization': example({ input: [1, 2, 4], skip: [1, 2, 4], gamma: [4] }),
  'com.microsoft.TransposeMatMul': example(square),
  'tfjs.AvgPool': example({ X: picture }, pool),
  'tfjs.AvgPoolGrad': example({ dY: [1, 5, 5, 2] }, { ...pool, input_shape: picture }),
  'tfjs.Bincount': example({ X: (dtype) => tensor(dtype)(0, 2, 1, 2), weights: [4] }, { size: 3 }),
  'tfjs.Gather': example({ X: [2, 4], indices: tensor('int32')(1, 0) }),
  'tfjs.Conv': example({ X: picture, W: [3, 3, 2, 3] }),
  'tfjs.ConvFilterGrad': example({ X: picture, dY: [1, 4, 4, 3] }, { filter_shape: [3, 3, 2, 3] }),
  'tfjs.ConvInputGrad': example({ dY: [1, 4, 4, 3], W: [3, 3, 2, 3] }, { input_shape: picture }),
  'tfjs.CropAndResize': example({ X: picture, boxes: [2, 4], box_indices: [2] }, { crop_size: [3, 3] }),
  'tfjs.DepthwiseConv': example({ X: picture, W: [3, 3, 2, 1] }),
  'tfjs.DepthwiseFilterGrad': example({ X: picture, dY: [1, 4, 4, 2] }, { filter_shape: [3, 3, 2, 1] }),
  'tfjs.DepthwiseInputGrad': example({ dY: [1, 4, 4, 2], W: [3, 3, 2, 1] }, { input_shape: picture }),
  'tfjs.Dilation2D': example({ X: picture, W: [3, 3, 2] }),
  'tfjs.Dilation2DFilterGrad': example({ X: picture, W: [3, 3, 2], dY: [1, 4, 4, 2] }),
  'tfjs.Dilation2DInputGrad': example({ X: picture, W: [3, 3, 2], dY: [1, 4, 4, 2] }),
  'tfjs.MaxPool': example({ X: picture }, pool),
  'tfjs.MaxPoolGrad': example({ dY: [1, 5, 5, 2], X: picture }, pool),
  'tfjs.MaxPoolWithArgmax': example({ X: picture }, pool),
  'tfjs.NonMaxSuppression': example({ boxes: [3, 4], scores: [3] }, { max_outputs: 2 }),
  'tfjs.OneHot': example({ indices: [4] }, { depth: 3 }),
  'tfjs.ResizeBilinear': example({ X: picture }, { size: [4, 4] }),
  'tfjs.ResizeBilinearGrad': example({ dY: [1, 4, 4, 2] }, { input_shape: picture }),
  'tfjs.ResizeNearest': example({ X: picture }, { size: [4, 4] }),
  'tfjs.ResizeNearestGrad': example({ dY: [1, 4, 4, 2] }, { input_shape: picture }),
  'tfjs.Rotate': example(
    { X: picture },
    { radians: 0.5, center: { type: 'floats', value: [3, 3] }, fill: { type: 'floats', value: [0, 0] } },
  ),
  'tfjs.Transform': example({ X: picture, transforms: [1, 8] }, { size: [4, 4] }),
  'tfjs.UnsortedSegmentSum': example({ X: [2, 4], segments: [2] }, { segments: 2 }),
};
