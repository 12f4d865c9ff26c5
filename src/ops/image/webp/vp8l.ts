/** Lossless WebP images. Source: WebP Lossless Bitstream Specification. Pixels are kept as 0xAARRGGBB. */
import { BrokenImage, checkSize, type Pixels } from '../pixels.ts';
import { nearPixels } from './near-pixels.ts';
import { BitStream, readCode, readSymbol, type PrefixCode } from './prefix-codes.ts';
import { undoTransform, type Transform } from './vp8l-transforms.ts';

/** Number of extents of `2 ** bits` that cover one. */
const covering = (extent: number, bits: number): number => (extent + 2 ** bits - 1) >> bits;

/** Lengths and distances: small ones as they are, others a range and extra bits. */
const readRange = (b: BitStream, symbol: number): number => {
  if (symbol < 4) return symbol + 1;
  const extra = (symbol - 2) >> 1;
  return (2 + (symbol & 1)) * 2 ** extra + b.bits(extra) + 1;
};

const distanceOf = (code: number, width: number): number => {
  if (code > nearPixels.length) return code - nearPixels.length;
  const near = nearPixels[code - 1]!;
  return Math.max(1, (near >> 4) * width + 8 - (near & 15));
};

/** The five codes of a part of the image: green with lengths and cached colours, red, blue, alpha, distances. */
type Group = readonly [green: PrefixCode, red: PrefixCode, blue: PrefixCode, alpha: PrefixCode, distance: PrefixCode];
const firstLength = 256;
const firstCached = 256 + 24;
const mostGroups = 2 ** 16;

interface Codes {
  readonly groups: readonly Group[];
  /** Which group holds at a pixel. */
  readonly at: (x: number, y: number) => Group;
  readonly cacheBits: number;
}

/** @param parts whether the image may have several groups of codes (only the outermost may). */
const readCodes = (b: BitStream, width: number, height: number, parts: boolean): Codes => {
  const cacheBits = b.bit() ? b.bits(4) : 0;
  if (cacheBits > 11) throw new BrokenImage('a colour cache that is too large');
  let map: { bits: number; wide: number; image: Uint32Array } | undefined;
  if (parts && b.bit()) {
    const bits = b.bits(3) + 2;
    const wide = covering(width, bits);
    map = { bits, wide, image: readImage(b, wide, covering(height, bits), false) };
  }
  const groupAt = (v: number): number => (v >> 8) & 0xffff;
  const count = map ? map.image.reduce((most, v) => Math.max(most, groupAt(v)), 0) + 1 : 1;
  if (count > mostGroups) throw new BrokenImage('too many groups of codes');
  const sizes = [firstCached + (cacheBits ? 2 ** cacheBits : 0), 256, 256, 256, 40] as const;
  const groups = Array.from({ length: count }, (): Group => [
    readCode(b, sizes[0]),
    readCode(b, sizes[1]),
    readCode(b, sizes[2]),
    readCode(b, sizes[3]),
    readCode(b, sizes[4]),
  ]);
  return { groups, cacheBits, at: (x, y) => groups[map ? groupAt(map.image[(y >> map.bits) * map.wide + (x >> map.bits)]!) : 0]! };
};

/** An entropy-coded image of any role. */
const readImage = (b: BitStream, width: number, height: number, parts: boolean): Uint32Array => {
  const codes = readCodes(b, width, height, parts);
  const out = new Uint32Array(width * height);
  const cache = new Uint32Array(codes.cacheBits ? 2 ** codes.cacheBits : 0);
  const put = (at: number, argb: number): void => {
    out[at] = argb;
    if (cache.length > 0) cache[Math.imul(0x1e35a7bd, argb) >>> (32 - codes.cacheBits)] = argb;
  };
  for (let at = 0; at < out.length;) {
    const [green, red, blue, alpha, distance] = codes.at(at % width, Math.floor(at / width));
    const symbol = readSymbol(b, green);
    if (symbol < firstLength) {
      const [r, bl, a] = [readSymbol(b, red), readSymbol(b, blue), readSymbol(b, alpha)];
      put(at++, ((a << 24) | (r << 16) | (symbol << 8) | bl) >>> 0);
    } else if (symbol < firstCached) {
      const length = readRange(b, symbol - firstLength);
      const back = distanceOf(readRange(b, readSymbol(b, distance)), width);
      if (back > at || at + length > out.length) throw new BrokenImage('a copy from or to outside the image');
      for (let i = 0; i < length; i++, at++) put(at, out[at - back]!);
    } else put(at++, cache[symbol - firstCached]!);
  }
  return out;
};

/** Reads transforms; each may occur once. Colour tables narrow the image that follows. */
const readTransforms = (b: BitStream, width: number, height: number): { transforms: Transform[]; width: number } => {
  const transforms: Transform[] = [];
  let wide = width;
  while (b.bit()) {
    const kind = (['predict', 'colour', 'green', 'table'] as const)[b.bits(2)]!;
    if (transforms.some((t) => t.kind === kind)) throw new BrokenImage('a transform that occurs twice');
    if (kind === 'green') transforms.push({ kind, width: wide });
    else if (kind === 'table') {
      const size = b.bits(8) + 1;
      const bits = size <= 2 ? 3 : size <= 4 ? 2 : size <= 16 ? 1 : 0;
      transforms.push({ kind, width: wide, bits, image: readImage(b, size, 1, false) });
      wide = covering(wide, bits);
    } else {
      const bits = b.bits(3) + 2;
      transforms.push({
        kind,
        width: wide,
        bits,
        tiles: covering(wide, bits),
        image: readImage(b, covering(wide, bits), covering(height, bits), false),
      });
    }
  }
  return { transforms, width: wide };
};

/** @throws BrokenImage, FLAGOS_E_LIMIT */
export const decodeVp8l = (bytes: Uint8Array): Pixels => {
  const b = new BitStream(bytes);
  if (b.bits(8) !== 0x2f) throw new BrokenImage('no lossless stream');
  const [width, height] = [b.bits(14) + 1, b.bits(14) + 1];
  // Whether opacity is used is a hint.
  b.bit();
  if (b.bits(3) !== 0) throw new BrokenImage('a version that is not known');
  checkSize(width, height);
  const { transforms, width: stored } = readTransforms(b, width, height);
  let image = readImage(b, stored, height, true);
  for (const t of transforms.toReversed()) image = undoTransform(t, image, height);
  const data = new Uint8Array(width * height * 3);
  image.forEach((argb, i) => {
    data[3 * i] = (argb >> 16) & 255;
    data[3 * i + 1] = (argb >> 8) & 255;
    data[3 * i + 2] = argb & 255;
  });
  return { width, height, channels: 3, data };
};
