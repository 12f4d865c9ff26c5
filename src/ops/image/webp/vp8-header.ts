/** The header of a VP8 key frame, and what follows from it for its four segments. Source: RFC 6386, sections 9 and 19.2. */
import { BrokenImage, byteAt, checkSize } from '../pixels.ts';
import { BoolReader } from './bool-reader.ts';
import { acSteps, coefficientChanges, coefficients, dcSteps } from './vp8-tables.ts';

/** Quantizer steps of the first and of the other coefficients. */
export type Steps = readonly [dc: number, ac: number];

export interface Segment {
  readonly luma: Steps;
  /** Of the block that holds the first coefficients of the luma blocks. */
  readonly second: Steps;
  readonly chroma: Steps;
  /** Strength of the loop filter: for macroblocks predicted whole, and for those predicted by sub-blocks. */
  readonly filter: readonly [whole: number, sub: number];
}

export interface Header {
  readonly width: number;
  readonly height: number;
  readonly segments: readonly Segment[];
  /** Probabilities of the bits that name a macroblock's segment; undefined: all are of segment 0. */
  readonly segmentBits: readonly number[] | undefined;
  readonly simpleFilter: boolean;
  readonly sharpness: number;
  readonly tokens: Uint8Array;
  /** Probability that a macroblock is not skipped; undefined: none is. */
  readonly unskipped: number | undefined;
  /** Modes of macroblocks, and the partitions of their coefficients, which rows take in turn. */
  readonly modes: BoolReader;
  readonly partitions: readonly BoolReader[];
}

const clamp = (x: number, most: number): number => Math.min(Math.max(x, 0), most);
const four = [0, 1, 2, 3];

interface SegmentHeader {
  readonly absolute: boolean;
  readonly quantizers: readonly number[];
  readonly filters: readonly number[];
  readonly bits: readonly number[] | undefined;
}

const readSegments = (r: BoolReader): SegmentHeader | undefined => {
  if (!r.flag()) return undefined;
  const hasMap = r.flag();
  const hasData = r.flag();
  const absolute = hasData ? r.flag() : true;
  const quantizers = four.map(() => (hasData ? r.optional(7) : 0));
  const filters = four.map(() => (hasData ? r.optional(6) : 0));
  return { absolute, quantizers, filters, bits: hasMap ? [0, 1, 2].map(() => (r.flag() ? r.number(8) : 255)) : undefined };
};

interface FilterHeader {
  readonly simple: boolean;
  readonly level: number;
  readonly sharpness: number;
  readonly deltas: readonly [frame: number, sub: number];
}

const readFilter = (r: BoolReader): FilterHeader => {
  const [simple, level, sharpness] = [r.flag(), r.number(6), r.number(3)];
  const deltas: number[] = new Array<number>(8).fill(0);
  if (r.flag() && r.flag()) for (let i = 0; i < 8; i++) if (r.flag()) deltas[i] = r.signed(6);
  // Of the kinds of reference only the first is in a key frame, of the modes only the first has a delta.
  return { simple, level, sharpness, deltas: [deltas[0]!, deltas[4]!] };
};

const readPartitions = (bytes: Uint8Array, count: number): BoolReader[] => {
  let start = 3 * (count - 1);
  return Array.from({ length: count }, (_, i) => {
    const size =
      i === count - 1 ? bytes.length - start : byteAt(bytes, 3 * i) | (byteAt(bytes, 3 * i + 1) << 8) | (byteAt(bytes, 3 * i + 2) << 16);
    start += size;
    return new BoolReader(bytes.subarray(start - size, start));
  });
};

const readSteps = (r: BoolReader, segments: SegmentHeader | undefined): Omit<Segment, 'filter'>[] => {
  const base = r.number(7);
  const [lumaDc, secondDc, secondAc, chromaDc, chromaAc] = [0, 0, 0, 0, 0].map(() => r.optional(4));
  return four.map((s) => {
    const q = segments ? segments.quantizers[s]! + (segments.absolute ? 0 : base) : base;
    const ac = (d: number): number => acSteps[clamp(q + d, 127)]!;
    const dc = (d: number, most = 127): number => dcSteps[clamp(q + d, most)]!;
    return {
      luma: [dc(lumaDc!), ac(0)],
      second: [2 * dc(secondDc!), Math.max(8, Math.floor((ac(secondAc!) * 155) / 100))],
      chroma: [dc(chromaDc!, 117), ac(chromaAc!)],
    };
  });
};

/** @throws BrokenImage, FLAGOS_E_LIMIT */
export const readHeader = (b: Uint8Array): Header => {
  const bits = byteAt(b, 0) | (byteAt(b, 1) << 8) | (byteAt(b, 2) << 16);
  const [inter, profile, shown, firstSize] = [bits & 1, (bits >> 1) & 7, (bits >> 4) & 1, bits >> 5];
  if (inter || profile > 3 || !shown || byteAt(b, 3) !== 0x9d || b[4] !== 0x01 || b[5] !== 0x2a) throw new BrokenImage('no key frame');
  const width = (byteAt(b, 6) | (byteAt(b, 7) << 8)) & 0x3fff;
  const height = (byteAt(b, 8) | (byteAt(b, 9) << 8)) & 0x3fff;
  checkSize(width, height);
  if (10 + firstSize > b.length) throw new BrokenImage('an unexpected end');
  const r = new BoolReader(b.subarray(10, 10 + firstSize));
  // Colour space and clamping: neither changes how WebP is decoded.
  r.number(2);
  const segments = readSegments(r);
  const filter = readFilter(r);
  const partitions = readPartitions(b.subarray(10 + firstSize), 2 ** r.number(2));
  const steps = readSteps(r, segments);
  // Whether probabilities outlast the frame does not matter to a single one.
  r.flag();
  const tokens = coefficients.map((p, i) => (r.bit(coefficientChanges[i]!) ? r.number(8) : p));
  const unskipped = r.flag() ? r.number(8) : undefined;
  const levelOf = (s: number, sub: boolean): number => {
    if (filter.level === 0) return 0;
    const base = segments ? segments.filters[s]! + (segments.absolute ? 0 : filter.level) : filter.level;
    return clamp(base + filter.deltas[0] + (sub ? filter.deltas[1] : 0), 63);
  };
  return {
    width,
    height,
    modes: r,
    partitions,
    tokens,
    unskipped,
    simpleFilter: filter.simple,
    sharpness: filter.sharpness,
    segmentBits: segments?.bits,
    segments: steps.map((s, i) => ({ ...s, filter: [levelOf(i, false), levelOf(i, true)] })),
  };
};
