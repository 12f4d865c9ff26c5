/** Options about who may run what, shared by the verbs that open a runtime, and the runtime they make. */
import { FlagosError } from '../core/errors.ts';
import { createRuntime, type Flagos, type RuntimeConfig } from '../host/flagos.ts';
import { parseToken, requiredLevels, tokenMatches, type Token } from '../opmanager/policy.ts';
import type { Common, OptionGroup } from './args/command.ts';
import { choice, flag, integer, list, pairs, text, texts, type Options, type ValuesOf } from './args/option.ts';
import type { Io } from './io.ts';

export const runtimeOptions = {
  chip: list(
    '<token>',
    'run here if it can: reference, flagos, vendor, vendor:<name>, <provider>/<chip> or impl:<kernel>; before --prefer',
  ),
  prefer: list('<tokens>', 'order in which providers are asked, separated by commas'),
  fallback: choice(['none', 'native', 'any'], 'who runs an op that nobody in the order can run'),
  'per-op': pairs('<op>=<tokens>', 'order for one op or pattern: Conv=vendor:onnxruntime,flagos'),
  'allow-vendors': list('<names>', 'vendors that may be used; default all'),
  'deny-vendors': list('<names>', 'vendors that may not'),
  'on-failure': choice(['error', 'next', 'quarantine'], 'what happens when a kernel fails while running'),
  'min-accuracy': choice(requiredLevels, "the least a kernel's measured accuracy must be"),
  'unknown-accuracy': choice(['probe', 'deny', 'trust'], 'what to do with kernels nobody measured'),
  plugin: texts('<name>', 'a plugin to load: package or path'),
  'no-discover': flag('do not look for plugins among the dependencies of the project'),
  threads: integer('<n>', 'threads a kernel may use', 1),
  config: text('<file>', 'configuration file, in place of the nearest flagos.config.*'),
  log: choice(['debug', 'info', 'warn', 'error', 'silent'], 'what to say on stderr while working'),
} satisfies Options;

export const runtimeGroup: OptionGroup<typeof runtimeOptions> = { title: 'Who runs what', options: runtimeOptions };

export type RuntimeValues = ValuesOf<typeof runtimeOptions> & Pick<Common, 'debug'>;

/** The configuration that a command line asks for: the strongest layer. Plain data, so that it can be sent to a child process. */
export const configOf = (v: RuntimeValues, io: Pick<Io, 'cwd'>): RuntimeConfig & { readonly cwd: string } => {
  const order = v.chip || v.prefer ? [...(v.chip ?? []), ...(v.prefer ?? [])] : undefined;
  const accuracy = v['min-accuracy'] || v['unknown-accuracy'] ? { min: v['min-accuracy'], unknown: v['unknown-accuracy'] } : undefined;
  const perOp = v['per-op'].size > 0 ? Object.fromEntries([...v['per-op']].map(([op, tokens]) => [op, tokens.split(/[,|]/)])) : undefined;
  return {
    cwd: io.cwd,
    argumentName: 'the command line',
    ...(v.config === undefined ? {} : { file: v.config }),
    prefer: order,
    perOp,
    accuracy,
    fallback: v.fallback,
    onFailure: v['on-failure'],
    allowVendors: v['allow-vendors']?.slice(),
    denyVendors: v['deny-vendors']?.slice(),
    plugins: v.plugin.length > 0 ? [...v.plugin] : undefined,
    discover: v['no-discover'] ? false : undefined,
    threads: v.threads,
    log: v.log ?? (v.debug ? 'debug' : undefined),
  };
};

/** Why a token that names no open chip may do so: what its provider said was missing, or how its plugin failed. */
const whyMissing = ({ runtime }: Flagos, token: Token): string | undefined => {
  const parsed = parseToken(token);
  const provider = parsed.type === 'vendor' || parsed.type === 'chip' ? parsed.provider : undefined;
  if (provider === undefined) return undefined;
  const failed = runtime.registry.reports().find((r) => r.state === 'failed' && r.providers.includes(provider));
  if (failed) return `plugin ${failed.plugin} failed: ${failed.error?.reason ?? 'for no known reason'}`;
  const broken = runtime.broken.find((b) => b.chip.startsWith(`${provider}/`));
  if (broken) return broken.error.message;
  const probe = runtime.probes.find((p) => p.provider.name === provider);
  const missing = probe?.missing[0];
  return probe?.error?.reason ?? (missing && `${missing.reason}${missing.hint === undefined ? '' : `; ${missing.hint}`}`);
};

/** Whether an open chip is what a token names. */
export const tokenHasChip = ({ runtime }: Flagos, token: Token): boolean => {
  const parsed = parseToken(token);
  return runtime.chips.some(({ provider, chip }) =>
    parsed.type === 'kernel'
      ? parsed.kernel.startsWith(`${provider.name}/${chip.id}:`)
      : tokenMatches(token, { provider: provider.name, kind: provider.kind, chip: chip.id, kernel: '' }),
  );
};

/** Every chip that was asked for must be there. @throws FLAGOS_E_CHIP listing what there is. */
export const checkChips = (flagos: Flagos, tokens: readonly Token[]): void => {
  const ids = flagos.runtime.chips.map((c) => c.id);
  for (const token of tokens) {
    if (tokenHasChip(flagos, token)) continue;
    throw new FlagosError(
      'FLAGOS_E_CHIP',
      `there is no chip '${token}' here; there ${ids.length === 1 ? 'is' : 'are'} ${ids.join(', ') || 'none'}`,
      {
        hint: whyMissing(flagos, token) ?? 'flagos chips lists them, flagos doctor says what is missing',
        details: { token, chips: ids },
      },
    );
  }
};

/** Opens the runtime a command line asks for. @throws FLAGOS_E_CONFIG, FLAGOS_E_CHIP */
export const openRuntime = async (config: RuntimeConfig, chips: readonly Token[] = []): Promise<Flagos> => {
  const flagos = await createRuntime(config);
  try {
    checkChips(flagos, chips);
  } catch (error) {
    await flagos.close();
    throw error;
  }
  return flagos;
};

/** For verbs that report broken plugins themselves: no warnings about them besides, unless asked for. */
export const quietly = <V extends RuntimeValues>(values: V, io: Io): V =>
  values.log !== undefined || values.debug || io.env['FLAGOS_LOG'] ? values : { ...values, log: 'error' };

/** Opens a runtime, does something with it, and closes it whatever comes. */
export const withRuntime = async <T>(values: RuntimeValues, io: Io, work: (flagos: Flagos) => Promise<T>): Promise<T> => {
  const flagos = await openRuntime(configOf(values, io), values.chip);
  try {
    return await work(flagos);
  } finally {
    await flagos.close();
  }
};
