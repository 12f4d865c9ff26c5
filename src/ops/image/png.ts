/** PNG images, by fast-png; here are the checks before and the colours after. Source: W3C, PNG specification (third edition). */
import { decode } from 'fast-png';
import { BrokenImage, byteAt, checkCompression, checkSize, fromPalette, fromSamples, type Pixels } from './pixels.ts';

const u32 = (b: Uint8Array, at: number): number =>
  ((byteAt(b, at) << 24) | (byteAt(b, at + 1) << 16) | (byteAt(b, at + 2) << 8) | byteAt(b, at + 3)) >>> 0;

/** Samples of fewer than 8 bits, which stand packed in rows of whole bytes, one by one. */
const unpack = (packed: ArrayLike<number>, width: number, height: number, depth: number): Uint8Array => {
  const out = new Uint8Array(width * height);
  const row = Math.ceil((width * depth) / 8);
  for (let i = 0; i < out.length; i++) {
    const bit = (i % width) * depth;
    out[i] = (packed[Math.floor(i / width) * row + (bit >> 3)]! >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
  }
  return out;
};

/** @throws BrokenImage, or an error of the library, if the stream is damaged; FLAGOS_E_LIMIT */
export const decodePng = (bytes: Uint8Array): Pixels => {
  // IHDR is the first chunk of every PNG stream.
  if (u32(bytes, 12) !== 0x49484452) throw new BrokenImage('no header');
  checkSize(u32(bytes, 16), u32(bytes, 20));
  // Deflate gives at most 258 bytes for 2 bits; a sample is one bit or more.
  checkCompression((u32(bytes, 16) * u32(bytes, 20)) / 8, bytes.length, 1032);
  const { width, height, depth, channels, data, palette } = decode(bytes, { checkCrc: true });
  const samples = depth < 8 ? unpack(data, width, height, depth) : data;
  return palette && channels === 1
    ? fromPalette(width, height, samples, palette)
    : fromSamples(width, height, samples, channels, 2 ** depth - 1);
};
