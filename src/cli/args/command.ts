/** A verb of the command line, as data: what it takes, what the help says, and what it does. */
import type { Io } from '../io.ts';
import type { Option, Options, ValuesOf } from './option.ts';
import { flag } from './option.ts';

/** A positional argument. */
export interface Positional {
  readonly optional: boolean;
  readonly help: string;
}
export type Positionals = Readonly<Record<string, Positional>>;
export type ArgumentsOf<P extends Positionals> = {
  readonly [K in keyof P]: P[K] extends { readonly optional: false } ? string : string | undefined;
};

export const required = (help: string): { readonly optional: false; readonly help: string } => ({ optional: false, help });
export const optional = (help: string): { readonly optional: true; readonly help: string } => ({ optional: true, help });

/** Options under a heading of the help. */
export interface OptionGroup<O extends Options = Options> {
  readonly title: string;
  readonly options: O;
}

/** What every verb takes. */
export const commonOptions = {
  json: flag('print one JSON document instead of text'),
  progress: flag('show progress even where stderr is not a terminal'),
  debug: flag('print stack traces with errors, and log everything'),
  help: flag('print this help', 'h'),
} satisfies Options;
export type Common = ValuesOf<typeof commonOptions>;

export interface Invocation<P extends Positionals, O extends Options> {
  readonly args: ArgumentsOf<P>;
  readonly options: ValuesOf<O> & Common;
  readonly io: Io;
}

export interface CommandDefinition<P extends Positionals, O extends Options> {
  readonly name: string;
  /** One line of the overview. */
  readonly summary: string;
  /** More, for the verb's own help. */
  readonly about?: string;
  readonly args: P;
  readonly options: O;
  /** Groups of options shared between verbs; their values stand beside the verb's own. */
  readonly groups?: readonly OptionGroup[];
  readonly examples: readonly (readonly [command: string, what: string])[];
  /** Not in the overview: for this program's own child processes. */
  readonly internal?: boolean;
  /** @returns the exit code: 0, or 1 if what was checked failed. */
  run(call: Invocation<P, O>): Promise<number>;
}

/** A verb with the types of its table forgotten: what the parser and the help need. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly about: string | undefined;
  readonly args: Positionals;
  readonly options: Options;
  readonly groups: readonly OptionGroup[];
  readonly examples: CommandDefinition<Positionals, Options>['examples'];
  readonly internal: boolean;
  invoke(given: Given, io: Io): Promise<number>;
}

/** A command line taken apart: texts, not yet values. */
export interface Given {
  readonly positionals: readonly (string | undefined)[];
  readonly options: ReadonlyMap<string, readonly string[]>;
}

const valuesOf = <O extends Options>(options: O, given: ReadonlyMap<string, readonly string[]>): ValuesOf<O> => {
  const read = ([name, option]: [string, Option<unknown>]): [string, unknown] => [name, option.read(given.get(name) ?? [], name)];
  // What each option reads is what its type says; the compiler cannot follow that through `fromEntries`.
  return Object.fromEntries(Object.entries(options).map(read)) as ValuesOf<O>;
};

/** Declares a verb. The types of `run`'s arguments follow from `args` and `options`. */
export const defineCommand = <const P extends Positionals, const O extends Options>(definition: CommandDefinition<P, O>): Command => ({
  ...definition,
  about: definition.about,
  groups: definition.groups ?? [],
  internal: definition.internal ?? false,
  invoke: (given, io) => {
    const args = Object.fromEntries(Object.keys(definition.args).map((name, i) => [name, given.positionals[i]])) as ArgumentsOf<P>;
    return definition.run({
      args,
      options: { ...valuesOf(definition.options, given.options), ...valuesOf(commonOptions, given.options) },
      io,
    });
  },
});
