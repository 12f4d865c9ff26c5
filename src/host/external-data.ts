/**
 * External tensor data from the folder a model lies in. No path leads out of that folder, by links
 * either; ranges are held against the file's size before memory is taken for them.
 *
 * When the model's own path is a link, the folder it leads to counts as well: download caches keep
 * the model and its data side by side in a store, and link to both.
 */
import { closeSync, fstatSync, realpathSync } from 'node:fs';
import { dirname, join, relative, isAbsolute, sep } from 'node:path';
import { FlagosError } from '../core/errors.ts';
import { fileError, openForReading, readRange } from './read-file.ts';

/** Same shape as the reader's `ExternalData`; the host does not depend on a framework. */
export interface FolderData {
  load(location: string, offset: number, length: number | undefined): Uint8Array;
}

const code = 'FLAGOS_E_EXTERNAL_DATA';

const inside = (folder: string, path: string): boolean => {
  const way = relative(folder, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
};

/** The real path of a file of the model, which must lie in one of the model's real folders; the first is where locations start. */
const locate = (folders: readonly string[], location: string): string => {
  const [folder = ''] = folders;
  const path = join(folder, location);
  const refuse = (why: string): never => {
    throw new FlagosError(code, `external data '${location}' ${why}`, { details: { folder, location } });
  };
  if (!inside(folder, path)) refuse('lies outside the model’s folder');
  const real = realpathSync(path);
  return folders.some((f) => inside(f, real)) ? real : refuse('is a link that leads out of the model’s folder');
};

class Folder implements FolderData {
  readonly #folders: readonly string[];
  readonly #ranges = new Map<string, Uint8Array>();
  readonly #taken = new Map<string, number>();

  constructor(folders: readonly string[]) {
    this.#folders = folders;
  }

  load(location: string, offset: number, length: number | undefined): Uint8Array {
    const key = `${offset}:${length}:${location}`;
    // Tied weights name the same range: one copy serves them all.
    const known = this.#ranges.get(key);
    if (known) return known;
    let file: number | undefined;
    try {
      const path = locate(this.#folders, location);
      file = openForReading(path);
      const stat = fstatSync(file);
      if (!stat.isFile()) throw new FlagosError(code, `external data '${location}' is not a regular file`);
      const bytes = this.#read(file, location, stat.size, offset, length ?? stat.size - offset);
      this.#ranges.set(key, bytes);
      return bytes;
    } catch (error) {
      throw fileError(code, location, error);
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }

  #read(file: number, location: string, size: number, offset: number, length: number): Uint8Array {
    if (offset > size || length > size - offset) {
      throw new FlagosError(
        code,
        `external data '${location}' has ${size} bytes; the model wants ${Math.max(length, 0)} from byte ${offset}`,
        {
          hint: 'the file may be cut off, or belong to another version of the model',
        },
      );
    }
    // Ranges that overlap over and over would take memory the file's size does not back.
    const taken = (this.#taken.get(location) ?? 0) + length;
    this.#taken.set(location, taken);
    if (taken > 2 * size)
      throw new FlagosError(code, `the model reads overlapping parts of external data '${location}', more than twice its size in all`);
    return readRange(file, location, offset, length, code);
  }
}

/**
 * Files beside a model.
 * @param modelPath the model file; its folder (links followed) is what locations are relative to.
 * @throws FLAGOS_E_FILE when it does not exist.
 */
export const fileExternalData = (modelPath: string): FolderData => {
  try {
    return new Folder([realpathSync(dirname(modelPath)), dirname(realpathSync(modelPath))]);
  } catch (error) {
    throw fileError('FLAGOS_E_FILE', modelPath, error);
  }
};
