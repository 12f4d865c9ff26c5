/**
 * Options as data: each says how its text becomes a value, and what the help prints. The types of a
 * verb's values follow from its table.
 */
import { FlagosError } from '../../core/errors.ts';
import { nearest } from '../../core/nearest.ts';

export interface Option<T> {
  /** A flag takes no value. */
  readonly flag: boolean;
  /** Whether it may be given more than once. */
  readonly many: boolean;
  /** What stands for the value in the help: `<n>`. Empty for a flag. */
  readonly value: string;
  readonly help: string;
  /** One letter. */
  readonly short?: string;
  /** The value of what was given (in order; empty if nothing was). `name` is for messages. @throws FLAGOS_E_USAGE */
  read(given: readonly string[], name: string): T;
}

export type Options = Readonly<Record<string, Option<unknown>>>;
export type ValuesOf<O extends Options> = { readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never };

/** A wrong use of the command line: exit code 2. */
export const usageError = (reason: string, hint?: string): FlagosError =>
  new FlagosError('FLAGOS_E_USAGE', reason, hint === undefined ? {} : { hint });

export const flag = (help: string, short?: string): Option<boolean> => ({
  flag: true,
  many: true,
  value: '',
  help,
  ...(short === undefined ? {} : { short }),
  read: (given) => given.length > 0,
});

export const text = (value: string, help: string, short?: string): Option<string | undefined> => ({
  flag: false,
  many: false,
  value,
  help,
  ...(short === undefined ? {} : { short }),
  read: (given) => given[0],
});

/** May be given several times. */
export const texts = (value: string, help: string): Option<readonly string[]> => ({
  flag: false,
  many: true,
  value,
  help,
  read: (given) => given,
});

/** Names in one value, separated by commas; undefined if it was not given. */
export const list = (value: string, help: string): Option<readonly string[] | undefined> => ({
  flag: false,
  many: true,
  value,
  help,
  read: (given) =>
    given.length === 0
      ? undefined
      : given
          .flatMap((g) => g.split(','))
          .map((g) => g.trim())
          .filter((g) => g !== ''),
});

const numberOf = (given: string, name: string): number => {
  const n = given.trim() === '' ? NaN : Number(given);
  if (!Number.isFinite(n)) throw usageError(`--${name} takes a number, not '${given}'`);
  return n;
};

/** A whole number of at least `least`; undefined if it was not given. */
export const integer = (value: string, help: string, least = 0): Option<number | undefined> => ({
  flag: false,
  many: false,
  value,
  help,
  read: ([given], name) => {
    if (given === undefined) return undefined;
    const n = numberOf(given, name);
    if (!Number.isSafeInteger(n) || n < least) throw usageError(`--${name} takes a whole number from ${least} on, not '${given}'`);
    return n;
  },
});

/** A number that is not negative; undefined if it was not given. */
export const real = (value: string, help: string): Option<number | undefined> => ({
  flag: false,
  many: false,
  value,
  help,
  read: ([given], name) => {
    if (given === undefined) return undefined;
    const n = numberOf(given, name);
    if (n < 0) throw usageError(`--${name} takes a number from 0 on, not '${given}'`);
    return n;
  },
});

/** One of a few words; undefined if it was not given. */
export const choice = <const W extends readonly string[]>(words: W, help: string): Option<W[number] | undefined> => ({
  flag: false,
  many: false,
  value: words.join('|'),
  help,
  read: ([given], name) => {
    if (given === undefined) return undefined;
    const word = words.find((w) => w === given);
    if (word !== undefined) return word;
    const near = nearest(given, words);
    throw usageError(`--${name} takes ${words.join(', ')}, not '${given}'`, near === undefined ? undefined : `did you mean ${near}?`);
  },
});

/** `name=value` pairs, given several times. */
export const pairs = (value: string, help: string): Option<ReadonlyMap<string, string>> => ({
  flag: false,
  many: true,
  value,
  help,
  read: (given, name) => {
    const map = new Map<string, string>();
    for (const one of given) {
      const at = one.indexOf('=');
      if (at <= 0 || at === one.length - 1) throw usageError(`--${name} takes ${value}, not '${one}'`);
      const key = one.slice(0, at);
      if (map.has(key)) throw usageError(`--${name} names '${key}' twice`);
      map.set(key, one.slice(at + 1));
    }
    return map;
  },
});
