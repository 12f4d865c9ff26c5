/**
 * The configuration of a runtime, in layers: defaults < configuration file < environment < argument.
 * Each value knows which layer it came from.
 */
import { resolve } from 'node:path';
import { defaultPolicy, mergePolicies, type Policy, type PolicyOverride } from '../opmanager/policy.ts';
import type { Logger } from '../core/log.ts';
import type { PluginDefinition } from '../plugins/define.ts';
import type { PluginSource } from '../plugins/registry.ts';
import { readEnvironment, type Environment } from './config-env.ts';
import { findConfigFile, readConfigFile } from './config-file.ts';
import { checkLayer, type ConfigLayer, type logLevels } from './config-schema.ts';

export type { ConfigLayer } from './config-schema.ts';

/** A plugin that somebody asked for. */
export interface PluginRequest {
  /** Package name, path, or the plugin itself. */
  readonly plugin: string | PluginDefinition;
  /** Folder from which a relative path or a package is looked for. */
  readonly base: string;
  readonly source: PluginSource;
}

/** Where tables are kept; paths are absolute; false: not kept there. */
export interface TablePlaces {
  readonly project: string | false;
  /** undefined: in the cache folder of this user. */
  readonly machine: string | false | undefined;
  /** Address of a database. */
  readonly shared: string | false;
}

/** All settings, with defaults in place of what nobody set. */
export interface Config {
  readonly policy: Policy;
  /** Those of all layers, the strongest layer first. */
  readonly plugins: readonly PluginRequest[];
  /** Whether dependencies are searched for plugins. */
  readonly discover: boolean;
  readonly tables: TablePlaces;
  /** Path of the lock file; undefined: none. */
  readonly lock: string | undefined;
  /** What happens where the lock does not fit: an error, a warning, or that selection chooses anew. */
  readonly onMismatch: 'error' | 'warn' | 'retune';
  /** Threads a kernel may use; `auto`: the physical cores this process may run on. */
  readonly threads: number | 'auto';
  readonly log: (typeof logLevels)[number];
  /** Gets everything from `debug` up, in place of lines on stderr. */
  readonly logger: Logger | undefined;
}

export interface ResolvedConfig {
  readonly config: Config;
  /** Layer by setting, for those that are not defaults: `perOp.Conv` → `FLAGOS_PER_OP`. */
  readonly provenance: ReadonlyMap<string, string>;
  /** Path of the configuration file, if there is one. */
  readonly file: string | undefined;
  /** Things that are probably mistakes. */
  readonly warnings: readonly string[];
  /** The policy with other layers under these: what plugins ask for. */
  policyOver(under: readonly PolicyOverride[]): Policy;
}

export interface ConfigOptions {
  /** Where the search for a configuration file starts; default: the working folder. */
  readonly cwd?: string;
  readonly env?: Environment;
  /** The strongest layer. */
  readonly argument?: ConfigLayer;
  /** What messages call it; default: the argument of createRuntime. */
  readonly argumentName?: string;
  /** A path instead of the search; false: no file. */
  readonly file?: string | false;
}

interface Layer {
  readonly values: ConfigLayer;
  readonly base: string;
  readonly kind: PluginSource['kind'];
  readonly source: (path: readonly PropertyKey[]) => string;
}

/** The strongest layer's path, from the folder it is relative to. */
const placeOf = (layers: readonly Layer[], of: (values: ConfigLayer) => string | false | undefined): string | false | undefined => {
  const layer = layers.findLast(({ values }) => of(values) !== undefined);
  const place = layer && of(layer.values);
  return typeof place === 'string' ? resolve(layer!.base, place) : place;
};

/** Settings of a layer that are set, as paths: maps and groups field by field. */
const pathsOf = (values: ConfigLayer): string[][] =>
  Object.entries(values).flatMap(([key, value]) => {
    if (value === undefined || key === 'plugins') return [];
    if (key === 'perOp' || key === 'accuracy' || key === 'tables')
      return Object.entries(value)
        .filter(([, v]) => v !== undefined)
        .map(([inner]) => [key, inner]);
    return [[key]];
  });

/**
 * Reads all layers.
 * @throws FLAGOS_E_CONFIG naming the layer, the setting and what is allowed.
 */
export const loadConfig = async (options: ConfigOptions = {}): Promise<ResolvedConfig> => {
  const { cwd = process.cwd(), env = process.env, argument = {}, argumentName = 'argument of createRuntime' } = options;
  const path = options.file === false ? undefined : findConfigFile(cwd, options.file ?? (env['FLAGOS_CONFIG']?.trim() || undefined));
  const file = path === undefined ? undefined : await readConfigFile(path);
  const environment = readEnvironment(env);
  const layers: Layer[] = [];
  if (file) layers.push({ values: checkLayer(file.raw, () => file.path), base: file.folder, kind: 'config', source: () => file.path });
  layers.push({ values: environment.layer, base: cwd, kind: 'environment', source: environment.source });
  layers.push({ values: checkLayer(argument, () => argumentName), base: cwd, kind: 'argument', source: () => argumentName });

  const strongest = <K extends 'discover' | 'onMismatch' | 'threads' | 'log' | 'logger'>(key: K): ConfigLayer[K] =>
    layers.findLast(({ values }) => values[key] !== undefined)?.values[key];
  const config: Config = {
    policy: mergePolicies(defaultPolicy, ...layers.map(({ values }) => values)),
    plugins: layers
      .toReversed()
      .flatMap(({ values, base, kind, source }) =>
        (values.plugins ?? []).map((plugin) => ({ plugin, base, source: { kind, detail: source(['plugins']) } })),
      ),
    discover: strongest('discover') ?? true,
    tables: {
      project: placeOf(layers, (v) => v.tables?.project) ?? resolve(file?.folder ?? cwd, '.flagos'),
      machine: placeOf(layers, (v) => v.tables?.machine),
      shared: layers.findLast(({ values }) => values.tables?.shared !== undefined)?.values.tables?.shared ?? false,
    },
    lock: placeOf(layers, (v) => v.lock) || undefined,
    onMismatch: strongest('onMismatch') ?? 'error',
    threads: strongest('threads') ?? 'auto',
    log: strongest('log') ?? 'warn',
    logger: strongest('logger'),
  };
  const provenance = new Map(layers.flatMap(({ values, source }) => pathsOf(values).map((at) => [at.join('.'), source(at)] as const)));
  return {
    config,
    provenance,
    file: file?.path,
    warnings: environment.warnings,
    policyOver: (under) => mergePolicies(defaultPolicy, ...under, ...layers.map(({ values }) => values)),
  };
};
