import { describe, expect, it } from 'vitest';
import { Tensor } from '../core/tensor.ts';
import { ImageDecoder } from './image-decoder.ts';
import { images } from './image/testing-images.ts';
import { call, errorOf, text, valuesOf } from './testing.ts';

const bytesOf = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
const decode = (bytes: ArrayLike<number>, format = 'RGB'): Tensor =>
  call(ImageDecoder, [new Tensor('uint8', [bytes.length], Uint8Array.from(bytes))], { pixel_format: text(format) });
const ascii = (s: string): number[] => Array.from(s, (c) => c.charCodeAt(0));
const hashOf = (data: ArrayLike<number>): number => Array.from(data).reduce((h, x) => Math.imul(h ^ x, 0x01000193) >>> 0, 0x811c9dc5);

const u16 = (n: number): number[] => [n & 255, (n >> 8) & 255];
const u32 = (n: number): number[] => [...u16(n & 0xffff), ...u16(n >>> 16)];
/** A bitmap with the usual header. */
const bitmap = (
  width: number,
  height: number,
  bits: number,
  compression: number,
  more: readonly number[],
  pixels: readonly number[],
  colours = 0,
): number[] => [
  ...ascii('BM'),
  ...u32(0),
  ...u32(0),
  ...u32(54 + more.length),
  ...u32(40),
  ...u32(width),
  ...u32(height),
  ...u16(1),
  ...u16(bits),
  ...u32(compression),
  ...u32(0),
  ...u32(0),
  ...u32(0),
  ...u32(colours),
  ...u32(0),
  ...more,
  ...pixels,
];

describe('ImageDecoder', () => {
  it.each(images)('decodes $name as Pillow does', ({ base64, width, height, hash }) => {
    const image = decode(bytesOf(base64));
    expect(image.dims).toEqual([height, width, 3]);
    expect(hashOf(image.data as Uint8Array)).toBe(hash);
  });

  it('gives the colours asked for', () => {
    const two = [...ascii('P6 1 2 255\n'), 10, 20, 30, 255, 0, 0];
    expect(decode(two)).toEqual(new Tensor('uint8', [2, 1, 3], Uint8Array.of(10, 20, 30, 255, 0, 0)));
    expect(decode(two, 'BGR')).toEqual(new Tensor('uint8', [2, 1, 3], Uint8Array.of(30, 20, 10, 0, 0, 255)));
    // 0.299 R + 0.587 G + 0.114 B
    expect(decode(two, 'Grayscale')).toEqual(new Tensor('uint8', [2, 1, 1], Uint8Array.of(18, 76)));
    expect(decode([...ascii('P5 1 1 255\n'), 7], 'BGR').toNumbers()).toEqual(Float64Array.of(7, 7, 7));
  });

  it('reads portable maps in text and in bits, with comments and other scales', () => {
    const grey = (s: string, ...raw: number[]): number[] => [...decode([...ascii(s), ...raw], 'Grayscale').toNumbers()];
    expect(grey('P1\n# a comment\n3 2\n101\n0 1 0 ')).toEqual([0, 255, 0, 255, 0, 255]);
    expect(grey('P4 9 1\n', 0b10000000, 0b10000000)).toEqual([0, 255, 255, 255, 255, 255, 255, 255, 0]);
    expect(grey('P2 3 1 15 0 7 15\n')).toEqual([0, 119, 255]);
    expect(grey('P5 2 1 65535\n', 0xff, 0xff, 0x80, 0)).toEqual([255, 128]);
    expect([...decode(ascii('P3 1 1 255 1 2 3\n')).toNumbers()]).toEqual([1, 2, 3]);
  });

  it('reads bitmaps of every kind', () => {
    const palette = [0, 0, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 0, 0, 255, 0];
    const [black, blue, green, red] = [
      [0, 0, 0],
      [0, 0, 255],
      [0, 255, 0],
      [255, 0, 0],
    ];
    // Rows go from below; 4-bit indices, two a byte, rows of four bytes.
    expect([...decode(bitmap(2, 2, 4, 0, palette, [0x12, 0, 0, 0, 0x30, 0, 0, 0], 4)).toNumbers()]).toEqual([
      ...red!,
      ...black!,
      ...blue!,
      ...green!,
    ]);
    // Two 3s, end of row, a move right by one, literal 1, end.
    expect([...decode(bitmap(3, 2, 8, 1, palette, [2, 3, 0, 0, 0, 2, 1, 0, 1, 1, 0, 1], 4)).toNumbers()]).toEqual([
      ...black!,
      ...blue!,
      ...black!,
      ...red!,
      ...red!,
      ...black!,
    ]);
    expect([...decode(bitmap(3, -1 >>> 0, 4, 2, palette, [3, 0x12, 0, 1], 4)).toNumbers()]).toEqual([...blue!, ...green!, ...blue!]);
    expect([...decode(bitmap(2, 1, 16, 0, [], [...u16(0x7c1f), ...u16(0x03e0)])).toNumbers()]).toEqual([255, 0, 255, 0, 255, 0]);
    expect([...decode(bitmap(1, 1, 16, 3, [...u32(0xf800), ...u32(0x7e0), ...u32(0x1f)], [...u16(0xffe0), 0, 0])).toNumbers()]).toEqual([
      255, 255, 0,
    ]);
    expect([...decode(bitmap(1, 1, 32, 3, [...u32(0xff), ...u32(0xff00), ...u32(0xff0000)], [1, 2, 3, 4])).toNumbers()]).toEqual([1, 2, 3]);
  });

  it('answers damaged and unknown streams with an empty image', () => {
    expect(decode([]).dims).toEqual([0, 0, 3]);
    expect(decode(ascii('hello'), 'Grayscale').dims).toEqual([0, 0, 1]);
    for (const { base64, name } of images) {
      const whole = bytesOf(base64);
      expect([name, decode(whole.subarray(0, Math.floor(whole.length * 0.6))).dims]).toEqual([name, [0, 0, 3]]);
    }
    // A colour past the end of the palette.
    expect(decode(bitmap(1, 1, 8, 0, [0, 0, 0, 0], [9, 0, 0, 0], 1)).dims).toEqual([0, 0, 3]);
  });

  it('says what it cannot decode, and takes no memory on a claim', () => {
    expect(errorOf(() => decode([...ascii('RIFF'), 0, 0, 0, 0, ...ascii('WEBPANIM'), 0, 0, 0, 0]))).toBe(
      'FLAGOS_E_UNSUPPORTED: cannot decode animated WebP images',
    );
    expect(errorOf(() => decode([...ascii('RIFF'), 0, 0, 0, 0, ...ascii('WAVE')]))).toBe(
      "FLAGOS_E_UNSUPPORTED: cannot decode a RIFF file of kind 'WAVE'",
    );
    expect(errorOf(() => decode(bitmap(1, 1, 24, 4, [], [0, 0, 0])))).toContain('FLAGOS_E_UNSUPPORTED');
    expect(errorOf(() => decode(bitmap(100_000, 100_000, 24, 0, [], [])))).toContain('FLAGOS_E_LIMIT');
    expect(decode(bitmap(8000, 8000, 24, 0, [], [])).dims).toEqual([0, 0, 3]);
    expect(decode([...ascii('P6 8000 8000 255\n')]).dims).toEqual([0, 0, 3]);
    expect(errorOf(() => valuesOf(ImageDecoder, [Tensor.zeros('uint8', [1, 1])]))).toContain('FLAGOS_E_SHAPE');
  });
});
