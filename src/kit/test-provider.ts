/**
 * The kit inside of a test runner: every check a test. It runs in the test's own process, so a kernel that hangs in a loop
 * of its own hangs the test; `flagos conformance plugin` has processes for that.
 *
 *     import { test } from 'vitest';           // or from 'node:test'
 *     import { testProvider } from 'flagos/testing';
 *     import { acme } from './index.js';
 *     await testProvider(acme, { test });
 */
import { FlagosError } from '../core/errors.ts';
import { opSet } from '../ops/index.ts';
import type { Host, KernelProvider } from '../plugins/contract.ts';
import { checkProvider } from '../plugins/check-provider.ts';
import { openChip, probeProvider } from '../plugins/probe.ts';
import { withTimeLimit } from '../plugins/time-limit.ts';
import { checksOf, runCheck } from './checks.ts';
import { levels, type CheckResult, type LevelName } from './types.ts';

/** What makes a test, of any runner that has it by this shape. */
export type MakeTest = (name: string, body: () => Promise<void>) => unknown;

export interface TestProviderOptions {
  readonly test: MakeTest;
  /** Only ops whose name fits. */
  readonly filter?: RegExp;
  /** Default: all but performance, which proves nothing in a test. */
  readonly levels?: readonly LevelName[];
  /** For one check, in milliseconds; default 30 000. */
  readonly timeLimitMs?: number;
  readonly host?: Partial<Host>;
  /** Checks known to fail, by `level: name`, with the reason; they are expected to fail, so that none stays here without need. */
  readonly known?: Readonly<Record<string, string>>;
  /** Told of what was skipped or loosened. Default: printed as a line. */
  readonly report?: (result: CheckResult) => void;
  readonly memory?: () => number;
}

/**
 * Makes a test of every check, for each chip the provider finds. Where it finds none, one test says why and passes.
 * @throws FLAGOS_E_PLUGIN_PROVIDER, FLAGOS_E_CHIP if there is nothing that could be tested.
 */
export const testProvider = async (given: KernelProvider, options: TestProviderOptions): Promise<void> => {
  const { test, filter, timeLimitMs = 30_000, known = {}, memory } = options;
  const host: Host = { logger: { log: () => {} }, threads: 1, env: {}, ...options.host };
  const report = options.report ?? ((r: CheckResult) => console.log(`${r.status}: ${r.level}: ${r.name}: ${r.detail ?? ''}`));
  const provider = checkProvider(given.name, given, true);
  const { chips, missing, error } = await probeProvider(provider, host);
  if (error) throw error;
  if (chips.length === 0) {
    const why = missing.map((m) => `${m.reason}${m.hint === undefined ? '' : ` (${m.hint})`}`).join('; ') || 'no reason given';
    test(`${provider.name}: no chip on this machine: ${why}`, async () => {
      if (missing.length === 0) throw new FlagosError('FLAGOS_E_PLUGIN_PROBE', `${provider.name} finds no chip and does not say why`);
    });
    return;
  }
  for (const chip of chips) {
    const session = await openChip(provider, chip, host);
    const subject = { provider, chip, session, host, ops: opSet, filter, memory };
    for (const level of options.levels ?? levels.filter((l) => l !== 'performance')) {
      for (const check of checksOf(level, subject)) {
        const id = `${level}: ${check.name}`;
        test(`${provider.name}/${chip.id} ${id}`, async () => {
          const result = await withTimeLimit(timeLimitMs, id, () => runCheck(check));
          if (known[id] !== undefined) {
            if (result.status !== 'fail')
              throw new FlagosError('FLAGOS_E_USAGE', `${id} passes, and is listed as known to fail: ${known[id]}`);
            return;
          }
          if (result.status === 'fail') throw new FlagosError('FLAGOS_E_KERNEL_CONTRACT', `${id}: ${result.detail}`);
          if (result.status === 'skip' || result.status === 'loosened') report(result);
        });
      }
    }
  }
};
