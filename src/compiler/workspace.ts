/**
 * One block of memory for a program's temporaries, laid out from which steps use them: those never
 * alive together share bytes. It saves memory, and more time than that: what stays small stays cached.
 */
import type { Buffer } from './loops.ts';

/** Cache lines, and the alignment of any element type. */
const ALIGN = 64;

export interface Workspace {
  /** Byte offset of each temporary. */
  readonly offsets: ReadonlyMap<Buffer, number>;
  readonly bytes: number;
}

interface Life {
  readonly buffer: Buffer;
  readonly bytes: number;
  first: number;
  last: number;
}

interface Place {
  readonly offset: number;
  readonly end: number;
  readonly first: number;
  readonly last: number;
}

/** First and last step that touch each temporary. */
export class Lifetimes {
  readonly #lives = new Map<Buffer, Life>();
  readonly #bytesOf: (b: Buffer) => number;

  /** @param bytesOf bytes of a whole temporary. */
  constructor(bytesOf: (b: Buffer) => number) {
    this.#bytesOf = bytesOf;
  }

  /** The buffer is in use from one step to another; what is no temporary is passed over. */
  touch(buffer: Buffer, from: number, to: number): void {
    if (buffer.role !== 'temp') return;
    const life = this.#lives.get(buffer);
    if (life) {
      life.first = Math.min(life.first, from);
      life.last = Math.max(life.last, to);
    } else this.#lives.set(buffer, { buffer, bytes: Math.ceil(this.#bytesOf(buffer) / ALIGN) * ALIGN, first: from, last: to });
  }

  /** Largest first, each at the lowest offset that is free for as long as it lives. */
  layOut(): Workspace {
    const offsets = new Map<Buffer, number>();
    const placed: Place[] = [];
    let bytes = 0;
    for (const life of [...this.#lives.values()].sort((a, b) => b.bytes - a.bytes || a.first - b.first)) {
      let offset = 0;
      for (const p of placed) {
        if (p.last < life.first || p.first > life.last) continue;
        if (p.offset - offset >= life.bytes) break;
        offset = Math.max(offset, p.end);
      }
      offsets.set(life.buffer, offset);
      const at = placed.findIndex((p) => p.offset > offset);
      placed.splice(at < 0 ? placed.length : at, 0, { offset, end: offset + life.bytes, first: life.first, last: life.last });
      bytes = Math.max(bytes, offset + life.bytes);
    }
    return { offsets, bytes };
  }
}
