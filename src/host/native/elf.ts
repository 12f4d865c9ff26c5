/**
 * Whether a library file is whole. Loading one that was cut short (a full disk, a compiler that was
 * killed) ends the process with a bus error instead of throwing, so it is looked at before.
 */
import { readFileSync } from 'node:fs';

const MAGIC = 0x7f454c46;
const HEADER = 64;
const PROGRAM_HEADER = 56;

/** Where a 64-bit ELF file's section headers and loaded segments end at the latest; undefined if it is no such file. */
const extentOf = (file: Buffer): number | undefined => {
  if (file.length < HEADER || file.readUInt32BE(0) !== MAGIC || file[4] !== 2) return undefined;
  const little = file[5] === 1;
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const u16 = (at: number): number => view.getUint16(at, little);
  const u64 = (at: number): number => Number(view.getBigUint64(at, little));
  const [segments, sections] = [u64(32), u64(40)];
  let end = Math.max(segments + u16(54) * u16(56), sections + u16(58) * u16(60));
  for (let i = 0; i < u16(56); i++) {
    const at = segments + i * u16(54);
    if (at + PROGRAM_HEADER > file.length) return Infinity;
    end = Math.max(end, u64(at + 8) + u64(at + 32));
  }
  return end;
};

/** @returns what is wrong with a library; undefined if nothing is, as far as is known of this system's format. */
export const libraryProblem = (path: string): string | undefined => {
  const file = readFileSync(path);
  if (process.platform !== 'linux') return file.length === 0 ? 'it is empty' : undefined;
  const end = extentOf(file);
  if (end === undefined) return 'it is no library';
  return end > file.length ? `it ends after ${file.length} bytes of ${end}` : undefined;
};
