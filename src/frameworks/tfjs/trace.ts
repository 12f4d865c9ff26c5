/**
 * A function of tensors as one graph: it is run once on the capturing backend with stand-ins for its
 * inputs, and what was captured between them and its results becomes one template, everything else it
 * used (weights) constants of it. Nothing is calculated, unless the function looks at values itself.
 */
import type { DType } from '../../core/dtype.ts';
import type { Node } from '../../core/graph.ts';
import { Tensor } from '../../core/tensor.ts';
import type { FlagosBackend } from './backend.ts';
import { sameDims, type Cell } from './cells.ts';
import { cutFor, graphOf, release, type Cut } from './cut.ts';
import type { Template } from './template.ts';
import type { DataId, TensorInfo } from './tf-types.ts';
import type { Sym } from './translate.ts';

/** Ends a run in which contents that depend on an input are asked for: there are none. */
class Looked extends Error {}

/** What a backend tells of a function it runs. */
export class Tracing {
  readonly #inputs: ReadonlySet<Cell>;
  /** Data made on the way: constants, or random numbers. */
  readonly made = new Set<Cell>();

  constructor(inputs: readonly Cell[]) {
    this.#inputs = new Set(inputs);
  }

  /** To be told of what is about to be looked at, or calculated from. */
  looks(cells: readonly Cell[]): void {
    if (cells.some((c) => this.#inputs.has(c))) throw new Looked('a function that is traced looks at values');
  }
}

/** What a function does between its inputs and results. */
export interface Trace {
  readonly template: Template;
  /** Equal for functions of the same structure. */
  readonly key: string;
  /** Contents made while it ran, in the order they are used. */
  readonly made: readonly Tensor[];
  /** The function's own names of the template's values. */
  readonly names: ReadonlyMap<string, string>;
}

/** What a function calls its values, asked when it has run and they are still there. The first name of a value counts. */
export type ValueNames = () => Iterable<readonly [name: string, dataId: DataId]>;

/** Templates of kernels count upwards from zero. */
let serial = -1;

const reshapeNode = (name: string, from: string, to: string, shape: string): Node => ({
  name,
  op: 'Reshape',
  domain: '',
  version: 25,
  inputs: [from, shape],
  outputs: [to],
  attrs: { allowzero: { type: 'int', value: 1 } },
});

/** A plain tensor, there or captured. */
const isPlain = (cell: Cell): boolean => cell.dtype !== 'string' && !cell.parts && (cell.call ?? cell.value) !== undefined;

/**
 * The template between stand-ins and results.
 * @param inputs cells whose contents mean nothing; types and shapes count.
 * @returns undefined if it cannot be one: contents were looked at, or something is no plain tensor.
 */
export const traced = (
  backend: FlagosBackend,
  name: string,
  inputs: readonly Cell[],
  run: () => readonly TensorInfo[],
  called: ValueNames = () => [],
): Trace | undefined => {
  const tracing = new Tracing(inputs);
  let results: readonly TensorInfo[];
  try {
    results = backend.trace(tracing, run);
  } catch (e) {
    if (e instanceof Looked) return undefined;
    throw e;
  }
  const cells = results.map((t) => backend.cell(t.dataId));
  if (!cells.every(isPlain)) return undefined;
  const pending = [...new Set(cells.filter((c) => c.call))];
  const cut = cutFor(pending);
  try {
    if (!cut.leaves.every(({ cell }) => isPlain(cell))) return undefined;
    const labels = new Map<Cell, string>();
    for (const [label, dataId] of called()) {
      const cell = backend.cell(dataId);
      if (!labels.has(cell)) labels.set(cell, label);
    }
    // What is named has to be among the values a cut tells the names of.
    const inner = cut.calls.flatMap((c) => c.outputs).filter((c) => labels.has(c) && !pending.includes(c));
    return {
      ...templateOf(name, inputs, results, cells, { ...cut, wanted: [...pending, ...inner] }, labels),
      key: cut.key,
      made: cut.leaves.flatMap(({ cell }) => (tracing.made.has(cell) && !inputs.includes(cell) ? [cell.value!] : [])),
    };
  } finally {
    release(cut);
  }
};

const templateOf = (
  kernel: string,
  inputs: readonly Cell[],
  results: readonly TensorInfo[],
  cells: readonly Cell[],
  cut: Cut,
  labels: ReadonlyMap<Cell, string>,
): Pick<Trace, 'template' | 'names'> => {
  const graph = graphOf(cut);
  const constants = new Map(graph.initializers);
  const names = new Map<string, string>();
  const shapeOf = (shape: readonly number[], of: string): string => {
    constants.set(`${of}.shape`, Tensor.from('int64', [shape.length], shape));
    return `${of}.shape`;
  };
  const nodes: Node[] = [];
  /** Leaves that are an input as it is. */
  const same = new Map<string, string>();
  cut.leaves.forEach(({ cell, shape }, i) => {
    const at = inputs.indexOf(cell);
    const label = labels.get(cell);
    if (label !== undefined) names.set(`x${i}`, label);
    if (at < 0) constants.set(`x${i}`, sameDims(cell.value!.dims, shape) ? cell.value! : cell.value!.reshaped(shape));
    else if (sameDims(cell.dims, shape)) same.set(`x${i}`, `m${at}`);
    else nodes.push(reshapeNode(`input${i}`, `m${at}`, `x${i}`, shapeOf(shape, `x${i}`)));
  });
  for (const n of graph.nodes) nodes.push({ ...n, inputs: n.inputs.map((x) => same.get(x) ?? x) });
  cut.wanted.forEach((cell, i) => labels.has(cell) && names.set(graph.outputs[i]!.name, labels.get(cell)!));
  const given = new Set<string>();
  const outputs = results.map(({ shape }, i): Sym => {
    const cell = cells[i]!;
    const dtype = cell.dtype as DType;
    // A result may be an input itself, or depend on nothing.
    const at = inputs.indexOf(cell);
    const from = cell.call ? graph.outputs[cut.wanted.indexOf(cell)]!.name : at >= 0 ? `m${at}` : `k${i}`;
    if (!cell.call && at < 0) constants.set(from, cell.value!);
    if (cell.call && !given.has(from) && sameDims(cell.dims, shape)) {
      given.add(from);
      return { name: from, dtype, shape };
    }
    const made = `y${i}`;
    nodes.push(reshapeNode(`output${i}`, from, made, shapeOf(shape, made)));
    return { name: made, dtype, shape };
  });
  const syms = inputs.map((c, i): Sym => ({ name: `m${i}`, dtype: c.dtype as DType, shape: c.dims }));
  return { template: { id: serial--, kernel, inputs: syms, nodes, constants, outputs, whole: true }, names };
};
