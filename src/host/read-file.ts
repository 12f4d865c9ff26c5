/**
 * Files as bytes, of any size the machine can hold: Node's own `readFile` stops at 2 GiB, and models
 * do not. Reads go at positions and in pieces the operating system takes.
 */
import { constants as buffers } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { asError, FlagosError, type ErrorCode } from '../core/errors.ts';

/** One read of the operating system moves at most 2 GiB − 4 KiB; half of it keeps clear. */
const piece = 2 ** 30;

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not',
  EPERM: 'this user may not',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is not a folder',
  ELOOP: 'its links lead in a circle',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'its name is too long',
  EEXIST: 'something else has that name',
  ENOTEMPTY: 'it is not empty',
  EROFS: 'its file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk is full for this user',
};

/**
 * A failure of the file system that nobody put into words, wherever it comes from, as an error of the user's files and
 * not of the program; undefined if it is none.
 */
export const systemFileError = (thrown: unknown): FlagosError | undefined => {
  if (thrown instanceof FlagosError || !(thrown instanceof Error)) return undefined;
  const { code, path, syscall }: NodeJS.ErrnoException = thrown;
  const reason = code === undefined || syscall === undefined ? undefined : reasons[code];
  if (reason === undefined) return undefined;
  const what = path === undefined ? `a file cannot be written (${syscall})` : `cannot ${syscall} ${path}`;
  return new FlagosError('FLAGOS_E_FILE', `${what}: ${reason}`, { cause: thrown, details: { path, errno: code } });
};

/** A failure of the file system in plain words. */
export const fileError = (code: ErrorCode, path: string, thrown: unknown): FlagosError => {
  if (thrown instanceof FlagosError) return thrown;
  const error = asError(thrown);
  const errno = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return new FlagosError(code, `cannot read ${path}: ${reasons[errno] ?? error.message}`, { cause: error, details: { path, errno } });
};

/** Opens for reading. Without O_NONBLOCK, opening a named pipe would wait for ever. */
export const openForReading = (path: string): number => openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));

/**
 * `length` bytes of an open file from `position` on.
 * @throws FlagosError of `code` when the file ends sooner or the bytes do not fit into memory.
 */
export const readRange = (file: number, path: string, position: number, length: number, code: ErrorCode): Uint8Array => {
  if (length > buffers.MAX_LENGTH) {
    throw new FlagosError(code, `cannot read ${path}: ${length} bytes are more than one buffer can hold here (${buffers.MAX_LENGTH})`);
  }
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(length);
  } catch (error) {
    throw new FlagosError(code, `cannot read ${path}: there is no memory for ${length} bytes`, { cause: error });
  }
  for (let done = 0; done < length;) {
    const got = readSync(file, bytes, done, Math.min(piece, length - done), position + done);
    if (got === 0) throw new FlagosError(code, `cannot read ${path}: it ends at byte ${position + done}, ${length - done} bytes too soon`);
    done += got;
  }
  return bytes;
};

/**
 * A whole file.
 * @returns bytes at the start of a buffer of their own, so that aligned contents can be viewed in place.
 * @throws FLAGOS_E_FILE when it is missing, not a regular file, unreadable, or too large for memory.
 */
export const readFile = (path: string): Uint8Array => {
  let file: number | undefined;
  try {
    file = openForReading(path);
    const stat = fstatSync(file);
    if (stat.isDirectory()) throw new FlagosError('FLAGOS_E_FILE', `cannot read ${path}: it is a folder`);
    if (!stat.isFile()) throw new FlagosError('FLAGOS_E_FILE', `cannot read ${path}: it is not a regular file`);
    return readRange(file, path, 0, stat.size, 'FLAGOS_E_FILE');
  } catch (error) {
    throw fileError('FLAGOS_E_FILE', path, error);
  } finally {
    if (file !== undefined) closeSync(file);
  }
};
