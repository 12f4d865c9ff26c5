/** Rotary position embedding: pairs of a head's elements turned by an angle that grows with the position. Source: arXiv 2104.09864. */
import { add, cast, clamp, eq, floordiv, floormod, ge, index, lt, mul, select, sub, type Expr, type Operand } from '../compiler/expr.ts';
import { compute, type TensorExpr } from '../compiler/tensor-expr.ts';
import { FlagosError } from '../core/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import { splitHeads } from './attention-core.ts';
import { flag, float, int, optionalInt } from './attrs.ts';
import { defineOp, optional } from './define.ts';
import type { Readable } from './readable.ts';
import { expectShape, shapeError, showShape, valueError } from './util.ts';

const types = ['float32', 'float16', 'bfloat16'] as const;

/** Cosine or sine of the angle of pair `r` at sequence position `i` of batch element `b`. */
export type AngleReader = (b: Expr, i: Expr, r: Expr) => Expr;

interface Rotation {
  readonly cos: AngleReader;
  readonly sin: AngleReader;
  /** How many elements of each head are turned; the others stay. Even. */
  readonly size: number;
  /** Whether pairs are neighbours; else the second element of a pair stands half of `size` after the first. */
  readonly interleaved: boolean;
}

/** Heads [batch, heads, length, head size] turned. */
export const rotated = (x: Readable, { cos, sin, size, interleaved }: Rotation): Readable => {
  const half = size / 2;
  const turn = (b: Expr, h: Operand, i: Expr, d: Expr): Expr => {
    const second = interleaved ? eq(floormod(d, 2), 1) : ge(d, half);
    const pair = interleaved ? floordiv(d, 2) : select(second, sub(d, half), d);
    const [c, s] = [cos(b, i, pair), sin(b, i, pair)];
    const first = x.at(b, h, i, interleaved ? mul(pair, 2) : pair);
    const other = x.at(b, h, i, interleaved ? add(mul(pair, 2), 1) : add(pair, half));
    return select(second, add(mul(s, first), mul(c, other)), sub(mul(c, first), mul(s, other)));
  };
  return {
    shape: x.shape,
    at: (b, h, i, d) => {
      const element = index(d!);
      const turned = turn(index(b!), h!, index(i!), element);
      return size === x.shape[3] ? turned : select(lt(element, size), turned, x.at(b!, h!, i!, d!));
    },
  };
};

/** Size of the turned part: what the attribute says, or the whole head. @throws FLAGOS_E_SHAPE, FLAGOS_E_ATTRIBUTE */
export const rotarySize = (given: number, head: number): number => {
  const size = given === 0 ? head : given;
  if (size < 0 || size > head || size % 2 !== 0) {
    throw new FlagosError('FLAGOS_E_ATTRIBUTE', `${size} elements of a head of ${head} cannot be turned in pairs`, {
      hint: "see 'rotary_embedding_dim'",
    });
  }
  return size;
};

/** Reads a table [positions, pairs] at the position that `at` gives, kept within the table. @throws FLAGOS_E_SHAPE */
export const angleTable = (table: TensorExpr, pairs: number, name: string, at: (b: Expr, i: Expr) => Expr): AngleReader => {
  if (table.rank !== 2 || table.shape[1] !== pairs)
    throw shapeError(`'${name}' has shape ${showShape(table.shape)}, it must be [positions, ${pairs}]`);
  const last = Math.max(table.shape[0]! - 1, 0);
  return (b, i, r) => table.at(cast(clamp(at(b, i), 0, last), 'index'), r);
};

/** Heads of a 4-D tensor, or of a 3-D one that is split. */
const headsOf = (x: TensorExpr, heads: number | undefined): Readable => {
  if (x.rank === 4) return x;
  if (x.rank !== 3) throw shapeError(`'X' has shape ${showShape(x.shape)}, it must have 3 or 4 axes`);
  if (!heads) throw new FlagosError('FLAGOS_E_ATTRIBUTE', "'X' has 3 axes, so attribute 'num_heads' is needed");
  return splitHeads(x, heads, 'X');
};

/** Turned heads in the shape the heads came in. */
const inShapeOf = (x: TensorExpr, heads: Readable): TensorExpr => {
  if (x.rank === 4) return compute(x.shape, (...i) => heads.at(...i));
  const size = heads.shape[3]!;
  return compute(x.shape, (b, i, e) => heads.at(b!, floordiv(e!, size), i!, floormod(e!, size)));
};

/** @throws FLAGOS_E_VALUE for a position the tables do not have. */
const checkPositions = (positions: Tensor | undefined, table: Tensor): void => {
  const count = table.dims[0]!;
  const bad = positions?.toNumbers().find((p) => p < 0 || p >= count);
  if (bad !== undefined) throw valueError(`position ${bad} is outside of the tables of ${count} positions`);
};

export const RotaryEmbedding = defineOp({
  name: 'RotaryEmbedding',
  since: 23,
  inputs: { X: types, cos_cache: 'X', sin_cache: 'X', position_ids: optional(['int64']) },
  outputs: { Y: 'X' },
  attrs: { interleaved: flag(false), num_heads: optionalInt(), rotary_embedding_dim: int(0) },
  compute: ({ X, cos_cache, sin_cache, position_ids: positions }, { interleaved, num_heads, rotary_embedding_dim }) => {
    const heads = headsOf(X, num_heads);
    const [batch, , length, head] = heads.shape as [number, number, number, number];
    const size = rotarySize(rotary_embedding_dim, head);
    if (positions) expectShape(positions.shape, [batch, length], 'position_ids');
    const reader = (table: TensorExpr, name: string): AngleReader => {
      if (positions) return angleTable(table, size / 2, name, (b, i) => positions.at(b, i));
      expectShape(table.shape, [batch, length, size / 2], name);
      return (b, i, r) => table.at(b, i, r);
    };
    return inShapeOf(X, rotated(heads, { cos: reader(cos_cache, 'cos_cache'), sin: reader(sin_cache, 'sin_cache'), size, interleaved }));
  },
  check: ({ position_ids, cos_cache }) => checkPositions(position_ids, cos_cache),
});

/** onnxruntime's: positions are per token, or one number from which they count up. */
export const MsRotaryEmbedding = defineOp({
  name: 'RotaryEmbedding',
  domain: 'com.microsoft',
  since: 1,
  inputs: { input: types, position_ids: ['int64'], cos_cache: 'input', sin_cache: 'input' },
  outputs: { output: 'input' },
  attrs: { interleaved: flag(false), is_packed_batching: flag(false), num_heads: int(0), rotary_embedding_dim: int(0), scale: float(1) },
  compute: ({ input, position_ids: positions, cos_cache, sin_cache }, attrs) => {
    const pairsGiven = cos_cache.shape.at(-1) ?? 0;
    // Without a number of heads the tables say how large a head is.
    const wholeHead = input.rank === 3 && attrs.num_heads === 0 ? input.shape[2]! / (2 * pairsGiven) : attrs.num_heads;
    const heads = headsOf(input, wholeHead);
    const [batch, , length, head] = heads.shape as [number, number, number, number];
    const size = rotarySize(attrs.rotary_embedding_dim, head);
    if (positions.size !== 1) expectShape(positions.shape, [batch, length], 'position_ids');
    const position = (b: Expr, i: Expr): Expr => (positions.size === 1 ? add(positions.flat(0), cast(i, 'int64')) : positions.at(b, i));
    const scaled = (read: AngleReader): AngleReader => (attrs.scale === 1 ? read : (b, i, r) => mul(attrs.scale, read(b, i, r)));
    const cos = scaled(angleTable(cos_cache, size / 2, 'cos_cache', position));
    const sin = scaled(angleTable(sin_cache, size / 2, 'sin_cache', position));
    return inShapeOf(input, rotated(heads, { cos, sin, size, interleaved: attrs.interleaved }));
  },
  check: ({ position_ids, cos_cache }) => checkPositions(position_ids, cos_cache),
});
