/** What tests of dispatch are made of: graphs written as lines, and a runtime of the reference and vendors. */
import { tensorType, type Attribute, type Graph, type Node, type ValueType } from '../../src/core/graph.ts';
import type { DType } from '../../src/core/dtype.ts';
import type { LogLevel } from '../../src/core/log.ts';
import { Tensor, type Value } from '../../src/core/tensor.ts';
import { opSet } from '../../src/ops/index.ts';
import { defaultPolicy, mergePolicies, type PolicyOverride } from '../../src/opmanager/policy.ts';
import type { KernelProvider } from '../../src/plugins/contract.ts';
import { referenceProvider } from '../../src/plugins/reference.ts';
import { ProviderRegistry } from '../../src/plugins/registry.ts';
import type { FlagosModel } from '../../src/runtime/model.ts';
import { Runtime, type RuntimeParts } from '../../src/runtime/runtime.ts';

export { vendor, type VendorOptions } from './vendor.ts';

export const f32 = (...shape: (number | string | null)[]): ValueType => tensorType('float32', shape);
export const tensor = (dims: readonly number[], values: readonly (number | bigint | boolean)[], dtype: DType = 'float32'): Tensor =>
  Tensor.from(dtype, dims, values);
export const row = (...values: number[]): Tensor => tensor([values.length], values);
export const i64 = (...values: number[]): Tensor => tensor([values.length], values, 'int64');
export const listOf = (value: Value | undefined): unknown => (value instanceof Tensor ? value.toValues() : value);

type Plain = number | string | readonly number[] | Graph | Tensor;
const attribute = (v: Plain): Attribute => {
  if (v instanceof Tensor) return { type: 'tensor', value: v };
  if (typeof v === 'number') return { type: 'int', value: v };
  if (typeof v === 'string') return { type: 'string', value: v };
  return 'nodes' in v ? { type: 'graph', value: v } : { type: 'ints', value: v };
};

/** `y z = Op a b`: a node named after its first output; `_` leaves an argument out, `domain:Op` names a domain. */
export const node = (line: string, attrs: Readonly<Record<string, Plain>> = {}): Node => {
  const [left = '', right = ''] = line.split('=');
  const outputs = left.trim().split(/\s+/);
  const [op = '', ...inputs] = right.trim().split(/\s+/);
  const [name, domain = ''] = op.split(':').reverse();
  const omit = (n: string): string => (n === '_' ? '' : n);
  return {
    name: outputs[0]!,
    op: name!,
    domain,
    version: 21,
    inputs: inputs.map(omit),
    outputs: outputs.map(omit),
    attrs: Object.fromEntries(Object.entries(attrs).map(([k, v]) => [k, attribute(v)])),
  };
};

export interface GraphParts {
  readonly inputs?: Readonly<Record<string, ValueType | undefined>>;
  readonly outputs: readonly string[];
  readonly constants?: Readonly<Record<string, Tensor>>;
  readonly types?: Readonly<Record<string, ValueType>>;
  readonly name?: string;
}
/** @param lines nodes, or their lines. */
export const graph = (
  lines: readonly (string | Node)[],
  { inputs = {}, outputs, constants = {}, types = {}, name = 'g' }: GraphParts,
): Graph => ({
  name,
  nodes: lines.map((l) => (typeof l === 'string' ? node(l) : l)),
  inputs: Object.entries(inputs).map(([n, type]) => ({ name: n, type })),
  outputs: outputs.map((n) => ({ name: n, type: undefined })),
  initializers: new Map(Object.entries(constants)),
  types: new Map(Object.entries(types)),
});

/** A runtime of the reference and these vendors, and what it logged. */
export const openRuntime = async (
  vendors: readonly KernelProvider[],
  policy: PolicyOverride = {},
  parts: Partial<RuntimeParts> = {},
): Promise<Runtime & { readonly lines: string[] }> => {
  const registry = new ProviderRegistry();
  for (const v of [referenceProvider(opSet, '1'), ...vendors]) registry.register(`plugin ${v.name}`, [v]);
  const lines: string[] = [];
  const logger = {
    log: (level: LogLevel, message: string, fields: object = {}) => void lines.push(`${level} ${message} ${JSON.stringify(fields)}`),
  };
  const runtime = await Runtime.open({
    registry,
    ops: opSet,
    policy: mergePolicies(defaultPolicy, policy),
    host: { logger, threads: 1, env: {} },
    ...parts,
  });
  return Object.assign(runtime, { lines });
};

/** A model of a runtime of the reference and these vendors. */
export const loadModel = async (g: Graph, vendors: readonly KernelProvider[] = [], policy: PolicyOverride = {}): Promise<FlagosModel> =>
  (await openRuntime(vendors, policy)).model({ name: 'm', graph: g, metadata: {} });

/** Provider that runs each node. */
export const runners = (model: FlagosModel): Record<string, string> =>
  Object.fromEntries(model.placement().map((p) => [p.node, p.kernel.slice(0, p.kernel.indexOf('/'))]));
