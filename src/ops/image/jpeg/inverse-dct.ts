/**
 * The inverse cosine transform of 8 by 8 blocks, in the 13-bit fixed point that most decoders use, so
 * that pixels come out the same to the last bit.
 * Source: Loeffler, Ligtenberg and Moschytz 1989, "Practical Fast 1-D DCT Algorithms with 11 Multiplications";
 * the scale and rounding of the Independent JPEG Group's accurate integer method ("islow").
 */
const fractionBits = 13;
/** Bits kept between the passes over columns and rows. */
const betweenBits = 2;
const fixed = (x: number): number => Math.round(x * 2 ** fractionBits);

// cos(kπ/16)·√2, in the sums and differences the algorithm uses.
const c = (k: number): number => Math.SQRT2 * Math.cos((k * Math.PI) / 16);
const even6 = fixed(c(6));
const even2minus6 = fixed(c(2) - c(6));
const even2plus6 = fixed(c(2) + c(6));
const odd0 = fixed(-c(1) + c(3) + c(5) - c(7));
const odd1 = fixed(c(1) + c(3) - c(5) + c(7));
const odd2 = fixed(c(1) + c(3) + c(5) - c(7));
const odd3 = fixed(c(1) + c(3) - c(5) - c(7));
const pair7 = fixed(c(3) - c(7));
const pair5 = fixed(c(1) + c(3));
const pair3 = fixed(c(3) + c(5));
const pair1 = fixed(c(3) - c(5));
const odd = fixed(c(3));

const work = new Int32Array(64);

/** One 8-point transform of `from[at + i·step]` into the work area, scaled by 2^13 and rounded back by `shift` bits. */
const transform = (from: Int32Array, at: number, step: number, shift: number): void => {
  const half = 1 << (shift - 1);
  const x = (i: number): number => from[at + i * step]!;
  // Even part.
  const turned = (x(2) + x(6)) * even6;
  const e2 = turned - x(6) * even2plus6;
  const e3 = turned + x(2) * even2minus6;
  const e0 = (x(0) + x(4)) * 2 ** fractionBits;
  const e1 = (x(0) - x(4)) * 2 ** fractionBits;
  const [s0, s1, s2, s3] = [e0 + e3, e1 + e2, e1 - e2, e0 - e3];
  // Odd part.
  const [a0, a1, a2, a3] = [x(7), x(5), x(3), x(1)];
  const all = (a0 + a2 + a1 + a3) * odd;
  const z1 = -(a0 + a3) * pair7;
  const z2 = -(a1 + a2) * pair5;
  const z3 = all - (a0 + a2) * pair3;
  const z4 = all - (a1 + a3) * pair1;
  const o0 = a0 * odd0 + z1 + z3;
  const o1 = a1 * odd1 + z2 + z4;
  const o2 = a2 * odd2 + z2 + z3;
  const o3 = a3 * odd3 + z1 + z4;
  const sums = [s0 + o3, s1 + o2, s2 + o1, s3 + o0, s3 - o0, s2 - o1, s1 - o2, s0 - o3];
  for (let i = 0; i < 8; i++) work[at + i * step] = (sums[i]! + half) >> shift;
};

/** One block: 64 coefficients times the quantizer, to samples 0 … 255 at `to[start + row·stride + column]`. */
export const inverseDct = (
  coefficients: Int16Array,
  at: number,
  quantizer: Uint16Array,
  to: Uint8Array,
  start: number,
  stride: number,
): void => {
  for (let i = 0; i < 64; i++) work[i] = coefficients[at + i]! * quantizer[i]!;
  for (let column = 0; column < 8; column++) transform(work, column, 8, fractionBits - betweenBits);
  // The two-dimensional transform is scaled by 8, so three more bits go.
  for (let row = 0; row < 8; row++) transform(work, row * 8, 1, fractionBits + betweenBits + 3);
  for (let i = 0; i < 64; i++) to[start + (i >> 3) * stride + (i & 7)] = Math.min(255, Math.max(0, work[i]! + 128));
};
