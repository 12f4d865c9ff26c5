/** What models of tfjs take and give: a tensor, a list of them, or tensors by name. */
import { FlagosError } from '../../core/errors.ts';
import type { TfTensor } from './tf-types.ts';

export type Nested = TfTensor | readonly TfTensor[] | Readonly<Record<string, TfTensor>>;

/** The tensors one after another, and how they were put. */
export interface Flat {
  readonly tensors: readonly TfTensor[];
  /** Text that is equal for containers of one form. */
  readonly form: string;
  /** Other tensors put the same way. */
  readonly rebuild: (tensors: readonly TfTensor[]) => Nested;
}

export const isTensor = (x: unknown): x is TfTensor => typeof x === 'object' && x !== null && 'dataId' in x && 'shape' in x;

/** Whether a value is one of these containers. */
export const isNested = (x: unknown): x is Nested =>
  isTensor(x) || (typeof x === 'object' && x !== null && Object.values(x).every(isTensor) && Object.keys(x).length > 0);

/** @throws FLAGOS_E_INPUT for anything else. */
export const flatten = (nested: unknown): Flat => {
  if (isTensor(nested)) return { tensors: [nested], form: '.', rebuild: (t) => t[0]! };
  if (Array.isArray(nested) && nested.every(isTensor)) return { tensors: nested, form: `[${nested.length}]`, rebuild: (t) => [...t] };
  if (typeof nested === 'object' && nested !== null) {
    const entries = Object.entries(nested);
    if (entries.every((e): e is [string, TfTensor] => isTensor(e[1]))) {
      const names = entries.map(([name]) => name);
      return {
        tensors: entries.map(([, t]) => t),
        form: JSON.stringify(names),
        rebuild: (t) => Object.fromEntries(names.map((name, i) => [name, t[i]!])),
      };
    }
  }
  throw new FlagosError('FLAGOS_E_INPUT', 'models take tensors: one, a list, or an object of tensors by name', {
    hint: 'make tensors with tf.tensor()',
  });
};
