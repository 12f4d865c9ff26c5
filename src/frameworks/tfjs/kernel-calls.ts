/**
 * A kernel call of tfjs, from its arguments to results: by what only passes data on, by a template of
 * FlagOS ops, or by another backend.
 */
import type { DType } from '../../core/dtype.ts';
import { FlagosError } from '../../core/errors.ts';
import { tensorType } from '../../core/graph.ts';
import { sizeOf, type Tensor } from '../../core/tensor.ts';
import type { FlagosBackend } from './backend.ts';
import type { RunNow } from './builder.ts';
import { type Cell, keyOf, sameDims } from './cells.ts';
import { callComplex, complexKernels, makesComplex } from './complex.ts';
import { checks } from './kernels/checks.ts';
import { translators } from './kernels/index.ts';
import { Memo, plainKernels } from './memo.ts';
import type { OtherBackends } from './others.ts';
import { textOfAttributes, type Refusal, type Template } from './template.ts';
import type { KernelCall, TensorInfo, TfAttributes, TfInputs } from './tf-types.ts';

/** Kernels that give a list even if it has one entry. */
const lists = new Set([
  'MaxPoolWithArgmax',
  'NonMaxSuppressionV4',
  'NonMaxSuppressionV5',
  'RaggedGather',
  'RaggedRange',
  'SparseFillEmptyRows',
  'SparseReshape',
  'SplitV',
  'StringNGrams',
  'StringSplit',
  'TopK',
  'Unique',
  'Unpack',
]);

type Result = TensorInfo | TensorInfo[];
export type KernelFunction = (call: KernelCall) => Result;

/** What a call brings, in the order of its names. */
export interface Arguments {
  readonly names: string[];
  readonly cells: Cell[];
  readonly shapes: (readonly number[])[];
}

const nothing: TfAttributes = {};
const untranslated: Refusal = { refused: 'no op of FlagOS does this' };

/** One extent may be -1: what is left. @throws FLAGOS_E_SHAPE */
const inferred = (shape: readonly number[], size: number): number[] => {
  const known = shape.reduce((n, d) => (d < 0 ? n : n * d), 1);
  const out = shape.map((d) => (d < 0 ? size / known : d));
  if (sizeOf(out) !== size || out.some((d) => !Number.isInteger(d)))
    throw new FlagosError(
      'FLAGOS_E_SHAPE',
      `The new shape (${shape}) has ${known} elements and the old shape has ${size} elements. The new shape and old shape must have the same number of elements.`,
    );
  return out;
};

const pass = (backend: FlagosBackend, x: TensorInfo, shape: number[]): TensorInfo => {
  backend.incRef(x.dataId);
  return { dataId: x.dataId, shape, dtype: x.dtype };
};

/** Kernels that give the same data under another shape, or none. */
const passing: Readonly<Record<string, (backend: FlagosBackend, inputs: TfInputs, attributes: TfAttributes) => TensorInfo>> = {
  Identity: (backend, { x }) => pass(backend, x!, x!.shape),
  Reshape: (backend, { x }, { shape }) => pass(backend, x!, inferred(shape as number[], sizeOf(x!.shape))),
  ExpandDims: (backend, { input }, { dim }) => {
    const { shape } = input!;
    const at = dim as number;
    if (at < -(shape.length + 1) || at > shape.length)
      throw new FlagosError('FLAGOS_E_VALUE', `Axis must be in the interval [${-(shape.length + 1)}, ${shape.length}], it is ${at}`);
    return pass(backend, input!, shape.toSpliced(at < 0 ? shape.length + at + 1 : at, 0, 1));
  },
};

export class KernelCalls {
  readonly #others: OtherBackends;
  readonly #memos = new Map<string, Memo>();

  constructor(others: OtherBackends) {
    this.#others = others;
  }

  /** Names this can do something with by itself. */
  static get names(): string[] {
    return [...new Set([...translators.keys(), ...Object.keys(passing), ...complexKernels])];
  }

  /** What is registered with tfjs for a kernel. */
  kernel(name: string): KernelFunction {
    const passes = passing[name];
    if (passes) return ({ inputs, attrs, backend }) => passes(backend as unknown as FlagosBackend, inputs, attrs ?? nothing);
    if (!plainKernels.has(name)) return (call) => this.run(name, call);
    const memo = new Memo();
    this.#memos.set(name, memo);
    return (call) => {
      const kind = memo.find(call);
      if (!kind) return this.run(name, call);
      kind.counter.calls++;
      const infos = (call.backend as unknown as FlagosBackend).capture(kind.template, memo.cells, memo.shapes);
      return infos.length === 1 && !lists.has(name) ? infos[0]! : infos;
    };
  }

  run(name: string, call: KernelCall): Result {
    const backend = call.backend as unknown as FlagosBackend;
    const { inputs, attrs = nothing } = call;
    for (const n in inputs) if (inputs[n]?.dtype === 'complex64') return this.#complex(name, call);
    if (complexKernels.has(name) || makesComplex(name, call)) return this.#complex(name, call);
    const translator = translators.get(name);
    if (!translator) return this.#elsewhere(name, call, untranslated);
    const args: Arguments = { names: [], cells: [], shapes: [] };
    let key = name;
    let texts = false;
    for (const n in inputs) {
      const info = inputs[n];
      if (info === null || info === undefined) continue;
      if (Array.isArray(info)) return this.#elsewhere(name, call, untranslated);
      const cell = this.#typed(backend, info);
      if (cell.dtype === 'string') {
        texts = true;
        // Text is decoded here, so that what is none is refused before anything is captured.
        if (!backend.isText(cell)) return this.#elsewhere(name, call, { refused: 'a string tensor holds bytes that are no text' });
      }
      args.names.push(n);
      args.cells.push(cell);
      args.shapes.push(info.shape);
      key += `|${n}:${sameDims(cell.dims, info.shape) ? cell.key : keyOf(info.dtype, info.shape)}`;
    }
    const check = checks.get(name);
    if (check) check(Object.fromEntries(args.names.map((n, i) => [n, { shape: args.shapes[i]!, value: args.cells[i]!.value }])), attrs);
    key += `|${textOfAttributes(attrs)}`;
    const made = this.template(name, key, backend, args, attrs);
    if ('refused' in made) return this.#elsewhere(name, call, made);
    const counter = backend.shared.coverage.counter(name);
    counter.calls++;
    if (!texts && backend.shared.templates.peek(key)) this.#memos.get(name)?.add(call, args.names, made, counter);
    const infos = backend.capture(made, args.cells, args.shapes);
    if (texts) for (const { dataId } of infos) backend.value(dataId as Cell);
    return infos.length === 1 && !lists.has(name) ? infos[0]! : infos;
  }

  /** tfjs may call data by another type than it has; its contents then change with it. */
  #typed(backend: FlagosBackend, info: TensorInfo): Cell {
    const cell = backend.cell(info.dataId);
    if (cell.dtype === info.dtype) return cell;
    const cast = this.run('Cast', {
      inputs: { x: { ...info, dtype: cell.dtype } },
      attrs: { dtype: info.dtype },
      backend,
    }) as TensorInfo;
    backend.disposeData(cast.dataId);
    return cast.dataId as Cell;
  }

  /** The template of a call; contents that decide about it are calculated if they must be. */
  template(
    name: string,
    key: string,
    backend: FlagosBackend,
    { names, cells, shapes }: Arguments,
    attributes: TfAttributes,
  ): Template | Refusal {
    const { templates } = backend.shared;
    const peeked = templates.peek(key);
    if (peeked) return peeked;
    let forced = false;
    const asked = new Set<number>();
    const shaped = (i: number, value: Tensor): Tensor => (sameDims(value.dims, shapes[i]!) ? value : value.reshaped(shapes[i]!));
    const known = cells.map((cell, i) => ({
      dtype: cell.dtype as DType,
      shape: shapes[i]!,
      contents: (): Tensor | undefined => {
        if (!forced && cell.call) {
          asked.add(i);
          return undefined;
        }
        return shaped(i, backend.value(cell));
      },
    }));
    const now: RunNow = ({ nodes, constants, wanted, general }) => {
      const graph = {
        name: `${name} at once`,
        inputs: known.map(({ dtype, shape }, i) => ({ name: `i${i}`, type: tensorType(dtype, shape) })),
        outputs: wanted.map((n) => ({ name: n, type: undefined })),
        initializers: constants,
        nodes: [...nodes],
        types: new Map(),
      };
      const values = known.map((_, i) => shaped(i, backend.value(cells[i]!)));
      return backend.shared.plans.atOnce(general ? `${key}#${nodes.length}` : undefined, graph, values);
    };
    const find = (): Template | Refusal => templates.find(key, name, translators.get(name)!, names, known, attributes, now);
    const made = find();
    if (!('refused' in made) || asked.size === 0) return made;
    forced = true;
    return find();
  }

  #complex(name: string, call: KernelCall): Result {
    return callComplex(name, call, (n, c) => this.run(n, c)) ?? this.#elsewhere(name, call, untranslated);
  }

  #elsewhere(name: string, call: KernelCall, refusal: Refusal): Result {
    return this.#others.run(name, call, call.backend as unknown as FlagosBackend, refusal);
  }
}
