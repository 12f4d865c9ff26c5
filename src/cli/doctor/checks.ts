/** What `flagos doctor` looks at. `missing`: not there, and nobody asked for it; `broken`: asked for, and does not work. */
import { existsSync } from 'node:fs';
import { satisfies } from 'semver';
import { asError, FlagosError } from '../../core/errors.ts';
import type { Flagos } from '../../host/flagos.ts';
import type { Policy, Token } from '../../opmanager/policy.ts';
import type { Io } from '../io.ts';
import { configOf, openRuntime, quietly, tokenHasChip, type RuntimeValues } from '../runtime-options.ts';
import { missingChips } from '../verbs/chips.ts';
import { cacheCheck, compilerCheck, onnxruntimeCheck } from './tools.ts';

export interface Check {
  readonly name: string;
  readonly state: 'ok' | 'missing' | 'broken';
  readonly detail: string;
  readonly hint?: string | undefined;
}

/** As `engines` of package.json says. */
const NODE = '>=20.19.0';

const nodeCheck = (): Check =>
  satisfies(process.versions.node, NODE)
    ? { name: 'node', state: 'ok', detail: `${process.version} on ${process.platform} ${process.arch}` }
    : { name: 'node', state: 'broken', detail: `${process.version} is too old`, hint: `install Node ${NODE}` };

const pluginChecks = ({ runtime }: Flagos): Check[] =>
  runtime.registry
    .reports()
    .filter((r) => r.source.kind !== 'built-in')
    .map((r): Check =>
      r.state === 'registered'
        ? {
            name: `plugin ${r.plugin}`,
            state: 'ok',
            detail: `${r.version ?? 'no version'}, brings ${r.providers.join(', ')} (${r.source.detail})`,
          }
        : {
            name: `plugin ${r.plugin}`,
            state: 'broken',
            detail: r.error?.reason ?? 'failed',
            hint: [r.error?.hint, `named by ${r.source.detail}`].filter(Boolean).join('; '),
          },
    );

/** A chip that is missing is broken if policy names it. */
const isAsked = (chip: string, tokens: readonly Token[]): boolean => {
  const [provider] = chip.split('/');
  return tokens.some((t) => t === chip || t === `vendor:${provider}` || t.startsWith(`impl:${chip}:`));
};

const chipChecks = (flagos: Flagos, tokens: readonly Token[]): Check[] => {
  const { runtime } = flagos;
  const found = runtime.chips.map(({ id, chip }): Check => ({ name: `chip ${id}`, state: 'ok', detail: chip.description }));
  const missing = missingChips(runtime).map(({ chip, reason, hint }): Check => ({
    name: `chip ${chip}`,
    state: isAsked(chip, tokens) || chip.endsWith('/*') ? 'broken' : 'missing',
    detail: reason,
    hint,
  }));
  const known = new Set([...found, ...missing].map((c) => c.name));
  const unmatched = tokens
    .filter((t) => !tokenHasChip(flagos, t) && !known.has(`chip ${t}`))
    .map((t): Check => ({
      name: `token ${t}`,
      state: 'broken',
      detail: 'policy names it, and no chip here is it',
      hint: 'flagos chips lists what there is',
    }));
  return [...found, ...missing, ...unmatched];
};

const tokensOf = (policy: Policy): Token[] => [...new Set([...policy.prefer, ...Object.values(policy.perOp).flat()])];

const shown = (value: unknown): string => (Array.isArray(value) ? value.map(String).join(', ') || 'nobody' : String(value));

/** @param hidden settings this verb made itself. */
const configChecks = ({ settings }: Flagos, hidden: ReadonlySet<string>): Check[] => {
  const { config, file, provenance, warnings } = settings;
  const valueAt = (key: string): unknown =>
    key.split('.').reduce<unknown>((at, part) => (typeof at === 'object' && at !== null ? Reflect.get(at, part) : undefined), {
      ...config.policy,
      ...config,
    });
  return [
    { name: 'configuration file', state: 'ok', detail: file ?? 'none; defaults apply' },
    ...[...provenance]
      .filter(([key]) => !hidden.has(key))
      .map(([key, source]): Check => ({ name: `setting ${key}`, state: 'ok', detail: `${shown(valueAt(key))}, from ${source}` })),
    ...warnings.map((w): Check => ({ name: 'configuration', state: 'broken', detail: w })),
  ];
};

/** All checks, in the order of the report. Never throws for what it looks at. */
export const doctorChecks = async (options: RuntimeValues, io: Io): Promise<Check[]> => {
  const checks: Check[] = [nodeCheck()];
  try {
    // Chips that are not there are a finding here, not a reason to stop.
    const flagos = await openRuntime(configOf(quietly(options, io), io));
    try {
      const tokens = tokensOf(flagos.runtime.policy);
      checks.push(
        ...configChecks(flagos, new Set(options.log === undefined ? ['log'] : [])),
        ...pluginChecks(flagos),
        ...chipChecks(flagos, tokens),
      );
    } finally {
      await flagos.close();
    }
  } catch (thrown) {
    const error = asError(thrown);
    checks.push({
      name: 'configuration',
      state: 'broken',
      detail: error instanceof FlagosError ? error.reason : error.message,
      hint: error instanceof FlagosError ? error.hint : undefined,
    });
  }
  checks.push(await onnxruntimeCheck(io.cwd), await compilerCheck(io.env), cacheCheck(io.env));
  if (io.self !== undefined && !existsSync(io.self))
    checks.push({ name: 'program', state: 'broken', detail: `${io.self} is gone`, hint: 'npm run build' });
  return checks;
};
