/**
 * The official op schemas (schemas.json, written by scripts/dump-onnx-schemas.py) and the comparison
 * of a record with its schema: a list of plain sentences, empty when they agree.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dtypeInfo, dtypes, isDType, type DType } from '../../src/core/dtype.ts';
import type { InputSpec, OpRecord } from '../../src/ops/define.ts';

/** Name, option, type parameter, index into `typeSets`, least number, homogeneous. */
type Port = readonly [
  name: string,
  option: 'single' | 'optional' | 'variadic',
  parameter: string,
  types: number,
  least: number,
  homogeneous: boolean,
];

export interface Schema {
  readonly domain: string;
  readonly name: string;
  readonly versions: readonly number[];
  readonly formSince: number;
  readonly deprecated: boolean;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly attributes: Readonly<Record<string, readonly [type: string, required: boolean, fallback: unknown]>>;
}

const file: { readonly onnx: string; readonly typeSets: readonly (readonly string[])[]; readonly ops: readonly Schema[] } = JSON.parse(
  readFileSync(join(import.meta.dirname, 'schemas.json'), 'utf8'),
);
export const schemas = file.ops;

const renamed: Readonly<Record<string, DType>> = { float: 'float32', double: 'float64' };

/** Tensor element types of an official type set. */
const elementTypes = (set: number): DType[] =>
  file.typeSets[set]!.flatMap((text) => {
    const name = /^tensor\((\w+)\)$/.exec(text)?.[1];
    const dtype = name === undefined ? undefined : (renamed[name] ?? name);
    return dtype !== undefined && isDType(dtype) ? [dtype] : [];
  });
const onlyTensors = (set: number): boolean => file.typeSets[set]!.every((text) => text.startsWith('tensor('));

const list = (items: readonly unknown[]): string => items.join(', ') || 'none';

/** The types an input may have: a rule that names another input is followed to its set. */
const allowed = (record: OpRecord, spec: InputSpec): readonly DType[] => {
  const { types } = spec;
  if (typeof types !== 'string') return types;
  const like = record.inputs.find((s) => s.name === types);
  return like ? allowed(record, like) : [];
};

const compareInputs = (record: OpRecord, schema: Schema): string[] => {
  const names = record.inputs.map((s) => s.name);
  const official = schema.inputs.map((p) => p[0]);
  if (list(names) !== list(official)) return [`inputs are ${list(names)}, officially ${list(official)}`];
  return record.inputs.flatMap((spec, i) => {
    const [name, option, parameter, set, least, homogeneous] = schema.inputs[i]!;
    const ours = spec.variadic ? 'variadic' : spec.optional ? 'optional' : 'single';
    const said: string[] = [];
    if (ours !== option) said.push(`input ${name} is ${ours}, officially ${option}`);
    if (spec.variadic && (spec.least ?? 1) !== least) said.push(`input ${name} takes ${spec.least ?? 1} or more, officially ${least}`);
    if (spec.role === 'any') return said;
    if (spec.variadic && homogeneous === (spec.mixed ?? false))
      said.push(`input ${name} is ${homogeneous ? '' : 'not '}homogeneous officially`);
    if (!onlyTensors(set)) said.push(`input ${name} may officially be other than a tensor`);
    const foreign = allowed(record, spec).filter((d) => !elementTypes(set).includes(d));
    if (foreign.length) said.push(`input ${name} allows ${list(foreign)}, officially not`);
    const like = schema.inputs.find((p) => p[0] === spec.types);
    if (typeof spec.types === 'string' && like?.[2] !== parameter)
      said.push(`input ${name} shares the type of ${spec.types}, officially not`);
    // Inputs that decide shapes are read by value, whatever integer type they have.
    const first = spec.role === 'value' ? i : schema.inputs.findIndex((p) => p[2] === parameter);
    if (first < i && typeof spec.types !== 'string' && elementTypes(set).length > 1 && !parameter.startsWith('tensor(')) {
      said.push(`input ${name} officially shares the type of ${schema.inputs[first]![0]}`);
    }
    return said;
  });
};

const compareOutputs = (record: OpRecord, schema: Schema): string[] => {
  const names = record.outputs.map((o) => o.name);
  const official = schema.outputs.map((p) => p[0]);
  if (list(names) !== list(official)) return [`outputs are ${list(names)}, officially ${list(official)}`];
  const variadic = schema.outputs.at(-1)?.[1] === 'variadic';
  const said = variadic === record.variadicOutputs ? [] : [`outputs are ${variadic ? '' : 'not '}variadic officially`];
  return record.outputs.reduce((all, { name, rule }, i) => {
    const [, , parameter, set] = schema.outputs[i]!;
    if (typeof rule === 'function') return all;
    if (isDType(rule)) return elementTypes(set).includes(rule) ? all : [...all, `output ${name} is ${rule}, officially not`];
    const like = schema.inputs.find((p) => p[0] === rule);
    return like?.[2] === parameter ? all : [...all, `output ${name} has the type of ${rule}, officially not`];
  }, said);
};

/** A default as ONNX writes it: booleans are 0 and 1, element types and big integers are numbers, floats are float32. */
const official = (value: unknown, type: string): unknown => {
  if (typeof value === 'boolean' || typeof value === 'bigint') return Number(value);
  if (type === 'int' && typeof value === 'string' && isDType(value)) return dtypeInfo(value).onnx;
  if (typeof value === 'number' && type === 'float') return Math.fround(value) || 0;
  return value;
};

const compareAttributes = (record: OpRecord, schema: Schema): string[] => {
  const names = Object.keys(record.attrs).sort();
  const known = Object.keys(schema.attributes).sort();
  if (list(names) !== list(known)) return [`attributes are ${list(names)}, officially ${list(known)}`];
  return Object.entries(record.attrs).flatMap(([name, attr]) => {
    const [type, required, fallback] = schema.attributes[name]!;
    const said: string[] = [];
    if (attr.type !== type) said.push(`attribute ${name} is of type ${attr.type}, officially ${type}`);
    if (attr.required !== required) said.push(`attribute ${name} is ${attr.required ? 'required' : 'optional'}, officially not`);
    const [ours, theirs] = [official(attr.default, type), official(fallback ?? undefined, type)];
    if (JSON.stringify(ours) !== JSON.stringify(theirs))
      said.push(`attribute ${name} is ${JSON.stringify(ours)} by default, officially ${JSON.stringify(theirs)}`);
    return said;
  });
};

/** What a record says otherwise than its schema. */
export const differences = (record: OpRecord, schema: Schema): string[] => {
  const said = [...compareInputs(record, schema), ...compareOutputs(record, schema), ...compareAttributes(record, schema)];
  if (!schema.versions.includes(record.since)) said.push(`since ${record.since} is no version of the op; it has ${list(schema.versions)}`);
  else if (record.since < schema.formSince)
    said.push(`since ${record.since}, but nodes older than ${schema.formSince} do not fit the form`);
  return said;
};

/** Element types the schema allows and the record does not, as `input: types`. */
export const missingTypes = (record: OpRecord, schema: Schema): string[] =>
  record.inputs.flatMap((spec, i) => {
    const port = schema.inputs[i];
    if (!port || spec.role === 'any' || typeof spec.types === 'string') return [];
    const missing = dtypes.filter((d) => elementTypes(port[3]).includes(d) && !allowed(record, spec).includes(d));
    return missing.length ? [`${spec.name}: ${list(missing)}`] : [];
  });
