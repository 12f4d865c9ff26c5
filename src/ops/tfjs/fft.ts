/**
 * The discrete Fourier transform of rows of complex numbers, given and made as their two halves. On the host: powers of two by Cooley and Tukey's halving, other lengths by Bluestein's convolution.
 */
import { Tensor } from '../../core/tensor.ts';
import { flag } from '../attrs.ts';
import { defineOp } from '../define.ts';
import { expectRank, expectShape } from '../util.ts';

type Complex = readonly [re: Float64Array, im: Float64Array];

/** In place; the length is a power of two. @param sign −1 forward, +1 backward. */
const powerOfTwo = ([re, im]: Complex, sign: number): void => {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j]!, re[i]!];
      [im[i], im[j]] = [im[j]!, im[i]!];
    }
  }
  for (let length = 2; length <= n; length *= 2) {
    const half = length / 2;
    for (let k = 0; k < half; k++) {
      const angle = (sign * 2 * Math.PI * k) / length;
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      for (let at = k; at < n; at += length) {
        const [x, y] = [re[at + half]! * c - im[at + half]! * s, re[at + half]! * s + im[at + half]! * c];
        [re[at + half], im[at + half]] = [re[at]! - x, im[at]! - y];
        re[at]! += x;
        im[at]! += y;
      }
    }
  }
};

/** Any length: x·chirp convolved with the chirp, by transforms of a power of two. */
const bluestein = ([re, im]: Complex, sign: number): void => {
  const n = re.length;
  let m = 1;
  while (m < 2 * n - 1) m *= 2;
  // k² modulo 2n keeps the angle small, and so exact.
  const angles = Array.from({ length: n }, (_, k) => (sign * Math.PI * ((k * k) % (2 * n))) / n);
  const a: Complex = [new Float64Array(m), new Float64Array(m)];
  const b: Complex = [new Float64Array(m), new Float64Array(m)];
  angles.forEach((w, k) => {
    const [c, s] = [Math.cos(w), Math.sin(w)];
    a[0][k] = re[k]! * c - im[k]! * s;
    a[1][k] = re[k]! * s + im[k]! * c;
    b[0][k] = c;
    b[1][k] = -s;
    if (k > 0) [b[0][m - k], b[1][m - k]] = [c, -s];
  });
  powerOfTwo(a, -1);
  powerOfTwo(b, -1);
  for (let k = 0; k < m; k++) [a[0][k], a[1][k]] = [a[0][k]! * b[0][k]! - a[1][k]! * b[1][k]!, a[0][k]! * b[1][k]! + a[1][k]! * b[0][k]!];
  powerOfTwo(a, 1);
  angles.forEach((w, k) => {
    const [c, s] = [Math.cos(w) / m, Math.sin(w) / m];
    re[k] = a[0][k]! * c - a[1][k]! * s;
    im[k] = a[0][k]! * s + a[1][k]! * c;
  });
};

export const FFT = defineOp({
  name: 'FFT',
  domain: 'tfjs',
  since: 1,
  inputs: { real: ['float32'], imag: 'real' },
  outputs: { Y: 'real', Z: 'real' },
  attrs: { inverse: flag(false) },
  shapes: ({ real }) => [real.shape, real.shape],
  host: ({ real, imag }, { inverse }) => {
    expectRank(real.dims, 1, 'real');
    expectShape(imag.dims, real.dims, 'imag');
    const n = real.dims.at(-1)!;
    const [fromReal, fromImag] = [real.data as Float32Array, imag.data as Float32Array];
    const [toReal, toImag] = [new Float32Array(fromReal.length), new Float32Array(fromReal.length)];
    const row: Complex = [new Float64Array(n), new Float64Array(n)];
    const scale = inverse ? 1 / n : 1;
    for (let start = 0; start < fromReal.length; start += n) {
      for (let k = 0; k < n; k++) [row[0][k], row[1][k]] = [fromReal[start + k]!, fromImag[start + k]!];
      ((n & (n - 1)) === 0 ? powerOfTwo : bluestein)(row, inverse ? 1 : -1);
      for (let k = 0; k < n; k++) [toReal[start + k], toImag[start + k]] = [row[0][k]! * scale, row[1][k]! * scale];
    }
    return { Y: new Tensor('float32', real.dims, toReal), Z: new Tensor('float32', real.dims, toImag) };
  },
  source: 'TensorFlow.js API, tf.spectral.fft',
});
