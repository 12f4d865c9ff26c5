/** Where the op records depart from the official schemas on purpose: data for schemas.test.ts, each entry with its reason. */

export interface Exception {
  /** `Op`, or `domain.Op`. */
  readonly op: string;
  /** The sentence of the comparison this entry answers, exactly. */
  readonly says: string;
  readonly because: string;
}

const zeroIsAbsent = '0 is UNDEFINED, which is what absent means';
const integersBefore28 = 'versions before 28 allow integers, and the record serves them too';
const oneDtypeSuffices = 'each is one number that is read by itself, so they need not be of one type';
const leastGroup = 'one group is one tensor each of parameters, gradients and states; fewer are refused when the node is bound';
const wideScatter = 'the record is that of ScatterElements, which took its place; a wider type does no harm';

/** Differences in form that are meant. */
export const exceptions: readonly Exception[] = [
  {
    op: 'BatchNormalization',
    says: 'since 9, but nodes older than 14 do not fit the form',
    because:
      'they differ in the outputs of training, which versions 9 and 13 name instead of setting training_mode; nodes of inference have the form',
  },
  {
    op: 'Constant',
    says: 'attribute sparse_value is of type tensor, officially sparse_tensor',
    because: 'importers unfold sparse tensors; behind them all tensors are dense',
  },
  { op: 'DequantizeLinear', says: 'attribute output_dtype is undefined by default, officially 0', because: zeroIsAbsent },
  { op: 'QuantizeLinear', says: 'attribute output_dtype is undefined by default, officially 0', because: zeroIsAbsent },
  { op: 'QuantizeLinear', says: 'attribute precision is undefined by default, officially 0', because: zeroIsAbsent },
  { op: 'MelWeightMatrix', says: 'input sample_rate officially shares the type of num_mel_bins', because: oneDtypeSuffices },
  { op: 'MelWeightMatrix', says: 'input upper_edge_hertz officially shares the type of lower_edge_hertz', because: oneDtypeSuffices },
  {
    op: 'RNN',
    says: 'attribute activations is undefined by default, officially ["Tanh","Tanh"]',
    because: 'the default is one Tanh for each direction, and how many there are is another attribute',
  },
  { op: 'ReduceLogSum', says: 'input data allows int32, int64, uint32, uint64, officially not', because: integersBefore28 },
  { op: 'ReduceLogSumExp', says: 'input data allows int32, int64, uint32, uint64, officially not', because: integersBefore28 },
  { op: 'Scatter', says: 'input data allows bfloat16, officially not', because: wideScatter },
  { op: 'Scatter', says: 'input updates allows bfloat16, officially not', because: wideScatter },
  { op: 'ai.onnx.preview.training.Adagrad', says: 'input inputs takes 3 or more, officially 1', because: leastGroup },
  { op: 'ai.onnx.preview.training.Adam', says: 'input inputs takes 3 or more, officially 1', because: leastGroup },
  { op: 'ai.onnx.preview.training.Momentum', says: 'input inputs takes 3 or more, officially 1', because: leastGroup },
];

/** Records in an official domain that ONNX has no op for, and why. */
export const withoutSchema: Readonly<Record<string, string>> = {
  SimplifiedLayerNormalization: "onnxruntime registers it in ONNX's own domain, and its optimizer writes it there",
};

/** Official ops that have no record, and why. Deprecated ones need no entry. */
export const withoutRecord: Readonly<Record<string, string>> = {
  'ai.onnx.preview.training.Gradient':
    'it speaks of other nodes of its graph, so importers write it out as ordinary nodes (expandGradients)',
};

/** Element types an official input allows and ours does not, as the comparison prints them, and why. */
export const withoutTypes: readonly Exception[] = [
  {
    op: 'Col2Im',
    says: 'input: string, complex64, complex128',
    because: 'overlapping elements are summed: strings have no sum, and no expression holds a complex number',
  },
];
