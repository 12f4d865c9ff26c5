/**
 * Where compiled libraries are kept. Code is loaded from there, so a folder (and what is in it) counts
 * only if nobody but this user, or the system's administrator, can have written it.
 */
import { chmodSync, lstatSync, mkdirSync, rmSync, statSync, writeFileSync, type Stats } from 'node:fs';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { FlagosError, asError } from '../../core/errors.ts';
import type { Environment } from '../config-env.ts';

/** Of the layout of the folder: other versions live beside it. */
const LAYOUT = 'native-2';
const OTHERS_WRITE = 0o022;

/** Systems without user ids say −1; there the user's own folders are taken to be private. */
const ownUid = (): number => userInfo().uid;

/** Whether only this user or the administrator can have written something. */
export const isTrusted = (stat: Pick<Stats, 'uid' | 'mode'>, uid = ownUid()): boolean =>
  uid < 0 || ((stat.uid === uid || stat.uid === 0) && (stat.mode & OTHERS_WRITE) === 0);

export interface CacheFolders {
  readonly writable: string;
  /** Looked in first: it was asked for, and can only be read. */
  readonly readOnly: string | undefined;
  /** Why `writable` is not what was asked for. */
  readonly note: string | undefined;
}

/** Makes a folder this user can write, and proves it. @throws what the system says. */
const makeWritable = (folder: string, uid: number): void => {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stat = statSync(folder);
  if (uid >= 0 && stat.uid !== uid) throw new Error('belongs to another user');
  if (!isTrusted(stat, uid)) chmodSync(folder, 0o700);
  const probe = join(folder, `tmp-${process.pid}-probe`);
  writeFileSync(probe, '');
  rmSync(probe);
};

/** In a folder everybody may write, the base must be ours too: another user could exchange what is in theirs. */
const makeBase = (base: string, uid: number): void => {
  mkdirSync(base, { recursive: true, mode: 0o700 });
  if (uid >= 0 && (!lstatSync(base).isDirectory() || !isTrusted(lstatSync(base), uid))) throw new Error('belongs to another user');
};

const canRead = (folder: string): boolean => {
  try {
    const stat = statSync(folder);
    return stat.isDirectory() && isTrusted(stat);
  } catch {
    // Not there, or something on the way is no folder: there is nothing to read.
    return false;
  }
};

/**
 * `FLAGOS_CACHE`, or `XDG_CACHE_HOME/flagos`, or `~/.cache/flagos`; where that cannot be written, a
 * folder of this user's in the temporary one.
 * @throws FLAGOS_E_FILE if none can be had.
 */
export const cacheFolders = (env: Environment): CacheFolders => {
  const uid = ownUid();
  const wanted = join(env['FLAGOS_CACHE'] || join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'flagos'), LAYOUT);
  const base = join(env['TMPDIR'] || tmpdir(), `flagos-${uid}`);
  const spare = join(base, LAYOUT);
  let problem: string;
  try {
    makeWritable(wanted, uid);
    return { writable: wanted, readOnly: undefined, note: undefined };
  } catch (e) {
    problem = `${wanted}: ${asError(e).message}`;
  }
  try {
    makeBase(base, uid);
    makeWritable(spare, uid);
  } catch (e) {
    throw new FlagosError('FLAGOS_E_FILE', `no folder for compiled kernels can be written: ${problem}; ${spare}: ${asError(e).message}`, {
      hint: 'set FLAGOS_CACHE to a folder of your own',
    });
  }
  return { writable: spare, readOnly: canRead(wanted) ? wanted : undefined, note: `${problem}; compiled kernels go to ${spare}` };
};
