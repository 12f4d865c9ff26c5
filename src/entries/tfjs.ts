/**
 * `flagos/tfjs`: TensorFlow.js on FlagOS.
 *
 *     import * as tf from '@tensorflow/tfjs';
 *     import { install } from 'flagos/tfjs';
 *     await install(tf);
 *     await tf.setBackend('flagos');
 */
import { registerTfBackend } from '../frameworks/tfjs/install.ts';
import type { TfModule } from '../frameworks/tfjs/tf-types.ts';
import { sharedRuntime, tfjsPolicy, type Flagos } from '../host/flagos.ts';
import type { PolicyOverride } from '../opmanager/policy.ts';

export type { TfCoverage } from '../frameworks/tfjs/coverage.ts';
export type { FlagosBackend } from '../frameworks/tfjs/backend.ts';

/** Fields of a policy, by the names onnxruntime's provider takes, and what concerns tfjs alone. */
export interface TfInstallOptions extends PolicyOverride {
  /** Runtime to use; default: one shared by the process. */
  readonly runtime?: Flagos;
  /** Programs that name no backend run on FlagOS too. */
  readonly asDefault?: boolean;
  /** The chip to run on, `flagos/cpu`: short for `prefer: ['flagos/cpu']`. */
  readonly chip?: string;
}

/**
 * Registers the backend `flagos`. Installing twice into one module is harmless: the first time counts.
 * Calls FlagOS has no op for go to the other backends loaded, unless `fallback` is `none` or `native`.
 * @param tf the module object your program uses: each copy of tfjs-core has a registry of its own.
 * @throws FLAGOS_E_USAGE if `tf` is no tfjs module; FLAGOS_E_CONFIG for options that are none.
 */
export const install = async (tf: object, options: TfInstallOptions = {}): Promise<void> => {
  const { runtime, asDefault = false, chip, ...policy } = options;
  const checked = tfjsPolicy({ ...policy, ...(chip === undefined ? {} : { prefer: [chip] }) });
  const module = ('registerBackend' in tf ? tf : (tf as { readonly default?: object }).default) as TfModule;
  registerTfBackend(module, (runtime ?? (await sharedRuntime())).runtime, { policy: checked, asDefault });
};
