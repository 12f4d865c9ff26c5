/**
 * Loading plugins, as transactions: each binds into a container of its own; what it bound is resolved
 * and checked; only when all of it is right does it enter the registry. Whatever a plugin does wrong
 * ends in its report, and the others go on.
 */
import type { Container } from 'inversify';
import { FlagosError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { checkProvider } from './check-provider.ts';
import { checkRawKernel, rawKernelId } from './check-raw.ts';
import { stagingContainer } from './container.ts';
import {
  KERNEL_PROVIDER,
  LOGGER,
  POLICY_SOURCE,
  RAW_KERNEL,
  TABLE_STORE,
  type KernelProvider,
  type OpRawKernel,
  type PluginManifest,
  type PolicySource,
  type TableSource,
} from './contract.ts';
import { definitionOf, type PluginDefinition } from './define.ts';
import { parseManifest } from './manifest.ts';
import { pluginError } from './plugin-error.ts';
import type { PluginReport, PluginSource, ProviderRegistry } from './registry.ts';
import { checkPolicySource, checkTableSource } from './sources.ts';
import { withTimeLimit } from './time-limit.ts';

/** A plugin as discovery found it; none of its code has run. */
export interface PluginCandidate {
  /** Package name, or the path as it was given. */
  readonly plugin: string;
  readonly source: PluginSource;
  readonly version?: string | undefined;
  /** The package's folder or the module's file. */
  readonly location?: string | undefined;
  /** The `flagos` field of its package.json, unchecked; undefined for what is not a package. */
  readonly manifest?: unknown;
  /** Why it cannot even be tried. */
  readonly problem?: FlagosError | undefined;
  /** The plugin's module, or its definition. */
  load(manifest: PluginManifest | undefined): unknown;
}

export interface LoadOptions {
  readonly registry: ProviderRegistry;
  /** The runtime's container. */
  readonly container: Container;
  /** For importing and binding one plugin, in milliseconds; default 10 000. */
  readonly timeLimitMs?: number;
}

/** A definition that is at hand: built in, or handed to the runtime. */
export const givenPlugin = (plugin: string, source: PluginSource, definition: PluginDefinition): PluginCandidate => ({
  plugin,
  source,
  load: () => definition,
});

/** What a plugin brings. */
interface Brought {
  readonly providers: readonly KernelProvider[];
  readonly kernels: readonly OpRawKernel[];
  readonly tables: readonly TableSource[];
  readonly policies: readonly PolicySource[];
}

const resolveParts = async (candidate: PluginCandidate, manifest: PluginManifest | undefined, container: Container): Promise<Brought> => {
  const { plugin } = candidate;
  const definition = definitionOf(plugin, await candidate.load(manifest));
  const staging = stagingContainer(container);
  await definition.bind(staging);
  const bound = async (token: symbol): Promise<unknown[]> => (staging.isCurrentBound(token) ? staging.getAllAsync<unknown>(token) : []);
  const [values, raw] = [await bound(KERNEL_PROVIDER), await bound(RAW_KERNEL)];
  const tables = (await bound(TABLE_STORE)).map((value) => checkTableSource(plugin, value));
  const policies = (await bound(POLICY_SOURCE)).map((value) => checkPolicySource(plugin, value));
  const kernelsToo = values.length + raw.length > 0;
  if (!kernelsToo && tables.length + policies.length === 0) {
    throw new FlagosError('FLAGOS_E_PLUGIN_PROVIDER', `plugin '${plugin}' binds no KERNEL_PROVIDER`, {
      hint: 'its bind must say container.bind(KERNEL_PROVIDER).toConstantValue(provider)',
      details: { plugin },
    });
  }
  const providers = values.map((value) => checkProvider(plugin, value, candidate.source.kind === 'built-in'));
  const kernels = raw.map((value) => checkRawKernel(plugin, value));
  // Raw kernels alone are kernels of the provider whose chips they are for.
  const named = providers.length > 0 ? providers.map((p) => p.name) : ['flagos'];
  if (kernelsToo && manifest && !named.includes(manifest.provider)) {
    throw new FlagosError(
      'FLAGOS_E_PLUGIN_MANIFEST',
      `plugin '${plugin}' says it brings provider '${manifest.provider}', and registers '${named.join("', '")}'`,
      {
        hint: 'make provider in the flagos field of its package.json the name of its provider',
        details: { plugin },
      },
    );
  }
  return { providers, kernels, tables, policies };
};

const loadPlugin = async (
  candidate: PluginCandidate,
  { registry, container, timeLimitMs = 10_000 }: LoadOptions,
): Promise<PluginReport> => {
  const { plugin, version, location, source } = candidate;
  let promised: readonly string[] = [];
  try {
    if (candidate.problem) throw candidate.problem;
    const manifest = candidate.manifest === undefined ? undefined : parseManifest(plugin, candidate.manifest);
    if (manifest) promised = [manifest.provider];
    const { providers, kernels, tables, policies } = await withTimeLimit(
      timeLimitMs,
      `loading plugin '${plugin}'`,
      () => resolveParts(candidate, manifest, container),
      {
        hint: 'leave it out, or see what it waits for',
        details: { plugin },
      },
    );
    registry.register(plugin, providers, kernels);
    for (const provider of providers) container.bind(KERNEL_PROVIDER).toConstantValue(provider);
    for (const table of tables) container.bind(TABLE_STORE).toConstantValue(table);
    for (const policy of policies) container.bind(POLICY_SOURCE).toConstantValue(policy);
    return {
      plugin,
      version,
      location,
      source,
      state: 'registered',
      providers: providers.map((p) => p.name),
      kernels: kernels.map(rawKernelId),
      error: undefined,
    };
  } catch (thrown) {
    const error = pluginError('FLAGOS_E_PLUGIN_LOAD', `loading plugin '${plugin}'`, thrown, {
      hint: 'it is left out; everything else works on',
      details: { plugin },
    });
    return { plugin, version, location, source, state: 'failed', providers: promised, kernels: [], error };
  }
};

/**
 * Loads plugins one after the other, in order: the first to register a name has it. Never throws for
 * a plugin; each gets a report, which the registry keeps too, and a failure is logged as a warning.
 */
export const loadPlugins = async (candidates: readonly PluginCandidate[], options: LoadOptions): Promise<readonly PluginReport[]> => {
  const reports: PluginReport[] = [];
  for (const candidate of candidates) {
    const report = await loadPlugin(candidate, options);
    const { error, plugin, source } = report;
    if (error) {
      const fields = { plugin, source: source.detail, hint: error.hint };
      options.container.get<Logger>(LOGGER).log('warn', `${error.code}: ${error.reason}`, fields);
    }
    options.registry.report(report);
    reports.push(report);
  }
  return reports;
};
