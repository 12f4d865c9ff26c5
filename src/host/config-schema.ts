/**
 * What a configuration may hold, and the sentences for what it may not.
 */
import * as z from 'zod/mini';
import { FlagosError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { nearest } from '../core/nearest.ts';
import { policyShape } from '../opmanager/policy-schema.ts';
import type { PluginDefinition } from '../plugins/define.ts';

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;

const isLogger = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'log' in value && typeof value.log === 'function';
/** The name of a package, a path, or the plugin itself; what a definition holds is checked when it is loaded. */
const isPlugin = (value: unknown): boolean =>
  (typeof value === 'string' && value !== '') ||
  (typeof value === 'object' && value !== null && 'bind' in value && typeof value.bind === 'function');

const mostThreads = 1024;
const isThreads = (value: unknown): boolean =>
  value === 'auto' || (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= mostThreads);

/** A path, or false for none. */
const place = z.custom<string | false>((v) => v === false || (typeof v === 'string' && v !== ''), { error: 'must be a path, or false' });
const address = z.custom<string | false>((v) => v === false || (typeof v === 'string' && /^postgres(ql)?:\/\//.test(v)), {
  error: 'must be an address like postgres://user@host/database, or false',
});

const layerSchema = z.strictObject({
  ...policyShape,
  plugins: z.optional(
    z.array(
      z.custom<string | PluginDefinition>(isPlugin, { error: 'must be the name of a package, a path, or what definePlugin returns' }),
    ),
  ),
  discover: z.optional(z.boolean()),
  tables: z.optional(z.strictObject({ project: z.optional(place), machine: z.optional(place), shared: z.optional(address) })),
  lock: z.optional(place),
  onMismatch: z.optional(z.enum(['error', 'warn', 'retune'])),
  threads: z.optional(z.custom<number | 'auto'>(isThreads, { error: `must be 'auto' or a whole number from 1 to ${mostThreads}` })),
  log: z.optional(z.enum(logLevels)),
  logger: z.optional(z.custom<Logger>(isLogger, { error: 'must be an object with a method log(level, message, fields)' })),
});

/**
 * What one layer may say (the argument of `createRuntime`, a configuration file); everything is
 * optional. Beside the fields of a policy: `plugins` (names, paths or definitions), `discover`
 * (whether dependencies are searched for plugins), `tables` (where evidence is kept), `lock` (a lock
 * file) and `onMismatch` (what happens where it does not fit), `threads`, `log` (level), `logger` (in place of
 * lines on stderr).
 */
export type ConfigLayer = z.infer<typeof layerSchema>;

/** A field of a layer, as messages name it: `perOp.Conv`, `prefer[1]`. */
const spell = (path: readonly PropertyKey[]): string =>
  path.map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i > 0 ? '.' : ''}${String(part)}`)).join('');

const show = (value: unknown): string => {
  if (typeof value === 'string') return `'${value.length > 60 ? `${value.slice(0, 60)}…` : value}'`;
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
};

const valueAt = (raw: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((at, key) => (typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined), raw);

const nouns: Readonly<Record<string, string>> = {
  array: 'a list',
  record: 'an object',
  object: 'an object',
  string: 'text',
  boolean: 'true or false',
  number: 'a number',
  int: 'a whole number',
};

interface Fault {
  readonly path: readonly PropertyKey[];
  readonly text: string;
  readonly hint?: string | undefined;
}

const list = (values: readonly unknown[]): string => values.map((v) => show(v)).join(', ');
const didYouMean = (word: unknown, known: readonly string[]): string | undefined => {
  const near = typeof word === 'string' ? nearest(word, known) : undefined;
  return near === undefined ? undefined : `did you mean '${near}'?`;
};

const knownKeys: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(layerSchema.shape),
  accuracy: Object.keys(policyShape.accuracy._zod.def.innerType.shape),
  'accuracy.budget': ['bytes', 'ms'],
  tables: ['project', 'machine', 'shared'],
};

const faultsOf = (issue: z.core.$ZodIssue, raw: unknown): Fault[] => {
  const { path } = issue;
  const value = valueAt(raw, path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => {
        const known = knownKeys[spell(path)] ?? [];
        return { path: [...path, key], text: `is no setting; known are ${known.join(', ')}`, hint: didYouMean(key, known) };
      });
    case 'invalid_value':
      return [
        {
          path,
          text: `is ${show(value)}; allowed are ${list(issue.values)}`,
          hint: didYouMean(value, issue.values.map(String)),
        },
      ];
    case 'invalid_type':
      return [{ path, text: `is ${show(value)}; must be ${nouns[issue.expected] ?? issue.expected}` }];
    case 'custom': {
      const hint: unknown = issue.params?.['hint'];
      // Tokens explain themselves, the value included.
      return [
        {
          path,
          text: hint === undefined ? `${issue.message}, it is ${show(value)}` : issue.message,
          hint: typeof hint === 'string' ? hint : undefined,
        },
      ];
    }
    case 'invalid_format':
      return [{ path, text: `${issue.message}, it is ${show(value)}` }];
    default:
      return [{ path, text: `is ${show(value)}: ${issue.message}` }];
  }
};

/**
 * Checks one layer.
 * @param where names the layer, or the variable a field came from, for messages.
 * @throws FLAGOS_E_CONFIG naming the source, the field, what is allowed, and the nearest spelling.
 */
export const checkLayer = (raw: unknown, where: (path: readonly PropertyKey[]) => string): ConfigLayer => {
  const result = layerSchema.safeParse(raw);
  if (result.success) return result.data;
  const faults = result.error.issues.flatMap((issue) => faultsOf(issue, raw));
  const lines = faults.map(({ path, text }) => `${where(path)}: ${path.length > 0 ? `${spell(path)} ` : 'the configuration '}${text}`);
  throw new FlagosError('FLAGOS_E_CONFIG', lines.join('\n  '), {
    hint: faults.find((fault) => fault.hint !== undefined)?.hint,
    details: { issues: faults.map(({ path, text }) => ({ source: where(path), key: spell(path), problem: text })) },
  });
};
