/** onnxruntime-node as the project one stands in has it, else as this package does. */
import { FlagosError } from '../core/errors.ts';
import type { OrtModule, OrtTensor } from '../frameworks/onnxruntime/ort-types.ts';
import { findModule, importModule } from '../host/installed-module.ts';

export interface OrtSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Readonly<Record<string, OrtTensor>>): Promise<Readonly<Record<string, OrtTensor>>>;
  release(): Promise<void>;
}
export interface OrtApi extends OrtModule {
  readonly InferenceSession: { create(path: string, options: object): Promise<OrtSession> };
}

const isOrt = (m: unknown): m is OrtApi =>
  typeof m === 'object' && m !== null && 'InferenceSession' in m && 'Tensor' in m && 'registerBackend' in m;

/** Path of its main module; undefined if it is installed nowhere near. */
export const findOnnxruntime = (cwd: string): string | undefined => findModule('onnxruntime-node', cwd);

/** @throws FLAGOS_E_FILE if it is not installed. */
export const importOnnxruntime = async (cwd: string): Promise<OrtApi> => {
  const path = findOnnxruntime(cwd);
  if (path === undefined)
    throw new FlagosError('FLAGOS_E_FILE', 'onnxruntime-node is not installed here', { hint: 'npm install onnxruntime-node' });
  const found = await importModule(path);
  if (isOrt(found)) return found;
  throw new FlagosError('FLAGOS_E_FILE', `${path} is not onnxruntime as this version knows it`);
};
