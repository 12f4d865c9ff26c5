/** Portable any-map images: P1 and P4 (bits), P2 and P5 (grey), P3 and P6 (colour). Source: the netpbm format pages. */
import { BrokenImage, checkSize, fromSamples, type Pixels } from './pixels.ts';

const isSpace = (c: number): boolean => c === 32 || (c >= 9 && c <= 13);

class Reader {
  at = 2;
  readonly #bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Goes past white space and comments. */
  #skip(): void {
    for (;;) {
      const c = this.#bytes[this.at];
      if (c === undefined) throw new BrokenImage('an unexpected end');
      if (c === 35) while (this.at < this.#bytes.length && this.#bytes[this.at] !== 10) this.at++;
      else if (isSpace(c)) this.at++;
      else return;
    }
  }

  /** A decimal number, of one digit only for the bits of P1. */
  number(digits = Infinity): number {
    this.#skip();
    let n = 0;
    let count = 0;
    for (; count < digits; count++, this.at++) {
      const d = (this.#bytes[this.at] ?? 0) - 48;
      if (d < 0 || d > 9) break;
      n = n * 10 + d;
    }
    if (count === 0 || n > 2 ** 31) throw new BrokenImage('a number is missing or too large');
    return n;
  }
}

/** @throws BrokenImage */
export const decodePnm = (bytes: Uint8Array): Pixels => {
  const kind = bytes[1]! - 48;
  const bits = kind === 1 || kind === 4;
  const channels = kind === 3 || kind === 6 ? 3 : 1;
  const reader = new Reader(bytes);
  const width = reader.number();
  const height = reader.number();
  const largest = bits ? 1 : reader.number();
  checkSize(width, height);
  if (largest < 1 || largest > 65535) throw new BrokenImage(`a largest value of ${largest}`);
  const count = width * height * channels;
  // Text takes a character a sample at least, so a claim the stream cannot keep takes no memory.
  const bytesEach = bits ? 1 / 8 : largest > 255 ? 2 : 1;
  if (count * bytesEach > bytes.length) throw new BrokenImage('an unexpected end');
  const samples = new Uint16Array(count);
  if (kind < 4) for (let i = 0; i < count; i++) samples[i] = reader.number(bits ? 1 : Infinity);
  else {
    const start = reader.at + 1;
    const row = bits ? Math.ceil(width / 8) : width * channels * bytesEach;
    if (start + row * height > bytes.length) throw new BrokenImage('an unexpected end');
    for (let i = 0; i < count; i++) {
      if (bits) samples[i] = (bytes[start + Math.floor(i / width) * row + ((i % width) >> 3)]! >> (7 - ((i % width) & 7))) & 1;
      else samples[i] = bytesEach === 1 ? bytes[start + i]! : (bytes[start + 2 * i]! << 8) | bytes[start + 2 * i + 1]!;
    }
  }
  // In bit maps 1 is black. Other scales are rounded, not cut.
  const scaled = bits
    ? samples.map((v) => (v ? 0 : 255))
    : largest === 255
      ? samples
      : samples.map((v) => Math.min(255, Math.round((v * 255) / largest)));
  return fromSamples(width, height, scaled, channels);
};
