/**
 * Old forms of ops, brought to the newest: node by node, in subgraphs too, each through the versions in
 * which its op changed. Behind the reader nothing knows operator set versions.
 *
 * Most changes only allow more element types or add an attribute whose default is the old behaviour;
 * those need no step. The steps are in `upgrade/`, a file for each kind of change.
 */
import { FlagosError } from '../../core/errors.ts';
import { opName, subgraphsOf, type Attribute, type Attributes, type Graph, type Node } from '../../core/graph.ts';
import type { Names } from './names.ts';
import { inputSteps } from './upgrade/inputs.ts';
import { legacySteps } from './upgrade/legacy.ts';
import { meaningSteps } from './upgrade/meaning.ts';
import { normalizationSteps } from './upgrade/normalization.ts';
import { adoptedForm } from './upgrade/onnxruntime.ts';
import { resizeSteps } from './upgrade/resize.ts';
import { Rewriter, type Step, type Steps } from './upgrade/rewriter.ts';
import { scanSteps } from './upgrade/scan.ts';
import { softmaxSteps } from './upgrade/softmax.ts';
import { versionsOf } from './upgrade/versions.ts';

/** All steps, by op and the version they lead to, ascending. */
export const upgradeSteps = ((): ReadonlyMap<string, ReadonlyMap<number, Step>> => {
  const all = new Map<string, Map<number, Step>>();
  const families: readonly Steps[] = [legacySteps, inputSteps, softmaxSteps, normalizationSteps, resizeSteps, scanSteps, meaningSteps];
  for (const family of families) {
    for (const [op, byVersion] of Object.entries(family)) {
      const merged = all.get(op) ?? new Map<number, Step>();
      all.set(op, merged);
      for (const [version, step] of Object.entries(byVersion)) merged.set(Number(version), step);
    }
  }
  // Families add to each other's ops: versions in order.
  for (const [op, byVersion] of all) all.set(op, new Map([...byVersion].sort(([a], [b]) => a - b)));
  return all;
})();

/** An allocation hint of the first versions, without meaning. */
const withoutHints = (attrs: Attributes): Attributes => {
  const { consumed_inputs: _, ...rest } = attrs;
  return rest;
};

/** The version whose form the node is written in: the last in which its op changed, at or before the imported one. */
const since = (node: Node, versions: readonly number[]): number => {
  const version = versions.findLast((v) => v <= node.version);
  if (version !== undefined) return version;
  throw new FlagosError(
    'FLAGOS_E_MODEL_INVALID',
    `${opName(node.domain, node.op)} came with version ${versions[0]} of its operator set; the model uses ${node.version}`,
  );
};

const upgradeSubgraphs = (node: Node, u: Rewriter): Node => {
  const inner = (attr: Attribute): Attribute => {
    if (attr.type === 'graph') return { type: 'graph', value: upgradeIn(u.inside(attr.value), attr.value) };
    return attr.type === 'graphs' ? { type: 'graphs', value: attr.value.map((g) => upgradeIn(u.inside(g), g)) } : attr;
  };
  if (subgraphsOf(node).length === 0) return node;
  return { ...node, attrs: Object.fromEntries(Object.entries(node.attrs).map(([name, attr]) => [name, inner(attr)])) };
};

/** `node` in the newest form, as one node or several, in order. */
const upgradeNode = (given: Node, u: Rewriter): readonly Node[] => {
  const node = adoptedForm(given);
  const versions = versionsOf(node.domain, node.op);
  // An op of another domain, or one ONNX never settled: its version is all there is to know.
  if (!versions) return [node];
  const from = since(node, versions);
  const byVersion = upgradeSteps.get(opName(node.domain, node.op));
  const next = byVersion && [...byVersion.keys()].find((v) => v > from);
  const attrs = from < 6 && 'consumed_inputs' in node.attrs ? withoutHints(node.attrs) : node.attrs;
  if (next === undefined) return [{ ...node, attrs, version: versions.at(-1)! }];
  const result = byVersion!.get(next)!({ ...node, attrs, version: from }, u);
  const list: readonly Node[] = 'op' in result ? [result] : result;
  return list.flatMap((n) => upgradeNode(n, u));
};

const upgradeIn = (u: Rewriter, graph: Graph): Graph => {
  const nodes: Node[] = [];
  for (const original of graph.nodes) {
    try {
      for (const node of upgradeNode(original, u)) {
        const done = upgradeSubgraphs(node, u);
        u.learn(done);
        nodes.push(done);
      }
    } catch (error) {
      throw error instanceof FlagosError ? error.at({ node: original.name, op: opName(original.domain, original.op) }) : error;
    }
  }
  return { ...graph, nodes, initializers: u.initializers };
};

/**
 * @param graph with nodes in order, each carrying the version of its operator set.
 * @param names all names of the model; new values and nodes take theirs from it.
 * @throws FLAGOS_E_MODEL_INVALID for an op its operator set does not have or attributes of wrong types;
 *   FLAGOS_E_MODEL_UNSUPPORTED for old forms that have no counterpart.
 */
export const upgradeGraph = (graph: Graph, names: Names): Graph => upgradeIn(new Rewriter(graph, names), graph);
