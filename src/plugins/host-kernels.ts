/** Ops that are functions on host values (sorting, strings, sequences, data-dependent shapes), as kernels: the same on every chip of this library. */
import { FlagosError } from '../core/errors.ts';
import { isPromise } from '../core/async.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import { bindNode, byName, usesHost, type Arg } from '../ops/bind.ts';
import { evaluateBound } from '../ops/evaluate.ts';
import type { OpSet } from '../ops/registry.ts';
import type { Prepared, Region, RunValue, Variant } from './contract.ts';

/** What is known of the arguments of a region's only node. */
export const argsOfNode = (region: Region): Arg[] =>
  region.nodes[0]!.inputs.map((name) =>
    name === '' ? { type: undefined } : { type: region.types.get(name), value: region.constants.get(name) },
  );

/** Whether a region is one node that its record calculates by a host function. */
export const isHostRegion = (ops: OpSet, region: Region): boolean => {
  const [node] = region.nodes;
  const record = node && region.nodes.length === 1 ? ops.find(node.domain, node.op) : undefined;
  if (!record?.host) return false;
  const args = argsOfNode(region);
  return usesHost(
    bindNode(record, node!),
    args.map((a) => a.type),
    args.map((a) => a.value),
  );
};

/** Puts a node's arguments in order from a region's inputs and constants. */
export const gatherArguments = (region: Region): ((inputs: readonly RunValue[]) => (Value | undefined)[]) => {
  const position = new Map(region.inputs.map((v, i) => [v.name, i]));
  const sources = region.nodes[0]!.inputs.map((name) => (name === '' ? undefined : (region.constants.get(name) ?? position.get(name)!)));
  return (inputs) => sources.map((s) => (typeof s === 'number' ? (inputs[s] as Value) : s));
};

/**
 * What must be looked at before a compiled kernel of a node may run: contents no shape can tell
 * (indices in range, …). Undefined if there is nothing. @throws FLAGOS_E_VALUE from the function.
 */
export const contentCheck = (ops: OpSet, region: Region): ((inputs: readonly RunValue[]) => void) | undefined => {
  const node = region.nodes[0]!;
  const record = ops.find(node.domain, node.op);
  if (region.nodes.length !== 1 || !record?.check) return undefined;
  const { attrs } = bindNode(record, node);
  const gather = gatherArguments(region);
  return (inputs) => record.check!(byName(record, gather(inputs)), attrs);
};

export const hostVariant: Variant = {
  name: 'host',
  numerics: { inputs: 'same', accumulate: 'float64', notes: [] },
  alone: true,
  instant: true,
};

export const prepareHost = (ops: OpSet, region: Region): Prepared => {
  const node = region.nodes[0]!;
  const bound = bindNode(ops.find(node.domain, node.op)!, node);
  const gather = gatherArguments(region);
  const written = region.outputs.map((o) => node.outputs.indexOf(o.name));
  return {
    workspaceBytes: 0,
    run: (inputs, outputs) => {
      const made = evaluateBound(bound, gather(inputs));
      if (isPromise(made)) throw new FlagosError('FLAGOS_E_INTERNAL', 'a host function must be synchronous');
      written.forEach((p, i) => void (outputs[i] = into(outputs[i] as Value | undefined, made[p])));
    },
    dispose: () => {},
  };
};

/** Puts a result where the caller asked for it, if it asked. */
const into = (place: Value | undefined, made: Value | undefined): Value | undefined => {
  if (!(place instanceof Tensor) || !(made instanceof Tensor) || Array.isArray(made.data) || Array.isArray(place.data)) return made;
  (place.data as { set(from: ArrayLike<number | bigint>): void }).set(made.data as ArrayLike<number | bigint>);
  return place;
};
