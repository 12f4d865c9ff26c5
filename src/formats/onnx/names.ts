/**
 * Names while a model is read. Every value and every node of the whole model, subgraphs and inlined
 * functions included, ends with a name of its own, so no later stage has to think about shadowing.
 */
import { FlagosError } from '../../core/errors.ts';
import type { Budget } from './limits.ts';

/** Hands out names nobody else has. The first to ask for a name gets it as it is. */
export class Names {
  readonly #values = new Set<string>();
  readonly #nodes = new Set<string>();
  /** Next number to try for a taken name, so that a thousand equal names do not cost a million tries. */
  readonly #next = new Map<string, number>();
  readonly #parts: Budget;

  constructor(parts: Budget) {
    this.#parts = parts;
  }

  /** @throws FLAGOS_E_MODEL_UNSUPPORTED when the model gets more parts than the limit. */
  count(parts: number): void {
    this.#parts.take(parts, 'the model with its functions inlined');
  }

  #claim(taken: Set<string>, wanted: string): string {
    // Inlining puts names before names, so their length counts too.
    this.count(1 + Math.floor(wanted.length / 64));
    let name = wanted;
    for (let i = this.#next.get(wanted) ?? 2; taken.has(name); i++) {
      name = `${wanted}_${i}`;
      this.#next.set(wanted, i + 1);
    }
    taken.add(name);
    return name;
  }

  value(wanted: string): string {
    return this.#claim(this.#values, wanted);
  }

  node(wanted: string): string {
    return this.#claim(this.#nodes, wanted);
  }
}

/** The names one graph (or one inlined function call) defines, and the graphs around it. */
export class Scope {
  readonly #names = new Map<string, string>();
  readonly #parent: Scope | undefined;

  constructor(parent?: Scope) {
    this.#parent = parent;
  }

  /**
   * Define `name` in this scope as `unique` in the model.
   * @throws FLAGOS_E_MODEL_INVALID when this scope has it already.
   */
  define(name: string, unique: string): void {
    if (this.#names.has(name)) throw new FlagosError('FLAGOS_E_MODEL_INVALID', `value '${name}' is made twice`);
    this.#names.set(name, unique);
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** The model's name for `name` as read here; '' for an omitted input of an inlined function; undefined if nothing makes it. */
  resolve(name: string): string | undefined {
    return this.#names.get(name) ?? this.#parent?.resolve(name);
  }
}
