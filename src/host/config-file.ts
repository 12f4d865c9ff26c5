/** Finding and reading the configuration file: `flagos.config.{json,js,mjs,ts}`. */
import { existsSync } from 'node:fs';
import { dirname, extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { asError, FlagosError } from '../core/errors.ts';
import { readFile } from './read-file.ts';
import { parents } from './package-json.ts';

const names = ['json', 'js', 'mjs', 'ts'].map((extension) => `flagos.config.${extension}`);

/**
 * The configuration file for a folder: the one that `FLAGOS_CONFIG` names, else the nearest upwards.
 * @throws FLAGOS_E_CONFIG when the named one does not exist, or one folder holds several.
 */
export const findConfigFile = (cwd: string, named: string | undefined): string | undefined => {
  if (named !== undefined) {
    const path = resolve(cwd, named);
    if (!existsSync(path))
      throw new FlagosError('FLAGOS_E_CONFIG', `there is no configuration file ${path}`, { hint: 'FLAGOS_CONFIG or --config names it' });
    return path;
  }
  for (const folder of parents(cwd)) {
    const found = names.filter((name) => existsSync(join(folder, name)));
    if (found.length > 1)
      throw new FlagosError('FLAGOS_E_CONFIG', `${folder} holds several configuration files: ${found.join(', ')}`, {
        hint: 'keep one of them',
      });
    if (found.length === 1) return join(folder, found[0]!);
  }
  return undefined;
};

const readJson = (path: string): unknown => {
  // The decoder takes a byte order mark away.
  const text = new TextDecoder().decode(readFile(path));
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FlagosError('FLAGOS_E_CONFIG', `${path} is not valid JSON: ${asError(error).message}`, { cause: error });
  }
};

const importModule = async (path: string): Promise<unknown> => {
  let module: unknown;
  try {
    module = await import(/* @vite-ignore */ pathToFileURL(path).href);
  } catch (thrown) {
    const error = asError(thrown);
    const untyped = 'code' in error && error.code === 'ERR_UNKNOWN_FILE_EXTENSION';
    throw new FlagosError('FLAGOS_E_CONFIG', `${path} cannot be loaded: ${error.message}`, {
      cause: error,
      hint: untyped
        ? `this Node (${process.version}) does not run ${extname(path)} files by itself; use 22.18 or later, or name the file flagos.config.mjs`
        : undefined,
    });
  }
  if (typeof module === 'object' && module !== null && 'default' in module) return module.default;
  throw new FlagosError('FLAGOS_E_CONFIG', `${path} has no default export`, { hint: 'write: export default { prefer: [ … ] }' });
};

export interface ConfigFile {
  readonly path: string;
  /** What relative paths in it start from. */
  readonly folder: string;
  readonly raw: unknown;
}

/** @throws FLAGOS_E_CONFIG or FLAGOS_E_FILE saying why it cannot be read. */
export const readConfigFile = async (path: string): Promise<ConfigFile> => ({
  path,
  folder: dirname(path),
  raw: extname(path) === '.json' ? readJson(path) : await importModule(path),
});
