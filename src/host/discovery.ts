/**
 * Finding plugins without running any of their code: those somebody asked for by name or path, and
 * the dependencies of the project one stands in whose package.json has a `flagos` field.
 */
import { existsSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { asError, FlagosError } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import type { PluginManifest } from '../plugins/contract.ts';
import { givenPlugin, type PluginCandidate } from '../plugins/load.ts';
import type { PluginSource } from '../plugins/registry.ts';
import type { PluginRequest } from './config.ts';
import { findPackage, parents, readPackageJson, workspaceFolders, type PackageJson } from './package-json.ts';

export interface DiscoveryOptions {
  /** Where the project is looked for, upwards. */
  readonly cwd: string;
  /** What was asked for: `config.plugins`. */
  readonly requests: readonly PluginRequest[];
  /** Whether the project's dependencies are searched; default true. */
  readonly dependencies?: boolean;
}

const importFile = async (plugin: string, path: string): Promise<unknown> => {
  if (!existsSync(path)) {
    throw new FlagosError('FLAGOS_E_PLUGIN_LOAD', `the module of plugin '${plugin}' is missing: there is no ${path}`, {
      hint: 'it may have to be built first',
      details: { plugin, path },
    });
  }
  return import(/* @vite-ignore */ pathToFileURL(path).href);
};

const failed = (plugin: string, source: PluginSource, problem: FlagosError, location?: string): PluginCandidate => ({
  plugin,
  source,
  problem,
  location,
  load: () => Promise.reject(problem),
});

const manifestError = (plugin: string, reason: string, hint?: string, cause?: unknown): FlagosError =>
  new FlagosError('FLAGOS_E_PLUGIN_MANIFEST', `plugin '${plugin}': ${reason}`, { hint, cause, details: { plugin } });

/** A package's folder as a candidate; undefined if it has no `flagos` field. */
const packageCandidate = (folder: string, called: string, source: PluginSource): PluginCandidate | undefined => {
  let json: PackageJson | undefined;
  try {
    json = readPackageJson(folder);
  } catch (error) {
    return failed(
      called,
      source,
      manifestError(called, `its package.json cannot be read: ${asError(error).message}`, undefined, error),
      folder,
    );
  }
  if (json?.['flagos'] === undefined) return undefined;
  const { name, version } = json;
  const plugin = typeof name === 'string' ? name : called;
  return {
    plugin,
    source,
    location: folder,
    manifest: json['flagos'],
    version: typeof version === 'string' ? version : undefined,
    load: (manifest: PluginManifest) => importFile(plugin, join(folder, manifest.plugin)),
  };
};

const isPath = (spec: string): boolean => /^\.{1,2}([\\/]|$)|^file:/.test(spec) || isAbsolute(spec);
const packageName = /^(@[\w.~-]+\/)?[\w~-][\w.~-]*$/;

const requestedPath = (spec: string, { base, source }: PluginRequest): PluginCandidate => {
  const noFile = (reason: string): PluginCandidate =>
    failed(
      spec,
      source,
      new FlagosError('FLAGOS_E_PLUGIN_LOAD', `plugin '${spec}': ${reason}`, {
        hint: `${source.detail} names it`,
        details: { plugin: spec },
      }),
    );
  let path: string;
  try {
    path = spec.startsWith('file:') ? fileURLToPath(spec) : resolve(base, spec);
  } catch (error) {
    return noFile(asError(error).message);
  }
  if (!existsSync(path)) return noFile(`there is no ${path}`);
  const location = realpathSync(path);
  const stat = statSync(location);
  if (stat.isFile()) return { plugin: spec, source, location, load: () => importFile(spec, location) };
  if (!stat.isDirectory()) return noFile(`${path} is neither a file nor a folder`);
  return (
    packageCandidate(location, spec, source) ??
    failed(spec, source, manifestError(spec, `the folder ${location} has no package.json with a flagos field`), location)
  );
};

const requestedPackage = (spec: string, { base, source }: PluginRequest, known: readonly string[]): PluginCandidate => {
  const notFound = (hint: string): PluginCandidate =>
    failed(
      spec,
      source,
      new FlagosError('FLAGOS_E_PLUGIN_LOAD', `plugin '${spec}' is not installed (looked for from ${base})`, {
        hint,
        details: { plugin: spec },
      }),
    );
  if (!packageName.test(spec)) return notFound('this is no package name; a path starts with ./, ../ or /');
  const folder = findPackage(spec, base);
  if (folder !== undefined) {
    return (
      packageCandidate(folder, spec, source) ??
      failed(spec, source, manifestError(spec, `the package has no flagos field in its package.json, so it is no plugin`), folder)
    );
  }
  if (existsSync(resolve(base, spec))) return notFound(`for the file or folder of that name write ./${spec}`);
  const near = nearest(spec, known);
  return notFound(near === undefined ? `npm install ${spec}` : `did you mean '${near}'?`);
};

const requested = (request: PluginRequest, known: readonly string[]): PluginCandidate => {
  const { plugin, source } = request;
  if (typeof plugin !== 'string') return givenPlugin(plugin.name ?? 'plugin without a name', source, plugin);
  return isPath(plugin) ? requestedPath(plugin, request) : requestedPackage(plugin, request, known);
};

interface Project {
  readonly folder: string;
  readonly json: PackageJson;
}

const dependencyFields = ['dependencies', 'devDependencies', 'optionalDependencies'];

/** The nearest project upwards. A package.json that only says how files are to be read (`type`) is not one. */
const findProject = (cwd: string): Project | undefined => {
  for (const folder of parents(cwd)) {
    const json = readPackageJson(folder);
    if (json && ['name', 'workspaces', ...dependencyFields].some((field) => field in json)) return { folder, json };
  }
  return undefined;
};

const dependenciesOf = ({ json }: Project): [name: string, field: string][] =>
  dependencyFields.flatMap((field) => {
    const names: unknown = json[field];
    return typeof names === 'object' && names !== null
      ? Object.keys(names)
          .filter((name) => packageName.test(name))
          .map((name): [string, string] => [name, field])
      : [];
  });

/** Plugins of a project: itself, its workspaces, and what it depends on and has installed. */
const projectCandidates = (project: Project): PluginCandidate[] => {
  const file = join(project.folder, 'package.json');
  const from = (what: string): PluginSource => ({ kind: 'dependency', detail: `${what} of ${file}` });
  const folders: [folder: string, called: string, source: PluginSource][] = [
    [realpathSync(project.folder), project.folder, from('the flagos field')],
  ];
  for (const [name, field] of dependenciesOf(project)) {
    const folder = findPackage(name, project.folder);
    if (folder !== undefined) folders.push([folder, name, from(field)]);
  }
  for (const folder of workspaceFolders(project.folder, project.json)) folders.push([folder, folder, from('workspaces')]);
  return folders.flatMap(([folder, called, source]) => packageCandidate(folder, called, source) ?? []);
};

/**
 * All plugins to load, each once, in order: those asked for, then the project's. What cannot be found
 * is in the list too, with its problem.
 */
export const discoverPlugins = ({ cwd, requests, dependencies = true }: DiscoveryOptions): PluginCandidate[] => {
  let known: readonly string[] = [];
  const fromProject: PluginCandidate[] = [];
  try {
    const project = findProject(cwd);
    if (project) {
      known = dependenciesOf(project).map(([name]) => name);
      if (dependencies) fromProject.push(...projectCandidates(project));
    }
  } catch (error) {
    const plugin = `the project above ${cwd}`;
    const problem = manifestError(plugin, `its package.json cannot be read: ${asError(error).message}`, undefined, error);
    if (dependencies) fromProject.push(failed(plugin, { kind: 'dependency', detail: 'package.json' }, problem));
  }
  const found = [...requests.map((request) => requested(request, known)), ...fromProject];
  const seen = new Set<string>();
  return found.filter(({ location }) => {
    if (location === undefined) return true;
    const fresh = !seen.has(location);
    seen.add(location);
    return fresh;
  });
};
