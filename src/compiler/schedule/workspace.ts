/** Lifetimes of a scheduled program's temporaries: a step is one of its entries. */
import type { Buffer } from '../loops.ts';
import { Lifetimes, type Workspace } from '../workspace.ts';
import { buffersOf } from './ir.ts';
import type { Entry, ScheduledProgram } from './schedule.ts';

/** Bytes from one thread's piece of a temporary to the next one's: none shares a line with another, nor a pair of lines that are fetched together. */
export const ownBytes = (b: Buffer, bytesOf: (b: Buffer) => number): number => Math.ceil((b.size * bytesOf(b)) / 128 + 1) * 128;

/** Temporaries of which each thread has a piece. */
const ownIn = (e: Entry): Buffer[] => (e.kind === 'loop' ? e.body.flatMap(ownIn) : [...(e.share?.own ?? [])]);

const used = (e: Entry): Set<Buffer> => {
  if (e.kind === 'loop') return new Set(e.body.flatMap((x) => [...used(x)]));
  const { reads, writes } = buffersOf(e.body);
  return new Set([...reads, ...writes]);
};

/**
 * @param bytesOf bytes of one element of a temporary.
 * @param wanted which temporaries to lay out; default all.
 * @param threads for how many of them there are pieces, where each has its own.
 */
export const layOutWorkspace = (
  program: ScheduledProgram,
  bytesOf: (b: Buffer) => number,
  wanted: (b: Buffer) => boolean = () => true,
  threads = 1,
): Workspace => {
  const own = new Set(program.entries.flatMap(ownIn));
  const lives = new Lifetimes((b) => (own.has(b) ? ownBytes(b, bytesOf) * threads : b.size * bytesOf(b)));
  const last = program.once.length + program.entries.length;
  const touch = (b: Buffer, from: number, to: number): void => {
    if (wanted(b)) lives.touch(b, from, to);
  };
  // What is made once stays for all runs.
  program.once.forEach((e) => used(e).forEach((b) => touch(b, 0, last)));
  program.entries.forEach((e, i) => used(e).forEach((b) => touch(b, program.once.length + i, program.once.length + i)));
  return lives.layOut();
};
