/**
 * Ops that ONNX took over from onnxruntime. Its optimizers write them into ONNX's domain whatever version the model
 * imports, since onnxruntime had them there before. Source: onnxruntime, core/graph/contrib_ops/contrib_defs.cc.
 */
import type { Node } from '../../../core/graph.ts';

/** The version in which ONNX took an op over, with the form and meaning it had. */
const adopted: Readonly<Record<string, number>> = { LayerNormalization: 17 };

/** A node that is older than its op in ONNX as one of ONNX's. */
export const adoptedForm = (node: Node): Node => {
  const version = node.domain === '' && Object.hasOwn(adopted, node.op) ? adopted[node.op]! : 0;
  return node.version < version ? { ...node, version } : node;
};
