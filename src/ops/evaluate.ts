/**
 * Evaluation of one op in float64: what the records mean. Constant folding and the `reference`
 * provider are this; nothing here knows of plans or providers.
 */
import { allocate, dtypeInfo } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { opName, type Node, type ValueType } from '../core/graph.ts';
import { MapValue, Sequence, Tensor, type Value } from '../core/tensor.ts';
import { lower } from '../compiler/lower.ts';
import { renderJs, type JsKernel } from '../compiler/render/js.ts';
import { InputTensor } from '../compiler/tensor-expr.ts';
import { bindNode, byName, checkTypes, expressionsOf, listOutputs, usesHost, type BoundNode } from './bind.ts';
import type { OpRecord, RunSubgraph } from './define.ts';

/** Type of a value at run time. */
export const typeOfValue = (value: Value | undefined): ValueType | undefined => {
  if (value === undefined) return undefined;
  if (value === null) return { kind: 'optional', element: undefined };
  if (value instanceof Tensor) return { kind: 'tensor', dtype: value.dtype, shape: value.dims };
  if (value instanceof Sequence) return { kind: 'sequence', element: typeOfValue(value.items[0]) };
  const [key] = value.entries.keys();
  return { kind: 'map', key: typeof key === 'string' ? 'string' : 'int64', element: typeOfValue([...value.entries.values()][0]) };
};

const isValue = (x: unknown): x is Value => x === null || x instanceof Tensor || x instanceof Sequence || x instanceof MapValue;

/** A compiled evaluation of a node's expressions for given input types. Reusable; not reentrant. */
export interface Evaluation {
  readonly kernel: JsKernel;
  readonly outputs: readonly { readonly dims: readonly number[]; readonly dtype: Tensor['dtype'] }[];
  run(inputs: readonly (Tensor | undefined)[], outputs?: readonly (Tensor | undefined)[]): Tensor[];
}

/** Compiles a node's expressions for the shapes of `samples`, and for the contents of those that decide shapes. */
export const compileNode = (
  bound: BoundNode,
  samples: readonly ({ dtype: Tensor['dtype']; dims: readonly number[]; value?: Tensor | undefined } | undefined)[],
): Evaluation => {
  const { record } = bound;
  const inputs = samples.map((s, i) => (s ? new InputTensor(bound.node.inputs[i] ?? '', s.dtype, s.dims, s.value) : undefined));
  const made = expressionsOf(
    bound,
    inputs,
    samples.map((s) => s?.value),
  );
  const wanted = made.flatMap((x) => (x ? [x] : []));
  // Inputs that decide shapes are not read again by the kernel.
  const read = inputs.map((x, i) => (x && record.inputs[Math.min(i, record.inputs.length - 1)]!.role !== 'value' ? x : undefined));
  const present = read.flatMap((x, i) => (x ? [{ x, i }] : []));
  const kernel = renderJs(
    lower(
      present.map((p) => p.x),
      wanted,
    ),
  );
  const outputs = wanted.map((x) => ({ dims: x.shape, dtype: x.dtype }));
  return {
    kernel,
    outputs,
    run: (values, into) => {
      const results = outputs.map(
        (o, i) =>
          into?.[i] ??
          new Tensor(
            o.dtype,
            o.dims,
            allocate(
              o.dtype,
              o.dims.reduce((n, d) => n * d, 1),
            ),
          ),
      );
      kernel.run(
        present.map((p) => values[p.i]!.data),
        results.map((r) => r.data),
      );
      return results;
    },
  };
};

/** Puts results where the node names outputs; omitted ones are undefined. */
const spread = (node: Node, results: readonly Tensor[]): (Tensor | undefined)[] => {
  let next = 0;
  return node.outputs.map((name) => (name === '' ? undefined : results[next++]));
};

/**
 * Evaluates a bound node on host values.
 * @param inputs positional; undefined where the node omits one.
 * @param run runs the node's subgraphs (control flow only).
 * @returns positional outputs, undefined where the node omits one; a promise only if `run` gives promises.
 */
export const evaluateBound = (
  bound: BoundNode,
  inputs: readonly (Value | undefined)[],
  run?: RunSubgraph,
): readonly (Value | undefined)[] | Promise<readonly (Value | undefined)[]> => {
  const { record, node } = bound;
  const types = inputs.map((v, i) => (node.inputs[i] === '' ? undefined : typeOfValue(v)));
  checkTypes(bound, types);
  const trace = { node: node.name, op: opName(node.domain, node.op) };
  try {
    if (record.control) {
      if (!run) throw new FlagosError('FLAGOS_E_INTERNAL', 'control flow needs something that runs subgraphs');
      return record.control(byName(record, inputs), bound.attrs, run, bound.ctx);
    }
    record.check?.(byName(record, inputs), bound.attrs);
    if (
      usesHost(
        bound,
        types,
        inputs.map((v) => (v instanceof Tensor ? v : undefined)),
      )
    ) {
      if (!record.host)
        throw new FlagosError(
          'FLAGOS_E_DTYPE',
          `cannot be evaluated for ${types.map((t) => (t?.kind === 'tensor' ? t.dtype : t?.kind)).join(', ')}`,
        );
      return listOutputs(record, record.host(byName(record, inputs), bound.attrs, bound.ctx), isValue);
    }
    const samples = inputs.map((v) => (v instanceof Tensor ? { dtype: v.dtype, dims: v.dims, value: v } : undefined));
    return spread(node, compileNode(bound, samples).run(inputs as readonly (Tensor | undefined)[]));
  } catch (e) {
    throw e instanceof FlagosError ? e.at(trace) : e;
  }
};

/** {@link evaluateBound} of a node that is evaluated once. */
export const evaluateNode = (
  record: OpRecord,
  node: Node,
  inputs: readonly (Value | undefined)[],
  run?: RunSubgraph,
): ReturnType<typeof evaluateBound> => evaluateBound(bindNode(record, node), inputs, run);

/** Elements an output would take, for limits. */
export const storageBytes = (dtype: Tensor['dtype'], dims: readonly number[]): number =>
  dims.reduce((n, d) => n * d, dtypeInfo(dtype).bytes);
