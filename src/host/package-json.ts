/** Packages on disk: reading their package.json and finding them the way Node does, without running any of their code. */
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { globMatches } from '../core/glob.ts';
import { readFile } from './read-file.ts';

/** The fields of a package.json that matter here; all are as found, unchecked. */
export type PackageJson = Readonly<Record<string, unknown>>;

/** A folder and all above it. */
export function* parents(folder: string): Generator<string> {
  for (let at = folder; ; at = dirname(at)) {
    yield at;
    if (dirname(at) === at) return;
  }
}

/**
 * The package.json of a folder; undefined if there is none.
 * @throws FLAGOS_E_FILE if it cannot be read, SyntaxError if it is not JSON, TypeError if it is not an object.
 */
export const readPackageJson = (folder: string): PackageJson | undefined => {
  const path = join(folder, 'package.json');
  if (!existsSync(path)) return undefined;
  const parsed: unknown = JSON.parse(new TextDecoder().decode(readFile(path)));
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new TypeError('it is not an object');
  return Object.fromEntries(Object.entries(parsed));
};

/** Folder of an installed package, links followed; looked for in `node_modules` of a folder and of those above it. */
export const findPackage = (name: string, from: string): string | undefined => {
  for (const folder of parents(from)) {
    const path = join(folder, 'node_modules', name);
    if (existsSync(join(path, 'package.json'))) return realpathSync(path);
  }
  return undefined;
};

const subfolders = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true })
        .filter((e) => e.isDirectory() && e.name !== 'node_modules' && !e.name.startsWith('.'))
        .map((e) => e.name)
        .sort()
    : [];

const expand = (folder: string, [part, ...rest]: readonly string[]): string[] => {
  if (part === undefined) return [folder];
  if (part === '**') return [...expand(folder, rest), ...subfolders(folder).flatMap((name) => expand(join(folder, name), [part, ...rest]))];
  if (!part.includes('*')) return expand(join(folder, part), rest);
  return subfolders(folder)
    .filter((name) => globMatches(part, name))
    .flatMap((name) => expand(join(folder, name), rest));
};

/** Folders of the workspaces a package.json names (patterns with `*` and `**`, in either of npm's forms), links followed. */
export const workspaceFolders = (root: string, manifest: PackageJson): string[] => {
  const field = manifest['workspaces'];
  const patterns: unknown = typeof field === 'object' && field !== null && 'packages' in field ? field.packages : field;
  if (!Array.isArray(patterns)) return [];
  const folders = patterns
    .filter((p): p is string => typeof p === 'string')
    .flatMap((pattern) =>
      expand(
        root,
        pattern.split('/').filter((part) => part !== '' && part !== '.'),
      ),
    );
  return [...new Set(folders.filter((folder) => existsSync(join(folder, 'package.json'))).map((folder) => realpathSync(folder)))];
};
