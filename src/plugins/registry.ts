/**
 * The registry: who supplies kernels in this process, and what became of every plugin that was
 * looked at. A plugin's providers enter together or not at all.
 */
import { FlagosError } from '../core/errors.ts';
import { rawKernelId } from './check-raw.ts';
import type { KernelProvider, OpRawKernel } from './contract.ts';

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
  /** Ids of the raw kernels it brings. */
  readonly kernels: readonly string[];
  /** Why it failed: FLAGOS_E_PLUGIN_*. */
  readonly error: FlagosError | undefined;
}

const conflict = (plugin: string, what: string, name: string, owner: string): FlagosError =>
  new FlagosError(
    'FLAGOS_E_PLUGIN_CONFLICT',
    owner === plugin
      ? `plugin '${plugin}' registers ${what} '${name}' twice`
      : `plugin '${plugin}' registers ${what} '${name}', which plugin '${owner}' has registered`,
    {
      hint: owner === plugin ? `bind each ${what} once` : `leave one of the two plugins out, or give one ${what} another name`,
      details: { plugin, [what === 'provider' ? 'provider' : 'kernel']: name, owner },
    },
  );

export class ProviderRegistry {
  readonly #providers = new Map<string, KernelProvider>();
  readonly #owners = new Map<string, string>();
  readonly #raw = new Map<string, { readonly kernel: OpRawKernel; readonly owner: string }>();
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

  /** All raw kernels, in the order in which they were registered. */
  rawKernels(): readonly OpRawKernel[] {
    return [...this.#raw.values()].map((r) => r.kernel);
  }

  /** One entry for each plugin looked at, in order. */
  reports(): readonly PluginReport[] {
    return [...this.#reports];
  }

  /**
   * Registers the providers and raw kernels of a plugin, all or none.
   * @throws FLAGOS_E_PLUGIN_CONFLICT if a name is taken, among themselves too; nothing has changed then.
   */
  register(plugin: string, providers: readonly KernelProvider[], kernels: readonly OpRawKernel[] = []): void {
    const claim = (what: string, names: readonly string[], ownerOf: (name: string) => string | undefined): void => {
      const mine = new Set<string>();
      for (const name of names) {
        const owner = mine.has(name) ? plugin : ownerOf(name);
        if (owner !== undefined) throw conflict(plugin, what, name, owner);
        mine.add(name);
      }
    };
    claim(
      'provider',
      providers.map((p) => p.name),
      (name) => this.#owners.get(name),
    );
    claim('raw kernel', kernels.map(rawKernelId), (id) => this.#raw.get(id)?.owner);
    for (const kernel of kernels) this.#raw.set(rawKernelId(kernel), { kernel, owner: plugin });
    for (const provider of providers) {
      this.#providers.set(provider.name, provider);
      this.#owners.set(provider.name, plugin);
    }
  }

  report(entry: PluginReport): void {
    this.#reports.push(entry);
  }
}
