/** EmbedLayerNormalization of onnxruntime, and the same on quantized tables: the beginning of a BERT in one op. Source: onnxruntime, ContribOperators.md. */
import { add, cast, eq, index, sum, type Expr } from '../compiler/expr.ts';
import { compute, fill, map, type TensorExpr } from '../compiler/tensor-expr.ts';
import { FlagosError } from '../core/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import { float, int } from './attrs.ts';
import { defineOp, optional } from './define.ts';
import { checkIndices, wrapIndices } from './gather.ts';
import { layerNorm } from './normalize.ts';
import { dequantizeElement } from './quantize.ts';
import { elementOf, expectShape, shapeError, showShape } from './util.ts';

const types = ['float32', 'float16'] as const;
const ids = ['int32'] as const;

/** A table of rows [rows, width]. @throws FLAGOS_E_SHAPE */
const expectTable = (x: TensorExpr, width: number, name: string): void => {
  if (x.rank !== 2 || x.shape[1] !== width) throw shapeError(`'${name}' has shape ${showShape(x.shape)}, it must be [rows, ${width}]`);
};

/** For each sequence how many of its marks are 1: its length, if it is padded at its end. 0 without a mask, as onnxruntime has it. */
const lengths = (mask: TensorExpr | undefined, batch: number, length: number): TensorExpr =>
  mask
    ? compute([batch], (b) =>
        cast(
          sum(length, (i) => cast(eq(mask.at(b!, i!), 1), 'int32')),
          'int32',
        ),
      )
    : fill([batch], 0, 'int32');

interface Embedding {
  readonly input_ids: TensorExpr;
  readonly segment_ids: TensorExpr | undefined;
  readonly word_embedding: TensorExpr;
  readonly position_embedding: TensorExpr;
  readonly segment_embedding: TensorExpr | undefined;
  readonly gamma: TensorExpr;
  readonly beta: TensorExpr;
  readonly mask: TensorExpr | undefined;
  readonly position_ids: TensorExpr | undefined;
}

/**
 * Rows for words, positions and segments added up, then layer norm over the last axis.
 * input_ids [batch, length]; position_ids [1 or batch, length], 0, 1, 2 … without; y and sum [batch, length, width], in float32.
 * @throws FLAGOS_E_SHAPE
 */
const embed = (given: Embedding, epsilon: number): { y: TensorExpr; mask_index: TensorExpr; sum: TensorExpr } => {
  const { input_ids, segment_ids, word_embedding, position_embedding, segment_embedding, gamma, beta, mask, position_ids } = given;
  if (input_ids.rank !== 2) throw shapeError(`'input_ids' has shape ${showShape(input_ids.shape)}, it must have 2 axes`);
  const [batch, length] = input_ids.shape as [number, number];
  const width = word_embedding.shape.at(-1) ?? 0;
  expectTable(word_embedding, width, 'word_embedding');
  expectTable(position_embedding, width, 'position_embedding');
  if (segment_ids) expectShape(segment_ids.shape, [batch, length], 'segment_ids');
  if (segment_embedding) expectTable(segment_embedding, width, 'segment_embedding');
  if (mask) expectShape(mask.shape, [batch, length], 'mask');
  expectShape(gamma.shape, [width], 'gamma');
  expectShape(beta.shape, [width], 'beta');
  const rows = position_ids?.shape[0] ?? 1;
  if (position_ids) expectShape(position_ids.shape, [rows === 1 ? 1 : batch, length], 'position_ids');
  else if (position_embedding.shape[0]! < length)
    throw shapeError(`'position_embedding' has ${position_embedding.shape[0]} rows, for sequences of ${length} it must have as many`);

  const word = wrapIndices(input_ids, word_embedding.shape[0]!);
  const place = position_ids && wrapIndices(position_ids, position_embedding.shape[0]!);
  const segment = segment_ids && segment_embedding && wrapIndices(segment_ids, segment_embedding.shape[0]!);
  const positionOf = (b: Expr, i: Expr): Expr => (place ? place.at(rows === 1 ? 0 : b, i) : i);
  // Statistics are of the sum before it is rounded to the output's type.
  const wide = (e: Expr): Expr => cast(e, 'float32');
  const x = compute([batch, length, width], (b, i, c) => {
    const two = add(wide(word_embedding.at(word.at(b!, i!), c!)), wide(position_embedding.at(positionOf(index(b!), index(i!)), c!)));
    return segment ? add(two, wide(segment_embedding!.at(segment.at(b!, i!), c!))) : two;
  });
  const { y } = layerNorm({ x, scale: gamma, bias: beta, axis: 2, epsilon, stash: 'float32' });
  return { y, mask_index: lengths(mask, batch, length), sum: x };
};

interface Tables<T> {
  readonly word: T;
  readonly position: T;
  readonly segment: T | undefined;
}

/** Refuses ids without a row. @throws FLAGOS_E_VALUE */
const checkIds = (ids: Tables<Tensor | undefined>, tables: Tables<Tensor>): void => {
  checkIndices(ids.word!, () => tables.word.dims[0]!, false);
  if (ids.segment && tables.segment) checkIndices(ids.segment, () => tables.segment!.dims[0]!, false);
  if (ids.position) checkIndices(ids.position, () => tables.position.dims[0]!, false);
};

export const EmbedLayerNormalization = defineOp({
  name: 'EmbedLayerNormalization',
  domain: 'com.microsoft',
  since: 1,
  inputs: {
    input_ids: ids,
    segment_ids: optional(ids),
    word_embedding: types,
    position_embedding: 'word_embedding',
    segment_embedding: optional('word_embedding'),
    gamma: 'word_embedding',
    beta: 'word_embedding',
    mask: optional(ids),
    position_ids: optional(ids),
  },
  outputs: { output: 'word_embedding', mask_index: 'int32', embedding_sum: 'word_embedding' },
  attrs: { epsilon: float(1e-12), mask_index_type: int(0) },
  check: (x) =>
    checkIds(
      { word: x.input_ids, position: x.position_ids, segment: x.segment_ids },
      { word: x.word_embedding, position: x.position_embedding, segment: x.segment_embedding },
    ),
  compute: (inputs, { epsilon }) => {
    const { y, mask_index, sum: embedding_sum } = embed(inputs, epsilon);
    return { output: y, mask_index, embedding_sum };
  },
});

const bytes = ['uint8', 'int8'] as const;

/** The same with tables of 8 bits, each with a scale and a zero point of its own. */
export const QEmbedLayerNormalization = defineOp({
  name: 'QEmbedLayerNormalization',
  domain: 'com.microsoft',
  since: 1,
  inputs: {
    input_ids: ids,
    segment_ids: optional(ids),
    word_embedding_quant: bytes,
    position_embedding_quant: 'word_embedding_quant',
    segment_embedding: optional('word_embedding_quant'),
    gamma_quant: 'word_embedding_quant',
    beta_quant: 'word_embedding_quant',
    mask: optional(ids),
    word_embedding_scale: ['float32'],
    position_embedding_scale: ['float32'],
    segment_embedding_scale: optional(['float32']),
    gamma_scale: ['float32'],
    beta_scale: ['float32'],
    word_embedding_zero_point: 'word_embedding_quant',
    position_embedding_zero_point: 'word_embedding_quant',
    segment_embedding_zero_point: optional('word_embedding_quant'),
    gamma_zero_point: 'word_embedding_quant',
    beta_zero_point: 'word_embedding_quant',
  },
  outputs: { layernorm_out: 'float32', mask_index_out: 'int32' },
  attrs: { epsilon: float(1e-12) },
  check: (x) =>
    checkIds(
      { word: x.input_ids, position: undefined, segment: x.segment_ids },
      { word: x.word_embedding_quant, position: x.position_embedding_quant, segment: x.segment_embedding },
    ),
  compute: (x, { epsilon }) => {
    const real = (q: TensorExpr, scale: TensorExpr, zero: TensorExpr, name: string): TensorExpr => {
      const [s, z] = [elementOf(scale, `${name}_scale`), elementOf(zero, `${name}_zero_point`)];
      return map(q, (e) => dequantizeElement(e, s, z));
    };
    const { segment_embedding: segment, segment_embedding_scale: scale, segment_embedding_zero_point: zero } = x;
    if (segment && !(scale && zero)) throw new FlagosError('FLAGOS_E_MODEL_INVALID', "'segment_embedding' has no scale or no zero point");
    const { y, mask_index } = embed(
      {
        input_ids: x.input_ids,
        segment_ids: x.segment_ids,
        word_embedding: real(x.word_embedding_quant, x.word_embedding_scale, x.word_embedding_zero_point, 'word_embedding'),
        position_embedding: real(
          x.position_embedding_quant,
          x.position_embedding_scale,
          x.position_embedding_zero_point,
          'position_embedding',
        ),
        segment_embedding: segment && real(segment, scale!, zero!, 'segment_embedding'),
        gamma: real(x.gamma_quant, x.gamma_scale, x.gamma_zero_point, 'gamma'),
        beta: real(x.beta_quant, x.beta_scale, x.beta_zero_point, 'beta'),
        mask: x.mask,
        position_ids: undefined,
      },
      epsilon,
    );
    return { layernorm_out: y, mask_index_out: mask_index };
  },
});
