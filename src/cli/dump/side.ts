/** A dump as one side of a comparison: its tensors under the names a model has for them, in the types it gives them. */
import { isFloat } from '../../core/dtype.ts';
import { FlagosError } from '../../core/errors.ts';
import { subgraphsOf, type Graph, type Model, type ValueType } from '../../core/graph.ts';
import { Tensor, type Value } from '../../core/tensor.ts';
import type { NamedValues } from '../../diff/dumped.ts';
import type { DumpUse, Side } from '../../diff/report.ts';
import { digestOf } from '../../diff/alarms.ts';
import { fileName } from '../diff/case-folder.ts';
import { convertTo } from '../model/npy.ts';
import type { Dump, DumpTensor } from './dump.ts';

const namesIn = (graph: Graph): string[] => [
  ...graph.inputs.map((i) => i.name),
  ...graph.nodes.flatMap((n) => [...n.outputs.filter((o) => o !== ''), ...subgraphsOf(n).flatMap(([, g]) => namesIn(g))]),
];

export class DumpSide implements NamedValues {
  readonly label: string;
  readonly #dump: Dump;
  readonly #side: Side;
  readonly #inputs: ReadonlySet<string>;
  readonly #byName = new Map<string, DumpTensor>();
  readonly #byFile = new Map<string, DumpTensor>();
  /** How many values of the model have a name that would be one file's. */
  readonly #sharing = new Map<string, number>();
  readonly #used = new Set<DumpTensor>();
  readonly #lacks = new Set<string>();

  constructor(dump: Dump, side: Side, { graph }: Model) {
    this.#dump = dump;
    this.#side = side;
    this.label = `dump:${dump.spec}`;
    this.#inputs = new Set(graph.inputs.map((i) => i.name));
    for (const t of dump.tensors) {
      const named = t.place ? (t.place.kind === 'input' ? graph.inputs : graph.outputs)[t.place.index]?.name : t.name;
      if (named !== undefined) this.#byName.set(named, t);
      if (t.fromFile) this.#byFile.set(fileName(t.name), t);
    }
    for (const name of new Set(namesIn(graph))) this.#sharing.set(fileName(name), (this.#sharing.get(fileName(name)) ?? 0) + 1);
  }

  #find(name: string): DumpTensor | undefined {
    const file = fileName(name);
    return this.#byName.get(name) ?? (this.#sharing.get(file) === 1 ? this.#byFile.get(file) : undefined);
  }

  /** A value of the model. @throws FLAGOS_E_INPUT */
  get(name: string, type: ValueType | undefined): Value | undefined {
    const found = this.#find(name);
    if (!found) {
      if (!this.#inputs.has(name)) this.#lacks.add(name);
      return undefined;
    }
    this.#used.add(found);
    const value = found.read(type);
    return value instanceof Tensor && type?.kind === 'tensor' ? this.#inType(value, type, name) : value;
  }

  /**
   * Floats of another type than the model's: what is right may be known in more digits, and is rounded; what a chip made
   * must be of the model's type but for the wider form a program may have kept it in.
   */
  #inType(t: Tensor, { dtype }: ValueType & { kind: 'tensor' }, name: string): Tensor {
    if (t.dtype === dtype || !isFloat(t.dtype) || !isFloat(dtype)) return t;
    const made = convertTo(t, dtype, `'${name}' of ${this.#dump.spec}`);
    if (this.#side !== 'chip') return made;
    const [before, after] = [t.toNumbers(), made.toNumbers()];
    return before.every((v, i) => Object.is(v, after[i])) ? made : t;
  }

  /** The model's inputs that are in it. @throws FLAGOS_E_INPUT */
  feeds({ graph }: Model): Map<string, Value> {
    const found = new Map<string, Value>();
    for (const { name, type } of graph.inputs) {
      const t = this.#find(name);
      if (!t) continue;
      const value = t.read(type);
      this.#used.add(t);
      const dtype = type?.kind === 'tensor' ? type.dtype : undefined;
      found.set(name, value instanceof Tensor && dtype ? convertTo(value, dtype, `'${name}' of ${this.#dump.spec}`) : value);
    }
    return found;
  }

  use(): DumpUse {
    const inputs = new Set([...this.#inputs].flatMap((n) => this.#find(n) ?? []));
    const others = this.#dump.tensors.filter((t) => !inputs.has(t));
    return {
      side: this.#side,
      dump: this.#dump.spec,
      form: this.#dump.form,
      tensors: others.length,
      lacks: [...this.#lacks],
      unused: others.filter((t) => !this.#used.has(t)).map((t) => t.name),
    };
  }
}

/**
 * Inputs of the model from several dumps, of which all that have one must have the same.
 * @throws FLAGOS_E_INPUT where they do not.
 */
export const sharedFeeds = (sides: readonly DumpSide[], model: Model): Map<string, Value> => {
  const shared = new Map<string, { value: Value; from: string }>();
  for (const side of sides)
    for (const [name, value] of side.feeds(model)) {
      const known = shared.get(name);
      if (known && digestOf(known.value) !== digestOf(value))
        throw new FlagosError('FLAGOS_E_INPUT', `${known.from} and ${side.label} have different values of input '${name}'`, {
          hint: 'both sides of a comparison must have run on the same inputs',
        });
      if (!known) shared.set(name, { value, from: side.label });
    }
  return new Map([...shared].map(([name, { value }]) => [name, value]));
};
