/**
 * The simplest possible execution of a graph: node after node, each by its record. No folding, no
 * planning, no providers; the executor is held against it.
 */
import type { Graph } from '../../src/core/graph.ts';
import { captures, opName } from '../../src/core/graph.ts';
import type { Value } from '../../src/core/tensor.ts';
import { evaluateNode } from '../../src/ops/evaluate.ts';
import { findOp } from '../../src/ops/index.ts';

export const evaluateGraph = async (
  graph: Graph,
  inputs: readonly (Value | undefined)[],
  outer: ReadonlyMap<string, Value> = new Map(),
): Promise<Value[]> => {
  const values = new Map<string, Value>([...outer, ...graph.initializers]);
  graph.inputs.forEach((info, i) => {
    const value = inputs[i];
    if (value !== undefined) values.set(info.name, value);
  });
  for (const node of graph.nodes) {
    const record = findOp(node.domain, node.op);
    if (!record) throw new Error(`no record of ${opName(node.domain, node.op)}`);
    const outputs = await evaluateNode(
      record,
      node,
      node.inputs.map((n) => (n === '' ? undefined : values.get(n))),
      (g, args) => evaluateGraph(g, args, new Map(captures(g).map((name) => [name, values.get(name)!]))),
    );
    outputs.forEach((v, i) => v !== undefined && node.outputs[i] && values.set(node.outputs[i]!, v));
  }
  return graph.outputs.map((o) => values.get(o.name)!);
};
