/**
 * Compiled libraries on disk: content-addressed, in a folder only this user can write, checked before
 * they are loaded. An entry is two files: the library, named by its own hash, and an index file named
 * by the key that holds that hash; each appears by rename, so readers see whole files or none, and
 * processes that compile the same thing at once agree in the end.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { FlagosError, asError } from '../../core/errors.ts';

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');
/** Beyond this, entries used longest ago go. */
const SIZE_LIMIT = 512 * 2 ** 20;

export interface CacheEntry {
  readonly library: string;
}

export class LibraryCache {
  readonly folder: string;

  /** @throws FLAGOS_E_FILE if no private folder can be had. */
  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.folder = privateFolder(env);
  }

  static key(...parts: readonly string[]): string {
    return sha256(parts.map((p) => `${p.length}:${p}`).join(''));
  }

  /** The library of a key, if it is there and undamaged; a damaged entry is removed. */
  find(key: string): string | undefined {
    const index = join(this.folder, `${key}.idx`);
    if (!existsSync(index)) return undefined;
    try {
      const hash = readFileSync(index, 'utf8').trim();
      const library = join(this.folder, `${hash}.so`);
      if (/^[0-9a-f]{64}$/.test(hash) && sha256(readFileSync(library)) === hash) {
        const now = new Date();
        utimesSync(library, now, now);
        return library;
      }
      rmSync(library, { force: true });
    } catch (e) {
      // Removed by another process meanwhile, or unreadable: it is compiled anew either way.
      if (!(e instanceof Error && 'code' in e)) throw e;
    }
    rmSync(index, { force: true });
    return undefined;
  }

  /** A name in the folder for a file being made. */
  temporary(suffix: string): string {
    return join(this.folder, `tmp-${process.pid}-${randomBytes(6).toString('hex')}${suffix}`);
  }

  /** Puts a finished library under its key; returns where it is. */
  add(key: string, built: string): string {
    const hash = sha256(readFileSync(built));
    const library = join(this.folder, `${hash}.so`);
    renameSync(built, library);
    const index = this.temporary('.idx');
    writeFileSync(index, hash);
    renameSync(index, join(this.folder, `${key}.idx`));
    return library;
  }

  /** Holds the size bound. Libraries in use stay usable: the system keeps a removed file until it is closed. */
  prune(limit = SIZE_LIMIT): void {
    const files = readdirSync(this.folder)
      .filter((f) => f.endsWith('.so'))
      .flatMap((f) => {
        const stat = statSync(join(this.folder, f), { throwIfNoEntry: false });
        return stat ? [{ path: join(this.folder, f), bytes: stat.size, used: stat.mtimeMs }] : [];
      })
      .sort((a, b) => a.used - b.used);
    let total = files.reduce((n, f) => n + f.bytes, 0);
    for (const f of files) {
      if (total <= limit) break;
      rmSync(f.path, { force: true });
      total -= f.bytes;
    }
  }
}

/** FLAGOS_CACHE, XDG_CACHE_HOME/flagos, ~/.cache/flagos, or a folder of this user's in the temporary one: the first that is ours alone and can be written. */
const privateFolder = (env: Readonly<Record<string, string | undefined>>): string => {
  const uid = userInfo().uid;
  const asked = env['FLAGOS_CACHE'];
  const candidates = asked
    ? [asked]
    : [join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'flagos'), join(tmpdir(), `flagos-${uid}`)];
  const problems: string[] = [];
  for (const base of candidates) {
    const folder = join(base, 'native-1');
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const stat = statSync(folder);
      if (uid >= 0 && stat.uid !== uid) throw new Error('belongs to another user');
      if (uid >= 0 && (stat.mode & 0o022) !== 0) chmodSync(folder, 0o700);
      const probe = join(folder, `tmp-${process.pid}-probe`);
      writeFileSync(probe, '');
      rmSync(probe);
      return folder;
    } catch (e) {
      problems.push(`${folder}: ${asError(e).message}`);
    }
  }
  throw new FlagosError('FLAGOS_E_FILE', `no folder for compiled kernels can be written: ${problems.join('; ')}`, {
    hint: 'set FLAGOS_CACHE to a folder of your own',
  });
};
