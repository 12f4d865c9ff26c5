/** The shape of a raw kernel a plugin brings, and the name it goes by, checked once when it comes in. */
import { FlagosError } from '../core/errors.ts';
import { namePattern } from './check-provider.ts';
import type { OpRawKernel } from './contract.ts';

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

/** What a kernel for each chip must have. */
const needs: Readonly<Record<OpRawKernel['chip'], readonly string[]>> = {
  'flagos/cpu': ['applies', 'plan'],
  'flagos/js': ['applies', 'make'],
};
const chips = Object.keys(needs);

const isChip = (chip: unknown): chip is OpRawKernel['chip'] => typeof chip === 'string' && Object.hasOwn(needs, chip);

const fault = (value: unknown): string | undefined => {
  if (typeof value !== 'object' || value === null) return `registers ${value === null ? 'null' : `a ${typeof value}`} as raw kernel`;
  const name = field(value, 'name');
  if (typeof name !== 'string' || !namePattern.test(name))
    return `registers a raw kernel whose name is not made of letters, digits, '.', '_' and '-'`;
  const says = (what: string): string => `registers raw kernel '${name}', ${what}`;
  const op = field(value, 'op');
  if (typeof op !== 'string' || op === '') return says('which names no op');
  const chip = field(value, 'chip');
  if (!isChip(chip)) return says(`whose chip is none of ${chips.join(', ')}`);
  if (typeof field(field(value, 'numerics'), 'accumulate') !== 'string') return says('which does not declare its numerics');
  for (const method of needs[chip]) if (typeof field(value, method) !== 'function') return says(`which has no method ${method}`);
  if (chip === 'flagos/cpu' && !['string', 'function'].includes(typeof field(value, 'source'))) return says('which has no source');
  return undefined;
};

const isRawKernel = (value: unknown): value is OpRawKernel => fault(value) === undefined;

/** `flagos/cpu:TopK.raw-heap`. */
export const rawKernelId = ({ chip, op, name }: Pick<OpRawKernel, 'chip' | 'op' | 'name'>): string => `${chip}:${op}.raw-${name}`;

/** @throws FLAGOS_E_PLUGIN_PROVIDER naming what is wrong. */
export const checkRawKernel = (plugin: string, value: unknown): OpRawKernel => {
  if (isRawKernel(value)) return value;
  throw new FlagosError('FLAGOS_E_PLUGIN_PROVIDER', `plugin '${plugin}' ${fault(value)}`, {
    hint: 'see docs/authoring-kernels.md',
    details: { plugin },
  });
};
