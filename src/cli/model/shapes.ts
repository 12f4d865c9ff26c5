/** Shapes of inputs from the command line: whole ones, named dimensions, and 1 for what nobody said. */
import { FlagosError } from '../../core/errors.ts';
import { describeType, type Dim, type ValueInfo } from '../../core/graph.ts';
import { nearest } from '../../core/nearest.ts';
import { usageError } from '../args/option.ts';

/** `1x3x224x224` or `1,3,224,224`; `scalar` for no dimensions. */
export const parseShape = (text: string, name: string): number[] => {
  if (text === 'scalar') return [];
  const dims = text.split(/[x,]/).map((d) => (/^\d+$/.test(d.trim()) ? Number(d) : NaN));
  if (dims.some((d) => !Number.isSafeInteger(d)))
    throw usageError(`--shape ${name}=${text} is no shape`, `write --shape ${name}=1x3x224x224`);
  return dims;
};

/** A name of the command line must be one the model has. @throws FLAGOS_E_INPUT */
export const checkName = (name: string, what: string, known: readonly string[]): void => {
  if (known.includes(name)) return;
  const near = nearest(name, known);
  throw new FlagosError('FLAGOS_E_INPUT', `the model has no ${what} '${name}'`, {
    hint: near === undefined ? `it has ${known.join(', ') || 'none'}` : `did you mean '${near}'?`,
  });
};

/** Resolves the dimensions of inputs; remembers what it took for granted. */
export class Shapes {
  readonly #given: ReadonlyMap<string, readonly number[]>;
  readonly #dims: Map<string, number>;
  /** In words: each dimension that nobody gave. */
  readonly assumed: string[] = [];

  /** @throws FLAGOS_E_USAGE for what is no shape, FLAGOS_E_INPUT for names the model does not have. */
  constructor(infos: readonly ValueInfo[], shapes: ReadonlyMap<string, string>, dims: ReadonlyMap<string, string>) {
    const names = infos.map((i) => i.name);
    for (const name of shapes.keys()) checkName(name, 'input', names);
    const symbols = infos.flatMap((i) =>
      i.type?.kind === 'tensor' ? (i.type.shape ?? []).filter((d): d is string => typeof d === 'string') : [],
    );
    for (const name of dims.keys()) checkName(name, 'symbolic dimension', [...new Set(symbols)]);
    this.#given = new Map([...shapes].map(([name, text]) => [name, parseShape(text, name)]));
    this.#dims = new Map(
      [...dims].map(([name, text]) => {
        if (!/^\d+$/.test(text)) throw usageError(`--dim ${name}=${text} is no size`, `write --dim ${name}=1`);
        return [name, Number(text)];
      }),
    );
  }

  /** What a value that is there says about named dimensions. */
  learn(declared: readonly Dim[] | undefined, dims: readonly number[]): void {
    declared?.forEach((d, i) => typeof d === 'string' && dims[i] !== undefined && !this.#dims.has(d) && this.#dims.set(d, dims[i]));
  }

  /** @throws FLAGOS_E_INPUT where not even the number of dimensions is known, or --shape goes against the model. */
  resolve({ name, type }: ValueInfo): readonly number[] {
    const declared = type?.kind === 'tensor' ? type.shape : undefined;
    const given = this.#given.get(name);
    if (given) {
      const fits = !declared || (declared.length === given.length && declared.every((d, i) => typeof d !== 'number' || d === given[i]));
      if (!fits)
        throw new FlagosError(
          'FLAGOS_E_INPUT',
          `--shape ${name}=${given.join('x')} does not fit: the model declares ${describeType(type)}`,
        );
      this.learn(declared, given);
      return given;
    }
    if (!declared)
      throw new FlagosError('FLAGOS_E_INPUT', `the model does not say what shape input '${name}' has`, {
        hint: `give it: --shape ${name}=1x3`,
      });
    return declared.map((d, i) => {
      if (typeof d === 'number') return d;
      const known = d === null ? undefined : this.#dims.get(d);
      if (known !== undefined) return known;
      this.assumed.push(d === null ? `dimension ${i} of '${name}' taken as 1` : `symbolic dimension '${d}' taken as 1`);
      if (d !== null) this.#dims.set(d, 1);
      return 1;
    });
  }
}
