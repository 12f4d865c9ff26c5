/** The providers this library brings itself, as plugins like any other. */
import type { OpSet } from '../ops/registry.ts';
import { KERNEL_PROVIDER, RAW_KERNEL } from './contract.ts';
import { definePlugin } from './define.ts';
import { givenPlugin, type PluginCandidate } from './load.ts';
import { flagosProvider, type FlagosHost } from './flagos/provider.ts';
import { rawKernelsOf, type RawSource } from './flagos/raw-kernels.ts';
import { referenceProvider } from './reference.ts';

/** @param raw all raw kernels there will be, those of other plugins among them. */
export const builtInPlugins = (ops: OpSet, version: string, facilities: FlagosHost, raw?: RawSource): PluginCandidate[] =>
  [flagosProvider(ops, version, facilities, raw), referenceProvider(ops, version)].map((provider) =>
    givenPlugin(
      `flagos:${provider.name}`,
      { kind: 'built-in', detail: 'part of flagos' },
      definePlugin({
        abi: 1,
        bind: (container) => {
          container.bind(KERNEL_PROVIDER).toConstantValue(provider);
          if (provider.name === 'flagos') for (const kernel of rawKernelsOf(ops)) container.bind(RAW_KERNEL).toConstantValue(kernel);
        },
      }),
    ),
  );
