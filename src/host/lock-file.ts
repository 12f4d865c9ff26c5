/** The lock file on disk. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { asError, FlagosError } from '../core/errors.ts';
import { lockText, parseLock, type LockEntries } from '../opmanager/lock.ts';
import type { RuntimeParts } from '../runtime/runtime.ts';
import type { Config } from './config.ts';
import { readFile } from './read-file.ts';

/** Its entries. @throws FLAGOS_E_FILE, FLAGOS_E_LOCK */
export const readLockFile = (path: string): LockEntries => parseLock(new TextDecoder().decode(readFile(path)), path);

/** Puts a lock file in place, whole or not at all. @throws FLAGOS_E_FILE */
export const writeLockFile = (path: string, entries: LockEntries): void => {
  const fresh = `${path}.${process.pid}.new`;
  try {
    writeFileSync(fresh, lockText(entries));
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw new FlagosError('FLAGOS_E_FILE', `${path} cannot be written: ${asError(error).message}`, { cause: error });
  }
};

/** The lock a configuration asks for. One that is asked for must be there: without it nothing would be locked. @throws FLAGOS_E_FILE, FLAGOS_E_LOCK */
export const readLock = ({ lock, onMismatch }: Pick<Config, 'lock' | 'onMismatch'>): RuntimeParts['lock'] =>
  lock === undefined ? undefined : { name: lock, entries: readLockFile(lock), onMismatch };
