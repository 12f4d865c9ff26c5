/**
 * One table in one file, for many processes at once. Rows are appended by single writes at the end of
 * the file, whoever else writes; reading never waits. Rewriting puts a new file in the place of the old:
 * rows that were appended to the old one meanwhile are found through a second name it keeps until they are
 * in the new one, and whoever wrote to it notices and writes again. Ids make what is there twice count once.
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { FlagosError } from '../../core/errors.ts';
import { lineOf, readTable, type Contents } from '../../opmanager/tables/jsonl.ts';
import type { Row } from '../../opmanager/tables/rows.ts';
import type { CompactOptions, StoreReport } from '../../opmanager/tables/store.ts';
import { lock, reasonOf } from './file-lock.ts';

/** Milliseconds to wait for another process that rewrites the same table. */
const PATIENCE_MS = 10_000;
/** Times a row is written again because the file was replaced meanwhile. */
const TRIES = 20;

const isMissing = (e: unknown): boolean => e instanceof Error && 'code' in e && e.code === 'ENOENT';

const bytesOf = (path: string): Uint8Array => {
  try {
    return readFileSync(path);
  } catch (e) {
    if (isMissing(e)) return new Uint8Array();
    throw e;
  }
};

const NEWLINE = 10;

const endsLine = (fd: number): boolean => {
  const { size } = fstatSync(fd);
  if (size === 0) return true;
  const last = new Uint8Array(1);
  return readSync(fd, last, 0, 1, size - 1) === 1 && last[0] === NEWLINE;
};

const concat = (parts: readonly Uint8Array[]): Uint8Array => {
  const separate = parts.flatMap((p) => [p, Uint8Array.of(NEWLINE)]);
  return Buffer.concat(separate);
};

export class TableFile {
  readonly path: string;
  constructor(path: string) {
    this.path = path;
  }

  #fail(doing: string, thrown: unknown): FlagosError {
    if (thrown instanceof FlagosError) return thrown;
    return new FlagosError('FLAGOS_E_TABLE', `${this.path} cannot be ${doing}: ${reasonOf(thrown)}`, {
      cause: thrown,
      hint: 'check its permissions and the space left on the disk',
    });
  }

  /** Names the file has from rewritings that were stopped, or are under way. */
  #leftovers(suffix = '.old-'): string[] {
    const folder = dirname(this.path);
    const prefix = `${basename(this.path)}${suffix}`;
    try {
      return readdirSync(folder)
        .filter((name) => name.startsWith(prefix))
        .map((name) => join(folder, name));
    } catch (e) {
      if (isMissing(e)) return [];
      throw e;
    }
  }

  /** What is in it, now. @throws FLAGOS_E_TABLE */
  read(): Contents {
    try {
      // Old ones first: what is taken from one of them into the file meanwhile is then seen twice, not missed.
      const old = this.#leftovers().map(bytesOf);
      const own = bytesOf(this.path);
      if (old.length === 0) return readTable(own);
      return { ...readTable(concat([own, ...old])), torn: readTable(own).torn };
    } catch (e) {
      throw this.#fail('read', e);
    }
  }

  /** Adds rows. @throws FLAGOS_E_TABLE */
  append(rows: readonly Row[]): void {
    if (rows.length === 0) return;
    try {
      this.#write(rows.map(lineOf).join(''));
    } catch (e) {
      throw this.#fail('written', e);
    }
  }

  #write(text: string): void {
    mkdirSync(dirname(this.path), { recursive: true });
    for (let i = 0; i < TRIES; i++) {
      const fd = openSync(this.path, 'a+', 0o644);
      try {
        // After a line that was cut short, ours begins on one of its own.
        const line = Buffer.from(endsLine(fd) ? text : `\n${text}`);
        const written = writeSync(fd, line);
        if (written < line.length) throw new Error(`only ${written} of ${line.length} bytes could be written`);
        const now = statSync(this.path, { throwIfNoEntry: false });
        const mine = fstatSync(fd);
        if (now && now.ino === mine.ino && now.dev === mine.dev) return;
      } finally {
        closeSync(fd);
      }
    }
    throw new Error('it is replaced again and again');
  }

  /** Rewrites it: each row once, in order of keys and dates. @throws FLAGOS_E_TABLE, also if another process is at it for too long. */
  async compact({ keep = () => true }: CompactOptions = {}): Promise<StoreReport> {
    let release: (() => void) | undefined;
    try {
      mkdirSync(dirname(this.path), { recursive: true });
      release = await lock(`${this.path}.lock`, PATIENCE_MS);
      return this.#rewrite(keep);
    } catch (e) {
      throw this.#fail('rewritten', e);
    } finally {
      release?.();
    }
  }

  #rewrite(keep: (row: Row) => boolean): StoreReport {
    const before = this.#leftovers();
    // Of rewritings that were stopped: the lock is ours, so nobody is at them.
    for (const path of this.#leftovers('.new-')) rmSync(path, { force: true });
    // It must be there, so that there is something to give a second name to.
    closeSync(openSync(this.path, 'a', 0o644));
    const old = `${this.path}.old-${randomUUID()}`;
    linkSync(this.path, old);
    // A line that is being written may be seen in part: it is left to those that come late.
    const whole = bytesOf(old);
    const seen = whole.subarray(0, whole.lastIndexOf(NEWLINE) + 1);
    const contents = readTable(concat([seen, ...before.map(bytesOf)]));
    const rows = contents.rows.filter(keep).toSorted(inOrder);
    const fresh = `${this.path}.new-${randomUUID()}`;
    const fd = openSync(fresh, 'wx', 0o644);
    try {
      writeFileSync(fd, linesOf(rows, contents.foreign));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(fresh, this.path);
    for (const path of before) rmSync(path, { force: true });
    // Whoever appended to the old file before it was replaced believes the row is kept.
    const late = readTable(bytesOf(old).subarray(seen.length));
    const lines = linesOf(late.rows, late.foreign);
    if (lines) this.#write(lines);
    rmSync(old, { force: true });
    return {
      rows: rows.length + late.rows.length,
      foreign: contents.foreign.length + late.foreign.length,
      damaged: contents.damaged + late.damaged,
    };
  }
}

/** @param foreign lines of another schema, as they stand. */
const linesOf = (rows: readonly Row[], foreign: readonly string[]): string =>
  rows.map(lineOf).join('') + foreign.map((line) => `${line}\n`).join('');

const inOrder = (a: Row, b: Row): number => {
  for (const key of ['signature', 'kernel', 'date', 'id'] as const) if (a[key] !== b[key]) return a[key] < b[key] ? -1 : 1;
  return 0;
};
