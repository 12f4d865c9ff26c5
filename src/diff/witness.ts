/** A second witness: a region's nodes by another provider alone. It is held against the error model too: a witness may be wrong. */
import { isPromise } from '../core/async.ts';
import type { Graph, Model } from '../core/graph.ts';
import type { Value } from '../core/tensor.ts';
import type { PolicyOverride } from '../opmanager/policy.ts';
import type { Region } from '../plugins/contract.ts';
import type { Runtime } from '../runtime/runtime.ts';

/** A policy under which only one token runs anything. */
export const onlyPolicy = (token: string): PolicyOverride => ({ prefer: [token], perOp: {}, fallback: 'none', onFailure: 'error' });

export const graphOf = (region: Region): Graph => ({
  name: 'region',
  nodes: region.nodes,
  types: region.types,
  initializers: region.constants,
  inputs: region.inputs.map((i) => ({ name: i.name, type: i.type })),
  outputs: region.outputs.map((o) => ({ name: o.name, type: undefined })),
});

export type Witness = (region: Region, inputs: readonly Value[], name: string) => Promise<Value[]>;

/** @throws FLAGOS_E_NO_KERNEL where the token cannot run the region. */
export const witnessOf =
  (runtime: Runtime, token: string): Witness =>
  async (region, inputs, name) => {
    const model: Model = { name, graph: graphOf(region), metadata: {} };
    const loaded = runtime.model(model, { policy: onlyPolicy(token) });
    try {
      const made = loaded.runPositional(inputs);
      return isPromise(made) ? await made : made;
    } finally {
      await loaded.dispose();
    }
  };
