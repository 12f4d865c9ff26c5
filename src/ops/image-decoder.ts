/** ImageDecoder: which format a stream has, told by how it begins, and its pixels. */
import { asError, FlagosError } from '../core/errors.ts';
import { Tensor } from '../core/tensor.ts';
import { oneOf } from './attrs.ts';
import { defineOp, step } from './define.ts';
import { decodeBmp } from './image/bmp.ts';
import { decodeJpeg } from './image/jpeg/decode.ts';
import { decodeJpeg2000 } from './image/jpeg2000.ts';
import { BrokenImage, toFormat, type Pixels } from './image/pixels.ts';
import { decodePng } from './image/png.ts';
import { decodePnm } from './image/pnm.ts';
import { decodeTiff } from './image/tiff.ts';
import { decodeWebP } from './image/webp/decode.ts';
import { shapeError, showShape } from './util.ts';

type Decode = (bytes: Uint8Array) => Pixels;

/** Formats by how a stream begins, as text of one character a byte. */
const formats: readonly { readonly begins: readonly string[]; readonly decode: Decode }[] = [
  { begins: ['\x89PNG\r\n\x1a\n'], decode: decodePng },
  { begins: ['\xff\xd8\xff'], decode: decodeJpeg },
  { begins: ['BM'], decode: decodeBmp },
  { begins: ['P1', 'P2', 'P3', 'P4', 'P5', 'P6'], decode: decodePnm },
  { begins: ['II*\0', 'MM\0*'], decode: decodeTiff },
  { begins: ['\0\0\0\x0cjP  \r\n', '\xff\x4f\xff\x51'], decode: decodeJpeg2000 },
  { begins: ['RIFF'], decode: decodeWebP },
];

/** Pixels, or undefined if the bytes are of no format or damaged. @throws FLAGOS_E_UNSUPPORTED, FLAGOS_E_LIMIT */
const decodeImage = (bytes: Uint8Array): Pixels | undefined => {
  const start = String.fromCharCode(...bytes.subarray(0, 16));
  const format = formats.find(({ begins }) => begins.some((b) => start.startsWith(b)));
  if (!format) return undefined;
  try {
    return format.decode(bytes);
  } catch (e) {
    if (e instanceof FlagosError) throw e;
    if (e instanceof BrokenImage) return undefined;
    // What libraries throw is about damage, unless it says that they lack something or is a fault of theirs.
    const damage = e instanceof Error && !(e instanceof TypeError) && !/unsupported|not supported|not implemented/i.test(e.message);
    if (!damage) throw new FlagosError('FLAGOS_E_UNSUPPORTED', `cannot decode the image: ${asError(e).message}`, { cause: e });
    return undefined;
  }
};

/**
 * Pixels [height, width, channels], opacity dropped, of the first image of a stream. A stream that is
 * damaged or of no known format gives an empty image [0, 0, channels], as the specification has it.
 * @throws FLAGOS_E_UNSUPPORTED for images that may be whole but that no decoder here reads.
 */
export const ImageDecoder = defineOp({
  name: 'ImageDecoder',
  since: 20,
  accuracy: step,
  inputs: { encoded_stream: ['uint8'] },
  outputs: { image: 'uint8' },
  attrs: { pixel_format: oneOf('RGB', 'BGR', 'Grayscale') },
  host: ({ encoded_stream }, { pixel_format }) => {
    if (encoded_stream.dims.length !== 1)
      throw shapeError(`'encoded_stream' has shape ${showShape(encoded_stream.dims)}, it must have one axis`);
    const channels = pixel_format === 'Grayscale' ? 1 : 3;
    const pixels = decodeImage(encoded_stream.data as Uint8Array);
    if (!pixels) return Tensor.zeros('uint8', [0, 0, channels]);
    return new Tensor('uint8', [pixels.height, pixels.width, channels], toFormat(pixels, pixel_format));
  },
});
