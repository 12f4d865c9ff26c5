/** The environment as a layer of the configuration: `FLAGOS_*`. Unset and empty variables say nothing. */
import { delimiter } from 'node:path';
import { FlagosError } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import { checkLayer, type ConfigLayer } from './config-schema.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const words = (text: string, separators: RegExp): string[] =>
  text
    .split(separators)
    .map((word) => word.trim())
    .filter((word) => word !== '');

/** `Conv=vendor:onnxruntime|flagos;MatMul=reference`. */
const perOp = (text: string): Record<string, string[]> => {
  const orders = new Map<string, string[]>();
  for (const entry of words(text, /;/)) {
    const at = entry.indexOf('=');
    const op = entry.slice(0, Math.max(at, 0)).trim();
    const fail = (why: string): never => {
      throw new FlagosError('FLAGOS_E_CONFIG', `FLAGOS_PER_OP: '${entry}' ${why}`, {
        hint: 'write it like Conv=vendor:onnxruntime|flagos;MatMul=reference',
      });
    };
    if (op === '') fail('is not an op and its order');
    if (orders.has(op)) fail(`is a second order for ${op}`);
    orders.set(op, words(entry.slice(at + 1), /\|/));
  }
  return Object.fromEntries(orders);
};

const orOff = (text: string): string | false => (text === 'off' ? false : text);

/** `off`, or `project=.flagos;machine=off;shared=postgres://…`. */
const tables = (text: string): Record<string, unknown> => {
  if (text === 'off') return { project: false, machine: false, shared: false };
  return Object.fromEntries(
    words(text, /;/).map((entry) => {
      const at = entry.indexOf('=');
      if (at < 1)
        throw new FlagosError('FLAGOS_E_CONFIG', `FLAGOS_TABLES: '${entry}' is not a table and its place`, {
          hint: 'write it like project=.flagos;machine=off, or off',
        });
      return [entry.slice(0, at).trim(), orOff(entry.slice(at + 1).trim())];
    }),
  );
};

/** What is not a number stays text, so that the message can show it. */
const count = (text: string): string | number => (/^\d+$/.test(text) ? Number(text) : text);

const variables = {
  FLAGOS_PREFER: { key: 'prefer', read: (text: string) => words(text, /,/) },
  FLAGOS_PER_OP: { key: 'perOp', read: perOp },
  FLAGOS_ALLOW_VENDORS: { key: 'allowVendors', read: (text: string) => words(text, /,/) },
  FLAGOS_DENY_VENDORS: { key: 'denyVendors', read: (text: string) => words(text, /,/) },
  FLAGOS_FALLBACK: { key: 'fallback', read: (text: string) => text },
  FLAGOS_ON_FAILURE: { key: 'onFailure', read: (text: string) => text },
  FLAGOS_PLUGINS: { key: 'plugins', read: (text: string) => words(text, delimiter === ';' ? /[,;]/ : /[,:]/) },
  FLAGOS_TABLES: { key: 'tables', read: tables },
  FLAGOS_LOCK: { key: 'lock', read: orOff },
  FLAGOS_ON_MISMATCH: { key: 'onMismatch', read: (text: string) => text },
  FLAGOS_THREADS: { key: 'threads', read: count },
  FLAGOS_LOG: { key: 'log', read: (text: string) => text },
} as const;

/** Variables that say something about the configuration without being a part of it. */
const others = ['FLAGOS_CONFIG', 'FLAGOS_CACHE', 'FLAGOS_CACHE_LIMIT'];

const variableOf = (key: unknown): string => Object.entries(variables).find(([, v]) => v.key === key)?.[0] ?? 'environment';

export interface EnvironmentLayer {
  readonly layer: ConfigLayer;
  /** The variable a field comes from. */
  readonly source: (path: readonly PropertyKey[]) => string;
  /** Variables that look like misspelled ones. */
  readonly warnings: readonly string[];
}

/** @throws FLAGOS_E_CONFIG naming the variable and what it may hold. */
export const readEnvironment = (env: Environment): EnvironmentLayer => {
  const raw: Record<string, unknown> = {};
  for (const [name, { key, read }] of Object.entries(variables)) {
    const text = env[name]?.trim();
    if (text) raw[key] = read(text);
  }
  const known = [...Object.keys(variables), ...others];
  const warnings = Object.keys(env)
    .filter((name) => name.startsWith('FLAGOS_') && !known.includes(name))
    .flatMap((name) => {
      const near = nearest(
        name.slice('FLAGOS_'.length),
        known.map((k) => k.slice('FLAGOS_'.length)),
      );
      return near === undefined ? [] : [`${name} is not a variable flagos reads; did you mean FLAGOS_${near}?`];
    });
  const source = (path: readonly PropertyKey[]): string => variableOf(path[0]);
  return { layer: checkLayer(raw, source), source, warnings };
};
