/** Movement by rule: triangles, blocks between depth and space, reversed sequences, one-hot vectors. */
import { add, and, cast, clamp, eq, floordiv, floormod, ge, index, le, lt, mul, select, sub, type Expr } from '../compiler/expr.ts';
import { compute, map } from '../compiler/tensor-expr.ts';
import { flag, int, oneOf, requiredInt } from './attrs.ts';
import { defineOp, optional, value } from './define.ts';
import { movement } from './movement.ts';
import { common, floats, ints } from './types.ts';
import {
  expectRank,
  expectShape,
  extentAs,
  insertAt,
  normalizeAxis,
  removeAt,
  replaceAt,
  scalarOf,
  shapeError,
  showShape,
  valueError,
} from './util.ts';

export const Trilu = movement(
  defineOp({
    name: 'Trilu',
    since: 14,
    inputs: { input: common, k: optional(value(['int64'])) },
    outputs: { output: 'input' },
    attrs: { upper: flag(true) },
    compute: ({ input, k: given }, { upper }) => {
      expectRank(input.shape, 2, 'input');
      const [rows, columns] = input.shape.slice(-2) as [number, number];
      const k = Math.min(Math.max(given ? scalarOf(given, 'k') : 0, -rows), columns);
      return compute(input.shape, (...i) => {
        // column − row against k, with both sides kept non-negative.
        const [row, column] = [add(i[i.length - 2]!, Math.max(k, 0)), add(i[i.length - 1]!, Math.max(-k, 0))];
        return select(upper ? ge(column, row) : le(column, row), input.at(...i), 0);
      });
    },
  }),
);

const blockSize = (block: number, shape: readonly number[]): number => {
  if (shape.length !== 4) throw shapeError(`'input' has shape ${showShape(shape)}, it must be [N, C, H, W]`);
  if (block < 1) throw valueError(`blocksize is ${block}, it must be at least 1`);
  return block;
};

/** Channel that element (dy, dx) of a block of channel c stands in: DCR keeps the channels together, CRD the block. */
const blockChannel = (mode: 'DCR' | 'CRD', c: Expr, dy: Expr, dx: Expr, channels: number, b: number): Expr => {
  const place = add(mul(dy, b), dx);
  return mode === 'DCR' ? add(mul(place, channels), c) : add(mul(c, b * b), place);
};

export const DepthToSpace = movement(
  defineOp({
    name: 'DepthToSpace',
    since: 1,
    inputs: { input: common },
    outputs: { output: 'input' },
    attrs: { blocksize: requiredInt(), mode: oneOf('DCR', 'CRD') },
    hints: { materialize: true },
    compute: ({ input }, { blocksize, mode }) => {
      const b = blockSize(blocksize, input.shape);
      const [n, depth, h, w] = input.shape as [number, number, number, number];
      if (depth % (b * b) !== 0) throw shapeError(`${depth} channels do not divide into blocks of ${b}×${b}`);
      const channels = depth / (b * b);
      return compute([n, channels, h * b, w * b], (i, c, y, x) =>
        input.at(i!, blockChannel(mode, c!, floormod(y!, b), floormod(x!, b), channels, b), floordiv(y!, b), floordiv(x!, b)),
      );
    },
  }),
);

export const SpaceToDepth = movement(
  defineOp({
    name: 'SpaceToDepth',
    since: 1,
    inputs: { input: common },
    outputs: { output: 'input' },
    attrs: { blocksize: requiredInt(), mode: oneOf('DCR', 'CRD') },
    hints: { materialize: true },
    compute: ({ input }, { blocksize, mode }) => {
      const b = blockSize(blocksize, input.shape);
      const [n, channels, h, w] = input.shape as [number, number, number, number];
      if (h % b !== 0 || w % b !== 0) throw shapeError(`a picture of ${h}×${w} does not divide into blocks of ${b}×${b}`);
      return compute([n, channels * b * b, h / b, w / b], (i, d, y, x) => {
        const place = mode === 'DCR' ? floordiv(d!, channels) : floormod(d!, b * b);
        const c = mode === 'DCR' ? floormod(d!, channels) : floordiv(d!, b * b);
        return input.at(i!, c, add(mul(y!, b), floordiv(place, b)), add(mul(x!, b), floormod(place, b)));
      });
    },
  }),
);

export const ReverseSequence = movement(
  defineOp({
    name: 'ReverseSequence',
    since: 10,
    inputs: { input: common, sequence_lens: ['int64'] },
    outputs: { Y: 'input' },
    attrs: { batch_axis: int(1), time_axis: int(0) },
    check: ({ input, sequence_lens: lengths }, { time_axis }) => {
      const steps = input.dims[normalizeAxis(time_axis, input.dims.length, 'time_axis')]!;
      const bad = lengths.toNumbers().find((n) => n < 0 || n > steps);
      if (bad !== undefined) throw valueError(`a sequence of ${bad} steps does not fit an extent of ${steps}`);
    },
    compute: ({ input, sequence_lens: lengths }, { batch_axis, time_axis }) => {
      expectRank(input.shape, 2, 'input');
      const batch = normalizeAxis(batch_axis, input.rank, 'batch_axis');
      const time = normalizeAxis(time_axis, input.rank, 'time_axis');
      if (batch === time) throw valueError(`batch_axis and time_axis are both ${batch}`);
      expectShape(lengths.shape, [input.shape[batch]!], 'sequence_lens');
      const within = map(lengths, (n) => clamp(cast(n, 'int32'), 0, extentAs(input.shape[time]!, 'int32')));
      return compute(input.shape, (...i) => {
        const t = i[time]!;
        const n = index(within.at(i[batch]!));
        return input.at(...replaceAt(i, time, select(lt(t, n), sub(sub(n, 1), t), t)));
      });
    },
  }),
);

/** Types a class number or their count may have. */
const classTypes = [...floats.filter((d) => d !== 'bfloat16'), ...ints];

export const OneHot = movement(
  defineOp({
    name: 'OneHot',
    since: 11,
    inputs: { indices: classTypes, depth: value(classTypes), values: common },
    outputs: { output: 'values' },
    attrs: { axis: int(-1) },
    compute: ({ indices, depth: given, values }, { axis: at }) => {
      const depth = Math.trunc(scalarOf(given, 'depth'));
      if (depth < 0) throw valueError(`depth is ${depth}`);
      expectShape(values.shape, [2], 'values');
      const axis = normalizeAxis(at, indices.rank + 1);
      // The class of each place, or −1 where it is out of range, found once and not once per class.
      const classes = map(indices, (e) => {
        const i = cast(e, 'int64');
        const count = extentAs(depth, 'int64');
        const k = select(lt(i, 0), add(i, count), i);
        return cast(select(and(ge(k, 0), lt(k, count)), k, -1), 'int32');
      });
      return compute(insertAt(indices.shape, axis, depth), (...i) =>
        select(eq(classes.at(...removeAt(i, axis)), cast(i[axis]!, 'int32')), values.at(1), values.at(0)),
      );
    },
  }),
);
