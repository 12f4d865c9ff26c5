/**
 * The bundle of tfjs-core's own specs: tfjs-core, the backends, this library from its sources, and the
 * specs, which register with jasmine's globals when they are loaded. Options come in through `globalThis`.
 */
import * as tf from '@tensorflow/tfjs-core';
// oxlint-disable import/no-unassigned-import -- what they do is register
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import '@tensorflow/tfjs-backend-cpu';
// oxlint-enable import/no-unassigned-import
import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util.js';
import { install, type FlagosBackend, type TfCoverage, type TfInstallOptions } from '../../../src/entries/tfjs.ts';
import { createRuntime, type Flagos } from '../../../src/host/flagos.ts';

interface SuiteOptions {
  readonly backend: string;
  readonly install: TfInstallOptions;
}
const { flagosSuite } = globalThis as unknown as { readonly flagosSuite: SuiteOptions };

const runtime: Flagos = await createRuntime({ file: false, env: {}, discover: false, log: 'error' });
await install(tf, { ...flagosSuite.install, runtime });
// Specs about choosing a backend expect the registry to be as tfjs leaves it.
setTestEnvs([{ name: flagosSuite.backend, backendName: flagosSuite.backend, isDataSync: true }]);
await import('@tensorflow/tfjs-core/dist/tests.js');

export const coverage = (): TfCoverage => (tf.findBackend('flagos') as unknown as FlagosBackend).coverage();
export const close = (): Promise<void> => runtime.close();
