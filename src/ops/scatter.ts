/** Writing by index tensors: ScatterElements, ScatterND, and the cache update TensorScatter. */
import { add, and, cast, clamp, floormod, ge, index, lt, select, sub, type Expr } from '../compiler/expr.ts';
import { compute, scatter, type ScatterMode, type TensorExpr } from '../compiler/tensor-expr.ts';
import { FlagosError } from '../core/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import { int, oneOf } from './attrs.ts';
import { contraction, defineOp, optional } from './define.ts';
import { checkIndices, expectElementIndices, tupleLength, wrapIndices, wrapTuples } from './gather.ts';
import { movement } from './movement.ts';
import { all, common, indices, scalars } from './types.ts';
import { expectRank, expectShape, extentAs, normalizeAxis, range, replaceAt, shapeError, showShape, valueError } from './util.ts';

const reduction = oneOf('none', 'add', 'mul', 'max', 'min');
type Reduction = 'none' | 'add' | 'mul' | 'max' | 'min';
const modeOf = (r: Reduction): ScatterMode => (r === 'none' ? 'set' : r);

/** Strings and complex numbers can be moved, not combined. @throws FLAGOS_E_DTYPE. */
const checkReduction = (data: Tensor, r: Reduction): void => {
  if (r !== 'none' && !scalars.includes(data.dtype))
    throw new FlagosError('FLAGOS_E_DTYPE', `reduction '${r}' is not defined for ${data.dtype}`);
};

const scatterElements = (data: TensorExpr, at: TensorExpr, updates: TensorExpr, given: number, mode: ScatterMode): TensorExpr => {
  expectRank(data.shape, 1, 'data');
  const axis = normalizeAxis(given, data.rank);
  expectElementIndices(data.shape, at.shape, axis);
  expectShape(updates.shape, at.shape, 'updates');
  const wrapped = wrapIndices(at, data.shape[axis]!);
  return scatter(data, at.shape, (...i) => ({ at: replaceAt(i, axis, wrapped.at(...i)), value: updates.at(...i) }), mode);
};

export const ScatterElements = movement(
  defineOp({
    name: 'ScatterElements',
    since: 11,
    inputs: { data: common, indices, updates: 'data' },
    outputs: { output: 'data' },
    attrs: { axis: int(0), reduction },
    check: ({ data, indices: at }, { axis, reduction: r }) => {
      checkReduction(data, r);
      checkIndices(at, () => data.dims[normalizeAxis(axis, data.dims.length)]!);
    },
    compute: ({ data, indices: at, updates }, { axis, reduction: r }) => scatterElements(data, at, updates, axis, modeOf(r)),
  }),
  contraction,
);

/** The name ScatterElements had before version 11. */
export const Scatter = movement(
  defineOp({
    name: 'Scatter',
    since: 9,
    inputs: { data: common, indices, updates: 'data' },
    outputs: { output: 'data' },
    attrs: { axis: int(0) },
    check: ({ data, indices: at }, { axis }) => checkIndices(at, () => data.dims[normalizeAxis(axis, data.dims.length)]!),
    compute: ({ data, indices: at, updates }, { axis }) => scatterElements(data, at, updates, axis, 'set'),
  }),
);

export const ScatterND = movement(
  defineOp({
    name: 'ScatterND',
    since: 11,
    inputs: { data: common, indices: ['int64'], updates: 'data' },
    outputs: { output: 'data' },
    attrs: { reduction },
    check: ({ data, indices: at }, { reduction: r }) => {
      checkReduction(data, r);
      const k = tupleLength(data.dims, at.dims);
      checkIndices(at, (position) => data.dims[position % k]!);
    },
    compute: ({ data, indices: at, updates }, { reduction: r }) => {
      const k = tupleLength(data.shape, at.shape);
      const places = at.rank - 1;
      expectShape(updates.shape, [...at.shape.slice(0, places), ...data.shape.slice(k)], 'updates');
      const tuples = wrapTuples(at, data.shape.slice(0, k));
      return scatter(
        data,
        updates.shape,
        (...i) => ({ at: [...tuples.map((t) => t.at(...i.slice(0, places))), ...i.slice(places)], value: updates.at(...i) }),
        modeOf(r),
      );
    },
  }),
  contraction,
);

/** The 2-bit integers came after this op. */
const cacheTypes = all.filter((d) => d !== 'int2' && d !== 'uint2');

export const TensorScatter = movement(
  defineOp({
    name: 'TensorScatter',
    since: 24,
    inputs: { past_cache: cacheTypes, update: 'past_cache', write_indices: optional(['int64']) },
    outputs: { present_cache: 'past_cache' },
    attrs: { axis: int(-2), mode: oneOf('linear', 'circular') },
    check: ({ past_cache: past, update, write_indices: starts }, { axis: given, mode }) => {
      const axis = normalizeAxis(given, past.dims.length);
      const room = past.dims[axis]! - update.dims[axis]!;
      const bad = starts?.toNumbers().find((s) => s < 0 || (mode === 'linear' && s > room));
      if (bad !== undefined)
        throw valueError(`write index ${bad} puts ${update.dims[axis]} elements outside a cache of ${past.dims[axis]}`);
    },
    compute: ({ past_cache: past, update, write_indices: starts }, { axis: given, mode }) => {
      expectRank(past.shape, 2, 'past_cache');
      const axis = normalizeAxis(given, past.rank);
      const [room, length] = [past.shape[axis]!, update.shape[axis]!];
      if (axis === 0) throw valueError('axis is 0, which is the batch');
      if (update.rank !== past.rank || length > room || range(past.rank).some((d) => d !== axis && past.shape[d] !== update.shape[d])) {
        throw shapeError(
          `an update of shape ${showShape(update.shape)} does not fit a cache of shape ${showShape(past.shape)} on axis ${axis}`,
        );
      }
      if (starts) expectShape(starts.shape, [past.shape[0]!], 'write_indices');
      const first =
        starts &&
        compute(starts.shape, (b) => {
          const s = starts.at(b);
          return cast(
            mode === 'circular' ? floormod(s, extentAs(Math.max(room, 1), 'int64')) : clamp(s, 0, extentAs(room - length, 'int64')),
            'int32',
          );
        });
      // Each place of the cache asks whether the update reaches it: no write order, nothing copied twice.
      return compute(past.shape, (...i) => {
        const from: Expr = first ? index(first.at(i[0]!)) : index(0);
        const offset = mode === 'circular' ? floormod(sub(add(i[axis]!, room), from), room) : sub(i[axis]!, from);
        const reached = mode === 'circular' ? lt(offset, length) : and(ge(i[axis]!, from), lt(i[axis]!, add(from, length)));
        return select(reached, update.at(...replaceAt(i, axis, offset)), past.at(...i));
      });
    },
  }),
);
