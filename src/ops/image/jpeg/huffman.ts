/** Bits of the entropy-coded data of a JPEG stream, and its Huffman codes. Source: ITU-T T.81, annexes C and F.2. */
import { BrokenImage } from '../pixels.ts';

export interface HuffmanTable {
  /** For codes of a length: the largest code (−1: none), and what to add to a code to get the position of its symbol. */
  readonly largest: Int32Array;
  readonly offset: Int32Array;
  readonly symbols: readonly number[];
}

/** @param counts number of codes of 1 … 16 bits. @throws BrokenImage if there are more codes than fit. */
export const huffmanTable = (counts: readonly number[], symbols: readonly number[]): HuffmanTable => {
  const largest = new Int32Array(17).fill(-1);
  const offset = new Int32Array(17);
  let code = 0;
  let position = 0;
  counts.forEach((count, i) => {
    const length = i + 1;
    offset[length] = position - code;
    code += count;
    position += count;
    if (code > 2 ** length) throw new BrokenImage('a Huffman table with too many codes');
    if (count > 0) largest[length] = code - 1;
    code *= 2;
  });
  return { largest, offset, symbols };
};

export class BitReader {
  readonly #bytes: Uint8Array;
  #at: number;
  #bits = 0;
  #count = 0;

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.#at = start;
  }

  /** Position of the next byte that no bit was taken from. */
  get position(): number {
    return this.#at;
  }

  bit(): number {
    if (this.#count === 0) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw new BrokenImage('an unexpected end');
      // A data byte 0xFF is followed by a zero; anything else is a marker, where data ends.
      if (byte === 0xff && this.#bytes[this.#at + 1] !== 0) throw new BrokenImage('a marker inside of data');
      this.#at += byte === 0xff ? 2 : 1;
      this.#bits = byte;
      this.#count = 8;
    }
    this.#count--;
    return (this.#bits >> this.#count) & 1;
  }

  bits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) value = (value << 1) | this.bit();
    return value;
  }

  /** A number of `count` bits, those below half standing for negative ones. */
  signed(count: number): number {
    if (count === 0) return 0;
    const value = this.bits(count);
    return value < 1 << (count - 1) ? value - (1 << count) + 1 : value;
  }

  symbol({ largest, offset, symbols }: HuffmanTable): number {
    let code = 0;
    for (let length = 1; length <= 16; length++) {
      code = (code << 1) | this.bit();
      if (code <= largest[length]!) return symbols[code + offset[length]!]!;
    }
    throw new BrokenImage('a code that is in no Huffman table');
  }

  /** Past a restart marker, which stands at a byte boundary. */
  restart(): void {
    this.#count = 0;
    const marker = this.#bytes[this.#at + 1] ?? 0;
    if (this.#bytes[this.#at] !== 0xff || marker < 0xd0 || marker > 0xd7) throw new BrokenImage('a missing restart marker');
    this.#at += 2;
  }
}
