/** The arithmetic decoder of VP8: bits that are zero with a given probability. Source: RFC 6386, section 7. */
import { BrokenImage } from '../pixels.ts';

/** Zero bytes that may be read past the end: the encoder leaves out those that do not matter. */
const mostMissing = 2;

export class BoolReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  /** The two bytes looked at, moved up by as many bits as are used of the lower one. */
  #value: number;
  #range = 255;
  #used = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#value = (this.#next() << 8) | this.#next();
  }

  #next(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined && this.#at > this.#bytes.length + mostMissing) throw new BrokenImage('an unexpected end');
    return byte ?? 0;
  }

  /** One bit, zero with probability `p` / 256. */
  bit(p: number): number {
    const split = 1 + (((this.#range - 1) * p) >> 8);
    const one = this.#value >= split << 8;
    if (one) {
      this.#value -= split << 8;
      this.#range -= split;
    } else this.#range = split;
    while (this.#range < 128) {
      this.#value <<= 1;
      this.#range <<= 1;
      if (++this.#used === 8) {
        this.#value |= this.#next();
        this.#used = 0;
      }
    }
    return Number(one);
  }

  flag(): boolean {
    return this.bit(128) === 1;
  }

  /** An unsigned number, its highest bit first. */
  number(bits: number): number {
    let n = 0;
    for (let i = 0; i < bits; i++) n = n * 2 + this.bit(128);
    return n;
  }

  /** A number and its sign. */
  signed(bits: number): number {
    const n = this.number(bits);
    return this.flag() ? -n : n;
  }

  /** A signed number that may be left out, which is 0. */
  optional(bits: number): number {
    return this.flag() ? this.signed(bits) : 0;
  }
}
