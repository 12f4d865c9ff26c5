/**
 * From a record and a node to something that can be asked: attributes read and checked, inputs
 * matched to the record's names, output types and shapes inferred, tensor expressions built.
 * Everything a user can get wrong about an op is found here, before any kernel sees it.
 */
import { isDType, type DType } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { concreteShape, describeType, opName, type Node, type ValueType } from '../core/graph.ts';
import type { Tensor } from '../core/tensor.ts';
import { cast } from '../compiler/expr.ts';
import { hinted } from '../compiler/hints.ts';
import { InputTensor, map, ReshapeTensor, TensorExpr } from '../compiler/tensor-expr.ts';
import type { OpContext, OpRecord } from './define.ts';
import { scalars } from './types.ts';

/** What is known of one argument before running: its type as far as known, and its value if constant. */
export interface Arg {
  readonly type: ValueType | undefined;
  readonly value?: Tensor | undefined;
}

export interface BoundNode {
  readonly record: OpRecord;
  readonly node: Node;
  readonly attrs: Record<string, unknown>;
  readonly ctx: OpContext;
}

/** Reads and checks a node's attributes. @throws FLAGOS_E_ATTRIBUTE, FLAGOS_E_MODEL_INVALID. */
export const bindNode = (record: OpRecord, node: Node): BoundNode => {
  const trace = { node: node.name, op: opName(node.domain, node.op) };
  const attrs: Record<string, unknown> = {};
  for (const name of Object.keys(node.attrs)) {
    if (!(name in record.attrs)) {
      const known = Object.keys(record.attrs).join(', ');
      throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute '${name}' is unknown`, {
        trace,
        hint: known ? `${trace.op} has ${known}` : `${trace.op} has none`,
      });
    }
  }
  for (const [name, spec] of Object.entries(record.attrs)) {
    const attr = node.attrs[name];
    if (!attr && spec.required) throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute '${name}' is required`, { trace });
    try {
      attrs[name] = attr ? spec.read(attr, name) : spec.default;
    } catch (e) {
      throw e instanceof FlagosError ? e.at(trace) : e;
    }
  }
  const variadic = record.inputs.at(-1)?.variadic ?? false;
  if (!variadic && node.inputs.length > record.inputs.length) {
    throw new FlagosError('FLAGOS_E_MODEL_INVALID', `has ${node.inputs.length} inputs, at most ${record.inputs.length} are defined`, {
      trace,
    });
  }
  record.inputs.forEach((spec, i) => {
    const given = spec.variadic ? node.inputs.length - i >= (spec.least ?? 1) : Boolean(node.inputs[i]);
    if (!given && !spec.optional && !(spec.variadic && spec.least === 0))
      throw new FlagosError('FLAGOS_E_MODEL_INVALID', `input '${spec.name}' is missing`, { trace });
  });
  if (!record.variadicOutputs && node.outputs.length > record.outputs.length) {
    throw new FlagosError('FLAGOS_E_MODEL_INVALID', `has ${node.outputs.length} outputs, at most ${record.outputs.length} are defined`, {
      trace,
    });
  }
  let outputs = node.outputs.length;
  while (outputs > 1 && node.outputs[outputs - 1] === '') outputs--;
  const ctx: OpContext = { outputs, wants: (i) => Boolean(node.outputs[i]), version: node.version };
  return { record, node, attrs, ctx };
};

/** Positional items under the record's input names; variadic ones as an array. */
export const byName = <T>(record: OpRecord, items: readonly (T | undefined)[]): Record<string, T | undefined | T[]> => {
  const named: Record<string, T | undefined | T[]> = {};
  record.inputs.forEach((spec, i) => {
    named[spec.name] = spec.variadic ? (items.slice(i) as T[]) : items[i];
  });
  return named;
};

const specAt = (record: OpRecord, i: number): OpRecord['inputs'][number] => record.inputs[Math.min(i, record.inputs.length - 1)]!;

/** Checks element types against the record. @throws FLAGOS_E_DTYPE. */
export const checkTypes = ({ record, node }: BoundNode, types: readonly (ValueType | undefined)[]): void => {
  const seen = new Map<string, DType>();
  types.forEach((type, i) => {
    if (!type || node.inputs[i] === '') return;
    const spec = specAt(record, i);
    if (spec.role === 'any') return;
    const trace = { node: node.name, op: opName(node.domain, node.op) };
    if (type.kind !== 'tensor')
      throw new FlagosError('FLAGOS_E_DTYPE', `input '${spec.name}' must be a tensor, it is a ${describeType(type)}`, { trace });
    if (typeof spec.types === 'string') {
      const like = seen.get(spec.types);
      if (like && like !== type.dtype)
        throw new FlagosError('FLAGOS_E_DTYPE', `input '${spec.name}' is ${type.dtype}, but '${spec.types}' is ${like}`, { trace });
    } else if (!spec.types.includes(type.dtype)) {
      throw new FlagosError('FLAGOS_E_DTYPE', `input '${spec.name}' is ${type.dtype}, allowed are ${spec.types.join(', ')}`, { trace });
    }
    const first = seen.get(spec.name);
    if (first && first !== type.dtype && !spec.mixed) {
      throw new FlagosError('FLAGOS_E_DTYPE', `arguments of '${spec.name}' are ${first} and ${type.dtype}, they must be alike`, { trace });
    }
    if (!first) seen.set(spec.name, type.dtype);
  });
};

const dtypeOf = (type: ValueType | undefined): DType | undefined => (type?.kind === 'tensor' ? type.dtype : undefined);

/** Element types of the outputs; undefined where the record cannot tell (not a tensor, or an unknown input). */
export const outputDTypes = ({ record, node, attrs }: BoundNode, types: readonly (ValueType | undefined)[]): (DType | undefined)[] =>
  node.outputs.map((_, i) => {
    const rule = record.outputs[Math.min(i, record.outputs.length - 1)]?.rule;
    const input = (name: string): DType | undefined => dtypeOf(types[record.inputs.findIndex((s) => s.name === name)]);
    if (typeof rule === 'function') return rule({ attrs, dtype: input });
    if (rule === undefined) return undefined;
    return isDType(rule) ? rule : input(rule);
  });

/**
 * Whether the op of these types is calculated by its `host` function rather than its expressions.
 * @param values contents of the inputs, where known.
 */
export const usesHost = (
  bound: BoundNode,
  types: readonly (ValueType | undefined)[],
  values: readonly (Tensor | undefined)[] = [],
): boolean => {
  const { record, attrs } = bound;
  if (!record.compute) return true;
  if (!record.host) return false;
  if (types.some((t) => t !== undefined && (t.kind !== 'tensor' || !scalars.includes(t.dtype)))) return true;
  return (
    outputDTypes(bound, types).some((t) => t !== undefined && !scalars.includes(t)) ||
    (record.hostWhen?.(byName(record, values), attrs) ?? false)
  );
};

/** Whether the same inputs give the same outputs on every call. */
export const isDeterministic = (
  bound: BoundNode,
  types: readonly (ValueType | undefined)[],
  values: readonly (Tensor | undefined)[] = [],
): boolean => !(bound.record.nondeterministic && usesHost(bound, types, values));

const asList = <T>(
  record: OpRecord,
  made: T | readonly (T | undefined)[] | { readonly [k: string]: T | undefined },
  isOne: (x: unknown) => x is T,
): (T | undefined)[] => {
  if (isOne(made)) return [made];
  if (Array.isArray(made)) return [...made];
  const named = made as { readonly [k: string]: T | undefined };
  return record.outputs.map((o) => named[o.name]);
};

export const listOutputs = asList;

const isTensorExpr = (x: unknown): x is TensorExpr => x instanceof TensorExpr;

/**
 * The op's outputs as tensor expressions over `inputs` (positional; undefined where omitted), each
 * of the declared element type; outputs the node omits are undefined.
 * @param values the known values of the inputs, where known; all `value` inputs must be.
 */
export const expressionsOf = (
  bound: BoundNode,
  inputs: readonly (TensorExpr | undefined)[],
  values: readonly (Tensor | undefined)[],
): (TensorExpr | undefined)[] => {
  const { record, node, attrs, ctx } = bound;
  const args = inputs.map((x, i) => (specAt(record, i).role === 'value' ? values[i] : x));
  const types = inputs.map((x): ValueType | undefined => x && { kind: 'tensor', dtype: x.dtype, shape: x.shape });
  try {
    const made = asList(record, record.compute!(byName(record, args), attrs, ctx), isTensorExpr);
    advise(bound, made, inputs);
    const dtypes = outputDTypes(bound, types);
    return node.outputs.map((name, i) => {
      const x = made[i];
      if (name === '') return undefined;
      if (!x)
        throw new FlagosError(
          'FLAGOS_E_MODEL_INVALID',
          `output ${i} is asked for, but ${opName(node.domain, node.op)} does not make it here`,
        );
      const dtype = dtypes[i];
      return dtype && needsCast(x, dtype) ? map(x, (e) => cast(e, dtype)) : x;
    });
  } catch (e) {
    throw e instanceof FlagosError ? e.at({ node: node.name, op: opName(node.domain, node.op) }) : e;
  }
};

/** Gives outputs the hints and schedules of their record. What is an input itself belongs to another op. */
const advise = (
  { record, node, attrs }: BoundNode,
  made: readonly (TensorExpr | undefined)[],
  inputs: readonly (TensorExpr | undefined)[],
): void => {
  const { hints, schedules } = record;
  if (!hints && !schedules) return;
  const given = new Set(inputs.flatMap((x) => x ?? []));
  const own = made.filter((x) => x !== undefined && !given.has(x)) as TensorExpr[];
  if (hints) for (const x of own.map(calculatedOf)) if (!given.has(x)) hinted(x, hints);
  const [first] = own;
  if (schedules && first) first.attached = { op: opName(node.domain, node.op), schedules, attrs, inputs: given };
};

/** What a view is a view of. */
const calculatedOf = (x: TensorExpr): TensorExpr => (x instanceof ReshapeTensor ? calculatedOf(x.base) : x);

const needsCast = (x: TensorExpr, dtype: DType): boolean => x.dtype !== dtype;

/** Whether all is known that shapes follow from: every tensor argument's shape, and every `value` argument's contents. */
export const isConcrete = ({ record, node }: BoundNode, args: readonly Arg[]): boolean =>
  node.inputs.every((name, i) => {
    if (name === '') return true;
    const arg = args[i]!;
    const { role } = specAt(record, i);
    if (role === 'value') return arg.value !== undefined;
    return concreteShape(arg.type) !== undefined || (role === 'any' && arg.type !== undefined && arg.type.kind !== 'tensor');
  });

const shapesByRule = (bound: BoundNode, args: readonly Arg[]): readonly (readonly number[] | undefined)[] => {
  const { record, node, attrs, ctx } = bound;
  const given = args.map((a, i) =>
    node.inputs[i] === ''
      ? undefined
      : specAt(record, i).role === 'value'
        ? a.value
        : { shape: concreteShape(a.type)!, dtype: dtypeOf(a.type)! },
  );
  try {
    return record.shapes!(byName<unknown>(record, given), attrs, ctx);
  } catch (e) {
    throw e instanceof FlagosError ? e.at({ node: node.name, op: opName(node.domain, node.op) }) : e;
  }
};

/**
 * Output types, as far as the inputs tell. Shapes come from building the op's expressions (which
 * calculates nothing) or from its `shapes` rule.
 * @throws FLAGOS_E_DTYPE, FLAGOS_E_SHAPE, FLAGOS_E_VALUE: the op does not allow these inputs.
 */
export const inferTypes = (bound: BoundNode, args: readonly Arg[]): (ValueType | undefined)[] => {
  const { record, node } = bound;
  const types = args.map((a) => a.type);
  checkTypes(bound, types);
  const dtypes = outputDTypes(bound, types);
  const untyped = node.outputs.map((_, i): ValueType | undefined => (dtypes[i] ? { kind: 'tensor', dtype: dtypes[i]! } : undefined));
  if (!isConcrete(bound, args)) return untyped;
  if (
    usesHost(
      bound,
      types,
      args.map((a) => a.value),
    )
  ) {
    const shaped = args.every((a, i) => node.inputs[i] === '' || concreteShape(a.type) !== undefined);
    if (!record.shapes || !shaped) return untyped;
    const shapes = shapesByRule(bound, args);
    return untyped.map((t, i) => (t && shapes[i] ? { kind: 'tensor', dtype: dtypes[i]!, shape: shapes[i]! } : t));
  }
  const inputs = args.map((a, i) =>
    node.inputs[i] === '' ? undefined : new InputTensor(node.inputs[i]!, dtypeOf(a.type)!, concreteShape(a.type)!, a.value),
  );
  return expressionsOf(
    bound,
    inputs,
    args.map((a) => a.value),
  ).map((x, i) => x && { kind: 'tensor', dtype: dtypes[i] ?? x.dtype, shape: x.shape });
};
