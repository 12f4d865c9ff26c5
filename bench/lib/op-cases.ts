/**
 * The ops timed: matrix products from 64 to 2048 and of transformers, the convolutions of ResNet-50,
 * MobileNetV2 and SqueezeNet, and what stands between them. Shapes of MobileNetV2 are from its paper
 * (Sandler et al. 2018, table 2), those of the others from their models.
 */
import type { CaseInput, OpCase } from './op-case.ts';

const input = (name: string, ...dims: number[]): CaseInput => ({ name, dims });
const weight = (name: string, ...dims: number[]): CaseInput => ({ name, dims, constant: true });
const integers = (name: string, values: readonly number[], constant: boolean, dims: readonly number[] = [values.length]): CaseInput => ({
  name,
  dims,
  integers: values,
  constant,
});

const matmul = (m: number, k: number, n: number, constant = false): OpCase => ({
  name: `MatMul ${m}×${k}×${n}${constant ? ', weights' : ''}`,
  group: 'MatMul',
  op: 'MatMul',
  inputs: [input('a', m, k), constant ? weight('b', k, n) : input('b', k, n)],
});

/** Input channels, height and width, output channels, kernel, stride, padding, groups. */
type ConvShape = readonly [c: number, h: number, m: number, k: number, s: number, p: number, g?: number];
const conv = (net: string, [c, h, m, k, s, p, g = 1]: ConvShape): OpCase => ({
  name: `Conv ${net} ${c}×${h}×${h} → ${m}, ${k}×${k}/${s}${g > 1 ? ', depthwise' : ''}`,
  group: g > 1 ? 'Conv depthwise' : `Conv ${net}`,
  op: 'Conv',
  inputs: [input('x', 1, c, h, h), weight('w', m, c / g, k, k), weight('b', m)],
  attrs: { kernel_shape: [k, k], strides: [s, s], pads: [p, p, p, p], group: g },
});
const depthwise = (c: number, h: number, s: number): ConvShape => [c, h, c, 3, s, 1, c];

const resnet50: readonly ConvShape[] = [
  [3, 224, 64, 7, 2, 3],
  [64, 56, 64, 1, 1, 0],
  [64, 56, 64, 3, 1, 1],
  [64, 56, 256, 1, 1, 0],
  [256, 56, 64, 1, 1, 0],
  [256, 56, 128, 1, 2, 0],
  [128, 28, 128, 3, 1, 1],
  [128, 28, 512, 1, 1, 0],
  [256, 56, 512, 1, 2, 0],
  [512, 28, 128, 1, 1, 0],
  [512, 28, 256, 1, 2, 0],
  [256, 14, 256, 3, 1, 1],
  [256, 14, 1024, 1, 1, 0],
  [512, 28, 1024, 1, 2, 0],
  [1024, 14, 256, 1, 1, 0],
  [1024, 14, 512, 1, 2, 0],
  [512, 7, 512, 3, 1, 1],
  [512, 7, 2048, 1, 1, 0],
  [1024, 14, 2048, 1, 2, 0],
  [2048, 7, 512, 1, 1, 0],
];
const mobilenetV2: readonly ConvShape[] = [
  [3, 224, 32, 3, 2, 1],
  depthwise(32, 112, 1),
  [32, 112, 16, 1, 1, 0],
  [16, 112, 96, 1, 1, 0],
  depthwise(96, 112, 2),
  [96, 56, 24, 1, 1, 0],
  [24, 56, 144, 1, 1, 0],
  depthwise(144, 56, 1),
  depthwise(144, 56, 2),
  [144, 28, 32, 1, 1, 0],
  [32, 28, 192, 1, 1, 0],
  depthwise(192, 28, 1),
  depthwise(192, 28, 2),
  [192, 14, 64, 1, 1, 0],
  [64, 14, 384, 1, 1, 0],
  depthwise(384, 14, 1),
  [384, 14, 96, 1, 1, 0],
  [96, 14, 576, 1, 1, 0],
  depthwise(576, 14, 1),
  depthwise(576, 14, 2),
  [576, 7, 160, 1, 1, 0],
  [160, 7, 960, 1, 1, 0],
  depthwise(960, 7, 1),
  [960, 7, 320, 1, 1, 0],
  [320, 7, 1280, 1, 1, 0],
];
const squeezenet: readonly ConvShape[] = [
  [3, 224, 64, 3, 2, 0],
  [64, 55, 16, 1, 1, 0],
  [16, 55, 64, 1, 1, 0],
  [16, 55, 64, 3, 1, 1],
  [128, 27, 32, 1, 1, 0],
  [32, 27, 128, 3, 1, 1],
  [256, 13, 48, 1, 1, 0],
  [48, 13, 192, 3, 1, 1],
  [64, 13, 256, 3, 1, 1],
  [512, 13, 1000, 1, 1, 0],
];

const pool = (op: 'MaxPool' | 'AveragePool', c: number, h: number, s: number, p: number): OpCase => ({
  name: `${op} ${c}×${h}×${h}, 3×3/${s}`,
  group: 'Pool',
  op,
  inputs: [input('x', 1, c, h, h)],
  attrs: { kernel_shape: [3, 3], strides: [s, s], pads: [p, p, p, p] },
});
const unary = (op: string, ...dims: number[]): OpCase => ({
  name: `${op} ${dims.join('×')}`,
  group: 'Elementwise',
  op,
  inputs: [input('x', ...dims)],
});
const reduce = (op: string, axis: number, ...dims: number[]): OpCase => ({
  name: `${op} ${dims.join('×')}, axis ${axis}`,
  group: 'Reduce',
  op,
  inputs: [input('x', ...dims), integers('axes', [axis], true)],
  attrs: { keepdims: 0 },
});
const one = (group: string, name: string, op: string, inputs: OpCase['inputs'], attrs: OpCase['attrs'] = {}, domain?: string): OpCase => ({
  name,
  group,
  op,
  inputs,
  attrs,
  ...(domain ? { domain } : {}),
});

export const opCases: readonly OpCase[] = [
  ...[64, 128, 256, 512, 1024, 2048].map((n) => matmul(n, n, n)),
  matmul(128, 768, 768, true),
  matmul(128, 768, 3072, true),
  matmul(1, 4096, 4096, true),
  one('MatMul', 'MatMul 12×128×64×128', 'MatMul', [input('a', 1, 12, 128, 64), input('b', 1, 12, 64, 128)]),
  one('MatMul', 'Gemm 1×2048×1000', 'Gemm', [input('a', 1, 2048), weight('b', 1000, 2048), weight('c', 1000)], { transB: 1 }),
  one('MatMul', 'Gemm 64×512×512', 'Gemm', [input('a', 64, 512), weight('b', 512, 512), weight('c', 512)], { transB: 1 }),
  ...resnet50.map((s) => conv('ResNet-50', s)),
  ...mobilenetV2.map((s) => conv('MobileNetV2', s)),
  ...squeezenet.map((s) => conv('SqueezeNet', s)),
  pool('MaxPool', 64, 112, 2, 1),
  pool('MaxPool', 256, 27, 2, 0),
  pool('AveragePool', 192, 28, 1, 1),
  one('Pool', 'GlobalAveragePool 2048×7×7', 'GlobalAveragePool', [input('x', 1, 2048, 7, 7)]),
  one('Pool', 'GlobalAveragePool 512×13×13', 'GlobalAveragePool', [input('x', 1, 512, 13, 13)]),
  one('Softmax', 'Softmax 128×1000', 'Softmax', [input('x', 128, 1000)], { axis: -1 }),
  one('Softmax', 'Softmax 12×128×128', 'Softmax', [input('x', 1, 12, 128, 128)], { axis: -1 }),
  one('Normalization', 'LayerNormalization 128×768', 'LayerNormalization', [input('x', 1, 128, 768), weight('s', 768), weight('b', 768)], {
    axis: -1,
  }),
  one('Normalization', 'InstanceNormalization 64×56×56', 'InstanceNormalization', [
    input('x', 1, 64, 56, 56),
    weight('s', 64),
    weight('b', 64),
  ]),
  one('Elementwise', 'Gelu 128×3072', 'Gelu', [input('x', 1, 128, 3072)]),
  one('Elementwise', 'Gelu 128×3072, tanh', 'Gelu', [input('x', 1, 128, 3072)], { approximate: 'tanh' }),
  ...['Relu', 'Sigmoid', 'Tanh', 'Erf', 'Exp', 'Log', 'Sqrt'].map((op) => unary(op, 512, 1024)),
  one('Elementwise', 'Add 128×768 + 768', 'Add', [input('x', 1, 128, 768), input('y', 768)]),
  one('Elementwise', 'Add 64×56×56 + 64×1×1', 'Add', [input('x', 1, 64, 56, 56), input('y', 64, 1, 1)]),
  one('Elementwise', 'Mul 1024×1024', 'Mul', [input('x', 1024, 1024), input('y', 1024, 1024)]),
  one('Movement', 'Transpose 128×12×64, 0213', 'Transpose', [input('x', 1, 128, 12, 64)], { perm: [0, 2, 1, 3] }),
  one('Movement', 'Transpose 1024×1024', 'Transpose', [input('x', 1024, 1024)], { perm: [1, 0] }),
  one('Movement', 'Transpose 64×56×56, NCHW to NHWC', 'Transpose', [input('x', 1, 64, 56, 56)], { perm: [0, 2, 3, 1] }),
  one('Movement', 'Concat 2 of 64×56×56', 'Concat', [input('x', 1, 64, 56, 56), input('y', 1, 64, 56, 56)], { axis: 1 }),
  one('Movement', 'Gather 128 of 30522×768', 'Gather', [
    weight('table', 30522, 768),
    integers(
      'ids',
      Array.from({ length: 128 }, (_, i) => (i * 7919) % 30522),
      false,
      [1, 128],
    ),
  ]),
  reduce('ReduceSum', 1, 1024, 1024),
  reduce('ReduceMean', 0, 1024, 1024),
  reduce('ReduceMax', 1, 64, 256, 64),
  one(
    'Attention',
    'MultiHeadAttention 128×768, 12 heads',
    'MultiHeadAttention',
    [input('q', 1, 128, 768), input('k', 1, 128, 768), input('v', 1, 128, 768)],
    { num_heads: 12 },
    'com.microsoft',
  ),
];
