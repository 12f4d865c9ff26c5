/** BatchNormalization without `spatial` and with the training mode said; GroupNormalization per channel. */
import type { Node } from '../../../core/graph.ts';
import { withAttrs, type Step, type Steps } from './rewriter.ts';

/**
 * Before version 9, `spatial` = 0 meant one mean and variance for each element of a sample, not for
 * each channel: written out, since the op no longer has it.
 */
const batch9: Step = (node, u) => {
  if ((u.int(node, 'spatial') ?? 1) !== 0) return { ...withAttrs(node, { spatial: undefined }), version: 9 };
  if (node.outputs.some((name, i) => i > 0 && u.isRead(name))) u.unsupported('BatchNormalization with spatial = 0 is in training form');
  const [x = '', scale = '', bias = '', mean = '', variance = ''] = node.inputs;
  const epsilon = u.scalarLike(node, u.float(node, 'epsilon') ?? 1e-5, x, 'epsilon');
  const out = (n: Node): string => n.outputs[0]!;
  const centered = u.make(node, 'Sub', [x, mean]);
  const shifted = u.make(node, 'Add', [variance, epsilon.name]);
  const deviation = u.make(node, 'Sqrt', [out(shifted)]);
  const normal = u.make(node, 'Div', [out(centered), out(deviation)]);
  const scaled = u.make(node, 'Mul', [out(normal), scale]);
  return [...epsilon.nodes, centered, shifted, deviation, normal, scaled, u.make(node, 'Add', [out(scaled), bias], {}, node.outputs[0])];
};

/** More outputs than one meant training; now an attribute says it, and the saved statistics are gone. */
const batch14: Step = (node, u) => {
  const [y = '', mean = '', variance = '', ...saved] = node.outputs;
  if (saved.some((name) => u.isRead(name))) u.unsupported('the saved mean and variance of BatchNormalization are not available any more');
  const training = node.outputs.slice(1).some((name) => name !== '');
  if (!training) return { ...node, outputs: [y], version: 14 };
  const outputs = [y, ...[mean, variance].map((name, i) => name || u.value(node, i ? 'running_var' : 'running_mean'))];
  return { ...withAttrs(node, { training_mode: 1 }), outputs, version: 14 };
};

/** Scale and bias were per group: each is repeated for the channels of its group. */
const group21: Step = (node, u) => {
  const [x = '', scale = '', bias = ''] = node.inputs;
  const groups = u.int(node, 'num_groups') ?? u.invalid("attribute 'num_groups' is missing");
  const count = u.int64s(node, [groups], 'groups');
  const column = u.int64s(node, [1], 'column');
  const flat = u.int64s(node, [-1], 'flat');
  const channels = u.make(node, 'Shape', [x], { start: 1, end: 2 });
  const each = u.make(node, 'Div', [channels.outputs[0]!, count]);
  const wide = u.make(node, 'Concat', [count, each.outputs[0]!], { axis: 0 });
  const perChannel = (name: string): Node[] => {
    const tall = u.make(node, 'Unsqueeze', [name, column]);
    const expanded = u.make(node, 'Expand', [tall.outputs[0]!, wide.outputs[0]!]);
    return [tall, expanded, u.make(node, 'Reshape', [expanded.outputs[0]!, flat])];
  };
  const scales = perChannel(scale);
  const biases = perChannel(bias);
  const inputs = [x, scales.at(-1)!.outputs[0]!, biases.at(-1)!.outputs[0]!];
  return [channels, each, wide, ...scales, ...biases, { ...node, inputs, version: 21 }];
};

export const normalizationSteps: Steps = { BatchNormalization: { 9: batch9, 14: batch14 }, GroupNormalization: { 21: group21 } };
