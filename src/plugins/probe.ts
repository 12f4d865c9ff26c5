/**
 * Asking providers for their chips, and opening one, with a time limit and a check of the answer.
 */
import { wrapError, type FlagosError } from '../core/errors.ts';
import { checkProbeReport, checkSession } from './check-provider.ts';
import type { Chip, ChipSession, Host, KernelProvider, ProbeReport } from './contract.ts';
import { pluginError } from './plugin-error.ts';
import { withTimeLimit } from './time-limit.ts';

/** What a provider found. With an error there are no chips. */
export interface ProbeResult {
  readonly provider: KernelProvider;
  readonly chips: readonly Chip[];
  readonly missing: NonNullable<ProbeReport['missing']>;
  readonly error: FlagosError | undefined;
  /** How long it took. */
  readonly elapsedMs: number;
}

/** Never throws: a provider that throws, hangs or answers rubbish has no chips, and the error says why. */
export const probeProvider = async (provider: KernelProvider, host: Host, timeLimitMs = 10_000): Promise<ProbeResult> => {
  const start = performance.now();
  const { name } = provider;
  try {
    const answer = await withTimeLimit(timeLimitMs, `probing provider '${name}'`, () => provider.probe(host), {
      details: { provider: name },
    });
    const { chips, missing = [] } = checkProbeReport(name, answer);
    return { provider, chips, missing, error: undefined, elapsedMs: performance.now() - start };
  } catch (thrown) {
    const error = pluginError('FLAGOS_E_PLUGIN_PROBE', `probing provider '${name}'`, thrown, {
      hint: 'its kernels are left out; everything else works on',
      details: { provider: name },
    });
    host.logger.log('warn', `${error.code}: ${error.reason}`, { provider: name, hint: error.hint });
    return { provider, chips: [], missing: [], error, elapsedMs: performance.now() - start };
  }
};

/** Probes all at once; results in the order of the providers. */
export const probeAll = (providers: readonly KernelProvider[], host: Host, timeLimitMs?: number): Promise<ProbeResult[]> =>
  Promise.all(providers.map((provider) => probeProvider(provider, host, timeLimitMs)));

/**
 * Opens a chip.
 * @throws FLAGOS_E_CHIP when the provider throws, FLAGOS_E_PLUGIN_TIMEOUT when it does not answer,
 * FLAGOS_E_KERNEL_CONTRACT when the answer is no session.
 */
export const openChip = async (provider: KernelProvider, chip: Chip, host: Host, timeLimitMs = 60_000): Promise<ChipSession> => {
  const id = `${provider.name}/${chip.id}`;
  try {
    const session = await withTimeLimit(timeLimitMs, `opening chip '${id}'`, () => provider.open(chip, host), {
      // Nobody will use a session that comes too late; what closing it throws is for the log only.
      late: (tardy) =>
        void Promise.resolve(tardy)
          .then((s) => s.close())
          .catch((thrown: unknown) => host.logger.log('warn', `closing '${id}' failed: ${String(thrown)}`)),
    });
    return checkSession(provider.name, chip, session);
  } catch (thrown) {
    throw wrapError('FLAGOS_E_CHIP', thrown, { trace: { chip: id } });
  }
};
