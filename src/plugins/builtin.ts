/** The providers this library brings itself, as plugins like any other. */
import type { OpSet } from '../ops/registry.ts';
import { KERNEL_PROVIDER } from './contract.ts';
import { definePlugin } from './define.ts';
import { givenPlugin, type PluginCandidate } from './load.ts';
import { flagosProvider, type FlagosHost } from './flagos/provider.ts';
import { referenceProvider } from './reference.ts';

export const builtInPlugins = (ops: OpSet, version: string, facilities: FlagosHost): PluginCandidate[] =>
  [flagosProvider(ops, version, facilities), referenceProvider(ops, version)].map((provider) =>
    givenPlugin(
      `flagos:${provider.name}`,
      { kind: 'built-in', detail: 'part of flagos' },
      definePlugin({
        abi: 1,
        bind: (container) => void container.bind(KERNEL_PROVIDER).toConstantValue(provider),
      }),
    ),
  );
