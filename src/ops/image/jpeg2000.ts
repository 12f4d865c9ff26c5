/**
 * JPEG 2000 images (files and bare code streams), by the package jpeg2000; here are the checks before
 * and the joining of tiles after. Streams of the reversible transform come out exact, others to ±1.
 * Source: ITU-T T.800, annex A.5.1.
 */
import { JpxImage } from 'jpeg2000';
import { BrokenImage, byteAt, checkSize, fromSamples, unsupported, type Pixels } from './pixels.ts';

const u16 = (b: Uint8Array, at: number): number => (byteAt(b, at) << 8) | byteAt(b, at + 1);
const u32 = (b: Uint8Array, at: number): number => u16(b, at) * 65536 + u16(b, at + 2);

/** What the library reads numbers with: the methods of Node's buffers, for every platform. */
class NumberedBytes extends Uint8Array {
  readInt8(at: number): number {
    return (byteAt(this, at) << 24) >> 24;
  }
  readUInt16BE(at: number): number {
    return u16(this, at);
  }
  readUInt32BE(at: number): number {
    return u32(this, at);
  }
}

/**
 * The stream with bytes of alternating bits behind it. In damaged streams the library reads on past the
 * end, where it would find zeros and wait for a one for ever; so it finds both, for longer than the
 * headers of all code blocks (of 16 samples at least) can take, and then sees that its data is used up.
 */
const padded = (b: Uint8Array, samples: number): NumberedBytes => {
  const bytes = new NumberedBytes(b.length + samples + 65536).fill(0xaa);
  bytes.set(b);
  return bytes;
};

/** Most tiles a stream can number. */
const mostTiles = 65535;

/** Position of the image and tile sizes: after the markers that open every code stream. */
const findSizes = (b: Uint8Array): number => {
  for (let at = 0; at + 4 <= b.length; at++)
    if (b[at] === 0xff && b[at + 1] === 0x4f && b[at + 2] === 0xff && b[at + 3] === 0x51) return at + 8;
  throw new BrokenImage('no code stream');
};

/** @returns the number of samples. */
const checkHeader = (b: Uint8Array): number => {
  const at = findSizes(b);
  const [x1, y1, x0, y0, tileWide, tileHigh] = [0, 4, 8, 12, 16, 20].map((offset) => u32(b, at + offset));
  checkSize(x1! - x0!, y1! - y0!);
  if (!(tileWide! > 0 && tileHigh! > 0) || Math.ceil(x1! / tileWide!) * Math.ceil(y1! / tileHigh!) > mostTiles)
    throw new BrokenImage('a tile size that makes no sense');
  const components = u16(b, at + 32);
  if (components < 1 || components > 4) throw unsupported(`a JPEG 2000 image of ${components} components`);
  for (let c = 0; c < components; c++) {
    const [precision, dx, dy] = [0, 1, 2].map((i) => byteAt(b, at + 34 + 3 * c + i));
    // The upper bit tells signed samples.
    if (precision! < 7 || precision! > 15 || dx !== 1 || dy !== 1)
      throw unsupported('a JPEG 2000 image of signed, subsampled, or fewer than 8 or more than 16-bit samples');
  }
  return (x1! - x0!) * (y1! - y0!) * components;
};

/** @throws BrokenImage, or an error of the library, if the stream is damaged; FLAGOS_E_UNSUPPORTED, FLAGOS_E_LIMIT */
export const decodeJpeg2000 = (bytes: Uint8Array): Pixels => {
  const count = checkHeader(bytes);
  const image = new JpxImage();
  try {
    image.parse(padded(bytes, count));
  } catch (e) {
    // In damaged streams the library stumbles over what it expects to have read before.
    throw e instanceof TypeError ? new BrokenImage(e.message, { cause: e }) : e;
  }
  const { width, height, componentsCount: channels } = image;
  const samples = new Uint8Array(width * height * channels);
  for (const tile of image.tiles) {
    const row = tile.width * channels;
    for (let y = 0; y < tile.height; y++)
      samples.set(tile.items.subarray(y * row, (y + 1) * row), ((tile.top + y) * width + tile.left) * channels);
  }
  return fromSamples(width, height, samples, channels);
};
