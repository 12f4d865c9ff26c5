/** The child process of a conformance run: it is told a case, runs it, and says how it went, until its parent is gone. */
import type { Tolerance } from '../../core/compare.ts';
import { openRuntime } from '../runtime-options.ts';
import type { RuntimeConfig } from '../../host/flagos.ts';
import { directRunner, runCase, type CaseResult, type Runner } from './case.ts';
import { servePool } from './pool.ts';
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

const makeRunner = async ({ config, chips, provider }: Setup): Promise<Runner> => {
  if (provider !== undefined && provider !== 'flagos') return onnxruntimeRunner(config.cwd ?? process.cwd(), provider, undefined);
  const flagos = await openRuntime(config, chips);
  return provider === undefined ? directRunner(flagos.runtime) : onnxruntimeRunner(config.cwd ?? process.cwd(), provider, flagos);
};

/** Serves the parent until it goes away. */
export const serve = (): Promise<void> =>
  servePool<Setup, CaseResult>(async (setup) => {
    const runner = await makeRunner(setup);
    return (name) => runCase(setup.root, name, runner, setup.tolerance);
  });
