/**
 * Quarantine: kernels that failed on a signature are set aside for a while, with the reason. Only
 * that kernel on that signature: a kernel that fails on one shape may be right on all others.
 */
export interface QuarantineEntry {
  readonly kernel: string;
  /** What was run: op, types, shapes, as the planner spells it. */
  readonly signature: string;
  /** For people: the error's message, or what an operator gave. */
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly until: number;
  /** Failures seen so far, this one among them. */
  readonly failures: number;
}

export interface QuarantineOptions {
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** How long a first failure sets a kernel aside, in milliseconds; each further one doubles it. */
  readonly periodMs?: number;
  /** The longest time, in milliseconds. */
  readonly longestMs?: number;
}

const minute = 60_000;
/** Entries kept; beyond it the one that failed longest ago is forgotten, so that ever new shapes cannot fill memory. */
const most = 4096;
const key = (kernel: string, signature: string): string => JSON.stringify([kernel, signature]);

export class Quarantine {
  readonly #entries = new Map<string, QuarantineEntry>();
  readonly #now: () => number;
  readonly #periodMs: number;
  readonly #longestMs: number;
  #version = 0;

  constructor({ now = Date.now, periodMs = 10 * minute, longestMs = 24 * 60 * minute }: QuarantineOptions = {}) {
    this.#now = now;
    this.#periodMs = periodMs;
    this.#longestMs = Math.max(longestMs, periodMs);
  }

  /** Grows with every change but expiry: plans made under an older one are worth another look. */
  get version(): number {
    return this.#version;
  }

  /** Sets a kernel aside on a signature. A repeated failure, even after the time is over, counts on. */
  add(kernel: string, signature: string, reason: string): QuarantineEntry {
    const id = key(kernel, signature);
    const failures = (this.#entries.get(id)?.failures ?? 0) + 1;
    const since = this.#now();
    const until = since + Math.min(this.#periodMs * 2 ** (failures - 1), this.#longestMs);
    const entry: QuarantineEntry = { kernel, signature, reason, since, until, failures };
    // Taken out first, so that the map stays in order of the last failure.
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    if (this.#entries.size > most) this.#entries.delete(this.#entries.keys().next().value!);
    this.#version++;
    return entry;
  }

  /** The entry that holds a kernel back from a signature now, if there is one. */
  find(kernel: string, signature: string): QuarantineEntry | undefined {
    const entry = this.#entries.get(key(kernel, signature));
    return entry && entry.until > this.#now() ? entry : undefined;
  }

  /** What is set aside now, oldest first. */
  list(): readonly QuarantineEntry[] {
    const now = this.#now();
    return [...this.#entries.values()].filter((entry) => entry.until > now);
  }

  /**
   * Lets kernels run again and forgets their failures.
   * @param signature absent: on every signature. @returns how many entries were held back until now.
   */
  release(kernel: string, signature?: string): number {
    let released = 0;
    for (const [id, entry] of this.#entries) {
      if (entry.kernel !== kernel || (signature !== undefined && entry.signature !== signature)) continue;
      if (entry.until > this.#now()) released++;
      this.#entries.delete(id);
    }
    if (released > 0) this.#version++;
    return released;
  }
}
