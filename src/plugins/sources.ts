/** What plugins may bring beside kernels: rows of evidence, and a policy. Checked here when they come in. */
import { FlagosError } from '../core/errors.ts';
import type { PolicySource, TableSource } from './contract.ts';

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

const checked = (plugin: string, value: unknown, what: string, token: string, methods: readonly string[]): void => {
  const problem =
    typeof field(value, 'name') !== 'string' || field(value, 'name') === ''
      ? 'without a name'
      : methods.flatMap((m) => (typeof field(value, m) === 'function' ? [] : [`without a method ${m}`]))[0];
  if (problem === undefined) return;
  throw new FlagosError('FLAGOS_E_PLUGIN_PROVIDER', `plugin '${plugin}' binds a ${what} ${problem}`, {
    hint: `see ${token} in docs/plugin-guide.md`,
    details: { plugin },
  });
};

/** @throws FLAGOS_E_PLUGIN_PROVIDER naming what is missing. */
export const checkTableSource = (plugin: string, value: unknown): TableSource => {
  checked(plugin, value, 'table', 'TABLE_STORE', field(value, 'shared') === true ? ['read', 'append'] : ['read']);
  return value as TableSource;
};

/** @throws FLAGOS_E_PLUGIN_PROVIDER naming what is missing. */
export const checkPolicySource = (plugin: string, value: unknown): PolicySource => {
  checked(plugin, value, 'policy', 'POLICY_SOURCE', ['policy']);
  return value as PolicySource;
};
