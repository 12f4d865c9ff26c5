/**
 * Components at the image's full extent. Halved ones are interpolated: each new sample is three
 * quarters the nearer and one quarter the farther neighbour, rounded down and up in turn ("fancy"
 * upsampling of the Independent JPEG Group, which the ONNX specification of ImageDecoder describes).
 * Others are repeated.
 */

/** Samples of one component: only the first `width` of each row of `stride`, and the first `height` rows, are the image's. */
export interface Plane {
  readonly width: number;
  readonly height: number;
  readonly stride: number;
  readonly data: Uint8Array;
}

/** Twice as wide, of weighted rows `sums` (each value times `scale`). Rounds down before and up after a sample. */
const widen = (sums: Int32Array, width: number, scale: 1 | 4, out: Uint8Array, at: number): void => {
  const shift = scale === 1 ? 2 : 4;
  const [down, up] = scale === 1 ? [1, 2] : [8, 7];
  for (let x = 0; x < width; x++) {
    const here = sums[x]!;
    const before = x > 0 ? here * 3 + sums[x - 1]! : here * 4;
    const after = x < width - 1 ? here * 3 + sums[x + 1]! : here * 4;
    // At the edges there is no neighbour to lean to, but the rounding of one row alone is none.
    out[at + 2 * x] = scale === 1 && x === 0 ? here : (before + down) >> shift;
    out[at + 2 * x + 1] = scale === 1 && x === width - 1 ? here : (after + up) >> shift;
  }
};

const wideOnly = ({ width, height, stride, data }: Plane): Plane => {
  const out = new Uint8Array(width * 2 * height);
  const row = new Int32Array(width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) row[x] = data[y * stride + x]!;
    widen(row, width, 1, out, y * width * 2);
  }
  return { width: width * 2, height, stride: width * 2, data: out };
};

/** Rows of three times the nearer and once the farther one; at the edges a row is its own neighbour. */
const mixRows = ({ width, height, stride, data }: Plane, y: number, lower: boolean, row: Int32Array): void => {
  const other = Math.min(height - 1, Math.max(0, lower ? y + 1 : y - 1));
  for (let x = 0; x < width; x++) row[x] = data[y * stride + x]! * 3 + data[other * stride + x]!;
};

const wideAndHigh = (plane: Plane): Plane => {
  const { width, height } = plane;
  const out = new Uint8Array(width * 2 * height * 2);
  const row = new Int32Array(width);
  for (let y = 0; y < height * 2; y++) {
    mixRows(plane, y >> 1, y % 2 === 1, row);
    widen(row, width, 4, out, y * width * 2);
  }
  return { width: width * 2, height: height * 2, stride: width * 2, data: out };
};

const highOnly = (plane: Plane): Plane => {
  const { width, height } = plane;
  const out = new Uint8Array(width * height * 2);
  const row = new Int32Array(width);
  for (let y = 0; y < height * 2; y++) {
    mixRows(plane, y >> 1, y % 2 === 1, row);
    for (let x = 0; x < width; x++) out[y * width + x] = (row[x]! + (y % 2 === 1 ? 2 : 1)) >> 2;
  }
  return { width, height: height * 2, stride: width, data: out };
};

const repeated = ({ width, height, stride, data }: Plane, across: number, down: number): Plane => {
  const [w, h] = [width * across, height * down];
  const out = new Uint8Array(w * h);
  for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) out[y * w + x] = data[Math.floor(y / down) * stride + Math.floor(x / across)]!;
  return { width: w, height: h, stride: w, data: out };
};

/** A component `across` times narrower and `down` times lower than the image, at the image's extent (or a little more). */
export const upsample = (plane: Plane, across: number, down: number): Plane => {
  if (across === 1 && down === 1) return plane;
  // Planes of one or two columns are too narrow to interpolate across.
  if (across === 2 && plane.width > 2 && down === 1) return wideOnly(plane);
  if (across === 2 && plane.width > 2 && down === 2) return wideAndHigh(plane);
  if (across === 1 && down === 2) return highOnly(plane);
  return repeated(plane, across, down);
};
