/** What image decoders give, and the conversions between their colours. */
import { FlagosError } from '../../core/errors.ts';

/** Rows from the top, samples of a pixel side by side: grey, or red, green, blue. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

/** A stream that is no image of its format: ImageDecoder answers it with an empty image, as the specification says. */
export class BrokenImage extends Error {
  override readonly name = 'BrokenImage';
}

/** An image that is valid but of a kind that no decoder here reads. */
export const unsupported = (what: string): FlagosError => new FlagosError('FLAGOS_E_UNSUPPORTED', `cannot decode ${what}`);

/** 8192 by 8192: past what cameras make, within what memory holds several times. */
const mostPixels = 2 ** 26;

/**
 * Checked before memory is taken: a few bytes can claim any size.
 * @throws BrokenImage for sizes that are not positive integers, FLAGOS_E_LIMIT past 2^26 pixels.
 */
export const checkSize = (width: number, height: number): void => {
  if (!(width > 0 && height > 0 && Number.isInteger(width) && Number.isInteger(height)))
    throw new BrokenImage(`a size of ${width} by ${height}`);
  if (width * height > mostPixels)
    throw new FlagosError('FLAGOS_E_LIMIT', `an image of ${width} by ${height} has more than ${mostPixels} pixels`);
};

/** Checks that a stream can hold an image, given the most its coding can compress. @throws BrokenImage */
export const checkCompression = (imageBytes: number, streamBytes: number, most: number): void => {
  if (imageBytes > streamBytes * most) throw new BrokenImage(`${imageBytes} bytes of image in ${streamBytes} bytes`);
};

/** Bytes from a stream. @throws BrokenImage past its end. */
export const byteAt = (bytes: Uint8Array, at: number): number => bytes[at] ?? endOfStream();
const endOfStream = (): never => {
  throw new BrokenImage('an unexpected end');
};

/** Samples from 0 to `largest` as bytes; exact at both ends. */
export const toByte = (value: number, largest: number): number => (largest === 255 ? value : Math.trunc((value * 255) / largest));

/** Pixels of a palette: `indices` one a pixel, `palette` red, green, blue by index. @throws BrokenImage for an index outside. */
export const fromPalette = (width: number, height: number, indices: ArrayLike<number>, palette: readonly (readonly number[])[]): Pixels => {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const colour = palette[indices[i]!];
    if (!colour) throw new BrokenImage(`colour ${indices[i]} of a palette of ${palette.length}`);
    for (let c = 0; c < 3; c++) data[i * 3 + c] = colour[c]!;
  }
  return { width, height, channels: 3, data };
};

/**
 * Pixels of interleaved samples: 1 or 2 channels are grey, 3 or 4 colour; the last of 2 or 4 is opacity, which is dropped.
 * @param largest the value of full brightness.
 * @throws BrokenImage if there are too few samples.
 */
export const fromSamples = (width: number, height: number, samples: ArrayLike<number>, channels: number, largest = 255): Pixels => {
  if (samples.length < width * height * channels) endOfStream();
  const kept = channels < 3 ? 1 : 3;
  const data = new Uint8Array(width * height * kept);
  for (let i = 0; i < width * height; i++) {
    // 16 bits are cut to their upper 8, which is what the usual decoders do.
    for (let c = 0; c < kept; c++)
      data[i * kept + c] = largest === 65535 ? samples[i * channels + c]! >> 8 : toByte(samples[i * channels + c]!, largest);
  }
  return { width, height, channels: kept, data };
};

export type PixelFormat = 'RGB' | 'BGR' | 'Grayscale';

/** Luma of ITU-R BT.601 in 16-bit fixed point, rounded. */
const luma = (r: number, g: number, b: number): number => (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;

/** The samples in a format, channels last. */
export const toFormat = ({ width, height, channels, data }: Pixels, format: PixelFormat): Uint8Array => {
  if (channels === 3 && format === 'RGB') return data;
  if (channels === 1 && format === 'Grayscale') return data;
  const out = new Uint8Array(width * height * (format === 'Grayscale' ? 1 : 3));
  for (let i = 0; i < width * height; i++) {
    if (channels === 1) out.fill(data[i]!, i * 3, i * 3 + 3);
    else if (format === 'Grayscale') out[i] = luma(data[i * 3]!, data[i * 3 + 1]!, data[i * 3 + 2]!);
    else for (let c = 0; c < 3; c++) out[i * 3 + c] = data[i * 3 + 2 - c]!;
  }
  return out;
};
