/** Ops that draw random numbers. With a `seed` a call always gives the same numbers; ONNX leaves open which. */
import { fill } from '../compiler/tensor-expr.ts';
import { sizeOf, Tensor } from '../core/tensor.ts';
import type { DType } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { dtype, float, int, optionalBigInt, optionalDType, optionalFloat, requiredInts } from './attrs.ts';
import { defineOp, exact, optional, value } from './define.ts';
import { randomStream, type RandomStream } from './random.ts';
import { float8s, floats, numeric } from './types.ts';
import { scalarOf, shapeError, showShape, valueError } from './util.ts';

type Draw<A> = (stream: RandomStream, attrs: A) => number;
const normal: Draw<{ mean: number; scale: number }> = (stream, { mean, scale }) => mean + scale * stream.normal();
const uniform: Draw<{ low: number; high: number }> = (stream, { low, high }) => low + (high - low) * stream.uniform();

const floatTypes: readonly DType[] = floats;
const checkFloat = (type: DType): DType => {
  if (!floatTypes.includes(type))
    throw new FlagosError('FLAGOS_E_ATTRIBUTE', `random numbers of type ${type} are not defined`, {
      hint: `set 'dtype' to one of ${floats.join(', ')}`,
    });
  return type;
};
const checkDims = (dims: readonly number[]): readonly number[] => {
  if (dims.some((d) => d < 0))
    throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'shape' is ${showShape(dims)}, extents must not be negative`);
  return dims;
};

/** A tensor filled with draws. */
const drawTensor = (type: DType, dims: readonly number[], draw: () => number): Tensor => {
  const tensor = Tensor.zeros(checkFloat(type), dims);
  return Tensor.from(type, dims, Float64Array.from({ length: tensor.size }, draw));
};

const normalAttrs = { mean: float(0), scale: float(1), seed: optionalFloat() } as const;
const uniformAttrs = { low: float(0), high: float(1), seed: optionalFloat() } as const;
const shapeAttrs = { dtype: dtype('float32'), shape: requiredInts() } as const;

/** Types whose tensors may lend their shape. */
const shaped = [...numeric, 'string', 'bool', 'complex64', 'complex128'] as const;

export const RandomNormal = defineOp({
  name: 'RandomNormal',
  since: 1,
  nondeterministic: true,
  inputs: {},
  outputs: { output: ({ attrs }) => attrs.dtype },
  attrs: { ...normalAttrs, ...shapeAttrs },
  host: (_, attrs) => {
    const stream = randomStream(attrs.seed);
    return drawTensor(attrs.dtype, checkDims(attrs.shape), () => normal(stream, attrs));
  },
  shapes: (_, { shape }) => [checkDims(shape)],
});

export const RandomUniform = defineOp({
  name: 'RandomUniform',
  since: 1,
  nondeterministic: true,
  inputs: {},
  outputs: { output: ({ attrs }) => attrs.dtype },
  attrs: { ...uniformAttrs, ...shapeAttrs },
  host: (_, attrs) => {
    const stream = randomStream(attrs.seed);
    return drawTensor(attrs.dtype, checkDims(attrs.shape), () => uniform(stream, attrs));
  },
  shapes: (_, { shape }) => [checkDims(shape)],
});

export const RandomNormalLike = defineOp({
  name: 'RandomNormalLike',
  since: 1,
  nondeterministic: true,
  inputs: { input: shaped },
  outputs: { output: ({ attrs, dtype: of }) => attrs.dtype ?? of('input') },
  attrs: { ...normalAttrs, dtype: optionalDType() },
  host: ({ input }, attrs) => {
    const stream = randomStream(attrs.seed);
    return drawTensor(attrs.dtype ?? input.dtype, input.dims, () => normal(stream, attrs));
  },
  shapes: ({ input }) => [input.shape],
});

export const RandomUniformLike = defineOp({
  name: 'RandomUniformLike',
  since: 1,
  nondeterministic: true,
  inputs: { input: shaped },
  outputs: { output: ({ attrs, dtype: of }) => attrs.dtype ?? of('input') },
  attrs: { ...uniformAttrs, dtype: optionalDType() },
  host: ({ input }, attrs) => {
    const stream = randomStream(attrs.seed);
    return drawTensor(attrs.dtype ?? input.dtype, input.dims, () => uniform(stream, attrs));
  },
  shapes: ({ input }) => [input.shape],
});

/** 1 with the probability each element gives, else 0. */
export const Bernoulli = defineOp({
  name: 'Bernoulli',
  since: 15,
  nondeterministic: true,
  inputs: { input: floats },
  outputs: { output: ({ attrs, dtype: of }) => attrs.dtype ?? of('input') },
  attrs: { dtype: optionalDType(), seed: optionalFloat() },
  host: ({ input }, attrs) => {
    const type = attrs.dtype ?? input.dtype;
    const allowed: readonly DType[] = [...numeric, 'bool'];
    if (!allowed.includes(type))
      throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'dtype' is ${type}, it must be one of ${allowed.join(', ')}`);
    const stream = randomStream(attrs.seed);
    const draws = input.toNumbers().map((p) => {
      if (!(p >= 0 && p <= 1)) throw valueError(`'input' holds ${p}, a probability must be from 0 to 1`);
      return stream.bernoulli(p) ? 1 : 0;
    });
    return Tensor.from(type, input.dims, draws);
  },
  shapes: ({ input }) => [input.shape],
});

const samplesShape = (shape: readonly number[], samples: number): readonly number[] => {
  if (shape.length !== 2) throw shapeError(`'input' has shape ${showShape(shape)}, it must be [batch, classes]`);
  if (shape[1] === 0 && shape[0]! * samples > 0) throw shapeError(`'input' has shape ${showShape(shape)}, there must be a class to draw`);
  if (samples < 0) throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'sample_size' is ${samples}, it must not be negative`);
  return [shape[0]!, samples];
};

/** Sums of e^x up to and with each element of a row, of unnormalized log-probabilities. */
const cumulativeWeights = (row: Float64Array): Float64Array => {
  const highest = row.reduce((a, b) => Math.max(a, b), -Infinity);
  let total = 0;
  const sums = row.map((x) => (total += Math.exp(x - highest)));
  if (!(total > 0 && total < Infinity)) throw valueError("a row of 'input' holds no finite log-probability, or NaN");
  return sums;
};

/** Class numbers drawn with the probabilities the rows of `input` give as unnormalized logarithms. Shape [batch, sample_size]. */
export const Multinomial = defineOp({
  name: 'Multinomial',
  since: 7,
  nondeterministic: true,
  inputs: { input: floats },
  outputs: { output: ({ attrs }) => attrs.dtype },
  attrs: { dtype: dtype('int32'), sample_size: int(1), seed: optionalFloat() },
  host: ({ input }, attrs) => {
    if (attrs.dtype !== 'int32' && attrs.dtype !== 'int64')
      throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'dtype' is ${attrs.dtype}, it must be int32 or int64`);
    const dims = samplesShape(input.dims, attrs.sample_size);
    const classes = input.dims[1]!;
    const stream = randomStream(attrs.seed);
    const logits = input.toNumbers();
    const drawn = new Float64Array(sizeOf(dims));
    for (let b = 0; b < dims[0]! && dims[1]! > 0; b++) {
      const sums = cumulativeWeights(logits.subarray(b * classes, (b + 1) * classes));
      for (let s = 0; s < dims[1]!; s++) {
        // Strictly below the total, which rounding could reach.
        const u = Math.min(stream.uniform() * sums[classes - 1]!, sums[classes - 1]! * (1 - Number.EPSILON));
        drawn[b * dims[1]! + s] = sums.findIndex((sum) => u < sum);
      }
    }
    return Tensor.from(attrs.dtype, dims, drawn);
  },
  shapes: ({ input }, { sample_size }) => [samplesShape(input.shape, sample_size)],
});

const isTraining = (mode: Tensor | undefined): boolean => mode !== undefined && scalarOf(mode, 'training_mode') !== 0;

const dropped = [...floats, ...float8s] as const;

/** In inference a copy, with a mask of ones; in training each element is dropped with probability `ratio`, the others scaled by 1 / (1 − ratio). */
export const Dropout = defineOp({
  name: 'Dropout',
  since: 12,
  nondeterministic: true,
  inputs: { data: dropped, ratio: optional(dropped), training_mode: optional(value(['bool'])) },
  outputs: { output: 'data', mask: 'bool' },
  attrs: { seed: optionalBigInt() },
  compute: ({ data, training_mode }) => {
    if (isTraining(training_mode)) throw new FlagosError('FLAGOS_E_UNSUPPORTED', 'training draws random numbers, which expressions cannot');
    return { output: data, mask: fill(data.shape, true, 'bool') };
  },
  hostWhen: ({ training_mode }) => isTraining(training_mode),
  host: ({ data, ratio }, { seed }) => {
    const p = ratio ? scalarOf(ratio, 'ratio') : 0.5;
    if (!(p >= 0 && p < 1)) throw valueError(`'ratio' is ${p}, it must be from 0 to below 1`);
    const stream = randomStream(seed);
    const mask = Uint8Array.from({ length: data.size }, () => (p === 0 || stream.uniform() >= p ? 1 : 0));
    const output = Tensor.from(
      data.dtype,
      data.dims,
      data.toNumbers().map((x, i) => (mask[i] ? x / (1 - p) : 0)),
    );
    return { output, mask: new Tensor('bool', data.dims, mask) };
  },
  shapes: ({ data }) => [data.shape, data.shape],
  accuracy: exact,
});
