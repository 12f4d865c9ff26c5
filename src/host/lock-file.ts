/** The lock file on disk. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { asError, FlagosError } from '../core/errors.ts';
import { lockText, parseLock, type LockContents } from '../opmanager/lock-entries.ts';
import type { RuntimeParts } from '../runtime/runtime.ts';
import type { Config } from './config.ts';
import { readFile } from './read-file.ts';

/** What is in it. @throws FLAGOS_E_FILE, FLAGOS_E_LOCK */
export const readLockFile = (path: string): LockContents => parseLock(new TextDecoder().decode(readFile(path)), path);

/** Puts a lock file in place, whole or not at all. @throws FLAGOS_E_FILE */
export const writeLockFile = (path: string, contents: LockContents): void => {
  const fresh = `${path}.${process.pid}.new`;
  try {
    writeFileSync(fresh, lockText(contents));
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw new FlagosError('FLAGOS_E_FILE', `${path} cannot be written: ${asError(error).message}`, { cause: error });
  }
};

/** The lock a configuration asks for. One that is asked for must be there: without it nothing would be locked. @throws FLAGOS_E_FILE, FLAGOS_E_LOCK */
export const readLock = ({ lock, onMismatch }: Pick<Config, 'lock' | 'onMismatch'>): RuntimeParts['lock'] =>
  lock === undefined ? undefined : { name: lock, contents: readLockFile(lock), onMismatch };
