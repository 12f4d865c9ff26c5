/** Lifetimes of a scheduled program's temporaries: a step is one of its entries. */
import type { Buffer } from '../loops.ts';
import { Lifetimes, type Workspace } from '../workspace.ts';
import { buffersOf } from './ir.ts';
import type { Entry, ScheduledProgram } from './schedule.ts';

const used = (e: Entry): Set<Buffer> => {
  if (e.kind === 'loop') return new Set(e.body.flatMap((x) => [...used(x)]));
  const { reads, writes } = buffersOf(e.body);
  return new Set([...reads, ...writes]);
};

/**
 * @param bytesOf bytes of one element of a temporary.
 * @param wanted which temporaries to lay out; default all.
 */
export const layOutWorkspace = (
  program: ScheduledProgram,
  bytesOf: (b: Buffer) => number,
  wanted: (b: Buffer) => boolean = () => true,
): Workspace => {
  const lives = new Lifetimes((b) => b.size * bytesOf(b));
  const last = program.once.length + program.entries.length;
  const touch = (b: Buffer, from: number, to: number): void => {
    if (wanted(b)) lives.touch(b, from, to);
  };
  // What is made once stays for all runs.
  program.once.forEach((e) => used(e).forEach((b) => touch(b, 0, last)));
  program.entries.forEach((e, i) => used(e).forEach((b) => touch(b, program.once.length + i, program.once.length + i)));
  return lives.layOut();
};
