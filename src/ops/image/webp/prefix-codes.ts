/** Bits and prefix codes of lossless WebP: bits from the lowest on, canonical codes. Source: WebP Lossless Bitstream Specification, sections 2 and 6. */
import { BrokenImage } from '../pixels.ts';

export class BitStream {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  bit(): number {
    const byte = this.#bytes[this.#at >> 3];
    if (byte === undefined) throw new BrokenImage('an unexpected end');
    return (byte >> (this.#at++ & 7)) & 1;
  }

  bits(count: number): number {
    let n = 0;
    for (let i = 0; i < count; i++) n |= this.bit() << i;
    return n;
  }
}

/** Symbols in the order of their codes, and for each length of code the first one and how many there are. */
export interface PrefixCode {
  readonly counts: Uint16Array;
  readonly symbols: Uint16Array;
}

const longest = 15;

/** @throws BrokenImage if lengths leave codes unused or need more than there are. */
const codeOf = (lengths: readonly number[]): PrefixCode => {
  const counts = new Uint16Array(longest + 1);
  for (const length of lengths) if (length > 0) counts[length]!++;
  const symbols = Uint16Array.from(
    lengths
      .flatMap((length, symbol) => (length > 0 ? [{ length, symbol }] : []))
      .toSorted((a, b) => a.length - b.length || a.symbol - b.symbol),
    (s) => s.symbol,
  );
  let used = 0;
  for (let length = 1; length <= longest; length++) used += counts[length]! * 2 ** (longest - length);
  // A single symbol takes no bits, whatever its length says.
  if (symbols.length === 1) return { counts: new Uint16Array(longest + 1), symbols };
  if (used !== 2 ** longest) throw new BrokenImage('a prefix code that is not whole');
  return { counts, symbols };
};

export const readSymbol = (b: BitStream, { counts, symbols }: PrefixCode): number => {
  if (symbols.length === 1) return symbols[0]!;
  let code = 0;
  let first = 0;
  let position = 0;
  for (let length = 1; length <= longest; length++) {
    code = (code << 1) | b.bit();
    first <<= 1;
    const count = counts[length]!;
    if (code - first < count) return symbols[position + code - first]!;
    position += count;
    first += count;
  }
  throw new BrokenImage('a code that no symbol has');
};

/** In which order the lengths of the code for code lengths come. */
const lengthOrder = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

const readSimpleCode = (b: BitStream, alphabet: number): PrefixCode => {
  const two = b.bit();
  const symbols = [b.bits(b.bit() ? 8 : 1)];
  if (two) symbols.push(b.bits(8));
  if (symbols.some((s) => s >= alphabet)) throw new BrokenImage('a symbol that is not in the alphabet');
  const lengths = new Array<number>(alphabet).fill(0);
  for (const s of symbols) lengths[s] = 1;
  return codeOf(lengths);
};

/** Reads the code of an alphabet. @throws BrokenImage */
export const readCode = (b: BitStream, alphabet: number): PrefixCode => {
  if (b.bit()) return readSimpleCode(b, alphabet);
  const forLengths = new Array<number>(19).fill(0);
  const given = 4 + b.bits(4);
  for (let i = 0; i < given; i++) forLengths[lengthOrder[i]!] = b.bits(3);
  const lengthCode = codeOf(forLengths);
  let left = b.bit() ? 2 + b.bits(2 + 2 * b.bits(3)) : alphabet;
  const lengths: number[] = [];
  let previous = 8;
  while (lengths.length < alphabet && left-- > 0) {
    const symbol = readSymbol(b, lengthCode);
    if (symbol < 16) {
      lengths.push(symbol);
      if (symbol > 0) previous = symbol;
      continue;
    }
    const times = symbol === 16 ? 3 + b.bits(2) : symbol === 17 ? 3 + b.bits(3) : 11 + b.bits(7);
    if (lengths.length + times > alphabet) throw new BrokenImage('code lengths past the end of the alphabet');
    for (let i = 0; i < times; i++) lengths.push(symbol === 16 ? previous : 0);
  }
  return codeOf(lengths);
};
