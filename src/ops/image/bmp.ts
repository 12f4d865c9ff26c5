/** Windows bitmaps: 1 to 32 bits a pixel, palettes, run lengths, bit fields. Source: Microsoft, "Bitmap Storage". */
import { BrokenImage, byteAt, checkSize, fromPalette, toByte, unsupported, type Pixels } from './pixels.ts';

interface Header {
  readonly width: number;
  readonly height: number;
  readonly topDown: boolean;
  readonly bits: number;
  readonly compression: number;
  readonly masks: readonly number[];
  readonly palette: readonly (readonly number[])[];
  readonly start: number;
}

const rgb = 0;
const rle8 = 1;
const rle4 = 2;
const bitFields = [3, 6];

const u16 = (b: Uint8Array, at: number): number => byteAt(b, at) | (byteAt(b, at + 1) << 8);
const u32 = (b: Uint8Array, at: number): number => (u16(b, at) | (u16(b, at + 2) << 16)) >>> 0;

const readHeader = (b: Uint8Array): Header => {
  const size = u32(b, 14);
  // The oldest header has 16-bit sizes and palette entries of three bytes.
  const old = size === 12;
  if (!old && size < 16) throw new BrokenImage(`a header of ${size} bytes`);
  const width = old ? u16(b, 18) : u32(b, 18) | 0;
  const signedHeight = old ? u16(b, 20) : u32(b, 22) | 0;
  const bits = u16(b, old ? 24 : 28);
  const compression = old || size < 40 ? rgb : u32(b, 30);
  checkSize(width, Math.abs(signedHeight));
  const fields = bitFields.includes(compression);
  const masks = fields ? [0, 1, 2].map((i) => u32(b, 54 + 4 * i)) : bits === 16 ? [0x7c00, 0x3e0, 0x1f] : [0xff0000, 0xff00, 0xff];
  const given = old || size < 40 ? 0 : u32(b, 46);
  const count = bits > 8 ? 0 : Math.min(given || 2 ** bits, 2 ** bits);
  const entry = old ? 3 : 4;
  const table = 14 + size + (fields && size === 40 ? 12 : 0);
  const palette = Array.from({ length: count }, (_, i) => [2, 1, 0].map((c) => byteAt(b, table + i * entry + c)));
  return { width, height: Math.abs(signedHeight), topDown: signedHeight < 0, bits, compression, masks, palette, start: u32(b, 10) };
};

/** Palette indices from runs: a count and a value, or an escape: end of row, end of image, a move, literals. */
const unpackRuns = (b: Uint8Array, { width, height, compression, start }: Header): Uint8Array => {
  const out = new Uint8Array(width * height);
  let [x, y, at] = [0, 0, start];
  const put = (index: number): void => {
    if (x < width && y < height) out[y * width + x] = index;
    x++;
  };
  const nibble = (byte: number, i: number): number => (compression === rle8 ? byte : i % 2 === 0 ? byte >> 4 : byte & 15);
  while (y < height) {
    const [count, value] = [byteAt(b, at), byteAt(b, at + 1)];
    at += 2;
    if (count > 0) for (let i = 0; i < count; i++) put(nibble(value, i));
    else if (value === 0) [x, y] = [0, y + 1];
    else if (value === 1) break;
    else if (value === 2) {
      x += byteAt(b, at);
      y += byteAt(b, at + 1);
      at += 2;
    } else {
      const length = compression === rle8 ? value : Math.ceil(value / 2);
      for (let i = 0; i < value; i++) put(nibble(byteAt(b, at + (compression === rle8 ? i : i >> 1)), i));
      // Literals end on an even byte.
      at += length + (length % 2);
    }
  }
  return out;
};

const unpackIndices = (b: Uint8Array, { width, height, bits, start }: Header, stride: number): Uint8Array => {
  const out = new Uint8Array(width * height);
  const mask = 2 ** bits - 1;
  for (let i = 0; i < out.length; i++) {
    const bit = (i % width) * bits;
    out[i] = (byteAt(b, start + Math.floor(i / width) * stride + (bit >> 3)) >> (8 - bits - (bit & 7))) & mask;
  }
  return out;
};

/** Colours of 16, 24 or 32 bits, their parts cut out by masks. */
const unpackColours = (b: Uint8Array, { width, height, bits, masks, start }: Header, stride: number): Pixels => {
  const parts = masks.map((mask) => {
    const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
    return { mask, shift, largest: mask >>> shift };
  });
  const data = new Uint8Array(width * height * 3);
  const bytes = bits / 8;
  for (let i = 0; i < width * height; i++) {
    const at = start + Math.floor(i / width) * stride + (i % width) * bytes;
    let pixel = 0;
    for (let k = bytes - 1; k >= 0; k--) pixel = (pixel << 8) | byteAt(b, at + k);
    parts.forEach(({ mask, shift, largest }, c) => (data[i * 3 + c] = largest === 0 ? 0 : toByte((pixel & mask) >>> shift, largest)));
  }
  return { width, height, channels: 3, data };
};

const flipped = ({ width, height, channels, data }: Pixels): Pixels => {
  const row = width * channels;
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) out.set(data.subarray(y * row, (y + 1) * row), (height - 1 - y) * row);
  return { width, height, channels, data: out };
};

/** @throws BrokenImage, FLAGOS_E_UNSUPPORTED */
export const decodeBmp = (b: Uint8Array): Pixels => {
  const header = readHeader(b);
  const { width, height, bits, compression, palette, topDown } = header;
  const runs = (compression === rle8 && bits === 8) || (compression === rle4 && bits === 4);
  if (!runs && compression !== rgb && !(bitFields.includes(compression) && (bits === 16 || bits === 32)))
    throw unsupported(`a bitmap of compression ${compression} with ${bits} bits a pixel`);
  if (![1, 4, 8, 16, 24, 32].includes(bits)) throw unsupported(`a bitmap of ${bits} bits a pixel`);
  const stride = Math.ceil((width * bits) / 32) * 4;
  if (!runs && header.start + stride * height > b.length) throw new BrokenImage('an unexpected end');
  const made =
    bits > 8
      ? unpackColours(b, header, stride)
      : fromPalette(width, height, runs ? unpackRuns(b, header) : unpackIndices(b, header, stride), palette);
  return topDown ? made : flipped(made);
};
