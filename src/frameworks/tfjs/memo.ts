/**
 * The kinds of calls a kernel was last called with, found again by comparing numbers: for small kernels,
 * making a key of a call would cost more than running it.
 */
import { Cell, sameDims } from './cells.ts';
import type { Counter } from './coverage.ts';
import { binary } from './kernels/binary.ts';
import { matmul } from './kernels/matmul.ts';
import { reduce } from './kernels/reduce.ts';
import { shape } from './kernels/shape.ts';
import { softmax } from './kernels/softmax.ts';
import { unary } from './kernels/unary.ts';
import type { Template } from './template.ts';
import type { KernelCall, TfAttributes } from './tf-types.ts';

/** Kernels that are nothing but their template: no contents are looked at before they run. */
export const plainKernels: ReadonlySet<string> = new Set([binary, matmul, reduce, shape, softmax, unary].flatMap(Object.keys));

interface Kind {
  readonly names: readonly string[];
  readonly dtypes: readonly string[];
  readonly shapes: readonly (readonly number[])[];
  readonly attributes: readonly (readonly [string, unknown])[];
  readonly template: Template;
  readonly counter: Counter;
}

/** Kinds compared; of a kernel called in more ways the others are found by key. */
const KINDS = 4;

const sameValue = (kept: unknown, v: unknown): boolean => {
  if (!Array.isArray(kept)) return Object.is(kept, v);
  if (!Array.isArray(v) || v.length !== kept.length) return false;
  for (let i = 0; i < kept.length; i++) if (!Object.is(kept[i], v[i])) return false;
  return true;
};

const sameAttributes = (kept: Kind['attributes'], attributes: TfAttributes | undefined): boolean => {
  let i = 0;
  for (const name in attributes) {
    const v = attributes[name];
    if (v === undefined) continue;
    if (i === kept.length || kept[i]![0] !== name || !sameValue(kept[i]![1], v)) return false;
    i++;
  }
  return i === kept.length;
};

/** Whether attributes can be compared: numbers, words, lists of them. */
const comparable = (v: unknown): boolean =>
  typeof v !== 'object' || v === null || (Array.isArray(v) && v.every((x) => typeof x !== 'object' || x === null));

export class Memo {
  readonly #kinds: Kind[] = [];
  /** Of the call found last. */
  cells: Cell[] = [];
  shapes: (readonly number[])[] = [];

  /** @returns the kind of a call like one before; its cells and shapes are then in {@link cells} and {@link shapes}. */
  find(call: KernelCall): Kind | undefined {
    for (const kind of this.#kinds) if (this.#is(kind, call)) return kind;
    return undefined;
  }

  #is({ names, dtypes, shapes, attributes }: Kind, { inputs, attrs }: KernelCall): boolean {
    const cells: Cell[] = [];
    const seen: (readonly number[])[] = [];
    for (const name in inputs) {
      const info = inputs[name];
      if (info === null || info === undefined) continue;
      const i = cells.length;
      const cell = info.dataId;
      if (i === names.length || names[i] !== name || info.dtype !== dtypes[i] || !(cell instanceof Cell)) return false;
      if (cell.refCount <= 0 || cell.dtype !== info.dtype || !sameDims(shapes[i]!, info.shape)) return false;
      cells.push(cell);
      seen.push(shapes[i]!);
    }
    if (cells.length !== names.length || !sameAttributes(attributes, attrs)) return false;
    this.cells = cells;
    this.shapes = seen;
    return true;
  }

  add(call: KernelCall, names: readonly string[], template: Template, counter: Counter): void {
    const attributes = Object.entries(call.attrs ?? {}).filter(([, v]) => v !== undefined);
    const infos = names.map((n) => call.inputs[n]!);
    if (!attributes.every(([, v]) => comparable(v)) || infos.some((x) => x.dtype === 'string' || x.dtype === 'complex64')) return;
    if (this.#kinds.length >= KINDS) this.#kinds.pop();
    this.#kinds.unshift({
      names,
      dtypes: infos.map((x) => x.dtype),
      shapes: infos.map((x) => [...x.shape]),
      attributes: attributes.map(([n, v]) => [n, Array.isArray(v) ? [...(v as unknown[])] : v]),
      template,
      counter,
    });
  }
}
