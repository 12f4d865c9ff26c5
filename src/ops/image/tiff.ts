/** TIFF images (first page), by the package tiff; here are the checks before and the colours after. Source: TIFF 6.0. */
import { decode } from 'tiff';
import { BrokenImage, checkCompression, checkSize, fromPalette, fromSamples, unsupported, type Pixels } from './pixels.ts';

const palettePhotometric = 3;

/** @throws BrokenImage, or an error of the library, if the stream is damaged; FLAGOS_E_UNSUPPORTED, FLAGOS_E_LIMIT */
export const decodeTiff = (bytes: Uint8Array): Pixels => {
  const [header] = decode(bytes, { pages: [0], ignoreImageData: true });
  if (!header) throw new BrokenImage('no page');
  checkSize(header.width, header.height);
  // A code of LZW stands for at most 4096 bytes, and takes more than one.
  checkCompression((header.width * header.height) / 8, bytes.length, 4096);
  const [page] = decode(bytes, { pages: [0] });
  const { width, height, bitsPerSample: bits, samplesPerPixel, data, type, palette } = page!;
  if (!(data instanceof Uint8Array || data instanceof Uint16Array)) throw unsupported('a TIFF image of floating-point samples');
  if (type !== palettePhotometric) return fromSamples(width, height, data, samplesPerPixel, 2 ** bits - 1);
  // A TIFF palette has 16 bits a colour.
  return fromPalette(
    width,
    height,
    data,
    (palette ?? []).map((colour) => colour.map((v) => v >> 8)),
  );
};
