/**
 * JPEG images: baseline, extended and progressive Huffman-coded, 8 bits a sample, grey, colour and
 * CMYK; bit for bit as libjpeg-turbo with its default settings. Source: ITU-T T.81.
 */
import { BrokenImage, byteAt, unsupported, type Pixels } from '../pixels.ts';
import { newState, readSegment, type Component, type Frame, type State } from './frame.ts';
import { inverseDct } from './inverse-dct.ts';
import { readScan } from './scan.ts';
import { upsample, type Plane } from './upsample.ts';

/** More scans than any encoder writes; each costs a pass over the image however short it is. */
const mostScans = 500;

const readStream = (b: Uint8Array): State => {
  const state = newState();
  let scans = 0;
  for (let at = 2; ;) {
    // Between segments there may be fill bytes 0xFF.
    if (byteAt(b, at) !== 0xff) throw new BrokenImage('a marker is missing');
    while (byteAt(b, at) === 0xff) at++;
    const marker = b[at++]!;
    if (marker === 0xd9) return state;
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) continue;
    const end = at + ((byteAt(b, at) << 8) | byteAt(b, at + 1));
    if (end > b.length || end < at + 2) throw new BrokenImage('an unexpected end');
    if (marker !== 0xda) {
      readSegment(b, marker, at + 2, end, state);
      at = end;
      continue;
    }
    if (++scans > mostScans) throw new BrokenImage(`more than ${mostScans} scans`);
    at = readScan(b, at + 2, end, state);
    // What stands between data and the next marker is padding.
    while (at < b.length && !(b[at] === 0xff && b[at + 1] !== 0 && b[at + 1] !== 0xff)) at++;
    if (at >= b.length) return state;
  }
};

const planeOf = (c: Component, { quantizers }: State): Plane => {
  const quantizer = quantizers[c.quantizer];
  if (!quantizer) throw new BrokenImage('a component names a quantizer that is not there');
  const stride = c.storedWide * 8;
  const data = new Uint8Array(stride * c.storedHigh * 8);
  for (let block = 0; block < c.storedWide * c.storedHigh; block++) {
    const [y, x] = [Math.floor(block / c.storedWide), block % c.storedWide];
    inverseDct(c.coefficients, block * 64, quantizer, data, y * 8 * stride + x * 8, stride);
  }
  return { width: c.width, height: c.height, stride, data };
};

type Colours = 'grey' | 'rgb' | 'ycc' | 'cmyk' | 'ycck';

/** What the components mean: as the Adobe segment says, else JFIF's YCbCr, else by the components' names. */
const coloursOf = ({ components }: Frame, { adobe, jfif }: State): Colours => {
  if (components.length === 1) return 'grey';
  if (components.length === 4) return adobe === 2 ? 'ycck' : 'cmyk';
  if (jfif) return 'ycc';
  if (adobe !== undefined) return adobe === 0 ? 'rgb' : 'ycc';
  return String.fromCharCode(...components.map((c) => c.id)) === 'RGB' ? 'rgb' : 'ycc';
};

const clamp = (x: number): number => (x < 0 ? 0 : x > 255 ? 255 : x);
const fixed = (x: number): number => Math.round(x * 65536);
const [redByCr, greenByCr, greenByCb, blueByCb] = [fixed(1.402), fixed(0.71414), fixed(0.34414), fixed(1.772)];
const half = 32768;

/** In place. Source: T.871 section 7, in 16-bit fixed point. */
const yccToRgb = (pixel: number[]): void => {
  const [y, cb, cr] = [pixel[0]!, pixel[1]! - 128, pixel[2]! - 128];
  pixel[0] = clamp(y + ((redByCr * cr + half) >> 16));
  pixel[1] = clamp(y + ((half - greenByCb * cb - greenByCr * cr) >> 16));
  pixel[2] = clamp(y + ((blueByCb * cb + half) >> 16));
};

/** a·b / 255, rounded. */
const scaled = (a: number, b: number): number => {
  const t = a * b + 128;
  return ((t >> 8) + t) >> 8;
};

/** In place; `inverted` samples count how much light is left, as Adobe's programs write them. */
const cmykToRgb = (pixel: number[], inverted: boolean): void => {
  const ink = (x: number): number => (inverted ? 255 - x : x);
  const white = 255 - ink(pixel[3]!);
  for (let i = 0; i < 3; i++) pixel[i] = clamp(white - scaled(ink(pixel[i]!), white));
};

/** @throws BrokenImage, FLAGOS_E_UNSUPPORTED, FLAGOS_E_LIMIT */
export const decodeJpeg = (bytes: Uint8Array): Pixels => {
  const state = readStream(bytes);
  const { frame } = state;
  if (!frame) throw new BrokenImage('no frame');
  const { width, height, components } = frame;
  if (components.some((c) => frame.h % c.h !== 0 || frame.v % c.v !== 0))
    throw unsupported('a JPEG image whose sampling factors do not divide each other');
  const planes = components.map((c) => upsample(planeOf(c, state), frame.h / c.h, frame.v / c.v));
  const colours = coloursOf(frame, state);
  const channels = colours === 'grey' ? 1 : 3;
  const data = new Uint8Array(width * height * channels);
  const pixel = [0, 0, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let k = 0; k < planes.length; k++) pixel[k] = planes[k]!.data[y * planes[k]!.stride + x]!;
      if (colours === 'ycc' || colours === 'ycck') yccToRgb(pixel);
      // YCCK carries inverted inks as colours.
      if (colours === 'ycck') for (let k = 0; k < 3; k++) pixel[k] = 255 - pixel[k]!;
      if (channels === 3 && planes.length === 4) cmykToRgb(pixel, state.adobe !== undefined);
      for (let k = 0; k < channels; k++) data[(y * width + x) * channels + k] = pixel[k]!;
    }
  }
  return { width, height, channels, data };
};
