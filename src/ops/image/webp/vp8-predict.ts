/** Prediction of samples from those above and to the left, and the residue that is added. Source: RFC 6386, sections 12 and 14.4. */
import { mode } from './vp8-macroblocks.ts';

/**
 * Samples of a frame in whole macroblocks, with a row above and a column to the left. These read as
 * 127 above and 129 to the left, which is what the format says of samples outside.
 */
export class Plane {
  readonly data: Uint8Array;
  readonly stride: number;
  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.stride = width + 1;
    this.data = new Uint8Array(this.stride * (height + 1)).fill(127, 0, this.stride);
    for (let y = 0; y < height; y++) this.data[this.at(-1, y)] = 129;
  }
  at(x: number, y: number): number {
    return (y + 1) * this.stride + x + 1;
  }
}

const clamp = (x: number): number => (x < 0 ? 0 : x > 255 ? 255 : x);

/** Predicts a square of `size` as a whole, by one of the first four modes. Mean values use only the sides that are inside. */
export const predictSquare = (p: Plane, x0: number, y0: number, size: number, which: number): void => {
  const { data } = p;
  let mean = 128;
  if (which === mode.dc && (x0 > 0 || y0 > 0)) {
    let [sum, count] = [0, 0];
    for (let i = 0; i < size; i++) {
      if (y0 > 0) sum += data[p.at(x0 + i, y0 - 1)]!;
      if (x0 > 0) sum += data[p.at(x0 - 1, y0 + i)]!;
      count += Number(y0 > 0) + Number(x0 > 0);
    }
    mean = Math.floor((sum + count / 2) / count);
  }
  const corner = data[p.at(x0 - 1, y0 - 1)]!;
  for (let y = 0; y < size; y++) {
    const left = data[p.at(x0 - 1, y0 + y)]!;
    for (let x = 0; x < size; x++) {
      const above = data[p.at(x0 + x, y0 - 1)]!;
      data[p.at(x0 + x, y0 + y)] =
        which === mode.dc ? mean : which === mode.vertical ? above : which === mode.horizontal ? left : clamp(left + above - corner);
    }
  }
};

/**
 * One sample of a 4 by 4 block from the samples around it: `e` holds the left ones from below (0 … 3),
 * the corner (4), and eight above, from the left (5 … 12).
 */
const predictSample = (e: readonly number[], which: number, x: number, y: number): number => {
  const two = (i: number): number => (e[i]! + e[i + 1]! + 1) >> 1;
  const three = (i: number): number => (e[Math.max(i - 1, 0)]! + 2 * e[i]! + e[Math.min(i + 1, 12)]! + 2) >> 2;
  switch (which) {
    case mode.trueMotion:
      return clamp(e[3 - y]! + e[5 + x]! - e[4]!);
    case mode.vertical:
      return three(5 + x);
    case mode.horizontal:
      return three(3 - y);
    case mode.rightDown:
      return three(4 + x - y);
    case mode.leftDown:
      return three(6 + x + y);
    case mode.verticalRight: {
      const i = 2 * x - y;
      if (i < -1) return three(5 + i);
      return i % 2 === 0 ? two(4 + i / 2) : three(4 + (i + 1) / 2);
    }
    case mode.horizontalDown: {
      const i = 2 * y - x;
      if (i < -1) return three(3 - i);
      return i % 2 === 0 ? two(3 - i / 2) : three(4 - (i + 1) / 2);
    }
    case mode.verticalLeft: {
      // The two lowest samples on the right do not follow the pattern of the others.
      if (x === 3 && y > 1) return three(8 + y);
      return y % 2 === 0 ? two(5 + x + y / 2) : three(6 + x + (y - 1) / 2);
    }
    default: {
      const i = x + 2 * y;
      if (i > 5) return e[0]!;
      return i % 2 === 0 ? two(2 - i / 2) : three(2 - (i - 1) / 2);
    }
  }
};

/** Predicts a 4 by 4 block; `right` are the four samples above and to the right of it. */
export const predictSub = (p: Plane, x0: number, y0: number, which: number, right: readonly number[]): void => {
  const { data } = p;
  const e: number[] = [];
  for (let y = 3; y >= -1; y--) e.push(data[p.at(x0 - 1, y0 + y)]!);
  for (let x = 0; x < 4; x++) e.push(data[p.at(x0 + x, y0 - 1)]!);
  e.push(...right);
  const mean = (e[0]! + e[1]! + e[2]! + e[3]! + e[5]! + e[6]! + e[7]! + e[8]! + 4) >> 3;
  for (let y = 0; y < 4; y++)
    for (let x = 0; x < 4; x++) data[p.at(x0 + x, y0 + y)] = which === mode.dc ? mean : predictSample(e, which, x, y);
};

// √2·cos(π/8) and √2·sin(π/8) in 16-bit fixed point; the first is above 1, so its whole part is added.
const byCos = (x: number): number => x + ((x * 20091) >> 16);
const bySin = (x: number): number => (x * 35468) >> 16;

/** Adds the inverse cosine transform of 16 coefficients to a 4 by 4 block. */
export const addResidue = (p: Plane, x0: number, y0: number, coefficients: Int16Array, start: number): void => {
  const columns = new Int32Array(16);
  const four = (a: number, b: number, c: number, d: number): readonly [number, number, number, number] => {
    const [e, f, g, h] = [a + c, a - c, bySin(b) - byCos(d), byCos(b) + bySin(d)];
    return [e + h, f + g, f - g, e - h];
  };
  for (let i = 0; i < 4; i++) {
    const made = four(coefficients[start + i]!, coefficients[start + 4 + i]!, coefficients[start + 8 + i]!, coefficients[start + 12 + i]!);
    for (let k = 0; k < 4; k++) columns[4 * k + i] = made[k]!;
  }
  for (let y = 0; y < 4; y++) {
    const made = four(columns[4 * y]! + 4, columns[4 * y + 1]!, columns[4 * y + 2]!, columns[4 * y + 3]!);
    for (let x = 0; x < 4; x++) {
      const at = p.at(x0 + x, y0 + y);
      p.data[at] = clamp(p.data[at]! + (made[x]! >> 3));
    }
  }
};
