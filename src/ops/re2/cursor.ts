/** A place in a pattern that moves forward, and the error that tells where it stood. */
import { FlagosError } from '../../core/errors.ts';

export class Cursor {
  readonly #pattern: string;
  readonly #text: readonly string[];
  #at = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
    this.#text = Array.from(pattern);
  }

  fail(problem: string): never {
    throw new FlagosError('FLAGOS_E_ATTRIBUTE', `pattern '${this.#pattern}' is not of RE2's syntax: ${problem} at character ${this.#at}`);
  }

  get position(): number {
    return this.#at;
  }
  get ended(): boolean {
    return this.#at >= this.#text.length;
  }
  /** The character `ahead` of here; empty past the end. */
  peek(ahead = 0): string {
    return this.#text[this.#at + ahead] ?? '';
  }
  looksAt(text: string): boolean {
    for (let i = 0; i < text.length; i++) if (this.peek(i) !== text[i]) return false;
    return true;
  }
  /** Takes a text if it stands here. */
  take(text: string): boolean {
    if (!this.looksAt(text)) return false;
    this.#at += text.length;
    return true;
  }
  next(): string {
    if (this.ended) this.fail('an unexpected end');
    return this.#text[this.#at++]!;
  }
  /** Takes characters as long as they fit, at most `most`. */
  takeWhile(fits: RegExp, most = Infinity): string {
    let taken = '';
    while (taken.length < most && !this.ended && fits.test(this.peek())) taken += this.next();
    return taken;
  }
  /** Takes up to and with a closing text; what stood before it. */
  takeUntil(close: string): string {
    let taken = '';
    while (!this.take(close)) taken += this.next();
    return taken;
  }
  /** Back to an earlier position. */
  back(position: number): void {
    this.#at = position;
  }
}
