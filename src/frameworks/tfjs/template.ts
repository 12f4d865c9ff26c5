/**
 * Templates: what a translator made of a kernel call, kept by the call's kind (kernel, attributes, types
 * and shapes), so that a second call like the first is not translated again.
 */
import { asError, FlagosError } from '../../core/errors.ts';
import type { Node } from '../../core/graph.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { OpSet } from '../../ops/registry.ts';
import { attributeText } from '../../runtime/call.ts';
import { Builder, type KnownInput, type RunNow } from './builder.ts';
import type { KernelTranslator, Sym } from './translate.ts';
import type { TfAttributes } from './tf-types.ts';

export interface Template {
  readonly id: number;
  readonly kernel: string;
  readonly inputs: readonly Sym[];
  readonly nodes: readonly Node[];
  readonly constants: ReadonlyMap<string, Tensor>;
  readonly outputs: readonly Sym[];
  /** A whole model, not a kernel: it is compiled before it first runs, if the caller can wait. */
  readonly whole?: boolean;
}

/** Why a call is nobody's here. */
export interface Refusal {
  readonly refused: string;
  readonly cause?: Error | undefined;
}

/** A template, with the contents it holds for. */
interface Kept {
  readonly consulted: ReadonlyMap<number, Tensor | undefined>;
  readonly made: Template | Refusal;
}

/** Kinds kept; the ones made longest ago are forgotten. */
const KIND_LIMIT = 4096;
/** Templates of one kind that differ in contents alone. */
const CONTENT_LIMIT = 16;

const sameContents = (a: Tensor | undefined, b: Tensor | undefined): boolean => {
  if (a === undefined || b === undefined) return a === b;
  if (a.data.length !== b.data.length) return false;
  for (let i = 0; i < a.data.length; i++) if (!Object.is(a.data[i], b.data[i])) return false;
  return true;
};

/** Attributes as text: equal where they are. Undefined ones do not count. */
export const textOfAttributes = (attributes: TfAttributes): string => {
  let text = '';
  for (const name in attributes) {
    const v = attributes[name];
    if (v === undefined) continue;
    if (typeof v === 'object' && v !== null) {
      text += Array.isArray(v) && v.every((x) => typeof x === 'number') ? `${name}=[${v.join(',')}];` : `${name}=${attributeText(v)};`;
    } else text += `${name}=${Object.is(v, -0) ? '-0' : String(v)};`;
  }
  return text;
};

export class Templates {
  readonly #ops: OpSet;
  readonly #kinds = new Map<string, Kept[]>();
  #next = 0;

  constructor(ops: OpSet) {
    this.#ops = ops;
  }

  /**
   * @param key the kind of the call: kernel, names, types and shapes of inputs, attributes.
   * @param known the inputs in order of `names`.
   */
  find(
    key: string,
    kernel: string,
    translator: KernelTranslator,
    names: readonly string[],
    known: readonly KnownInput[],
    attributes: TfAttributes,
    now: RunNow,
  ): Template | Refusal {
    const kinds = this.#kinds.get(key);
    if (kinds) {
      next: for (const kept of kinds) {
        for (const [i, contents] of kept.consulted) if (!sameContents(contents, known[i]!.contents())) continue next;
        return kept.made;
      }
    }
    const builder = new Builder(this.#ops, known, now);
    const made = this.#translate(builder, kernel, translator, names, attributes);
    if (!builder.calculated) this.#keep(key, kinds, { consulted: builder.consulted, made });
    return made;
  }

  /** Of calls whose inputs decide nothing but by shape, this is all there is to do. */
  peek(key: string): Template | Refusal | undefined {
    const kept = this.#kinds.get(key)?.[0];
    return kept && kept.consulted.size === 0 ? kept.made : undefined;
  }

  #keep(key: string, kinds: Kept[] | undefined, kept: Kept): void {
    if (kinds) {
      if (kinds.length >= CONTENT_LIMIT) kinds.shift();
      kinds.push(kept);
      return;
    }
    if (this.#kinds.size >= KIND_LIMIT) this.#kinds.delete(this.#kinds.keys().next().value!);
    this.#kinds.set(key, [kept]);
  }

  #translate(
    builder: Builder,
    kernel: string,
    translator: KernelTranslator,
    names: readonly string[],
    attributes: TfAttributes,
  ): Template | Refusal {
    let outputs: readonly Sym[] | undefined;
    try {
      outputs = translator(builder, Object.fromEntries(names.map((n, i) => [n, builder.inputs[i]!])), attributes);
    } catch (e) {
      // What the op does not take, another backend may; what is wrong for everybody, it will say.
      if (e instanceof FlagosError && e.kind === 'user') return { refused: e.reason, cause: asError(e) };
      throw e;
    }
    if (!outputs) return { refused: 'no op of FlagOS does this with these types and attributes' };
    return { id: this.#next++, kernel, inputs: builder.inputs, nodes: builder.nodes, constants: builder.constants, outputs };
  }
}
