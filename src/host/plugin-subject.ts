/** The plugin a conformance run is about: found by provider, package, folder or module, loaded, and nothing opened yet. */
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { FlagosError } from '../core/errors.ts';
import { opSet } from '../ops/index.ts';
import { builtInPlugins } from '../plugins/builtin.ts';
import { createContainer } from '../plugins/container.ts';
import type { Host, KernelProvider } from '../plugins/contract.ts';
import { loadPlugins } from '../plugins/load.ts';
import { ProviderRegistry, type PluginReport } from '../plugins/registry.ts';
import { version } from '../version.ts';
import { loadConfig } from './config.ts';
import { discoverPlugins } from './discovery.ts';
import type { RuntimeConfig } from './flagos.ts';
import { createHost } from './host.ts';
import { probeToolchain } from './native/toolchain.ts';
import { nodeThreads } from './threads.ts';

export interface FoundPlugin {
  readonly report: PluginReport;
  readonly providers: readonly KernelProvider[];
  readonly host: Host;
}

const load = async (config: RuntimeConfig): Promise<{ registry: ProviderRegistry; host: Host }> => {
  const { cwd = process.cwd(), env, file, argumentName, ...argument } = config;
  const settings = await loadConfig({ cwd, env, file, argumentName, argument });
  const host = createHost(settings.config, env ? { env } : {});
  const registry = new ProviderRegistry();
  const candidates = discoverPlugins({ cwd, requests: settings.config.plugins, dependencies: settings.config.discover });
  const native = (h: Host): ReturnType<typeof probeToolchain> => probeToolchain(h.env, h.threads, h.logger);
  const builtIn = builtInPlugins(opSet, version, { native, threads: () => ({ threads: nodeThreads }) }, () => registry.rawKernels());
  await loadPlugins([...builtIn, ...candidates], { registry, container: createContainer(host) });
  return { registry, host };
};

const real = (path: string): string | undefined => {
  try {
    return realpathSync(path);
  } catch (e) {
    // What is not a path is the name of something.
    if (e instanceof Error && 'code' in e) return undefined;
    throw e;
  }
};

/**
 * @param target a provider's name, or what `plugins` of the configuration takes.
 * @throws FLAGOS_E_PLUGIN_LOAD if there is no such plugin, FLAGOS_E_CONFIG.
 */
export const findPlugin = async (target: string, config: RuntimeConfig): Promise<FoundPlugin> => {
  const path = real(resolve(config.cwd ?? process.cwd(), target));
  for (const wider of [config, { ...config, plugins: [...(config.plugins ?? []), target], discover: false }]) {
    const { registry, host } = await load(wider);
    const report = registry
      .reports()
      .find(
        (r) =>
          r.plugin === target ||
          r.providers.includes(target) ||
          (path !== undefined && r.location !== undefined && real(r.location) === path),
      );
    if (report) return { report, host, providers: registry.providers().filter((p) => registry.ownerOf(p.name) === report.plugin) };
  }
  throw new FlagosError('FLAGOS_E_PLUGIN_LOAD', `there is no plugin '${target}' here`, {
    hint: 'name a provider, a package, a folder or a module; flagos plugins lists what is found',
  });
};
