/**
 * Whether onnxruntime can run a region, and in which operator-set versions it must be written for that:
 * from the tables alone, without loading anything.
 */
import {
  describeType,
  dtypeFromOnnx,
  opName,
  subgraphsOf,
  supported,
  tensorType,
  type Attribute,
  type Graph,
  type Node,
  type ReasonCode,
  type Region,
  type Support,
  type Tensor,
  type ValueType,
} from 'flagos/plugin';
import { highestVersion, lowestVersion, ops, typeSets } from './kernels.ts';
import { quirkOf } from './quirks.ts';

/** One op in kernels.ts. Type variables stand for element types (`float32`) or types (`seq(float32)`). */
export interface OpEntry {
  /**
   * By version, ascending: [since, inputs, outputs, kernels]. Arguments are words, a type variable or a
   * fixed type each, `*` after one that repeats, `?` after one that may be left out. Kernels are words
   * `T=3,U=1`: a numbered set of types for each variable; `*` where there is none.
   */
  readonly rows: readonly (readonly [since: number, inputs: string, outputs: string, kernels: string])[];
  /** Oldest version whose form is that of the first row, where that is older. */
  readonly oldest?: number;
  /** Attributes that came after the first row, [since, default]. */
  readonly added?: Readonly<Record<string, readonly [since: number, standard: unknown]>>;
  /** Attributes that went after the first row. */
  readonly removed?: Readonly<Record<string, number>>;
  /** Versions across which a node is not rewritten: it would mean something else. */
  readonly cuts?: readonly number[];
}
type Row = OpEntry['rows'][number];

type Refusal = Extract<Support, { ok: false }>;
const refusal = (reason: ReasonCode, detail: string): Refusal => ({ ok: false, reason, detail });

/** Element types of onnxruntime's JavaScript tensors. Others take the process down when they come out of a session. */
export const boundaryTypes: ReadonlySet<string> = new Set([
  'float32',
  'float64',
  'float16',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'bool',
  'string',
]);

const sets = typeSets.map((text) => new Set(text.split(' ')));
const words = (text: string): string[] => (text === '' ? [] : text.split(' '));

const typeName = (type: ValueType | undefined): string | undefined => {
  if (type === undefined || type.kind === 'tensor') return type?.dtype;
  const element = typeName(type.element);
  if (element === undefined) return undefined;
  return type.kind === 'map' ? `map(${type.key},${element})` : `${type.kind === 'sequence' ? 'seq' : 'optional'}(${element})`;
};

/** What is known of the values a node can see. */
export class Scope {
  readonly #types = new Map<string, ValueType>();
  /** Types found here, by name of the type. */
  readonly names = new Map<string, string>();
  readonly #constants: ReadonlyMap<string, Tensor>;
  readonly #outer: Scope | undefined;

  constructor(of: Pick<Graph, 'inputs' | 'outputs' | 'types'>, constants: ReadonlyMap<string, Tensor>, outer?: Scope) {
    for (const [name, type] of of.types) this.#types.set(name, type);
    for (const { name, type } of [...of.inputs, ...of.outputs]) if (type) this.#types.set(name, type);
    this.#constants = constants;
    this.#outer = outer;
  }
  constant(name: string): Tensor | undefined {
    return this.#constants.get(name) ?? this.#outer?.constant(name);
  }
  type(name: string): ValueType | undefined {
    const constant = this.#constants.get(name);
    return constant ? tensorType(constant.dtype, constant.dims) : (this.#types.get(name) ?? this.#outer?.type(name));
  }
  typeName(name: string): string | undefined {
    return typeName(this.type(name)) ?? this.names.get(name) ?? this.#outer?.typeName(name);
  }
}

/** Each formal argument with the actual ones that stand for it, omitted ones left out. */
const pairs = (formal: string, actual: readonly string[]): { variable: string; optional: boolean; names: string[] }[] =>
  words(formal).map((word, i) => ({
    variable: word.replace(/[*?]$/, ''),
    optional: /[*?]$/.test(word),
    names: actual.slice(i, word.endsWith('*') ? undefined : i + 1).filter((name) => name !== ''),
  }));
const isFixed = (variable: string): boolean => /^[a-z]/.test(variable);

const rowAt = (entry: OpEntry, version: number): Row | undefined =>
  entry.rows.findLast(([since]) => since <= version) ?? ((entry.oldest ?? Infinity) <= version ? entry.rows[0] : undefined);

const isStandard = (attr: Attribute, standard: unknown): boolean => (attr.type === 'int' ? Number(attr.value) : attr.value) === standard;

/** Whether a node can be written in the form of a row without a change of meaning. */
const fits = (node: Node, entry: OpEntry, [since, inputs, outputs]: Row): boolean => {
  const own = rowAt(entry, node.version)?.[0];
  if (own === undefined || entry.cuts?.some((cut) => cut > Math.min(own, since) && cut <= Math.max(own, since))) return false;
  const room = (formal: string): number => (formal.endsWith('*') ? Infinity : words(formal).length);
  if (node.inputs.findLastIndex((n) => n !== '') >= room(inputs) || node.outputs.findLastIndex((n) => n !== '') >= room(outputs))
    return false;
  if (pairs(inputs, node.inputs).some(({ optional, names }) => !optional && names.length === 0)) return false;
  return Object.entries(node.attrs).every(([name, attr]) => {
    const added = entry.added?.[name];
    return (added === undefined || since >= added[0] || isStandard(attr, added[1])) && since < (entry.removed?.[name] ?? Infinity);
  });
};

const hasKernel = (node: Node, [, inputs, outputs, kernels]: Row, scope: Scope): boolean => {
  const known = [...pairs(inputs, node.inputs), ...pairs(outputs, node.outputs)]
    .flatMap(({ variable, names }) => names.map((name) => ({ variable, type: scope.typeName(name) })))
    .filter((v): v is { variable: string; type: string } => v.type !== undefined);
  if (known.some(({ variable, type }) => isFixed(variable) && type !== variable)) return false;
  return words(kernels).some((kernel) => {
    const taken = new Map(kernel.split(',').map((pair): [string, number] => [pair.split('=')[0]!, Number(pair.split('=')[1])]));
    return known.every(({ variable, type }) => !taken.has(variable) || sets[taken.get(variable)!]!.has(type));
  });
};

/** The attribute in which ops state the element type of their output. */
const statedType = ({ op, attrs }: Node): string | undefined => {
  const value = attrs['value'];
  if (op === 'ConstantOfShape') return value?.type === 'tensor' ? value.value.dtype : 'float32';
  const stated = op === 'SequenceEmpty' ? undefined : (attrs['to'] ?? attrs['dtype'] ?? attrs['output_dtype'] ?? attrs['output_datatype']);
  return stated?.type === 'int' ? dtypeFromOnnx(Number(stated.value)) : undefined;
};

/** Types of outputs that follow from those of inputs. */
const infer = (node: Node, [, inputs, outputs]: Row, scope: Scope): void => {
  const given = pairs(inputs, node.inputs);
  words(outputs).forEach((word, i) => {
    const name = node.outputs[i];
    const variable = word.replace('?', '');
    if (!name || word.endsWith('*') || scope.typeName(name) !== undefined) return;
    const like = given
      .filter((g) => g.variable === variable)
      .flatMap((g) => g.names)
      .map((n) => scope.typeName(n));
    const type = isFixed(variable) ? variable : like.find((t) => t !== undefined);
    if (type !== undefined) scope.names.set(name, type);
  });
};

/** Operator-set versions as bits; those of each domain in which all nodes so far can be written. */
type Versions = Map<string, number>;

/** Narrows `versions` to those in which onnxruntime runs the node. */
const admit = (node: Node, scope: Scope, versions: Versions): Support => {
  const name = opName(node.domain, node.op);
  const entry = Object.hasOwn(ops, node.domain) && Object.hasOwn(ops[node.domain]!, node.op) ? ops[node.domain]![node.op] : undefined;
  if (!entry) return refusal('NO_KERNEL', `onnxruntime has no ${name}`);
  for (const [, graph] of subgraphsOf(node)) {
    const inner = new Scope(graph, graph.initializers, scope);
    const bad = graph.nodes.map((n) => admit(n, inner, versions)).find((s) => !s.ok);
    if (bad) return bad;
  }
  const [first] = node.outputs;
  const stated = statedType(node);
  if (first && stated !== undefined && scope.typeName(first) === undefined) scope.names.set(first, stated);
  const [lowest, highest] = [lowestVersion[node.domain]!, highestVersion[node.domain]!];
  const forms = entry.rows.filter((row) => row[0] <= highest && fits(node, entry, row));
  if (forms.length === 0) return refusal('VERSION', `onnxruntime does not know this form of ${name} (version ${node.version})`);
  const rows = forms.filter((row) => hasKernel(node, row, scope));
  if (rows.length === 0) {
    return refusal(
      'DTYPE',
      `onnxruntime has no kernel of ${name} for ${
        node.inputs
          .filter((n) => n !== '')
          .map((n) => scope.typeName(n) ?? '?')
          .join(', ') || 'this type'
      }`,
    );
  }
  let bits = 0;
  for (const row of rows) {
    const next = entry.rows[entry.rows.indexOf(row) + 1]?.[0] ?? Infinity;
    for (let v = Math.max(row[0], lowest); v < next && v <= highest; v++) bits |= 1 << v;
  }
  const both = (versions.get(node.domain) ?? -1) & bits;
  if (both === 0)
    return refusal(
      'VERSION',
      `no one version of the operator set ${node.domain || 'ai.onnx'} has onnxruntime kernels for ${name} and the ops before it`,
    );
  versions.set(node.domain, both);
  infer(node, rows.at(-1)!, scope);
  return quirkOf(node, scope) ?? supported;
};

/** Of the versions that do, the first from 17 on: the one with the fewest changes of form that onnxruntime's fusions look for. */
const choose = (bits: number): number => {
  const late = bits & -(1 << 17);
  return late === 0 ? 31 - Math.clz32(bits) : 31 - Math.clz32(late & -late);
};

export type Opsets = Readonly<Record<string, number>>;
export type Examined = { readonly ok: true; readonly opsets: Opsets } | Refusal;

/** Whether onnxruntime can run the region, and in which operator-set versions by domain. */
export const examine = (region: Region): Examined => {
  const scope = new Scope(region, region.constants);
  for (const { name } of region.inputs) {
    const type = scope.type(name);
    if (!type) return refusal('SHAPE_UNKNOWN', `the type of '${name}' is not known yet`);
    if (type.kind !== 'tensor' || !boundaryTypes.has(type.dtype))
      return refusal('DTYPE', `onnxruntime's JavaScript API takes no ${describeType(type)} ('${name}')`);
  }
  const versions: Versions = new Map([['', -1]]);
  for (const node of region.nodes) {
    const support = admit(node, scope, versions);
    if (!support.ok) return support;
  }
  const bad = region.outputs.find(({ name }) => !boundaryTypes.has(scope.typeName(name) ?? 'float32'));
  if (bad) return refusal('DTYPE', `onnxruntime's JavaScript API gives no ${scope.typeName(bad.name)} ('${bad.name}')`);
  return { ok: true, opsets: Object.fromEntries([...versions].map(([domain, bits]) => [domain, choose(bits)])) };
};
