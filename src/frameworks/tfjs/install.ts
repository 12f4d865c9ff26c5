/** The backend `flagos`, registered with a user's tfjs. */
import { FlagosError } from '../../core/errors.ts';
import type { PolicyOverride } from '../../opmanager/policy.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { FlagosBackend } from './backend.ts';
import { CoverageCount } from './coverage.ts';
import { BACKEND } from './names.ts';
import { KernelCalls } from './kernel-calls.ts';
import { OtherBackends } from './others.ts';
import { CapturedPlans } from './plans.ts';
import type { Shared } from './shared.ts';
import { Templates } from './template.ts';
import type { TfModule } from './tf-types.ts';

export { BACKEND } from './names.ts';
/** Chosen by itself where the user names no backend: above all of tfjs's own (webgl 2, webgpu 3). */
const DEFAULT_PRIORITY = 10;

export interface RegisterOptions {
  readonly policy: PolicyOverride;
  /** Whether tfjs may choose it where the program names no backend. */
  readonly asDefault: boolean;
}

/** tfjs asks whether the backend in use has these, and does without otherwise. */
const optional = new Set(['FromPixels', 'Draw']);

/** Every kernel name this copy of tfjs has: it exports them as constants of their own name. */
const kernelNames = (tf: TfModule): string[] => {
  const exported = Object.entries(tf as unknown as Record<string, unknown>).flatMap(([name, value]) => (name === value ? [name] : []));
  const others = Object.keys(tf.engine().registryFactory).flatMap((b) => tf.getKernelsForBackend(b).map((k) => k.kernelName));
  return [...new Set([...KernelCalls.names, ...exported, ...others])].filter((name) => !optional.has(name));
};

const isTf = (x: unknown): x is TfModule =>
  typeof x === 'object' && x !== null && 'registerBackend' in x && 'registerKernel' in x && 'engine' in x && 'getKernel' in x;

/**
 * Registers backend and kernels. Doing it twice in one module changes nothing.
 * @throws FLAGOS_E_USAGE if `tf` is no tfjs module.
 */
export const registerTfBackend = (tf: TfModule, runtime: Runtime, { policy, asDefault }: RegisterOptions): void => {
  if (!isTf(tf))
    throw new FlagosError('FLAGOS_E_USAGE', 'this is not a TensorFlow.js module', {
      hint: "give what `import * as tf from '@tensorflow/tfjs'` gives (or tfjs-core)",
    });
  if (BACKEND in tf.engine().registryFactory) return;
  const coverage = new CoverageCount();
  const shared: Shared = {
    runtime,
    coverage,
    templates: new Templates(runtime.ops),
    plans: new CapturedPlans(runtime, { policy, planned: (plan) => coverage.planned(plan), dropped: () => {} }),
    others: (policy.fallback ?? 'any') === 'any',
  };
  const factory = (): FlagosBackend => new FlagosBackend(shared, tf.engine());
  tf.registerBackend(BACKEND, factory, asDefault ? DEFAULT_PRIORITY : 0);
  const calls = new KernelCalls(new OtherBackends(tf));
  for (const kernelName of kernelNames(tf)) tf.registerKernel({ kernelName, backendName: BACKEND, kernelFunc: calls.kernel(kernelName) });
};

/** Takes backend and kernels out again. Tensors of the backend are of no use after it. */
export const unregisterTfBackend = (tf: TfModule): void => {
  for (const { kernelName } of tf.getKernelsForBackend(BACKEND)) tf.unregisterKernel(kernelName, BACKEND);
  tf.removeBackend(BACKEND);
};
