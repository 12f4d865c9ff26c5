/**
 * The shape of what plugins bring, checked once when it comes in, so that a plugin in plain JavaScript
 * that forgets something is told so at once and by name, instead of failing somewhere in a run.
 */
import { FlagosError } from '../core/errors.ts';
import type { Chip, ChipSession, KernelProvider, ProbeReport } from './contract.ts';

/** Names of providers and chips; what has a meaning in policy tokens and kernel ids is not in them. */
export const namePattern = /^[A-Za-z0-9][\w.-]*$/;
const kinds = ['flagos', 'vendor', 'reference'];
/** Words of the policy language, and names of what is built in. */
export const reservedNames = [...kinds, 'impl', 'host'];

/** Fields of an object somebody else made; reading one may run their code. */
const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
const isFunction = (value: unknown): boolean => typeof value === 'function';

/** What is wrong with a value that should be a provider; undefined if nothing is. */
const providerFault = (value: unknown, builtIn: boolean): string | undefined => {
  if (typeof value !== 'object' || value === null) return `registers ${value === null ? 'null' : `a ${typeof value}`} as kernel provider`;
  const name = field(value, 'name');
  if (typeof name !== 'string' || !namePattern.test(name))
    return `registers a provider whose name is not made of letters, digits, '.', '_' and '-'`;
  const says = (what: string): string => `registers provider '${name}', ${what}`;
  const kind = field(value, 'kind');
  if (typeof kind !== 'string' || !kinds.includes(kind)) return says(`whose kind is none of ${kinds.join(', ')}`);
  if (!builtIn && kind !== 'vendor') return says(`whose kind is '${kind}'; that is for what is built in, a plugin’s is 'vendor'`);
  if (!builtIn && reservedNames.includes(name.toLowerCase())) return says('a name that is kept for what is built in');
  if (!isText(field(value, 'version'))) return says('which has no version');
  for (const method of ['probe', 'open']) if (!isFunction(field(value, method))) return says(`which has no method ${method}`);
  return undefined;
};

const isProvider = (value: unknown, builtIn: boolean): value is KernelProvider => providerFault(value, builtIn) === undefined;

/**
 * @param builtIn whether it may be of another kind than `vendor`.
 * @throws FLAGOS_E_PLUGIN_PROVIDER naming what is wrong.
 */
export const checkProvider = (plugin: string, value: unknown, builtIn: boolean): KernelProvider => {
  if (isProvider(value, builtIn)) return value;
  throw new FlagosError('FLAGOS_E_PLUGIN_PROVIDER', `plugin '${plugin}' ${providerFault(value, builtIn)}`, {
    hint: 'see KernelProvider in docs/plugin-guide.md',
    details: { plugin },
  });
};

const chipFault = (value: unknown): string | undefined => {
  const id = field(value, 'id');
  if (typeof id !== 'string' || !namePattern.test(id)) return `a chip whose id is not made of letters, digits, '.', '_' and '-'`;
  for (const name of ['description', 'fingerprint']) if (!isText(field(value, name))) return `chip '${id}' without ${name}`;
  return undefined;
};

const probeFault = (value: unknown): string | undefined => {
  const chips = field(value, 'chips');
  if (!Array.isArray(chips)) return 'nothing with a list of chips';
  const ids = new Set<unknown>();
  for (const chip of chips) {
    const fault = chipFault(chip);
    if (fault !== undefined) return fault;
    const id = field(chip, 'id');
    if (ids.has(id)) return `chip '${String(id)}' twice`;
    ids.add(id);
  }
  const missing = field(value, 'missing');
  if (missing === undefined) return undefined;
  if (!Array.isArray(missing)) return 'something else than a list of what is missing';
  return missing.every((m: unknown) => isText(field(m, 'chip')) && isText(field(m, 'reason')))
    ? undefined
    : 'a missing chip without name or reason';
};

const isProbeReport = (value: unknown): value is ProbeReport => probeFault(value) === undefined;

/** @throws FLAGOS_E_PLUGIN_PROBE naming what is wrong. */
export const checkProbeReport = (provider: string, value: unknown): ProbeReport => {
  if (isProbeReport(value)) return value;
  throw new FlagosError('FLAGOS_E_PLUGIN_PROBE', `provider '${provider}' reports ${probeFault(value)}`, { details: { provider } });
};

const sessionFault = (value: unknown): string | undefined => {
  if (typeof value !== 'object' || value === null) return 'is not an object';
  for (const method of ['supports', 'prepare', 'close']) if (!isFunction(field(value, method))) return `has no method ${method}`;
  const variants = field(value, 'variants');
  if (variants !== undefined && !isFunction(variants)) return 'has variants that is not a method';
  const regions = field(value, 'regions');
  if (regions !== 'single' && regions !== 'connected') return `says neither 'single' nor 'connected' as regions`;
  if (typeof field(value, 'dynamicShapes') !== 'boolean') return 'does not say whether it takes dynamicShapes';
  for (const [name, least] of [
    ['overheadUs', 0],
    ['gflops', Number.MIN_VALUE],
    ['gbps', Number.MIN_VALUE],
  ] as const) {
    const rate = field(field(value, 'prior'), name);
    if (typeof rate !== 'number' || !(rate >= least) || rate === Infinity) return `has no ${name} in its prior`;
  }
  for (const name of ['prepareUs', 'nodeUs']) {
    const us = field(field(value, 'prior'), name);
    if (us !== undefined && !(typeof us === 'number' && us >= 0 && us < Infinity)) return `has a prior whose ${name} is no time`;
  }
  const instant = field(value, 'instant');
  if (instant !== undefined && typeof instant !== 'boolean') return 'says neither true nor false to instant';
  const memory = field(value, 'memory');
  if (memory === undefined) return undefined;
  if (!isText(field(memory, 'id')) || field(memory, 'id') === 'host') return 'has a memory without an id of its own';
  for (const method of ['upload', 'download', 'free'])
    if (!isFunction(field(memory, method))) return `has a memory without method ${method}`;
  for (const name of ['latencyUs', 'gbps']) {
    const cost = field(field(memory, 'transfer'), name);
    if (typeof cost !== 'number' || !(cost >= 0)) return `has a memory without ${name} in its transfer`;
  }
  return undefined;
};

const isSession = (value: unknown): value is ChipSession => sessionFault(value) === undefined;

/** @throws FLAGOS_E_KERNEL_CONTRACT naming what is wrong. */
export const checkSession = (provider: string, chip: Chip, value: unknown): ChipSession => {
  if (isSession(value)) return value;
  throw new FlagosError('FLAGOS_E_KERNEL_CONTRACT', `the session that provider '${provider}' opens ${sessionFault(value)}`, {
    trace: { chip: `${provider}/${chip.id}` },
    hint: 'see ChipSession in docs/plugin-guide.md',
  });
};
