/** Reading, counting and adding by index tensors, by TensorFlow.js's rules: indices are int32 and never count from the end. */
import { and, cast, clamp, constant, eq, ge, index, le, lt, select, sum } from '../../compiler/expr.ts';
import { compute, fill, scatter } from '../../compiler/tensor-expr.ts';
import type { Tensor } from '../../core/tensor.ts';
import { dtype, flag, float, int, oneOf, requiredInt } from '../attrs.ts';
import { contraction, defineOp, exact } from '../define.ts';
import { movement } from '../movement.ts';
import { common } from '../types.ts';
import { expectShape, range, shapeError, showShape, valueError } from '../util.ts';

/** @throws FLAGOS_E_VALUE for an index outside of 0 … extent−1. */
const expectInside = (t: Tensor, extent: number): void => {
  const values = t.toNumbers();
  const bad = values.findIndex((i) => i < 0 || i >= extent);
  if (bad >= 0) throw valueError(`the index value ${values[bad]} is not in [0, ${extent - 1}]`);
};

export const Gather = movement(
  defineOp({
    name: 'Gather',
    domain: 'tfjs',
    since: 1,
    inputs: { X: common, indices: ['int32', 'float32'] },
    outputs: { Y: 'X' },
    attrs: { axis: int(0), batch_dims: int(0) },
    check: ({ X, indices }, { axis }) => expectInside(indices, X.dims[axis]!),
    compute: ({ X, indices }, { axis, batch_dims: batch }) => {
      if (axis < batch || axis >= X.rank || batch > indices.rank || range(batch).some((d) => X.shape[d] !== indices.shape[d]))
        throw shapeError(
          `axis ${axis} with ${batch} batch axes does not fit ${showShape(X.shape)} and indices ${showShape(indices.shape)}`,
        );
      const places = indices.shape.slice(batch);
      const shape = [...X.shape.slice(0, axis), ...places, ...X.shape.slice(axis + 1)];
      const last = Math.max(X.shape[axis]! - 1, 0);
      const safe = compute(indices.shape, (...i) => clamp(cast(indices.at(...i), 'int32'), 0, last));
      return compute(shape, (...i) => {
        const at = safe.at(...i.slice(0, batch), ...i.slice(axis, axis + places.length));
        return X.at(...i.slice(0, axis), index(at), ...i.slice(axis + places.length));
      });
    },
    source: 'TensorFlow.js API, tf.gather',
  }),
);

/** Rows of X added up by the segment each belongs to; those of segments that are none are left out. */
export const UnsortedSegmentSum = defineOp({
  name: 'UnsortedSegmentSum',
  domain: 'tfjs',
  since: 1,
  accuracy: contraction,
  inputs: { X: ['float32', 'int32'], segments: ['int32'] },
  outputs: { Y: 'X' },
  attrs: { segments: requiredInt() },
  compute: ({ X, segments: ids }, { segments: count }) => {
    expectShape(X.shape.slice(0, ids.rank), ids.shape, 'the leading axes of X');
    return scatter(
      fill([count, ...X.shape.slice(ids.rank)], 0, X.dtype),
      X.shape,
      (...i) => {
        const id = ids.at(...i.slice(0, ids.rank));
        return {
          at: [index(clamp(id, 0, Math.max(count - 1, 0))), ...i.slice(ids.rank)],
          value: X.at(...i),
          where: and(ge(id, 0), lt(id, count)),
        };
      },
      'add',
    );
  },
  source: 'TensorFlow.js API, tf.unsortedSegmentSum',
});

export const OneHot = defineOp({
  name: 'OneHot',
  domain: 'tfjs',
  since: 1,
  accuracy: exact,
  inputs: { indices: ['int32'] },
  outputs: { Y: ({ attrs }) => attrs.dtype },
  attrs: { depth: requiredInt(), on: float(1), off: float(0), dtype: dtype('float32') },
  compute: ({ indices }, { depth, on, off, dtype: to }) =>
    compute([...indices.shape, depth], (...i) => {
      const hit = eq(indices.at(...i.slice(0, -1)), cast(i.at(-1)!, 'int32'));
      return cast(select(hit, constant(on, 'float32'), constant(off, 'float32')), to);
    }),
  source: 'TensorFlow.js API, tf.oneHot',
});

/** How often each number below `size` stands in a list, or in each row of a matrix, or the sum of the weights that stand with it. */
export const Bincount = defineOp({
  name: 'Bincount',
  domain: 'tfjs',
  since: 1,
  accuracy: contraction,
  inputs: { X: ['int32', 'float32'], weights: ['int32', 'float32', 'bool'] },
  outputs: { Y: 'weights' },
  attrs: { size: requiredInt(), binary: flag(false) },
  check: ({ X }) => {
    if (X.toNumbers().some((v) => v < 0)) throw valueError('Input x must be non-negative!', 'tf.bincount counts numbers from 0');
  },
  compute: ({ X, weights }, { size, binary }) => {
    const weighted = weights.size > 0 && !binary;
    if (weighted) expectShape(weights.shape, X.shape, 'weights');
    return scatter(
      fill([...X.shape.slice(0, -1), size], 0, weights.dtype),
      X.shape,
      (...i) => {
        const v = cast(X.at(...i), 'int32');
        return {
          at: [...i.slice(0, -1), index(clamp(v, 0, Math.max(size - 1, 0)))],
          value: weighted ? weights.at(...i) : constant(1, weights.dtype),
          where: and(ge(v, 0), lt(v, size)),
        };
      },
      binary ? 'set' : 'add',
    );
  },
  source: 'TensorFlow.js API, tf.bincount and tf.denseBincount',
});

/** For each value, how many elements of its sorted row are below it (`left`), or not above it (`right`). */
export const SearchSorted = defineOp({
  name: 'SearchSorted',
  domain: 'tfjs',
  since: 1,
  accuracy: exact,
  inputs: { sorted: ['float32', 'int32'], values: 'sorted' },
  outputs: { Y: 'int32' },
  attrs: { side: oneOf('left', 'right') },
  compute: ({ sorted, values }, { side }) => {
    expectShape(values.shape.slice(0, -1), sorted.shape.slice(0, -1), 'the rows of values');
    return compute(values.shape, (...i) =>
      sum(sorted.shape.at(-1)!, (j) => {
        const element = sorted.at(...i.slice(0, -1), j!);
        const before = side === 'left' ? lt(element, values.at(...i)) : le(element, values.at(...i));
        return select(before, constant(1, 'int32'), constant(0, 'int32'));
      }),
    );
  },
  source: 'TensorFlow.js API, tf.searchSorted',
});
