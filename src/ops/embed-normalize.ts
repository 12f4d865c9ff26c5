/** EmbedLayerNormalization of onnxruntime: the beginning of a BERT in one op. Source: onnxruntime, ContribOperators.md. */
import { add, cast, eq, index, sum, type Expr } from '../compiler/expr.ts';
import { compute, fill, type TensorExpr } from '../compiler/tensor-expr.ts';
import { float, int } from './attrs.ts';
import { defineOp, optional } from './define.ts';
import { checkIndices, wrapIndices } from './gather.ts';
import { layerNorm } from './normalize.ts';
import { expectShape, shapeError, showShape } from './util.ts';

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

/**
 * Rows for words, positions and segments added up, then layer norm over the last axis.
 * input_ids [batch, length]; position_ids [1 or batch, length], 0, 1, 2 … without; output [batch, length, width].
 */
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
  check: ({ input_ids, segment_ids, word_embedding, position_embedding, segment_embedding, position_ids }) => {
    checkIndices(input_ids, () => word_embedding.dims[0]!, false);
    if (segment_ids && segment_embedding) checkIndices(segment_ids, () => segment_embedding.dims[0]!, false);
    if (position_ids) checkIndices(position_ids, () => position_embedding.dims[0]!, false);
  },
  compute: (
    { input_ids, segment_ids, word_embedding, position_embedding, segment_embedding, gamma, beta, mask, position_ids },
    { epsilon },
  ) => {
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
    return { output: y, mask_index: lengths(mask, batch, length), embedding_sum: x };
  },
});
