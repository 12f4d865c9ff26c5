/** DFT and STFT of ONNX: signals whose last axis holds real and imaginary part, or the real part alone. */
import { add, cast, constant, eq, le, lt, mul, neg, select, sub, type Expr } from '../compiler/expr.ts';
import { compute, type TensorExpr } from '../compiler/tensor-expr.ts';
import type { DType } from '../core/dtype.ts';
import { flag } from './attrs.ts';
import { defineOp, optional, value } from './define.ts';
import { scaledDown, transform, type Complex } from './fourier.ts';
import { floats, indices } from './types.ts';
import { expectRank, expectShape, normalizeAxis, removeAt, scalarOf, shapeError, showShape, valueError } from './util.ts';

/** @throws FLAGOS_E_SHAPE unless the last axis is 1 (real) or 2 (complex). */
const checkParts = (x: TensorExpr, name: string): void => {
  const parts = x.shape.at(-1);
  if (parts !== 1 && parts !== 2)
    throw shapeError(`'${name}' has shape ${showShape(x.shape)}, its last axis must be 1 (real) or 2 (complex)`);
};

/** A signal of `n` points, the first `extent` of which are read; float64. `read` takes the batch index, the point and the part. */
const signalOf = (
  batch: readonly number[],
  n: number,
  extent: number,
  parts: number,
  read: (b: readonly Expr[], i: Expr, part: number) => Expr,
): Complex => {
  const part = (p: number): TensorExpr =>
    compute([...batch, n], (...at) => {
      const [b, i] = [at.slice(0, -1), at.at(-1)!];
      const e = cast(read(b, i, p), 'float64');
      return n > extent ? select(lt(i, extent), e, constant(0, 'float64')) : e;
    });
  return { re: part(0), im: parts === 2 ? part(1) : undefined };
};

/**
 * The full spectrum of a real signal from its first half: what is missing is the mirror image,
 * conjugate. Points the half does not have count as 0.
 */
const mirrored = (half: Complex, n: number): Complex => {
  const batch = half.re.shape.slice(0, -1);
  const part = (x: TensorExpr, turn: (e: Expr) => Expr): TensorExpr =>
    compute([...batch, n], (...at) => {
      const [b, k] = [at.slice(0, -1), at.at(-1)!];
      const whole = le(k, Math.floor(n / 2));
      return select(whole, x.at(...b, k), turn(x.at(...b, sub(n, k))));
    });
  return { re: part(half.re, (e) => e), im: half.im && part(half.im, neg) };
};

/** Real and imaginary part laid into a last axis of 2. */
const joined = (shape: readonly number[], at: (i: readonly Expr[]) => { re: Expr; im: Expr }, dtype: DType): TensorExpr =>
  compute(shape, (...i) => {
    const { re, im } = at(i.slice(0, -1));
    return cast(select(eq(i.at(-1)!, 0), re, im), dtype);
  });

export const DFT = defineOp({
  name: 'DFT',
  since: 20,
  inputs: { input: floats, dft_length: optional(value(indices)), axis: optional(value(['int64'])) },
  outputs: { output: 'input' },
  attrs: { inverse: flag(false), onesided: flag(false) },
  compute: ({ input, dft_length, axis: axisTensor }, { inverse, onesided }) => {
    expectRank(input.shape, 2, 'input');
    checkParts(input, 'input');
    const axis = normalizeAxis(axisTensor ? scalarOf(axisTensor, 'axis') : -2, input.rank);
    if (axis === input.rank - 1) throw valueError(`axis ${axis} holds the parts of the numbers, it cannot be transformed`);
    const extent = input.shape[axis]!;
    const toReal = inverse && onesided;
    const n = dft_length ? scalarOf(dft_length, 'dft_length') : toReal ? 2 * (extent - 1) : extent;
    if (n < 1) throw valueError(`dft_length is ${n}, it must be at least 1`);
    const parts = input.shape.at(-1)!;
    const batch = removeAt(input.shape.slice(0, -1), axis);
    const read = (b: readonly Expr[], i: Expr, part: number): Expr => input.at(...b.slice(0, axis), i, ...b.slice(axis), part);
    const given = toReal ? Math.floor(n / 2) + 1 : n;
    const signal = signalOf(batch, given, extent, parts, read);
    const { re, im } = transform(toReal ? mirrored(signal, n) : signal, inverse);
    const points = onesided && !inverse ? Math.floor(n / 2) + 1 : n;
    const shape = input.shape.map((d, a) => (a === axis ? points : a === input.rank - 1 ? (toReal ? 1 : 2) : d));
    // The transform has its axis last.
    const place = (i: readonly Expr[]): Expr[] => [...removeAt(i, axis), i[axis]!];
    const finish = (e: Expr): Expr => (inverse ? scaledDown(e, n) : e);
    if (toReal) return compute(shape, (...i) => cast(finish(re.at(...place(i.slice(0, -1)))), input.dtype));
    return joined(shape, (i) => ({ re: finish(re.at(...place(i))), im: finish(im.at(...place(i))) }), input.dtype);
  },
});

export const STFT = defineOp({
  name: 'STFT',
  since: 17,
  inputs: { signal: floats, frame_step: value(indices), window: optional('signal'), frame_length: optional(value(indices)) },
  outputs: { output: 'signal' },
  attrs: { onesided: flag(true) },
  compute: ({ signal, frame_step, window, frame_length }, { onesided }) => {
    if (signal.rank !== 3) throw shapeError(`'signal' has shape ${showShape(signal.shape)}, it must be [batch, length, 1 or 2]`);
    checkParts(signal, 'signal');
    const [batch, total, parts] = signal.shape as [number, number, number];
    const step = scalarOf(frame_step, 'frame_step');
    const length = frame_length ? scalarOf(frame_length, 'frame_length') : (window?.shape[0] ?? total);
    if (step < 1 || length < 1) throw valueError(`frame_step ${step} and frame_length ${length} must be at least 1`);
    if (window) expectShape(window.shape, [length], 'window');
    if (length > total) throw shapeError(`frames of ${length} are longer than the signal of ${total}`);
    const frames = Math.floor((total - length) / step) + 1;
    const framed = signalOf([batch, frames], length, length, parts, ([b, f], i, part) => {
      const e = cast(signal.at(b!, add(mul(f!, step), i), part), 'float64');
      return window ? mul(e, cast(window.at(i), 'float64')) : e;
    });
    const { re, im } = transform(framed, false);
    const bins = onesided ? Math.floor(length / 2) + 1 : length;
    return joined([batch, frames, bins, 2], (i) => ({ re: re.at(...i), im: im.at(...i) }), signal.dtype);
  },
});
