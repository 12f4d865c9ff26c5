/**
 * `flagos/onnxruntime`: onnxruntime sessions on FlagOS.
 *
 *     import * as ort from 'onnxruntime-node';
 *     import { install } from 'flagos/onnxruntime';
 *     await install(ort);
 *     const session = await ort.InferenceSession.create('model.onnx', { executionProviders: ['flagos'] });
 */
import { registerBackend } from '../frameworks/onnxruntime/backend.ts';
import type { OrtModule } from '../frameworks/onnxruntime/ort-types.ts';
import { onnxruntimeParts, sharedRuntime, type Flagos } from '../host/flagos.ts';

export interface InstallOptions {
  /** Runtime to use; default: one shared by the process, made when the first session is. */
  readonly runtime?: Flagos;
  /** Sessions that name no execution provider run on FlagOS too. */
  readonly asDefault?: boolean;
}

/**
 * Registers the execution provider `flagos`. Installing twice into one module is harmless.
 * @param ort the module object your program uses: each copy of onnxruntime-common has a registry of its own.
 * @throws FLAGOS_E_USAGE if `ort` is no onnxruntime module.
 */
export const install = async (ort: OrtModule | { readonly default: OrtModule }, options: InstallOptions = {}): Promise<void> => {
  const module = 'registerBackend' in ort ? ort : ort.default;
  const { runtime } = options;
  registerBackend(
    module,
    onnxruntimeParts(async () => (runtime ?? (await sharedRuntime())).runtime),
    options.asDefault ?? false,
  );
};
