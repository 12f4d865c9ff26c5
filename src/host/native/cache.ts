/**
 * Compiled libraries on disk: content-addressed, in a folder only this user can write, checked before
 * they are loaded. An entry is two files: the contents, named by their own hash, and an index file named
 * by the key that holds that hash; each appears by rename, so readers see whole files or none, and
 * processes that compile the same thing at once agree in the end. Whatever is not as it should be
 * (cut short, changed, another user's, a link) is removed and made anew.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { asError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { Environment } from '../config-env.ts';
import { cacheFolders, isTrusted, type CacheFolders } from './cache-folder.ts';

/** What entries hold: libraries, object files, notes. */
export type EntryKind = 'so' | 'o' | 'txt';

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');
const MIB = 2 ** 20;
/** Beyond this, entries used longest ago go. */
const SIZE_LIMIT = 512 * MIB;
/** Own additions after which the folder is looked through again: others add to it, too. */
const LOOK_EVERY = 64;
/** A folder somebody compiles in is not that old. */
const STALE_MS = 3_600_000;
/** When an entry was used last is written down this exactly. */
const USE_MS = 60_000;

/** The contents of a regular file that only we can have written; undefined if there is nothing. @throws if it is anything else. */
const readTrusted = (path: string): Buffer | undefined => {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (e) {
    if (e instanceof Error && 'code' in e && e.code === 'ENOENT') return undefined;
    throw e;
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Error('it is no file');
    if (!isTrusted(stat)) throw new Error('others can write it');
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
};

interface CacheFile {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly used: number;
}

const limitOf = (env: Environment): number => {
  const mib = Number(env['FLAGOS_CACHE_LIMIT']);
  return mib > 0 ? mib * MIB : SIZE_LIMIT;
};

export class LibraryCache {
  readonly folders: CacheFolders;
  /** Bytes its entries may take. */
  readonly limit: number;
  readonly #logger: Logger;
  #added = 0;
  /** Bytes in the folder, as far as known. */
  #bytes = 0;

  /** @throws FLAGOS_E_FILE if no private folder can be had. */
  constructor(env: Environment, logger: Logger) {
    this.folders = cacheFolders(env);
    this.#logger = logger;
    this.limit = limitOf(env);
    if (this.folders.note) logger.log('warn', this.folders.note);
  }

  static key(...parts: readonly string[]): string {
    return sha256(parts.map((p) => `${p.length}:${p}`).join(''));
  }

  /** Path of a key's contents, if they are there and undamaged. */
  find(key: string, kind: EntryKind): string | undefined {
    const { readOnly, writable } = this.folders;
    return (readOnly && this.#look(readOnly, key, kind)) ?? this.#look(writable, key, kind);
  }

  #look(folder: string, key: string, kind: EntryKind): string | undefined {
    const index = join(folder, `${key}.idx`);
    try {
      const hash = readTrusted(index)?.toString().trim();
      if (hash === undefined) return undefined;
      if (!/^[0-9a-f]{64}$/.test(hash)) throw new Error('its index is damaged');
      const path = join(folder, `${hash}.${kind}`);
      const contents = readTrusted(path);
      // Removed to hold the size bound, before its index.
      if (!contents) return undefined;
      if (sha256(contents) !== hash) {
        this.#remove(path);
        throw new Error('its contents are damaged');
      }
      this.#used(path);
      return path;
    } catch (e) {
      this.#logger.log('warn', 'an entry of the kernel cache is not used', { entry: index, reason: asError(e).message });
      this.#remove(index);
      return undefined;
    }
  }

  /** What cannot be removed (a folder that is only read) is passed over every time. */
  #remove(path: string): void {
    try {
      rmSync(path, { recursive: true, force: true });
    } catch (e) {
      this.#logger.log('debug', 'a damaged entry of the kernel cache cannot be removed', { path, reason: asError(e).message });
    }
  }

  #used(path: string): void {
    try {
      const now = new Date();
      if (now.getTime() - lstatSync(path).mtimeMs > USE_MS) utimesSync(path, now, now);
    } catch (e) {
      // Only read, or just removed: nothing depends on it.
      this.#logger.log('debug', 'a use of the kernel cache is not written down', { path, reason: asError(e).message });
    }
  }

  /** A fresh folder to compile in; whoever asks removes it. */
  workFolder(): string {
    const folder = join(this.folders.writable, `tmp-${process.pid}-${randomBytes(6).toString('hex')}`);
    mkdirSync(folder, { mode: 0o700 });
    return folder;
  }

  /** Puts a finished file under its key; returns where it is. @throws what the system says, if it cannot be. */
  add(key: string, built: string, kind: EntryKind): string {
    const contents = readFileSync(built);
    const hash = sha256(contents);
    const { writable } = this.folders;
    const path = join(writable, `${hash}.${kind}`);
    // Linkers leave it to the umask whether a group may write what they make.
    chmodSync(built, 0o700);
    this.#place(built, path);
    const index = join(writable, `${key}.idx`);
    const fresh = join(writable, `tmp-${process.pid}-${randomBytes(6).toString('hex')}`);
    writeFileSync(fresh, hash, { mode: 0o600 });
    this.#place(fresh, index);
    this.#bytes += contents.length;
    if (this.#bytes > this.limit || this.#added++ % LOOK_EVERY === 0) this.prune(hash);
    return path;
  }

  /** Renames; what stands in the way and is no file is removed. */
  #place(from: string, to: string): void {
    if (lstatSync(to, { throwIfNoEntry: false })?.isDirectory()) this.#remove(to);
    renameSync(from, to);
  }

  /** Bytes its entries take. */
  get bytes(): number {
    return this.#contents().reduce((n, f) => n + f.bytes, 0);
  }

  /** Takes an entry back that turned out to be of no use. */
  drop(key: string): void {
    this.#remove(join(this.folders.writable, `${key}.idx`));
  }

  /**
   * Holds the size bound, and clears up after processes that were ended while they compiled. Libraries
   * in use stay usable: the system keeps a removed file until it is closed.
   * @param keep hash of contents that stay.
   */
  prune(keep?: string): void {
    const files = this.#files();
    const contents = this.#contents(files);
    let total = contents.reduce((n, f) => n + f.bytes, 0);
    const left = new Set(contents.map((f) => f.hash));
    for (const f of contents) {
      if (total <= this.limit) break;
      if (f.hash === keep) continue;
      this.#remove(f.path);
      left.delete(f.hash);
      total -= f.bytes;
    }
    this.#bytes = total;
    const old = Date.now() - STALE_MS;
    for (const f of files) {
      if (f.used >= old) continue;
      if (f.name.startsWith('tmp-') || (f.name.endsWith('.idx') && !left.has(readIndex(f.path)))) this.#remove(f.path);
    }
  }

  #files(): CacheFile[] {
    const { writable } = this.folders;
    return readdirSync(writable).flatMap((name) => {
      const path = join(writable, name);
      const stat = lstatSync(path, { throwIfNoEntry: false });
      return stat ? [{ name, path, bytes: stat.size, used: stat.mtimeMs }] : [];
    });
  }

  /** What entries hold, used longest ago first. */
  #contents(files: readonly CacheFile[] = this.#files()): (CacheFile & { readonly hash: string })[] {
    return files
      .filter((f) => /^[0-9a-f]{64}\.(so|o|txt)$/.test(f.name))
      .map((f) => ({ ...f, hash: f.name.slice(0, 64) }))
      .sort((a, b) => a.used - b.used);
  }
}

/** The hash an index file holds; empty where it is not one of ours, which is as good as damaged. */
const readIndex = (path: string): string => {
  try {
    return readTrusted(path)?.toString().trim() ?? '';
  } catch {
    return '';
  }
};
