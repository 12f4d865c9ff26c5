/**
 * The registry: who supplies kernels in this process, and what became of every plugin that was
 * looked at. A plugin's providers enter together or not at all.
 */
import { FlagosError } from '../core/errors.ts';
import type { KernelProvider } from './contract.ts';

/** Why a plugin was looked at. */
export interface PluginSource {
  readonly kind: 'built-in' | 'argument' | 'config' | 'environment' | 'dependency';
  /** For people: the file and field, or the variable, that names it. */
  readonly detail: string;
}

/** What became of a plugin. */
export interface PluginReport {
  /** Package name, or the path as it was given. */
  readonly plugin: string;
  /** Of the package; undefined if it is not known. */
  readonly version: string | undefined;
  /** The package's folder or the module's file; undefined for what has none. */
  readonly location: string | undefined;
  readonly source: PluginSource;
  readonly state: 'registered' | 'failed';
  /** Names of its providers; of a failed one, what its manifest says it would bring. */
  readonly providers: readonly string[];
  /** Why it failed: FLAGOS_E_PLUGIN_*. */
  readonly error: FlagosError | undefined;
}

export class ProviderRegistry {
  readonly #providers = new Map<string, KernelProvider>();
  readonly #owners = new Map<string, string>();
  readonly #reports: PluginReport[] = [];

  /** All providers, in the order in which they were registered. */
  providers(): readonly KernelProvider[] {
    return [...this.#providers.values()];
  }

  find(name: string): KernelProvider | undefined {
    return this.#providers.get(name);
  }

  /** The plugin that brought a provider. */
  ownerOf(name: string): string | undefined {
    return this.#owners.get(name);
  }

  /** One entry for each plugin looked at, in order. */
  reports(): readonly PluginReport[] {
    return [...this.#reports];
  }

  /**
   * Registers the providers of a plugin, all or none.
   * @throws FLAGOS_E_PLUGIN_CONFLICT if a name is taken, among themselves too; nothing has changed then.
   */
  register(plugin: string, providers: readonly KernelProvider[]): void {
    const mine = new Set<string>();
    for (const { name } of providers) {
      const owner = mine.has(name) ? plugin : this.#owners.get(name);
      if (owner !== undefined) {
        throw new FlagosError(
          'FLAGOS_E_PLUGIN_CONFLICT',
          owner === plugin
            ? `plugin '${plugin}' registers provider '${name}' twice`
            : `plugin '${plugin}' registers provider '${name}', which plugin '${owner}' has registered`,
          {
            hint: owner === plugin ? 'bind each provider once' : 'leave one of the two plugins out, or give one provider another name',
            details: { plugin, provider: name, owner },
          },
        );
      }
      mine.add(name);
    }
    for (const provider of providers) {
      this.#providers.set(provider.name, provider);
      this.#owners.set(provider.name, plugin);
    }
  }

  report(entry: PluginReport): void {
    this.#reports.push(entry);
  }
}
