/** Packages that belong to the user: as the project one stands in has them, else as this package does. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * Path of a package's main module; undefined if it is installed nowhere near.
 * @param from folders, or files, to look from, in order.
 */
export const findModule = (name: string, ...from: readonly string[]): string | undefined => {
  for (const base of [...from.map((path) => pathToFileURL(join(path, 'index.js')).href), import.meta.url]) {
    try {
      return createRequire(base).resolve(name);
    } catch {
      // Not installed here: the next place may have it.
    }
  }
  return undefined;
};

/** The module at a path, or what it exports as default where that is all of it (CommonJS). */
export const importModule = async (path: string): Promise<unknown> => {
  const module: unknown = await import(pathToFileURL(path).href);
  return typeof module === 'object' && module !== null && 'default' in module ? module.default : module;
};
