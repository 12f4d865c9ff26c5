/**
 * The marker segments of a JPEG stream, and what they describe: frame, components, tables.
 * Source: ITU-T T.81 (JPEG), annex B; T.871 (JFIF); the "Adobe" segment by Adobe Technical Note 5116.
 */
import { BrokenImage, byteAt, checkCompression, checkSize, unsupported } from '../pixels.ts';
import { huffmanTable, type HuffmanTable } from './huffman.ts';

export interface Component {
  readonly id: number;
  /** Sampling factors. */
  readonly h: number;
  readonly v: number;
  readonly quantizer: number;
  /** Extent in samples, and in blocks of 8 by 8: as far as the image reaches, and as stored (whole units). */
  readonly width: number;
  readonly height: number;
  readonly blocksWide: number;
  readonly blocksHigh: number;
  readonly storedWide: number;
  readonly storedHigh: number;
  /** 64 coefficients a block, in natural order, not yet multiplied by the quantizer. */
  readonly coefficients: Int16Array;
}

export interface Frame {
  readonly progressive: boolean;
  readonly width: number;
  readonly height: number;
  /** Largest sampling factors. */
  readonly h: number;
  readonly v: number;
  readonly components: readonly Component[];
}

/** Tables and settings, as they stand while segments are read. */
export interface State {
  /** By number; in natural order. */
  readonly quantizers: (Uint16Array | undefined)[];
  readonly dc: (HuffmanTable | undefined)[];
  readonly ac: (HuffmanTable | undefined)[];
  restartInterval: number;
  /** Colour transform an Adobe segment names. */
  adobe: number | undefined;
  jfif: boolean;
  frame: Frame | undefined;
}

export const newState = (): State => ({
  quantizers: [],
  dc: [],
  ac: [],
  restartInterval: 0,
  adobe: undefined,
  jfif: false,
  frame: undefined,
});

/** Natural position of the k-th coefficient in zig-zag order: the diagonals, walked up and down in turn. */
export const zigzag: Uint8Array = (() => {
  const order: number[] = [];
  for (let diagonal = 0; diagonal < 15; diagonal++) {
    const run = Array.from({ length: 8 }, (_, row) => [row, diagonal - row] as const).filter(([, column]) => column >= 0 && column < 8);
    for (const [row, column] of diagonal % 2 === 0 ? run.toReversed() : run) order.push(row * 8 + column);
  }
  return Uint8Array.from(order);
})();

const u16 = (b: Uint8Array, at: number): number => (byteAt(b, at) << 8) | byteAt(b, at + 1);

const readQuantizers = (b: Uint8Array, start: number, end: number, state: State): void => {
  for (let at = start; at < end;) {
    const [wide, number] = [byteAt(b, at) >> 4, byteAt(b, at) & 15];
    at++;
    const table = new Uint16Array(64);
    for (let k = 0; k < 64; k++, at += wide ? 2 : 1) table[zigzag[k]!] = wide ? u16(b, at) : byteAt(b, at);
    state.quantizers[number] = table;
  }
};

const readHuffmanTables = (b: Uint8Array, start: number, end: number, state: State): void => {
  for (let at = start; at < end;) {
    const [kind, number] = [byteAt(b, at) >> 4, byteAt(b, at) & 15];
    const counts = Array.from({ length: 16 }, (_, i) => byteAt(b, at + 1 + i));
    const total = counts.reduce((x, y) => x + y, 0);
    const symbols = Array.from({ length: total }, (_, i) => byteAt(b, at + 17 + i));
    (kind === 0 ? state.dc : state.ac)[number] = huffmanTable(counts, symbols);
    at += 17 + total;
  }
};

const readFrame = (b: Uint8Array, start: number, progressive: boolean): Frame => {
  if (byteAt(b, start) !== 8) throw unsupported(`a JPEG image of ${b[start]} bits a sample`);
  const [height, width, count] = [u16(b, start + 1), u16(b, start + 3), byteAt(b, start + 5)];
  if (height === 0) throw unsupported('a JPEG image that states its height after its data');
  checkSize(width, height);
  if (![1, 3, 4].includes(count)) throw unsupported(`a JPEG image of ${count} components`);
  const specs = Array.from({ length: count }, (_, i) => {
    const at = start + 6 + 3 * i;
    return { id: byteAt(b, at), h: byteAt(b, at + 1) >> 4, v: byteAt(b, at + 1) & 15, quantizer: byteAt(b, at + 2) };
  });
  if (specs.some(({ h, v }) => h < 1 || h > 4 || v < 1 || v > 4)) throw new BrokenImage('a sampling factor outside 1 to 4');
  const [h, v] = [Math.max(...specs.map((s) => s.h)), Math.max(...specs.map((s) => s.v))];
  // Every block of 64 samples takes at least one bit.
  checkCompression(
    specs.reduce((n, s) => n + Math.ceil((width * s.h) / h) * Math.ceil((height * s.v) / v), 0),
    b.length,
    512,
  );
  const [unitsWide, unitsHigh] = [Math.ceil(width / (8 * h)), Math.ceil(height / (8 * v))];
  const components = specs.map((s): Component => {
    const [w, hh] = [Math.ceil((width * s.h) / h), Math.ceil((height * s.v) / v)];
    const [storedWide, storedHigh] = [unitsWide * s.h, unitsHigh * s.v];
    return {
      ...s,
      width: w,
      height: hh,
      blocksWide: Math.ceil(w / 8),
      blocksHigh: Math.ceil(hh / 8),
      storedWide,
      storedHigh,
      coefficients: new Int16Array(storedWide * storedHigh * 64),
    };
  });
  return { progressive, width, height, h, v, components };
};

const nameAt = (b: Uint8Array, start: number, length: number): string => String.fromCharCode(...b.subarray(start, start + length));

/** Reads one segment other than a scan; `marker` is its second byte, its data lies from `start` to `end`. @throws BrokenImage, FLAGOS_E_UNSUPPORTED */
export const readSegment = (b: Uint8Array, marker: number, start: number, end: number, state: State): void => {
  switch (marker) {
    case 0xc0:
    case 0xc1:
    case 0xc2:
      if (state.frame) throw new BrokenImage('two frames');
      state.frame = readFrame(b, start, marker === 0xc2);
      return;
    case 0xc4:
      return readHuffmanTables(b, start, end, state);
    case 0xdb:
      return readQuantizers(b, start, end, state);
    case 0xdd:
      state.restartInterval = u16(b, start);
      return;
    case 0xe0:
      state.jfif ||= nameAt(b, start, 5) === 'JFIF\0';
      return;
    case 0xee:
      if (nameAt(b, start, 5) === 'Adobe' && end - start >= 12) state.adobe = byteAt(b, start + 11);
      return;
    default:
      if (marker >= 0xc3 && marker <= 0xcf && marker !== 0xc8 && marker !== 0xcc)
        throw unsupported(`JPEG of process ${marker - 0xc0} (lossless, hierarchical or arithmetic)`);
  }
};
