/** A command line from its values again: for child processes that go on with the same options. */
import type { Options, ValuesOf } from './option.ts';

const words = (name: string, value: unknown): string[] => {
  if (value === undefined || value === false) return [];
  if (value === true) return [`--${name}`];
  if (value instanceof Map) return [...(value as ReadonlyMap<string, string>)].map(([k, v]) => `--${name}=${k}=${v}`);
  if (Array.isArray(value)) return value.map((v) => `--${name}=${String(v)}`);
  return [`--${name}=${String(value)}`];
};

/** @param options the table the values were read by; what is not in it is left out. */
export const argvOf = <O extends Options>(options: O, values: ValuesOf<O>): string[] =>
  Object.keys(options).flatMap((name) => words(name, values[name]));
