/**
 * Pseudo-random numbers: the Mersenne Twister MT19937, seeded and read out as numpy's RandomState does
 * it, so that a seed gives the numbers ONNX's reference implementation gives for it.
 * Source: Matsumoto & Nishimura, ACM TOMACS 8(1), 1998; Marsaglia's polar method for normal numbers.
 */
const WORDS = 624;
const MIDDLE = 397;

export class RandomStream {
  readonly #state = new Uint32Array(WORDS);
  #next = WORDS;
  #spareNormal: number | undefined;

  /** @param seed an integer in [0, 2^32). */
  constructor(seed: number) {
    const s = this.#state;
    s[0] = seed;
    for (let i = 1; i < WORDS; i++) s[i] = Math.imul(1812433253, s[i - 1]! ^ (s[i - 1]! >>> 30)) + i;
  }

  #refill(): void {
    const s = this.#state;
    for (let i = 0; i < WORDS; i++) {
      const y = (s[i]! & 0x80000000) | (s[(i + 1) % WORDS]! & 0x7fffffff);
      s[i] = s[(i + MIDDLE) % WORDS]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#next = 0;
  }

  /** 32 random bits. */
  uint32(): number {
    if (this.#next === WORDS) this.#refill();
    let y = this.#state[this.#next++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** Uniform in [0, 1), 53 random bits. */
  uniform(): number {
    const [high, low] = [this.uint32() >>> 5, this.uint32() >>> 6];
    return (high * 0x4000000 + low) / 0x20000000000000;
  }

  /** Normal with mean 0 and standard deviation 1. */
  normal(): number {
    if (this.#spareNormal !== undefined) {
      const spare = this.#spareNormal;
      this.#spareNormal = undefined;
      return spare;
    }
    let [x, y, r2] = [0, 0, 0];
    do {
      x = 2 * this.uniform() - 1;
      y = 2 * this.uniform() - 1;
      r2 = x * x + y * y;
    } while (r2 >= 1 || r2 === 0);
    const f = Math.sqrt((-2 * Math.log(r2)) / r2);
    this.#spareNormal = f * x;
    return f * y;
  }

  /** Whether an event of probability `p` happens. */
  bernoulli(p: number): boolean {
    // The comparison numpy's binomial comes down to for one trial.
    const u = this.uniform();
    return p <= 0.5 ? u > 1 - p : u <= p;
  }
}

/**
 * A stream from an op's `seed` attribute: its whole part, modulo 2^32 (ONNX keeps most seeds as floats).
 * Without a seed every stream is another.
 */
export const randomStream = (seed: number | bigint | undefined): RandomStream => {
  if (seed === undefined) return new RandomStream(Math.floor(Math.random() * 2 ** 32));
  return new RandomStream(typeof seed === 'bigint' ? Number(BigInt.asUintN(32, seed)) : seed >>> 0);
};
