/** QAttention of onnxruntime: what dynamic quantization makes of Attention. Source: onnxruntime, ContribOperators.md. */
import { float, flag, int, optionalFloat, requiredInt } from './attrs.ts';
import { defineOp, optional } from './define.ts';
import { attendProjected, widthsOf } from './ms-attention.ts';
import { refuse } from './ms-attention-mask.ts';
import { integerToFloat } from './q-matmul.ts';
import { elementOf, expectShape, shapeError, showShape } from './util.ts';

const bytes = ['int8', 'uint8'] as const;

/** Projections are a product of integers, brought to float by the scales of input and weights; attention itself is in float. */
export const QAttention = defineOp({
  name: 'QAttention',
  domain: 'com.microsoft',
  since: 1,
  inputs: {
    input: bytes,
    weight: bytes,
    bias: ['float32', 'float16'],
    input_scale: 'bias',
    weight_scale: 'bias',
    mask_index: optional(['int32']),
    input_zero_point: optional('input'),
    weight_zero_point: optional('weight'),
    past: optional('bias'),
  },
  outputs: { output: 'bias', present: 'bias' },
  attrs: {
    do_rotary: flag(false),
    mask_filter_value: float(-10000),
    num_heads: requiredInt(),
    past_present_share_buffer: flag(false),
    rotary_embedding_dim: int(0),
    scale: optionalFloat(),
    unidirectional: flag(false),
  },
  compute: ({ input, weight, bias, input_scale, weight_scale, mask_index, input_zero_point, weight_zero_point, past }, attrs) => {
    if (attrs.past_present_share_buffer) throw refuse('a cache that outputs share with inputs (past_present_share_buffer)');
    if (attrs.do_rotary) throw refuse('rotary embedding inside of QAttention (do_rotary), which has no tables,');
    if (input.rank !== 3) throw shapeError(`'input' has shape ${showShape(input.shape)}, it must have 3 axes`);
    const total = weight.shape.at(-1) ?? 0;
    expectShape(weight.shape, [input.shape[2]!, total], 'weight');
    const projected = integerToFloat(input, {
      aScale: elementOf(input_scale, 'input_scale'),
      aZero: input_zero_point && elementOf(input_zero_point, 'input_zero_point'),
      b: weight,
      bScale: weight_scale,
      bZero: weight_zero_point,
      bias,
    });
    const widths = widthsOf(undefined, total, attrs.num_heads);
    return attendProjected(projected, widths, { mask: mask_index, past, attentionBias: undefined }, attrs);
  },
});
