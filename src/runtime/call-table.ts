/**
 * The kinds of single calls that were made (op, which inputs are given, attributes, outputs, policy), each
 * with what runs it. Finding a kind again costs comparisons and no memory; of many, the ones used longest
 * ago are forgotten.
 */
import type { Value } from '../core/tensor.ts';
import type { PolicyOverride } from '../opmanager/policy.ts';
import { attributeText, type PlainAttributes } from './call.ts';

export interface CallOptions {
  /** How many outputs are wanted, from the first; default 1. */
  readonly outputs?: number;
  /** Changes to the runtime's policy for this call alone. */
  readonly policy?: PolicyOverride;
}

type Inputs = readonly (Value | undefined)[];

/** An attribute as it was: numbers, texts and lists by themselves, anything else as text. */
type Kept = { readonly name: string; readonly value: unknown; readonly text: string | undefined };

interface Kind<R> {
  readonly op: string;
  readonly given: readonly boolean[];
  readonly outputs: number;
  readonly policy: string | undefined;
  readonly attributes: readonly Kept[];
  readonly runner: R;
  used: number;
}

const keep = (name: string, v: unknown): Kept => {
  if (Array.isArray(v)) return { name, value: [...v], text: undefined };
  return typeof v === 'object' && v !== null ? { name, value: undefined, text: attributeText(v) } : { name, value: v, text: undefined };
};

const isKept = ({ value, text }: Kept, v: unknown): boolean => {
  if (text !== undefined) return typeof v === 'object' && v !== null && !Array.isArray(v) && attributeText(v) === text;
  if (!Array.isArray(value)) return Object.is(value, v);
  if (!Array.isArray(v) || v.length !== value.length) return false;
  for (let i = 0; i < value.length; i++) if (!Object.is(value[i], v[i])) return false;
  return true;
};

const areKept = (kept: readonly Kept[], attributes: PlainAttributes): boolean => {
  let found = 0;
  for (const name in attributes) {
    const v = attributes[name];
    if (v === undefined) continue;
    let i = 0;
    while (i < kept.length && kept[i]!.name !== name) i++;
    if (i === kept.length || !isKept(kept[i]!, v)) return false;
    found++;
  }
  return found === kept.length;
};

const areGiven = (given: readonly boolean[], inputs: Inputs): boolean => {
  if (given.length !== inputs.length) return false;
  for (let i = 0; i < given.length; i++) if (given[i] !== (inputs[i] !== undefined)) return false;
  return true;
};

const policyText = (policy: PolicyOverride | undefined): string | undefined => policy && JSON.stringify(policy);

export class CallTable<R> {
  readonly #most: number;
  readonly #drop: (runner: R) => void;
  readonly #kinds = new Map<string, Kind<R>[]>();
  #count = 0;
  #clock = 0;

  /** @param drop told of what is forgotten. */
  constructor(most: number, drop: (runner: R) => void) {
    this.#most = most;
    this.#drop = drop;
  }

  /** What runs calls like this one. */
  find(op: string, inputs: Inputs, attributes: PlainAttributes, { outputs = 1, policy }: CallOptions): R | undefined {
    const kinds = this.#kinds.get(op);
    if (!kinds) return undefined;
    for (let i = 0; i < kinds.length; i++) {
      const kind = kinds[i]!;
      if (kind.outputs !== outputs || !areGiven(kind.given, inputs) || !areKept(kind.attributes, attributes)) continue;
      if ((policy !== undefined || kind.policy !== undefined) && kind.policy !== policyText(policy)) continue;
      kind.used = ++this.#clock;
      return kind.runner;
    }
    return undefined;
  }

  add(op: string, inputs: Inputs, attributes: PlainAttributes, { outputs = 1, policy }: CallOptions, runner: R): void {
    if (this.#count >= this.#most) this.#forget();
    const kind: Kind<R> = {
      op,
      given: inputs.map((x) => x !== undefined),
      outputs,
      policy: policyText(policy),
      attributes: Object.entries(attributes).flatMap(([name, v]) => (v === undefined ? [] : [keep(name, v)])),
      runner,
      used: ++this.#clock,
    };
    this.#kinds.set(op, [...(this.#kinds.get(op) ?? []), kind]);
    this.#count++;
  }

  #forget(): void {
    const oldest = [...this.#kinds.values()].flat().reduce((a, b) => (a.used < b.used ? a : b));
    const rest = this.#kinds.get(oldest.op)!.filter((k) => k !== oldest);
    if (rest.length) this.#kinds.set(oldest.op, rest);
    else this.#kinds.delete(oldest.op);
    this.#count--;
    this.#drop(oldest.runner);
  }

  all(): R[] {
    return [...this.#kinds.values()].flatMap((kinds) => kinds.map((k) => k.runner));
  }
}
