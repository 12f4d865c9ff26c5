/**
 * Random numbers that are the same for the same seed on every machine. The generator is sfc32 (Chris
 * Doty-Humphrey, PractRand): 128 bits of state, passes the usual test batteries, four operations a number.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;
  #spare: number | undefined;

  /** @param stream keeps numbers for different purposes apart, whatever order they are drawn in. */
  constructor(seed: number, stream = '') {
    // FNV-1a over the name of the stream, so that each has a start of its own.
    let hash = 0x811c9dc5;
    for (let i = 0; i < stream.length; i++) hash = Math.imul(hash ^ stream.charCodeAt(i), 0x01000193);
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 2 ** 32) | 0;
    this.#c = hash;
    for (let i = 0; i < 16; i++) this.bits();
  }

  /** 32 random bits, as an unsigned integer. */
  bits(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    return this.bits() / 2 ** 32;
  }

  /** Standard normal (Box–Muller). */
  normal(): number {
    const spare = this.#spare;
    if (spare !== undefined) {
      this.#spare = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log((this.bits() + 1) / 2 ** 32));
    const angle = 2 * Math.PI * this.uniform();
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /**
   * Nearly normal (the sum of four uniforms, so never beyond 3.5 deviations): ten times as fast, for
   * millions of weights. Values below `least` become `least`.
   */
  fillBell(out: Float32Array, mean: number, deviation: number, least = -Infinity): void {
    // The sum of four uniforms has mean 2 and variance 1/3.
    const scale = (deviation * Math.sqrt(3)) / 2 ** 16;
    const offset = mean - 2 * 2 ** 16 * scale;
    for (let i = 0; i < out.length; i++) {
      const a = this.bits();
      const b = this.bits();
      const value = offset + scale * ((a & 0xffff) + (a >>> 16) + (b & 0xffff) + (b >>> 16));
      out[i] = value < least ? least : value;
    }
  }

  /** A whole number in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.uniform() * bound);
  }
}
