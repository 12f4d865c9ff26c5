/** Preparing numeric features (ai.onnx.ml): selecting, scaling, filling gaps, joining. */
import { abs, cast, constant, div, eq, gt, lt, maxOf, mul, select, sqrt, sum, type Expr } from '../compiler/expr.ts';
import { compute, concat, map, reshape, type TensorExpr } from '../compiler/tensor-expr.ts';
import { isFloat } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { Tensor } from '../core/tensor.ts';
import { bigInt, float, oneOf, optionalBigInts, optionalFloats, optionalInts } from './attrs.ts';
import { defineOp, exact, ulp, variadic } from './define.ts';
import { checkIndices, wrapIndices } from './gather.ts';
import { expectLength, featureTypes, rowShape } from './ml-scores.ts';
import { movement } from './movement.ts';
import { expectRank, shapeError, showShape } from './util.ts';

const domain = 'ai.onnx.ml';

/** Columns of the last axis by number. A vector gives a matrix of one row, as onnxruntime does and the specification's `[N, C]` implies. */
export const ArrayFeatureExtractor = movement(
  defineOp({
    name: 'ArrayFeatureExtractor',
    domain,
    since: 1,
    accuracy: exact,
    inputs: { X: [...featureTypes, 'string'], Y: ['int64'] },
    outputs: { Z: 'X' },
    check: ({ X, Y }) => checkIndices(Y, () => X.dims[X.dims.length - 1] ?? 0),
    compute: ({ X, Y }) => {
      expectRank(X.shape, 1, 'X');
      const columns = wrapIndices(reshape(Y, [Y.size]), X.shape[X.rank - 1]!);
      const picked = compute([...X.shape.slice(0, -1), Y.size], (...i) => X.at(...i.slice(0, -1), columns.at(i[i.length - 1]!)));
      return X.rank === 1 ? reshape(picked, [1, Y.size]) : picked;
    },
  }),
);

/** Features are compared and scaled in a float type that holds them. */
const asFloat = (x: Expr): Expr => (x.type === 'float32' ? x : cast(x, 'float64'));

export const Binarizer = defineOp({
  name: 'Binarizer',
  domain,
  since: 1,
  accuracy: exact,
  inputs: { X: featureTypes },
  outputs: { Y: 'X' },
  attrs: { threshold: float(0) },
  compute: ({ X }, { threshold }) => map(X, (x) => select(gt(asFloat(x), threshold), constant(1, X.dtype), constant(0, X.dtype))),
});

/** What a row is divided by. MAX is the largest value, not the largest magnitude: so the specification, and onnxruntime. */
const divisors: Readonly<Record<'MAX' | 'L1' | 'L2', (count: number, at: (c: Expr) => Expr) => Expr>> = {
  MAX: (count, at) => maxOf(count, at),
  L1: (count, at) => sum(count, (c) => abs(at(c))),
  L2: (count, at) => sum(count, (c) => mul(at(c), at(c))),
};

/** Rows whose divisor is 0 stay as they are. */
export const Normalizer = defineOp({
  name: 'Normalizer',
  domain,
  since: 1,
  accuracy: ulp(8),
  inputs: { X: featureTypes },
  outputs: { Y: 'float32' },
  attrs: { norm: oneOf('MAX', 'L1', 'L2') },
  compute: ({ X }, { norm }) => {
    rowShape(X.shape);
    const count = X.shape[X.rank - 1]!;
    const element = (...i: Expr[]): Expr => asFloat(X.at(...i));
    const divisor = compute(X.shape.slice(0, -1), (...row) => divisors[norm](count, (c) => element(...row, c)));
    return compute(X.shape, (...i) => {
      const x = element(...i);
      const d = divisor.at(...i.slice(0, -1));
      return cast(select(eq(d, 0), x, div(x, norm === 'L2' ? sqrt(d) : d)), 'float32');
    });
  },
});

/** A list attribute that holds one value for all features or one for each of `features`. @throws FLAGOS_E_ATTRIBUTE. */
const perFeature = <T>(list: readonly T[], features: number, name: string): ((feature: number) => T) => {
  if (list.length !== 1) expectLength(list, features, name);
  return (f) => list[list.length === 1 ? 0 : f]!;
};
const lastOf = (dims: readonly number[]): number => dims[dims.length - 1] ?? 1;

export const Scaler = defineOp({
  name: 'Scaler',
  domain,
  since: 1,
  accuracy: ulp(2),
  inputs: { X: featureTypes },
  outputs: { Y: 'float32' },
  attrs: { offset: optionalFloats(), scale: optionalFloats() },
  shapes: ({ X }) => [X.shape],
  host: ({ X }, { offset, scale }) => {
    const features = lastOf(X.dims);
    const by = perFeature(scale ?? [1], features, 'scale');
    const from = perFeature(offset ?? [0], features, 'offset');
    return Tensor.from(
      'float32',
      X.dims,
      X.toNumbers().map((x, i) => (x - from(i % features)) * by(i % features)),
    );
  },
});

/** Floats are replaced where they equal `replaced_value_float` (NaN equals NaN), integers where they equal `replaced_value_int64`. */
export const Imputer = defineOp({
  name: 'Imputer',
  domain,
  since: 1,
  accuracy: exact,
  inputs: { X: featureTypes },
  outputs: { Y: 'X' },
  attrs: {
    imputed_value_floats: optionalFloats(),
    imputed_value_int64s: optionalBigInts(),
    replaced_value_float: float(0),
    replaced_value_int64: bigInt(0n),
  },
  shapes: ({ X }) => [X.shape],
  host: ({ X }, attrs) => {
    const floats = isFloat(X.dtype);
    const name = floats ? 'imputed_value_floats' : 'imputed_value_int64s';
    const values: readonly (number | bigint)[] | undefined = floats ? attrs.imputed_value_floats : attrs.imputed_value_int64s;
    if (!values || values.length === 0)
      throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute '${name}' is required for ${X.dtype} features`);
    const features = lastOf(X.dims);
    const filler = perFeature(values, features, name);
    const gone = (x: number | bigint): boolean =>
      floats
        ? Object.is(Number(x), attrs.replaced_value_float) || x === attrs.replaced_value_float
        : BigInt(x) === attrs.replaced_value_int64;
    return Tensor.from(
      X.dtype,
      X.dims,
      Array.from(X.data as ArrayLike<number | bigint>, (x, i) => (gone(x) ? filler(i % features) : x)),
    );
  },
});

/** The columns of one input, cut or filled with zeros to `width`. A vector is a row. */
const columnsOf = (x: TensorExpr, width: number): TensorExpr => {
  const [rows, have] = rowShape(x.shape);
  const matrix = reshape(x, [rows, have]);
  return compute([rows, width], (r, c) => {
    const value = (): Expr => cast(matrix.at(r!, c!), 'float32');
    if (width <= have) return value();
    return have === 0 ? constant(0, 'float32') : select(lt(c!, have), value(), constant(0, 'float32'));
  });
};

export const FeatureVectorizer = defineOp({
  name: 'FeatureVectorizer',
  domain,
  since: 1,
  accuracy: exact,
  inputs: { X: variadic(featureTypes) },
  outputs: { Y: 'float32' },
  attrs: { inputdimensions: optionalInts() },
  compute: ({ X }, { inputdimensions }) => {
    const widths = inputdimensions ?? X.map((x) => rowShape(x.shape)[1]);
    expectLength(widths, X.length, 'inputdimensions');
    if (widths.some((w) => w < 0)) throw shapeError(`'inputdimensions' ${showShape(widths)} holds a negative width`);
    return concat(
      X.map((x, i) => columnsOf(x, widths[i]!)),
      1,
    );
  },
});
