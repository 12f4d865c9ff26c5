/** Attributes that became inputs: axes, sizes, bounds. */
import { Tensor } from '../../../core/tensor.ts';
import type { Node } from '../../../core/graph.ts';
import { withAttrs, type Rewriter, type Step, type Steps } from './rewriter.ts';

/** An optional list of integers becomes the next input (nothing, where it was not given). */
const listToInput =
  (name: string, version: number): Step =>
  (node, u) => {
    const values = u.ints(node, name);
    const inputs = values ? [node.inputs[0] ?? '', u.int64s(node, values, name)] : node.inputs;
    return { ...withAttrs(node, { [name]: undefined }), inputs, version };
  };

const unsqueeze13: Step = (node, u) => {
  u.needInts(node, 'axes');
  return listToInput('axes', 13)(node, u);
};

const slice10: Step = (node, u) => {
  const lists = [u.needInts(node, 'starts'), u.needInts(node, 'ends')];
  const inputs = [node.inputs[0] ?? '', ...['starts', 'ends'].map((what, i) => u.int64s(node, lists[i]!, what))];
  const axes = u.ints(node, 'axes');
  if (axes) inputs.push(u.int64s(node, axes, 'axes'));
  return { ...withAttrs(node, { starts: undefined, ends: undefined, axes: undefined }), inputs, version: 10 };
};

const split18: Step = (node) =>
  // Equal parts had no attribute before: the number of outputs said it.
  node.inputs[1] ? { ...node, version: 18 } : { ...withAttrs(node, { num_outputs: node.outputs.length }), version: 18 };

const topK10: Step = (node, u) => {
  const k = u.int(node, 'k') ?? u.invalid("attribute 'k' is missing");
  return { ...withAttrs(node, { k: undefined }), inputs: [node.inputs[0] ?? '', u.int64s(node, [k], 'k')], version: 10 };
};

const pad11: Step = (node, u) => {
  const [data = ''] = node.inputs;
  const pads = u.int64s(node, u.needInts(node, 'pads'), 'pads');
  const value = u.float(node, 'value') ?? 0;
  const next: Node = { ...withAttrs(node, { pads: undefined, value: undefined }), inputs: [data, pads], version: 11 };
  if (value === 0) return next;
  const { name, nodes } = u.scalarLike(node, value, data, 'constant_value');
  return [...nodes, { ...next, inputs: [data, pads, name] }];
};

const clip11: Step = (node, u) => {
  const [data = ''] = node.inputs;
  const before: Node[] = [];
  const bound = (name: string): string => {
    const value = u.float(node, name);
    if (value === undefined) return '';
    const scalar = u.scalarLike(node, value, data, name);
    before.push(...scalar.nodes);
    return scalar.name;
  };
  const inputs = [data, bound('min'), bound('max')];
  while (inputs.at(-1) === '') inputs.pop();
  return [...before, { ...withAttrs(node, { min: undefined, max: undefined }), inputs, version: 11 }];
};

/** The mask had the data's type before version 10. */
const dropout10: Step = (node, u) => {
  const [output = '', mask = ''] = node.outputs;
  const next = { ...node, version: 10 };
  if (!u.isRead(mask)) return { ...next, outputs: [output] };
  const bool = u.value(node, 'mask');
  return [{ ...next, outputs: [output, bool] }, u.make(node, 'CastLike', [bool, node.inputs[0] ?? ''], {}, mask)];
};

const dropout12: Step = (node, u) => {
  const ratio = u.add(Tensor.scalar('float32', u.float(node, 'ratio') ?? 0.5), `${node.name}/ratio`);
  return { ...withAttrs(node, { ratio: undefined }), inputs: [node.inputs[0] ?? '', ratio], version: 12 };
};

/** The axis as an input; its default was 1 and is now −2. */
const dft20: Step = (node, u: Rewriter) => {
  const [input = '', length = ''] = node.inputs;
  const axis = u.add(Tensor.scalar('int64', u.int(node, 'axis') ?? 1), `${node.name}/axis`);
  return { ...withAttrs(node, { axis: undefined }), inputs: [input, length, axis], version: 20 };
};

const reductions = ['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'SumSquare'];

export const inputSteps: Steps = {
  ...Object.fromEntries(reductions.map((r) => [`Reduce${r}`, { 18: listToInput('axes', 18) }])),
  ReduceSum: { 13: listToInput('axes', 13) },
  Squeeze: { 13: listToInput('axes', 13) },
  Unsqueeze: { 13: unsqueeze13 },
  Split: { 13: listToInput('split', 13), 18: split18 },
  Slice: { 10: slice10 },
  TopK: { 10: topK10 },
  Pad: { 11: pad11 },
  Clip: { 11: clip11 },
  Dropout: { 10: dropout10, 12: dropout12 },
  DFT: { 20: dft20 },
};
