/**
 * What a plugin's module exports by default, and the check that it does.
 */
import type { Container } from 'inversify';
import { FlagosError } from '../core/errors.ts';
import { ABI } from './contract.ts';

/** A plugin: how its parts get into a container. */
export interface PluginDefinition {
  /** Contract version it was written for: {@link ABI}. */
  readonly abi: typeof ABI;
  /** For messages, where there is no package name. */
  readonly name?: string | undefined;
  /**
   * Binds the plugin's parts, at least one `KERNEL_PROVIDER`, `RAW_KERNEL`, `TABLE_STORE` or `POLICY_SOURCE`. The container is the plugin's own; it can
   * read `HOST` and `LOGGER` from the one around it. If this throws, rejects, or takes too long,
   * nothing of the plugin is registered.
   */
  bind(container: Container): void | Promise<void>;
}

/** Types a plugin; export the result as the module's default. */
export const definePlugin = (definition: PluginDefinition): PluginDefinition => Object.freeze({ ...definition });

const describe = (value: unknown): string => {
  if (value === null) return 'null';
  return Array.isArray(value)
    ? 'an array'
    : typeof value === 'object'
      ? 'an object'
      : typeof value === 'undefined'
        ? 'missing'
        : `a ${typeof value}`;
};

/** @throws FLAGOS_E_PLUGIN_ABI unless `abi` is this library's contract version. */
export const checkAbi = (plugin: string, abi: unknown, where: string): void => {
  if (abi === ABI) return;
  const said = typeof abi === 'number' ? `is for contract version ${abi}` : 'names no contract version';
  throw new FlagosError('FLAGOS_E_PLUGIN_ABI', `plugin '${plugin}' ${said} (${where}), this flagos has version ${ABI}`, {
    hint:
      typeof abi === 'number' && abi > ABI
        ? 'update flagos, or install an older version of the plugin'
        : 'install a newer version of the plugin',
    details: { plugin, abi, expected: ABI },
  });
};

const isDefinition = (value: unknown): value is PluginDefinition =>
  typeof value === 'object' && value !== null && 'bind' in value && typeof value.bind === 'function';

/**
 * The definition in what loading a plugin gave: a module, or the definition itself.
 * @throws FLAGOS_E_PLUGIN_LOAD for a wrong default export, FLAGOS_E_PLUGIN_ABI for another contract version.
 */
export const definitionOf = (plugin: string, loaded: unknown): PluginDefinition => {
  const given = typeof loaded === 'object' && loaded !== null ? loaded : {};
  const exported: unknown = 'default' in given ? given.default : 'abi' in given || 'bind' in given ? given : undefined;
  const abi: unknown = typeof exported === 'object' && exported !== null && 'abi' in exported ? exported.abi : undefined;
  // Before the shape: a later contract may well have another one.
  if (abi !== undefined) checkAbi(plugin, abi, 'definePlugin');
  if (isDefinition(exported) && abi !== undefined) return exported;
  throw new FlagosError(
    'FLAGOS_E_PLUGIN_LOAD',
    `plugin '${plugin}' has no usable default export: it is ${isDefinition(exported) ? 'an object without abi' : describe(exported)}`,
    {
      hint: 'its module must say: export default definePlugin({ abi: 1, bind(container) { … } })',
      details: { plugin },
    },
  );
};
