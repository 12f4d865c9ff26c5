/** Reading by index tensors: Gather, GatherElements, GatherND, and how indices are made safe. */
import { add, cast, clamp, lt, select, type Expr } from '../compiler/expr.ts';
import { compute, map, type TensorExpr } from '../compiler/tensor-expr.ts';
import type { Tensor } from '../core/tensor.ts';
import { int } from './attrs.ts';
import { defineOp } from './define.ts';
import { movement } from './movement.ts';
import { common, indices } from './types.ts';
import { expectRank, extentAs, normalizeAxis, range, replaceAt, shapeError, showShape, valueError } from './util.ts';

/**
 * An index as 0 … extent−1, negative ones counted from the end. One that is outside becomes some index inside, so
 * that no kernel reads foreign memory; refusing it is the work of {@link checkIndices}. In 32 bits where they suffice.
 */
export const wrapIndex = (index: Expr, extent: number): Expr => {
  const type = extent < 2 ** 31 ? 'int32' : 'int64';
  const i = cast(index, type);
  return clamp(select(lt(i, 0), add(i, extentAs(extent, type)), i), 0, extentAs(extent - 1, type));
};

/** {@link wrapIndex} of a whole tensor, as a stage of its own: once per index, however often it is used. @throws FLAGOS_E_SHAPE if the axis is empty and an index is not. */
export const wrapIndices = (x: TensorExpr, extent: number): TensorExpr => {
  if (extent === 0 && x.size > 0) throw shapeError(`indices of shape ${showShape(x.shape)} point into an axis without elements`);
  return map(x, (i) => wrapIndex(i, Math.max(extent, 1)));
};

/** Columns of a tensor [..., k] of index tuples: k tensors [...], each wrapped to its extent. */
export const wrapTuples = (x: TensorExpr, extents: readonly number[]): TensorExpr[] =>
  extents.map((extent, j) =>
    wrapIndices(
      compute(x.shape.slice(0, -1), (...i) => x.at(...i, j)),
      extent,
    ),
  );

/**
 * Refuses index tensors that point outside.
 * @param extentAt extent for an index tensor's row-major position. @param fromEnd whether −1 is the last one. @throws FLAGOS_E_VALUE.
 */
export const checkIndices = (t: Tensor, extentAt: (position: number) => number, fromEnd = true): void => {
  const { data } = t;
  for (let i = 0; i < data.length; i++) {
    const v = Number(data[i]);
    const extent = extentAt(i);
    const least = fromEnd ? -extent : 0;
    if (v < least || v >= extent)
      throw valueError(
        `index ${v} at position ${i} is outside an axis of extent ${extent}`,
        extent > 0 ? `it must be from ${least} to ${extent - 1}` : undefined,
      );
  }
};

export const Gather = movement(
  defineOp({
    name: 'Gather',
    since: 1,
    inputs: { data: common, indices },
    outputs: { output: 'data' },
    attrs: { axis: int(0) },
    check: ({ data, indices: at }, { axis }) => checkIndices(at, () => data.dims[normalizeAxis(axis, data.dims.length)]!),
    compute: ({ data, indices: at }, { axis: given }) => {
      expectRank(data.shape, 1, 'data');
      const axis = normalizeAxis(given, data.rank);
      const wrapped = wrapIndices(at, data.shape[axis]!);
      const shape = [...data.shape.slice(0, axis), ...at.shape, ...data.shape.slice(axis + 1)];
      return compute(shape, (...i) =>
        data.at(...i.slice(0, axis), wrapped.at(...i.slice(axis, axis + at.rank)), ...i.slice(axis + at.rank)),
      );
    },
  }),
);

/** @throws FLAGOS_E_SHAPE unless `indices` has the rank of `data` and reaches nowhere beyond it off the axis. */
export const expectElementIndices = (data: readonly number[], at: readonly number[], axis: number): void => {
  if (at.length !== data.length || at.some((d, i) => i !== axis && d > data[i]!)) {
    throw shapeError(`indices of shape ${showShape(at)} do not fit data of shape ${showShape(data)} on the axes other than ${axis}`);
  }
};

export const GatherElements = movement(
  defineOp({
    name: 'GatherElements',
    since: 11,
    inputs: { data: common, indices },
    outputs: { output: 'data' },
    attrs: { axis: int(0) },
    check: ({ data, indices: at }, { axis }) => checkIndices(at, () => data.dims[normalizeAxis(axis, data.dims.length)]!),
    compute: ({ data, indices: at }, { axis: given }) => {
      expectRank(data.shape, 1, 'data');
      const axis = normalizeAxis(given, data.rank);
      expectElementIndices(data.shape, at.shape, axis);
      const wrapped = wrapIndices(at, data.shape[axis]!);
      return compute(at.shape, (...i) => data.at(...replaceAt(i, axis, wrapped.at(...i))));
    },
  }),
);

/** Length of the index tuples in `indices`. @throws FLAGOS_E_SHAPE if they are longer than `data` has axes left. */
export const tupleLength = (data: readonly number[], at: readonly number[], batch = 0): number => {
  expectRank(data, 1, 'data');
  expectRank(at, 1, 'indices');
  const k = at[at.length - 1]!;
  if (k < 1 || k > data.length - batch)
    throw shapeError(
      `indices of shape ${showShape(at)} hold tuples of ${k}, data of shape ${showShape(data)} takes 1 to ${data.length - batch}`,
    );
  return k;
};

export const GatherND = movement(
  defineOp({
    name: 'GatherND',
    since: 11,
    inputs: { data: common, indices: ['int64'] },
    outputs: { output: 'data' },
    attrs: { batch_dims: int(0) },
    check: ({ data, indices: at }, { batch_dims: batch }) => {
      const k = tupleLength(data.dims, at.dims, batch);
      checkIndices(at, (position) => data.dims[batch + (position % k)]!);
    },
    compute: ({ data, indices: at }, { batch_dims: batch }) => {
      if (batch < 0 || batch >= Math.min(data.rank, at.rank))
        throw valueError(`batch_dims is ${batch}, it must be from 0 to below the ranks ${data.rank} and ${at.rank}`);
      const differs = range(batch).find((d) => data.shape[d] !== at.shape[d]);
      if (differs !== undefined)
        throw shapeError(`batch axis ${differs} differs: data ${showShape(data.shape)}, indices ${showShape(at.shape)}`);
      const k = tupleLength(data.shape, at.shape, batch);
      const tuples = wrapTuples(at, data.shape.slice(batch, batch + k));
      const places = at.rank - 1;
      const shape = [...at.shape.slice(0, places), ...data.shape.slice(batch + k)];
      return compute(shape, (...i) => data.at(...i.slice(0, batch), ...tuples.map((t) => t.at(...i.slice(0, places))), ...i.slice(places)));
    },
  }),
);
