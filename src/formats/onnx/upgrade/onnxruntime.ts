/**
 * Ops of onnxruntime that stand in ONNX's own domain: some that ONNX took over later, and one it did not. Its
 * optimizers write them there whatever version the model imports.
 * Source: onnxruntime, core/graph/contrib_ops/contrib_defs.cc.
 */
import type { Node } from '../../../core/graph.ts';

/** The version in which ONNX took an op over, with the form and meaning it had. */
const adopted: Readonly<Record<string, number>> = { LayerNormalization: 17 };

/** Ops onnxruntime has in ONNX's domain alone, which others take for one of its own domain's. */
const misplaced: ReadonlySet<string> = new Set(['SimplifiedLayerNormalization']);

/** A node that is older than its op in ONNX as one of ONNX's; one that stands in the wrong domain where it belongs. */
export const adoptedForm = (node: Node): Node => {
  if (node.domain === 'com.microsoft' && misplaced.has(node.op)) return { ...node, domain: '' };
  const version = node.domain === '' && Object.hasOwn(adopted, node.op) ? adopted[node.op]! : 0;
  return node.version < version ? { ...node, version } : node;
};
