/** A call to verify: an op's node, its arguments as fixed values or as shapes to fill, and the region a planner would make of it. */
import { isFloat, type DType } from '../../core/dtype.ts';
import { FlagosError } from '../../core/errors.ts';
import { opName, type Node, type ValueType } from '../../core/graph.ts';
import { describeValue, Tensor, type Value } from '../../core/tensor.ts';
import { bindNode, inferTypes } from '../../ops/bind.ts';
import type { OpRecord } from '../../ops/define.ts';
import { typeOfValue } from '../../ops/evaluate.ts';
import type { Region, RegionValue } from '../../plugins/contract.ts';
import { classTensor, type CaseClass, type InputClass } from './input-classes.ts';
import { CaseRandom, hashOf } from './random.ts';

export type CallInput =
  /** As it is: contents decide shapes, or are indices. Undefined: left out. */
  | { readonly value: Value | undefined }
  | {
      readonly dtype: DType;
      readonly dims: readonly number[];
      readonly positive?: boolean;
      readonly finite?: boolean;
      readonly ordered?: boolean;
    };

export interface VerifyCall {
  readonly record: OpRecord;
  readonly node: Node;
  /** What tells it from other calls of the op: shapes, attributes. Part of case ids. */
  readonly label: string;
  readonly inputs: readonly CallInput[];
  /** Inputs that are weights: known when the kernel is prepared. */
  readonly constants: readonly number[];
  /** Classes of values that make sense for it. */
  readonly classes: readonly CaseClass[];
}

/** `MatMul/float32/m7n13k5/normal`: op, type, call, class of values. */
export const caseId = (op: string, dtype: string, label: string, kind: CaseClass): string => `${op}/${dtype}/${label}/${kind}`;

const filled = (x: Exclude<CallInput, { readonly value: unknown }>, kind: InputClass, seed: string): Tensor => {
  const plain = x.finite && kind === 'extremal' ? 'normal' : kind;
  const t = classTensor(plain, x.dtype, x.dims, new CaseRandom(hashOf(seed)), x.positive ?? false);
  return x.ordered && isFloat(x.dtype)
    ? Tensor.from(
        x.dtype,
        x.dims,
        t.toNumbers().map((v) => (Number.isNaN(v) ? 0 : v)),
      )
    : t;
};

/** The arguments of a case. Captured ones are values already. */
export const inputsOf = (call: VerifyCall, kind: CaseClass, id: string): (Value | undefined)[] =>
  call.inputs.map((x, i) => {
    if ('value' in x) return x.value;
    if (kind === 'captured') throw new FlagosError('FLAGOS_E_INTERNAL', `input ${i} of ${id} was not captured`);
    return filled(x, kind, `${id}#${i}`);
  });

/** The region of a call, as a planner would make it. @throws what the op's record finds wrong with it. */
export const regionOfCall = ({ record, node, constants: weights }: VerifyCall, inputs: readonly (Value | undefined)[]): Region => {
  const bound = bindNode(record, node);
  const types = new Map<string, ValueType>();
  const constants = new Map<string, Tensor>();
  const read: RegionValue[] = [];
  const args = inputs.map((value, i) => {
    const name = node.inputs[i]!;
    if (name === '') return { type: undefined };
    const type = typeOfValue(value);
    if (type) types.set(name, type);
    const { role } = record.inputs[Math.min(i, record.inputs.length - 1)]!;
    const constant = value instanceof Tensor && (role === 'value' || weights.includes(i)) ? value : undefined;
    if (constant) constants.set(name, constant);
    else read.push({ name, type });
    return { type, value: constant };
  });
  const made = inferTypes(bound, args);
  node.outputs.forEach((name, i) => name !== '' && made[i] && types.set(name, made[i]));
  const outputs = node.outputs.flatMap((name, i) => (name === '' ? [] : [{ name, type: made[i] }]));
  return { nodes: [node], inputs: read, outputs, constants, types };
};

/** What its evidence is filed under: op and element types. */
export const classOfCall = ({ node }: VerifyCall, inputs: readonly (Value | undefined)[]): string =>
  `${opName(node.domain, node.op)}(${inputs
    .map((v, i) => (node.inputs[i] === '' || v === undefined ? '-' : v instanceof Tensor ? v.dtype : describeValue(v).replace(/\[.*$/, '')))
    .join(',')})`;
