/** One block of memory for a program's temporaries, laid out from which entries use them: those never alive together share bytes. */
import type { Buffer } from '../loops.ts';
import { buffersOf } from './ir.ts';
import type { Entry, ScheduledProgram } from './schedule.ts';

/** Cache lines, and the alignment of any element type. */
const ALIGN = 64;

export interface Workspace {
  /** Byte offset of each temporary. */
  readonly offsets: ReadonlyMap<Buffer, number>;
  readonly bytes: number;
}

const used = (e: Entry): Set<Buffer> => {
  if (e.kind === 'loop') return new Set(e.body.flatMap((x) => [...used(x)]));
  const { reads, writes } = buffersOf(e.body);
  return new Set([...reads, ...writes]);
};

interface Life {
  readonly buffer: Buffer;
  readonly bytes: number;
  first: number;
  last: number;
}

/**
 * @param bytesOf bytes of one element of a temporary.
 * @param wanted which temporaries to lay out; default all.
 */
export const layOutWorkspace = (
  program: ScheduledProgram,
  bytesOf: (b: Buffer) => number,
  wanted: (b: Buffer) => boolean = () => true,
): Workspace => {
  const lives = new Map<Buffer, Life>();
  const last = program.once.length + program.entries.length;
  const touch = (b: Buffer, from: number, to: number): void => {
    if (b.role !== 'temp' || !wanted(b)) return;
    const life = lives.get(b);
    if (!life) lives.set(b, { buffer: b, bytes: Math.ceil((b.size * bytesOf(b)) / ALIGN) * ALIGN, first: from, last: to });
    else {
      life.first = Math.min(life.first, from);
      life.last = Math.max(life.last, to);
    }
  };
  // What is made once stays for all runs.
  program.once.forEach((e) => used(e).forEach((b) => touch(b, 0, last)));
  program.entries.forEach((e, i) => used(e).forEach((b) => touch(b, program.once.length + i, program.once.length + i)));
  const offsets = new Map<Buffer, number>();
  const placed: { offset: number; end: number; first: number; last: number }[] = [];
  let bytes = 0;
  for (const life of [...lives.values()].sort((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    let offset = 0;
    for (const p of placed) {
      if (p.last < life.first || p.first > life.last) continue;
      if (p.offset - offset >= life.bytes) break;
      offset = Math.max(offset, p.end);
    }
    offsets.set(life.buffer, offset);
    const place = placed.findIndex((p) => p.offset > offset);
    placed.splice(place < 0 ? placed.length : place, 0, { offset, end: offset + life.bytes, first: life.first, last: life.last });
    bytes = Math.max(bytes, offset + life.bytes);
  }
  return { offsets, bytes };
};
