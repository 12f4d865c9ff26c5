/** Lossy WebP images: one key frame of VP8, to RGB as libwebp does it with its default settings. Source: RFC 6386. */
import type { Pixels } from '../pixels.ts';
import { filterFrame } from './vp8-filter.ts';
import { readHeader } from './vp8-header.ts';
import { MacroblockReader, type Macroblock } from './vp8-macroblocks.ts';
import { addResidue, Plane, predictSquare, predictSub } from './vp8-predict.ts';

/** The four samples above and to the right of a sub-block. */
const aboveRight = (p: Plane, x: number, y: number, blockX: number, blockY: number): number[] => {
  // In the last column of a macroblock they are those above the macroblock, in whatever row.
  const row = blockX === 3 ? y - 1 : y + 4 * blockY - 1;
  const from = x + 4 * blockX + 4;
  return [0, 1, 2, 3].map((i) => (row < 0 ? 127 : p.data[p.at(Math.min(from + i, p.width - 1), row)]!));
};

const reconstruct = (block: Macroblock, x: number, y: number, [luma, u, v]: readonly [Plane, Plane, Plane]): void => {
  const { coefficients } = block;
  if (block.luma !== undefined) predictSquare(luma, x * 16, y * 16, 16, block.luma);
  for (let i = 0; i < 16; i++) {
    const [bx, by] = [i % 4, i >> 2];
    const [px, py] = [x * 16 + bx * 4, y * 16 + by * 4];
    if (block.luma === undefined) predictSub(luma, px, py, block.sub[i]!, aboveRight(luma, x * 16, y * 16, bx, by));
    if (coefficients) addResidue(luma, px, py, coefficients, i * 16);
  }
  [u, v].forEach((plane, k) => {
    predictSquare(plane, x * 8, y * 8, 8, block.chroma);
    if (coefficients)
      for (let i = 0; i < 4; i++) addResidue(plane, x * 8 + (i % 2) * 4, y * 8 + (i >> 1) * 4, coefficients, (16 + k * 4 + i) * 16);
  });
};

/** A half-size plane at full size: nine parts of the nearest sample, three of each next one, one of the farthest; at edges a sample is its own neighbour. */
const upsampled = (p: Plane, width: number, height: number): Uint8Array => {
  const out = new Uint8Array(width * height);
  const [lastX, lastY] = [((width + 1) >> 1) - 1, ((height + 1) >> 1) - 1];
  const other = (at: number, last: number): number => Math.min(last, Math.max(0, (at >> 1) + (at % 2 === 1 ? 1 : -1)));
  for (let y = 0; y < height; y++) {
    const [near, far] = [y >> 1, other(y, lastY)];
    for (let x = 0; x < width; x++) {
      const [a, b] = [x >> 1, other(x, lastX)];
      out[y * width + x] =
        (9 * p.data[p.at(a, near)]! + 3 * p.data[p.at(b, near)]! + 3 * p.data[p.at(a, far)]! + p.data[p.at(b, far)]! + 8) >> 4;
    }
  }
  return out;
};

/** ITU-R BT.601 with luma from 16 to 235, in fixed point with eight bits taken off each product first. */
const part = (x: number, factor: number): number => (x * factor) >> 8;
const toByte = (x: number): number => Math.min(255, Math.max(0, x >> 6));

/** @throws BrokenImage, FLAGOS_E_LIMIT */
export const decodeVp8 = (bytes: Uint8Array): Pixels => {
  const header = readHeader(bytes);
  const { width, height } = header;
  const [columns, rowCount] = [Math.ceil(width / 16), Math.ceil(height / 16)];
  const planes = [
    new Plane(columns * 16, rowCount * 16),
    new Plane(columns * 8, rowCount * 8),
    new Plane(columns * 8, rowCount * 8),
  ] as const;
  const reader = new MacroblockReader(header, columns);
  const rows: Macroblock[][] = [];
  for (let y = 0; y < rowCount; y++) {
    const row = reader.row(y);
    row.forEach((block, x) => reconstruct(block, x, y, planes));
    rows.push(row);
  }
  filterFrame(header, rows, planes);
  const [luma] = planes;
  const [us, vs] = [upsampled(planes[1], width, height), upsampled(planes[2], width, height)];
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const y = part(luma.data[luma.at(i % width, Math.floor(i / width))]!, 19077);
    const [u, v] = [us[i]!, vs[i]!];
    data[3 * i] = toByte(y + part(v, 26149) - 14234);
    data[3 * i + 1] = toByte(y - part(u, 6419) - part(v, 13320) + 8708);
    data[3 * i + 2] = toByte(y + part(u, 33050) - 17685);
  }
  return { width, height, channels: 3, data };
};
