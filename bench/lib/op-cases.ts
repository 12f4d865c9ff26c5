/**
 * The ops timed, other than convolutions: matrix products from 64 to 2048 and of transformers, and what
 * stands between products and convolutions in networks, at sizes of ResNet-50, SqueezeNet and BERT-base.
 */
import { input, int64s, opCase, weight, type OpCase, type PlainAttribute } from './op-case.ts';

type Attrs = Readonly<Record<string, PlainAttribute>>;
type Dims = readonly number[];

const product = (m: number, k: number, n: number, constant = false): OpCase =>
  opCase(
    'MatMul',
    `${m}×${k}×${n}${constant ? ', weights' : ''}`,
    [input([m, k]), constant ? weight([k, n]) : input([k, n])],
    {},
    {
      flops: 2 * m * k * n,
      product: { m, n, k },
    },
  );
const gemm = (m: number, k: number, n: number): OpCase =>
  opCase('Gemm', `${m}×${k}×${n}`, [input([m, k]), weight([n, k]), weight([n])], { transB: 1 }, { group: 'MatMul', flops: 2 * m * k * n });

const matrixProducts: OpCase[] = [
  ...[64, 128, 256, 512, 1024, 2048].map((n) => product(n, n, n)),
  product(128, 768, 768, true),
  product(128, 768, 3072, true),
  product(1, 4096, 4096, true),
  opCase('MatMul', '12×128×64×128', [input([1, 12, 128, 64]), input([1, 12, 64, 128])], {}, { flops: 2 * 12 * 128 * 64 * 128 }),
  gemm(1, 2048, 1000),
  gemm(1, 9216, 4096),
  gemm(64, 512, 512),
];

const byte = { low: 0, high: 256 };
const signed = { low: -127, high: 128 };
const scalar = (value: number): ReturnType<typeof weight> => weight([], [value]);
const quantizedProduct = (m: number, k: number, n: number): OpCase =>
  opCase(
    'MatMulInteger',
    `${m}×${k}×${n}, u8·s8 weights`,
    [input([m, k], byte, 'uint8'), weight([k, n], signed, 'int8')],
    {},
    {
      group: 'Quantized',
      flops: 2 * m * k * n,
    },
  );
const quantizedConv = (c: number, size: number, m: number, k: number): OpCase => {
  // Deviations of both kinds of bytes are 73; sums of this many products are brought to about 40 levels.
  const scale = (Math.sqrt(c * k * k) * 150 * 73) / 40;
  return opCase(
    'QLinearConv',
    `${c}×${size}×${size} → ${m}, ${k}×${k}/1, u8·s8`,
    [
      input([1, c, size, size], byte, 'uint8'),
      scalar(0.02),
      weight([], [128], 'uint8'),
      weight([m, c, k, k], signed, 'int8'),
      scalar(0.01),
      weight([], [0], 'int8'),
      scalar(0.02 * 0.01 * scale),
      weight([], [128], 'uint8'),
      weight([m], { low: -1000, high: 1000 }, 'int32'),
    ],
    { kernel_shape: [k, k], pads: Array.from({ length: 4 }, () => (k - 1) / 2) },
    { group: 'Quantized', levels: 1, flops: 2 * m * size * size * c * k * k },
  );
};
const quantized = [
  quantizedProduct(128, 768, 768),
  quantizedProduct(512, 512, 512),
  quantizedConv(64, 56, 64, 3),
  quantizedConv(256, 14, 1024, 1),
];

const pool = (op: 'MaxPool' | 'AveragePool', c: number, h: number, k: number, s: number, p: number): OpCase =>
  opCase(
    op,
    `${c}×${h}×${h}, ${k}×${k}/${s}`,
    [input([1, c, h, h])],
    { kernel_shape: [k, k], strides: [s, s], pads: [p, p, p, p] },
    {
      group: 'Pool',
    },
  );
const globalPool = (...dims: number[]): OpCase => opCase('GlobalAveragePool', dims.join('×'), [input([1, ...dims])], {}, { group: 'Pool' });
const pooling = [
  pool('MaxPool', 64, 112, 3, 2, 1),
  pool('MaxPool', 64, 111, 3, 2, 0),
  pool('MaxPool', 256, 27, 3, 2, 0),
  pool('MaxPool', 64, 224, 2, 2, 0),
  pool('AveragePool', 192, 28, 3, 1, 1),
  pool('AveragePool', 1024, 14, 2, 2, 0),
  globalPool(2048, 7, 7),
  globalPool(512, 13, 13),
];

const softmax = (...dims: number[]): OpCase => opCase('Softmax', dims.join('×'), [input(dims)], { axis: -1 });
const layerNorm = (rows: number, size: number): OpCase =>
  opCase(
    'LayerNormalization',
    `${rows}×${size}`,
    [input([1, rows, size]), weight([size]), weight([size])],
    { axis: -1 },
    {
      group: 'Normalization',
    },
  );
const channels = (op: string, dims: Dims, what = '', attrs: Attrs = {}): OpCase => {
  const c = weight([dims[0]!]);
  const statistics = op === 'BatchNormalization' ? [c, weight([dims[0]!], 'positive')] : [];
  return opCase(op, `${dims.join('×')}${what}`, [input([1, ...dims]), c, c, ...statistics], attrs, { group: 'Normalization' });
};
const rows = [
  softmax(1, 1000),
  softmax(128, 1000),
  softmax(12, 128, 128),
  softmax(12, 512, 512),
  layerNorm(128, 768),
  layerNorm(512, 1024),
  channels('BatchNormalization', [64, 112, 112]),
  channels('InstanceNormalization', [64, 56, 56]),
  channels('GroupNormalization', [64, 56, 56], ', 32 groups', { num_groups: 32 }),
];

const reduce = (op: string, axes: Dims, ...dims: number[]): OpCase =>
  opCase(op, `${dims.join('×')}, axis ${axes.join(' and ')}`, [input(dims), int64s(...axes)], { keepdims: 0 }, { group: 'Reduce' });
const reductions = ['ReduceSum', 'ReduceMean', 'ReduceMax'].flatMap((op) => [
  reduce(op, [1], 1024, 1024),
  reduce(op, [0], 1024, 1024),
  reduce(op, [1], 64, 256, 64),
  reduce(op, [2, 3], 1, 512, 28, 28),
  reduce(op, [2], 1, 128, 768),
]);

const elementwise = (op: string, what: string, operands: OpCase['operands'], attrs: Attrs = {}): OpCase =>
  opCase(op, what, operands, attrs, { group: 'Elementwise' });
const elementwiseCases = [
  elementwise('Gelu', '128×3072', [input([1, 128, 3072])]),
  elementwise('Gelu', '128×3072, tanh', [input([1, 128, 3072])], { approximate: 'tanh' }),
  ...['Relu', 'Sigmoid', 'Tanh', 'Erf', 'Exp'].map((op) => elementwise(op, '512×1024', [input([512, 1024])])),
  ...['Log', 'Sqrt'].map((op) => elementwise(op, '512×1024', [input([512, 1024], 'positive')])),
  elementwise('Add', '256×56×56 + same', [input([1, 256, 56, 56]), input([1, 256, 56, 56])]),
  elementwise('Add', '128×768 + 768', [input([1, 128, 768]), input([768])]),
  elementwise('Add', '64×56×56 + 64×1×1', [input([1, 64, 56, 56]), input([64, 1, 1])]),
  elementwise('Add', '12×128×128 + 1×1×128', [input([1, 12, 128, 128]), input([1, 1, 1, 128])]),
  elementwise('Mul', '1024×1024', [input([1024, 1024]), input([1024, 1024])]),
];

const move = (op: string, what: string, operands: OpCase['operands'], attrs: Attrs = {}): OpCase =>
  opCase(op, what, operands, attrs, { group: 'Movement' });
const resize = (what: string, attrs: Attrs): OpCase =>
  move('Resize', `64×56×56 doubled, ${what}`, [input([1, 64, 56, 56]), undefined, weight([4], [1, 1, 2, 2])], attrs);
const movement = [
  move('Transpose', '128×12×64, 0213', [input([1, 128, 12, 64])], { perm: [0, 2, 1, 3] }),
  move('Transpose', '1024×1024', [input([1024, 1024])], { perm: [1, 0] }),
  move('Transpose', '64×56×56, NCHW to NHWC', [input([1, 64, 56, 56])], { perm: [0, 2, 3, 1] }),
  move('Concat', '2 of 64×56×56', [input([1, 64, 56, 56]), input([1, 64, 56, 56])], { axis: 1 }),
  move('Concat', '2 of 128×384, last axis', [input([1, 128, 384]), input([1, 128, 384])], { axis: -1 }),
  move('Gather', '128 of 30522×768', [weight([30522, 768]), input([1, 128], { low: 0, high: 30522 }, 'int64')], { axis: 0 }),
  move('Gather', '256 columns of 128×768', [input([128, 768]), input([256], { low: 0, high: 768 }, 'int64')], { axis: 1 }),
  move('Slice', '128×2304, columns 768 to 1536', [input([1, 128, 2304]), int64s(768), int64s(1536), int64s(2)]),
  move('Slice', '64×112×112, every second', [input([1, 64, 112, 112]), int64s(0, 0), int64s(112, 112), int64s(2, 3), int64s(2, 2)]),
  resize('linear', { mode: 'linear', coordinate_transformation_mode: 'half_pixel' }),
  resize('nearest', { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }),
];

/** onnxruntime-node has both on its CPU: com.microsoft's op, and ai.onnx's since version 23. */
const attention = (queries: number, keys: number): OpCase[] => {
  const heads = 12;
  const operands = [queries, keys, keys].map((n) => input([1, n, heads * 64]));
  const more = { group: 'Attention', flops: 4 * queries * keys * heads * 64 };
  const what = `${queries} queries, ${keys} keys, ${heads} heads`;
  return [
    opCase('MultiHeadAttention', what, operands, { num_heads: heads }, { ...more, domain: 'com.microsoft' }),
    opCase('Attention', what, operands, { q_num_heads: heads, kv_num_heads: heads }, { ...more, opset: 23 }),
  ];
};

export const opCases: readonly OpCase[] = [
  ...matrixProducts,
  ...pooling,
  ...rows,
  ...reductions,
  ...elementwiseCases,
  ...movement,
  ...attention(128, 128),
  ...attention(512, 512),
  ...attention(1, 512),
  ...quantized,
];
