/**
 * Softmax, LogSoftmax and Hardmax before version 13 worked on the input folded to a matrix at `axis`:
 * over all dimensions from `axis` on together. Where that is one dimension (the others being 1) the
 * new form says the same; else the folding is written out.
 */
import type { Node } from '../../../core/graph.ts';
import { withAttrs, type Rewriter, type Step, type Steps } from './rewriter.ts';

/** The one axis the old form works over, where that can be seen. */
const singleAxis = (node: Node, u: Rewriter, axis: number): number | undefined => {
  if (axis === -1) return -1;
  const shape = u.shape(node.inputs[0] ?? '') ?? u.shape(node.outputs[0] ?? '');
  if (!shape) return undefined;
  const from = axis < 0 ? axis + shape.length : axis;
  // Out of range is for the op itself to refuse.
  return shape.slice(from + 1).every((d) => d === 1) ? axis : undefined;
};

const softmax13: Step = (node, u) => {
  const axis = u.int(node, 'axis') ?? 1;
  const single = singleAxis(node, u, axis);
  if (single !== undefined) return { ...withAttrs(node, { axis: single }), version: 13 };
  const [x = ''] = node.inputs;
  const folded = u.make(node, 'Flatten', [x], { axis });
  const rows = u.value(node, 'rows');
  const shape = u.make(node, 'Shape', [x]);
  const main: Node = { ...withAttrs(node, { axis: 1 }), inputs: folded.outputs, outputs: [rows], version: 13 };
  // allowzero: a dimension of 0 is meant as such.
  return [folded, main, shape, u.make(node, 'Reshape', [rows, shape.outputs[0]!], { allowzero: 1 }, node.outputs[0])];
};

export const softmaxSteps: Steps = { Softmax: { 13: softmax13 }, LogSoftmax: { 13: softmax13 }, Hardmax: { 13: softmax13 } };
