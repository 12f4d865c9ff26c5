/** What a VP8 key frame says of each macroblock: its modes, and its coefficients. Source: RFC 6386, sections 8, 11 and 13. */
import type { BoolReader } from './bool-reader.ts';
import type { Header, Steps } from './vp8-header.ts';
import { subBlockModes } from './vp8-tables.ts';

/** How samples are predicted. The first four are for whole macroblocks and chroma too. */
export const mode = {
  dc: 0,
  trueMotion: 1,
  vertical: 2,
  horizontal: 3,
  rightDown: 4,
  verticalRight: 5,
  leftDown: 6,
  verticalLeft: 7,
  horizontalDown: 8,
  horizontalUp: 9,
} as const;

export interface Macroblock {
  readonly segment: number;
  /** Mode of the whole, or undefined where each of the 16 sub-blocks has its own. */
  readonly luma: number | undefined;
  readonly sub: readonly number[];
  readonly chroma: number;
  /** Of 16 luma, 4 U and 4 V blocks of 16, multiplied by the quantizer; undefined: all zero. */
  readonly coefficients: Int16Array | undefined;
}

/** The tree of sub-block modes: a positive entry is the place of the next two, others are modes, negated. Section 11.2. */
const subTree = [0, 2, -1, 4, -2, 6, 8, 12, -3, 10, -4, -5, -6, 14, -7, 16, -8, -9];

const readSubMode = (r: BoolReader, above: number, left: number): number => {
  const probabilities = (above * 10 + left) * 9;
  let at = 0;
  do at = subTree[at + r.bit(subBlockModes[probabilities + (at >> 1)]!)]!;
  while (at > 0);
  return -at;
};

const readLuma = (r: BoolReader): number => {
  if (r.bit(156)) return r.bit(128) ? mode.trueMotion : mode.horizontal;
  return r.bit(163) ? mode.vertical : mode.dc;
};
const readChroma = (r: BoolReader): number => {
  if (!r.bit(142)) return mode.dc;
  if (!r.bit(114)) return mode.vertical;
  return r.bit(183) ? mode.trueMotion : mode.horizontal;
};

const zigzag = [0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15];
/** Band of the probabilities of a coefficient by its place. */
const bands = [0, 1, 2, 3, 6, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 7, 0];
/** Probabilities of the extra bits of large values, and the least value of each category. */
const categories: readonly { readonly least: number; readonly bits: readonly number[] }[] = [
  { least: 5, bits: [159] },
  { least: 7, bits: [165, 145] },
  { least: 11, bits: [173, 148, 140] },
  { least: 19, bits: [176, 155, 140, 135] },
  { least: 35, bits: [180, 157, 141, 134, 130] },
  { least: 67, bits: [254, 254, 243, 230, 196, 177, 153, 140, 133, 130, 129] },
];

const readLarge = (r: BoolReader, p: Uint8Array, at: number): number => {
  if (!r.bit(p[at + 3]!)) return r.bit(p[at + 4]!) ? 3 + r.bit(p[at + 5]!) : 2;
  const category = r.bit(p[at + 6]!) ? 2 + 2 * r.bit(p[at + 8]!) : -1;
  const { least, bits } = categories[category < 0 ? r.bit(p[at + 7]!) : category + r.bit(p[at + (category === 2 ? 9 : 10)]!)]!;
  return least + bits.reduce((n, probability) => 2 * n + r.bit(probability), 0);
};

/** One block from place `first` on, of a kind, after `context` neighbours that are not empty; how far it reaches. */
const readBlock = (
  r: BoolReader,
  tokens: Uint8Array,
  kind: number,
  context: number,
  [dc, ac]: Steps,
  first: number,
  out: Int16Array,
  start: number,
): number => {
  const place = (n: number, c: number): number => ((kind * 8 + bands[n]!) * 3 + c) * 11;
  let at = place(first, context);
  for (let n = first; n < 16; n++) {
    if (!r.bit(tokens[at]!)) return n;
    while (!r.bit(tokens[at + 1]!)) {
      if (++n === 16) return 16;
      at = place(n, 0);
    }
    const large = r.bit(tokens[at + 2]!);
    const value = large ? readLarge(r, tokens, at) : 1;
    at = place(n + 1, large ? 2 : 1);
    out[start + zigzag[n]!] = (r.bit(128) ? -value : value) * (n === 0 ? dc : ac);
  }
  return 16;
};

/** The inverse Walsh-Hadamard transform: one value to the first coefficient of each luma block. Section 14.3. */
const spreadSecond = (x: Int16Array, out: Int16Array): void => {
  const columns = new Int32Array(16);
  for (let i = 0; i < 4; i++) {
    const [a, b, c, d] = [x[i]! + x[12 + i]!, x[4 + i]! + x[8 + i]!, x[4 + i]! - x[8 + i]!, x[i]! - x[12 + i]!];
    [columns[i], columns[4 + i], columns[8 + i], columns[12 + i]] = [a + b, d + c, a - b, d - c];
  }
  for (let i = 0; i < 4; i++) {
    const [p, q, s, t] = [columns[4 * i]! + 3, columns[4 * i + 1]!, columns[4 * i + 2]!, columns[4 * i + 3]!];
    const [a, b, c, d] = [p + t, q + s, q - s, p - t];
    [a + b, d + c, a - b, d - c].forEach((v, k) => (out[(4 * i + k) * 16] = v >> 3));
  }
};

/** What is known of the blocks above and to the left: for each of 4 luma, 2 U, 2 V and the second block, whether it is empty; and sub-block modes. */
class Edge {
  readonly filled = new Uint8Array(9);
  readonly modes = new Uint8Array(4);
}

/** Reads macroblocks in order, row by row. */
export class MacroblockReader {
  readonly #header: Header;
  readonly #above: readonly Edge[];
  #left = new Edge();

  constructor(header: Header, columns: number) {
    this.#header = header;
    this.#above = Array.from({ length: columns }, () => new Edge());
  }

  row(y: number): Macroblock[] {
    this.#left = new Edge();
    const tokens = this.#header.partitions[y % this.#header.partitions.length]!;
    return this.#above.map((above) => this.#read(above, tokens));
  }

  #read(above: Edge, tokens: BoolReader): Macroblock {
    const { modes: r, segmentBits, unskipped } = this.#header;
    const segment = segmentBits ? (r.bit(segmentBits[0]!) ? 2 + r.bit(segmentBits[2]!) : r.bit(segmentBits[1]!)) : 0;
    const skipped = unskipped !== undefined && r.bit(unskipped) === 1;
    const luma = r.bit(145) ? readLuma(r) : undefined;
    const sub = luma === undefined ? this.#subModes(above) : [];
    if (luma !== undefined) for (const edge of [above, this.#left]) edge.modes.fill(luma);
    const chroma = readChroma(r);
    if (!skipped) return { segment, luma, sub, chroma, coefficients: this.#coefficients(above, tokens, segment, luma === undefined) };
    // Without sub-block modes the second block is one of those that are empty; with them there is none.
    for (const edge of [above, this.#left]) edge.filled.fill(0, 0, luma === undefined ? 8 : 9);
    return { segment, luma, sub, chroma, coefficients: undefined };
  }

  #subModes(above: Edge): number[] {
    const left = this.#left;
    return Array.from({ length: 16 }, (_, i) => {
      const [x, y] = [i % 4, i >> 2];
      return (above.modes[x] = left.modes[y] = readSubMode(this.#header.modes, above.modes[x]!, left.modes[y]!));
    });
  }

  #coefficients(above: Edge, r: BoolReader, segment: number, bySub: boolean): Int16Array | undefined {
    const { tokens, segments } = this.#header;
    const steps = segments[segment]!;
    const out = new Int16Array(24 * 16);
    const left = this.#left;
    let any = false;
    if (!bySub) {
      const second = new Int16Array(16);
      const reach = readBlock(r, tokens, 1, above.filled[8]! + left.filled[8]!, steps.second, 0, second, 0);
      above.filled[8] = left.filled[8] = Number(reach > 0);
      spreadSecond(second, out);
      for (let i = 0; i < 16; i++) any ||= out[i * 16] !== 0;
    }
    const block = (index: number, kind: number, quantizer: Steps, first: number, x: number, y: number): void => {
      const reach = readBlock(r, tokens, kind, above.filled[x]! + left.filled[y]!, quantizer, first, out, index * 16);
      above.filled[x] = left.filled[y] = Number(reach > first);
      any ||= reach > first;
    };
    for (let i = 0; i < 16; i++) block(i, bySub ? 3 : 0, steps.luma, bySub ? 0 : 1, i % 4, i >> 2);
    for (let i = 0; i < 8; i++) block(16 + i, 2, steps.chroma, 0, 4 + 2 * (i >> 2) + (i % 2), 4 + 2 * (i >> 2) + ((i % 4) >> 1));
    return any ? out : undefined;
  }
}
