/** Makes a plugin package from the template that comes with this library (plugins-vendor/template). */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FlagosError } from '../core/errors.ts';
import { namePattern, reservedNames } from '../plugins/check-provider.ts';

/** Named so that neither npm nor discovery takes the template itself for a package. */
const TEMPLATE = /\.template\.json$/;

/** The template's folder: beside `dist` where this is installed, at the root of a clone. */
const templateFolder = (): string => {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const found = join(folder, 'plugins-vendor/template');
    if (existsSync(join(found, 'package.template.json'))) return found;
    if (folder === dirname(folder))
      throw new FlagosError('FLAGOS_E_FILE', 'the template of plugins is missing from this installation of flagos');
  }
};

const filesIn = (folder: string, under = ''): string[] =>
  readdirSync(join(folder, under), { withFileTypes: true }).flatMap((e) => {
    const path = join(under, e.name);
    if (e.name === 'dist' || e.name === 'node_modules') return [];
    return e.isDirectory() ? filesIn(folder, path) : [path];
  });

/** `flagos-acme`, `@us/acme` → the provider's name `acme`. */
export const providerNameOf = (packageName: string): string => basename(packageName).replace(/^flagos-(plugin-)?/, '');

/**
 * Writes the package.
 * @param name of the package, `flagos-acme`, or of its provider, `acme`.
 * @returns the files, relative to the folder.
 * @throws FLAGOS_E_USAGE for a name that no provider may have, FLAGOS_E_FILE if the folder holds something.
 */
export const writePlugin = (name: string, folder: string): string[] => {
  const provider = providerNameOf(name);
  if (
    !namePattern.test(provider) ||
    reservedNames.includes(provider.toLowerCase()) ||
    !/^(@[a-z0-9-~][a-z0-9-._~]*\/)?[a-z0-9-~][a-z0-9-._~]*$/.test(name)
  )
    throw new FlagosError('FLAGOS_E_USAGE', `'${name}' cannot be the name of a plugin`, {
      hint: 'small letters, digits, - and _; as in flagos-acme',
    });
  if (existsSync(folder) && readdirSync(folder).length > 0)
    throw new FlagosError('FLAGOS_E_FILE', `${folder} is not empty`, { hint: 'name another folder with --folder' });
  const from = templateFolder();
  const packageName = name === provider ? `flagos-${name}` : name;
  return filesIn(from).map((path) => {
    const to = path.replace(TEMPLATE, '.json');
    const text = readFileSync(join(from, path), 'utf8').replace(/flagos-acme|\bacme\b/g, (word) =>
      word === 'acme' ? provider : packageName,
    );
    mkdirSync(dirname(join(folder, to)), { recursive: true });
    writeFileSync(join(folder, to), text);
    return to;
  });
};
