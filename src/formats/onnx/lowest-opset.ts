/**
 * The oldest version of ai.onnx a graph can be written in. Ops keep their present form for many
 * versions, and a library often has kernels registered for older ones only: a graph written as the
 * newest version may find none.
 */
import { subgraphsOf, type Graph, type Node } from '../../core/graph.ts';
import { oldestWritten, opForms } from './op-forms.ts';

const needs = (node: Node): number => {
  if (node.domain !== '') return oldestWritten;
  const form = Object.hasOwn(opForms, node.op) ? opForms[node.op]! : {};
  const versions = [oldestWritten, form.since ?? 0];
  for (const name of Object.keys(node.attrs)) versions.push(form.attrs?.[name] ?? 0);
  node.inputs.forEach((name, i) => name !== '' && versions.push(form.inputs?.[i] ?? 0));
  if (form.fewer && node.inputs.length < form.fewer.than) versions.push(form.fewer.since);
  return Math.max(...versions);
};

/**
 * At least 13, before which axes and bounds were attributes. Element types are not looked at: a form may
 * be old and still be allowed for a type (bfloat16, float8, 4-bit) only since a later version.
 * @param graph with nodes in their newest form, as the reader gives it.
 */
export const lowestOpset = (graph: Graph): number =>
  graph.nodes.reduce(
    (lowest, node) => Math.max(lowest, needs(node), ...subgraphsOf(node).map(([, inner]) => lowestOpset(inner))),
    oldestWritten,
  );
