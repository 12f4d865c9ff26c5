/**
 * `flagos/tfjs`: TensorFlow.js on FlagOS.
 *
 *     import * as tf from '@tensorflow/tfjs';
 *     import { install } from 'flagos/tfjs';
 *     await install(tf);
 *     await tf.setBackend('flagos');
 */
import { registerTfBackend } from '../frameworks/tfjs/install.ts';
import { WholeModel, wholeModels, type TfModel } from '../frameworks/tfjs/whole.ts';
import type { TfModule } from '../frameworks/tfjs/tf-types.ts';
import { sharedRuntime, tfjsPolicy, type Flagos } from '../host/flagos.ts';
import type { PolicyOverride } from '../opmanager/policy.ts';

export type { TfCoverage } from '../frameworks/tfjs/coverage.ts';
export { WholeModel, type TfModel } from '../frameworks/tfjs/whole.ts';
export type { FlagosBackend } from '../frameworks/tfjs/backend.ts';

/** Fields of a policy, by the names onnxruntime's provider takes, and what concerns tfjs alone. */
export interface TfInstallOptions extends PolicyOverride {
  /** Runtime to use; default: one shared by the process. */
  readonly runtime?: Flagos;
  /** Programs that name no backend run on FlagOS too. */
  readonly asDefault?: boolean;
  /** Whether `predict` and `execute` of models run whole; default true. It takes classes from the module (`GraphModel`, `LayersModel`), or from `models`. */
  readonly wholeModels?: boolean;
  /** Model classes that are not in the module itself: those of @tensorflow/tfjs-converter and @tensorflow/tfjs-layers. */
  readonly models?: Readonly<Record<string, unknown>>;
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
  const { runtime, asDefault = false, chip, wholeModels: whole = true, models, ...policy } = options;
  const checked = tfjsPolicy({ ...policy, ...(chip === undefined ? {} : { prefer: [chip] }) });
  const module = ('registerBackend' in tf ? tf : (tf as { readonly default?: object }).default) as TfModule;
  registerTfBackend(module, (runtime ?? (await sharedRuntime())).runtime, { policy: checked, asDefault });
  if (whole) for (const classes of [module, models ?? {}]) wholeModels(module, classes as Readonly<Record<string, unknown>>);
};

/**
 * A GraphModel or LayersModel that runs on FlagOS as one planned graph, whatever backend is in use otherwise.
 * Results are tensors as the model's own.
 * @param tf the module the model's tensors are of, after {@link install}.
 */
export const wrap = (tf: object, model: TfModel): WholeModel =>
  new WholeModel(('registerBackend' in tf ? tf : (tf as { readonly default?: object }).default) as TfModule, model);
