/** Control flow, run by the runtime itself: the record's function, with subgraphs run as graphs of their own. */
import { isPromise } from '../core/async.ts';
import { captures, type Graph } from '../core/graph.ts';
import type { Value } from '../core/tensor.ts';
import { evaluateNode } from '../ops/evaluate.ts';
import type { RunSubgraph } from '../ops/define.ts';
import type { Prepared } from '../plugins/contract.ts';
import type { PlannedRegion } from './planned.ts';
import type { Specialized } from './specialize.ts';

/** Something that runs one graph. */
export interface BodyRunner {
  run(inputs: readonly (Value | undefined)[]): ReturnType<RunSubgraph>;
  dispose(): Promise<void>;
}

/** A subgraph that runs, and what it captures from around it, in the order of its added inputs. */
interface Body {
  readonly runner: BodyRunner;
  readonly outer: readonly string[];
}

/** A subgraph with what it captures made its own: constants as initializers, the rest as inputs after its own. */
const bodyGraph = (graph: Graph, special: Specialized): { readonly graph: Graph; readonly outer: readonly string[] } => {
  const outer = captures(graph).filter((name) => !special.constants.has(name));
  const constants = captures(graph).flatMap((name) => (special.constants.has(name) ? [[name, special.constants.get(name)!] as const] : []));
  return {
    outer,
    graph: {
      ...graph,
      inputs: [...graph.inputs, ...outer.map((name) => ({ name, type: special.types.get(name) }))],
      initializers: new Map([...constants, ...graph.initializers]),
    },
  };
};

/** @param makeRunner makes what runs a subgraph; it is planned when it first runs. */
export const prepareControl = (planned: PlannedRegion, special: Specialized, makeRunner: (body: Graph) => BodyRunner): Prepared => {
  const { node, bound } = planned.nodes[0]!;
  const { record } = bound!;
  const bodies = new Map<Graph, Body>();
  const bodyOf = (graph: Graph): Body => {
    let body = bodies.get(graph);
    if (!body) {
      const made = bodyGraph(graph, special);
      bodies.set(graph, (body = { runner: makeRunner(made.graph), outer: made.outer }));
    }
    return body;
  };
  const names = planned.region.inputs.map((v) => v.name);
  const positions = planned.region.outputs.map((o) => node.outputs.indexOf(o.name));
  return {
    workspaceBytes: 0,
    run: (inputs, outputs) => {
      const at = new Map(names.map((n, i) => [n, inputs[i] as Value]));
      const valueOf = (name: string): Value | undefined => (name === '' ? undefined : (special.constants.get(name) ?? at.get(name)));
      const results = evaluateNode(record, node, node.inputs.map(valueOf), (graph, args) => {
        const { runner, outer } = bodyOf(graph);
        return runner.run([...args, ...outer.map((name) => at.get(name))]);
      });
      const store = (values: readonly (Value | undefined)[]): void => positions.forEach((p, i) => (outputs[i] = values[p]));
      return isPromise(results) ? results.then(store) : store(results);
    },
    dispose: async () => {
      for (const { runner } of bodies.values()) await runner.dispose();
    },
  };
};
