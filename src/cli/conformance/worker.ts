/** The child process of a conformance run: it is told a case, runs it, and says how it went, until its parent is gone. */
import type { Tolerance } from '../../core/compare.ts';
import { asError } from '../../core/errors.ts';
import { openRuntime } from '../runtime-options.ts';
import type { RuntimeConfig } from '../../host/flagos.ts';
import { directRunner, runCase, type CaseResult, type Runner } from './case.ts';
import { onnxruntimeRunner } from './through-onnxruntime.ts';

/** How cases are run: plain data, sent to each child. */
export interface Setup {
  readonly root: string;
  readonly config: RuntimeConfig;
  readonly chips: readonly string[];
  readonly tolerance: Tolerance;
  /** Through onnxruntime's API, with this execution provider; absent: on the runtime itself. */
  readonly provider?: string | undefined;
}

export type ToWorker = { readonly setup: Setup } | { readonly run: string };
export type FromWorker =
  | { readonly ready: true }
  | { readonly failed: { readonly message: string; readonly code: string | undefined; readonly hint: string | undefined } }
  | { readonly result: CaseResult };

const makeRunner = async ({ config, chips, provider }: Setup): Promise<Runner> => {
  if (provider !== undefined && provider !== 'flagos') return onnxruntimeRunner(config.cwd ?? process.cwd(), provider, undefined);
  const flagos = await openRuntime(config, chips);
  return provider === undefined ? directRunner(flagos.runtime) : onnxruntimeRunner(config.cwd ?? process.cwd(), provider, flagos);
};

/** Serves the parent over the channel Node opened for `fork`; resolves when the parent closes it. */
export const serve = (): Promise<void> =>
  new Promise((resolve) => {
    let runner: Promise<{ runner: Runner; setup: Setup }> | undefined;
    const send = (message: FromWorker): void => void process.send?.(message);
    const handle = async (message: ToWorker): Promise<void> => {
      if ('setup' in message) {
        runner = makeRunner(message.setup).then((made) => ({ runner: made, setup: message.setup }));
        await runner;
        send({ ready: true });
      } else if (runner) {
        const { runner: made, setup } = await runner;
        send({ result: await runCase(setup.root, message.run, made, setup.tolerance) });
      }
    };
    process.on('message', (message: ToWorker) => {
      handle(message).catch((thrown: unknown) => {
        const error = asError(thrown);
        const { code, hint, reason } = error as { code?: string; hint?: string; reason?: string };
        send({ failed: { message: reason ?? error.message, code, hint } });
      });
    });
    process.once('disconnect', resolve);
  });
