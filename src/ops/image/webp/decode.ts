/** WebP images: the chunks of the file, and the image in them; opacity is not decoded. Source: WebP Container Specification. */
import { BrokenImage, byteAt, unsupported, type Pixels } from '../pixels.ts';
import { decodeVp8 } from './vp8.ts';
import { decodeVp8l } from './vp8l.ts';

const nameAt = (b: Uint8Array, at: number): string => String.fromCharCode(...b.subarray(at, at + 4));
const u32 = (b: Uint8Array, at: number): number =>
  byteAt(b, at) + byteAt(b, at + 1) * 2 ** 8 + byteAt(b, at + 2) * 2 ** 16 + byteAt(b, at + 3) * 2 ** 24;

/** @throws BrokenImage; FLAGOS_E_UNSUPPORTED for animations and for other files of the RIFF family; FLAGOS_E_LIMIT */
export const decodeWebP = (bytes: Uint8Array): Pixels => {
  if (nameAt(bytes, 8) !== 'WEBP') throw unsupported(`a RIFF file of kind '${nameAt(bytes, 8)}'`);
  for (let at = 12; at + 8 <= bytes.length;) {
    const [name, size] = [nameAt(bytes, at), u32(bytes, at + 4)];
    const data = bytes.subarray(at + 8, at + 8 + size);
    if (data.length < size) throw new BrokenImage('an unexpected end');
    if (name === 'VP8 ') return decodeVp8(data);
    if (name === 'VP8L') return decodeVp8l(data);
    if (name === 'ANIM' || name === 'ANMF') throw unsupported('animated WebP images');
    // Chunks begin at even places.
    at += 8 + size + (size % 2);
  }
  throw new BrokenImage('no image');
};
