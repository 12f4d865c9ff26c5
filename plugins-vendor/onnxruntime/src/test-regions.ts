/** For tests: regions in a few words, and a session to run them on. */
import {
  Tensor,
  tensorType,
  type Attribute,
  type Attributes,
  type ChipSession,
  type Dim,
  type DType,
  type Graph,
  type Host,
  type Node,
  type Region,
  type RunValue,
  type ValueType,
} from 'flagos/plugin';
import { OnnxruntimeProvider } from './index.ts';

export const host: Host = { logger: { log: () => {} }, threads: 1, env: {} };
export const openSession = (threads = 1): ChipSession => {
  const provider = new OnnxruntimeProvider();
  return provider.open(provider.probe(host).chips[0]!, { ...host, threads });
};

export type Plain = number | string | readonly number[] | Graph | { readonly float: number };
const toAttribute = (value: Plain): Attribute => {
  if (typeof value === 'number') return { type: 'int', value };
  if (typeof value === 'string') return { type: 'string', value };
  if ('float' in value) return { type: 'float', value: value.float };
  return 'nodes' in value ? { type: 'graph', value } : { type: 'ints', value };
};
const attrsOf = (attrs: Readonly<Record<string, Plain>>): Attributes =>
  Object.fromEntries(Object.entries(attrs).map(([k, v]) => [k, toAttribute(v)]));

/** `'y = Add a b'`, outputs separated by commas, `_` for an omitted argument; version 26 unless `'Add@13'`, other domains as `'com.microsoft.Gelu'`. */
export const node = (text: string, attrs: Readonly<Record<string, Plain>> = {}): Node => {
  const [outputs = '', call = ''] = text.split(' = ');
  const [name = '', ...inputs] = call.split(' ');
  const [path = '', version] = name.split('@');
  const op = path.slice(path.lastIndexOf('.') + 1);
  const named = (n: string): string => (n === '_' ? '' : n);
  const domain = path.slice(0, -op.length - 1);
  return {
    name: outputs,
    op,
    domain,
    version: Number(version ?? (domain === '' ? 26 : 1)),
    inputs: inputs.map(named),
    outputs: outputs.split(',').map(named),
    attrs: attrsOf(attrs),
  };
};

export const f32 = (...shape: Dim[]): ValueType => tensorType('float32', shape);
export const i64 = (...shape: Dim[]): ValueType => tensorType('int64', shape);
export const tensor = (dtype: DType, dims: readonly number[], values: readonly (number | bigint | string | boolean)[]): Tensor =>
  Tensor.from(dtype, dims, values);
/** 0, 1, 2, … over ten, float32. */
export const ramp = (...dims: number[]): Tensor =>
  tensor(
    'float32',
    dims,
    Array.from({ length: dims.reduce((n, d) => n * d, 1) }, (_, i) => i / 10),
  );

export interface RegionOptions {
  readonly inputs: Readonly<Record<string, ValueType | undefined>>;
  readonly outputs: Readonly<Record<string, ValueType | undefined>>;
  readonly constants?: Readonly<Record<string, Tensor>>;
  readonly types?: Readonly<Record<string, ValueType>>;
}
export const region = (nodes: readonly Node[], { inputs, outputs, constants = {}, types = {} }: RegionOptions): Region => {
  const values = (of: Readonly<Record<string, ValueType | undefined>>): Region['inputs'] =>
    Object.entries(of).map(([name, type]) => ({ name, type }));
  const known = [...Object.entries(types), ...Object.entries(inputs), ...Object.entries(outputs)].filter(
    (e): e is [string, ValueType] => e[1] !== undefined,
  );
  return { nodes, inputs: values(inputs), outputs: values(outputs), constants: new Map(Object.entries(constants)), types: new Map(known) };
};

/** Prepares, runs once and disposes. @returns the outputs, which the kernel makes itself. */
export const runOnce = async (session: ChipSession, of: Region, inputs: readonly RunValue[]): Promise<Tensor[]> => {
  const prepared = await session.prepare(of, 'default');
  const outputs: RunValue[] = of.outputs.map(() => undefined);
  await prepared.run(inputs, outputs);
  await prepared.dispose();
  return outputs.map((o) => {
    if (!(o instanceof Tensor)) throw new Error('not a tensor');
    return o;
  });
};
