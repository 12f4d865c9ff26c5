/**
 * Work nobody waits for: kernels that are made while calls run on others. A few pieces at a time, each
 * begun when the caller has its result; who waits for it (tests, benchmarks, closing) asks {@link Background.idle}.
 */

/** Pieces under way at once: while one waits for a compiler, the next can be written. */
const AT_ONCE = 2;
/** Milliseconds a program may go on without a turn of its event loop while there is work: compilers report through it. */
const TURN_MS = 8;

const turn = (): Promise<void> => new Promise((go) => void setTimeout(go, 0));

export class Background {
  readonly #waiting: { readonly work: () => Promise<void>; readonly end: () => void }[] = [];
  readonly #pieces = new Set<Promise<void>>();
  #running = 0;
  #lastTurn = 0;
  #closed = false;

  /** @param work must not reject. @returns settles when it is done, or given up because of {@link close}. */
  later(work: () => Promise<void>): Promise<void> {
    if (!this.busy) this.#lastTurn = performance.now();
    const piece = new Promise<void>((end) => this.#waiting.push({ work, end })).then(() => void this.#pieces.delete(piece));
    this.#pieces.add(piece);
    void this.#next();
    return piece;
  }

  async #next(): Promise<void> {
    if (this.#running >= AT_ONCE) return;
    this.#running++;
    await turn();
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      if (!this.#closed) await next.work();
      next.end();
    }
    this.#running--;
  }

  /** Whether there is work at all. */
  get busy(): boolean {
    return this.#pieces.size > 0;
  }

  /** Lets the event loop have a turn if it is long ago that it had one: a program that only awaits results that are there never gives it one. */
  async breathe(): Promise<void> {
    if (performance.now() - this.#lastTurn < TURN_MS) return;
    await turn();
    this.#lastTurn = performance.now();
  }

  /** Resolves when there is no work. */
  async idle(): Promise<void> {
    while (this.#pieces.size) await Promise.all(this.#pieces);
  }

  /** Begins nothing more; what is under way ends. */
  close(): void {
    this.#closed = true;
  }
}
