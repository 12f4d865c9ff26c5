/** Every call that is verified: from the families, and for ops of no family the one example call that coverage asks chips about. */
import { dtypeInfo, isFloat, type DType } from '../../core/dtype.ts';
import { opName } from '../../core/graph.ts';
import { Tensor, type Value } from '../../core/tensor.ts';
import type { OpRecord } from '../../ops/define.ts';
import type { OpSet } from '../../ops/registry.ts';
import { callGraph } from '../../runtime/call.ts';
import { caseId, type CallInput, type VerifyCall } from '../../opmanager/verify/call.ts';
import { classesFor, classTensor, type CaseClass } from '../../opmanager/verify/input-classes.ts';
import { CaseRandom } from '../../opmanager/verify/random.ts';
import { exampleOf, isPositive, typeFor, typesOf } from '../../kit/examples/example.ts';
import { elementWise } from './families/element-wise.ts';
import type { CallSpec, Family, SpecInput } from './families/family.ts';
import { matrix } from './families/matrix.ts';
import { movement } from './families/movement.ts';
import { rows } from './families/rows.ts';
import { windowed } from './families/windows.ts';

const families: readonly Family[] = [elementWise, matrix, windowed, rows, movement];

const isShape = (x: SpecInput): x is readonly number[] => Array.isArray(x);

const fromSpec = (record: OpRecord, ops: OpSet, dtype: DType, spec: CallSpec): VerifyCall => {
  const last = record.inputs.at(-1);
  const slots = record.inputs.flatMap((input): { input: (typeof record.inputs)[number]; given: SpecInput | undefined }[] =>
    input.variadic && spec.rest ? spec.rest.map((given) => ({ input, given })) : [{ input, given: spec.inputs[input.name] }],
  );
  while (
    slots.length > 0 &&
    slots.at(-1)!.given === undefined &&
    slots.at(-1)!.input !== undefined &&
    slots.length > (last?.variadic ? 1 : 0)
  )
    slots.pop();
  const inputs = slots.map(({ input, given }): CallInput => {
    if (given === undefined) return { value: undefined };
    if (!isShape(given)) return { value: given };
    return {
      dtype: typeFor(record, input, dtype),
      dims: given,
      positive: isPositive(input.name),
      finite: spec.finite?.includes(input.name) ?? false,
      ordered: spec.ordered?.includes(input.name) ?? false,
    };
  });
  // The node needs to know only which inputs there are.
  const present = inputs.map((x): Value | undefined =>
    'value' in x ? x.value : classTensor('integers', x.dtype, x.dims, new CaseRandom(1)),
  );
  const [node] = callGraph(opName(record.domain, record.name), present, spec.attrs ?? {}, spec.outputs ?? 1, ops).nodes;
  const constants = slots.flatMap(({ input }, i) => (spec.constants?.includes(input.name) ? [i] : []));
  const suits = classesFor(dtype);
  return { record, node: node!, label: spec.label, inputs, constants, classes: spec.classes?.filter((c) => suits.includes(c)) ?? suits };
};

/** The example of an op: what is data in it is filled by classes, what decides shapes or places stays. */
const fromExample = (record: OpRecord, ops: OpSet, dtype: DType): VerifyCall => {
  const { node, inputs, kept } = exampleOf(record, ops, dtype);
  const anyData = inputs.map((v, i) => {
    const spec = record.inputs[Math.min(i, record.inputs.length - 1)]!;
    return v instanceof Tensor && !kept?.[i] && spec.role === 'tensor' && (isFloat(v.dtype) || (v.dtype === dtype && !isIndex(record, i)));
  });
  return {
    record,
    node,
    label: 'example',
    inputs: inputs.map((v, i): CallInput =>
      anyData[i] && v instanceof Tensor
        ? { dtype: v.dtype, dims: v.dims, positive: isPositive(record.inputs[Math.min(i, record.inputs.length - 1)]!.name) }
        : { value: v },
    ),
    constants: [],
    classes: anyData.some(Boolean) ? classesFor(dtype) : ['normal'],
  };
};

/** Integers that are places, lengths or counts: their names say so, or that no other type is allowed them. */
const isIndex = (record: OpRecord, i: number): boolean => {
  const { name, types } = record.inputs[Math.min(i, record.inputs.length - 1)]!;
  if (/ind(ex|ices)|^I$|lens|axis|shape|size|target|batch|sequence|past|seqlens|position|zero_point/i.test(name)) return true;
  return typeof types !== 'string' && types.every((t) => dtypeInfo(t).kind === 'int' && dtypeInfo(t).bits >= 32);
};

/** Ops whose results have no right value to be held against, with the reason. */
export const notVerified = (record: OpRecord): string | undefined => {
  if (record.control) return 'control flow: run by the runtime itself';
  if (record.nondeterministic) return 'random: there is no right value';
  return undefined;
};

/** All calls of an op with its leading input of a type. */
export const callsOf = (record: OpRecord, ops: OpSet, dtype: DType): readonly VerifyCall[] => {
  for (const family of families) {
    const specs = family(record, dtype);
    if (specs) return specs.map((s) => fromSpec(record, ops, dtype, s));
  }
  return [fromExample(record, ops, dtype)];
};

/** Types an op is verified with. */
export const dtypesOf = (record: OpRecord): readonly DType[] => {
  const types = typesOf(record);
  return types.length > 0 ? types : ['float32'];
};

export interface ParsedCase {
  readonly op: string;
  readonly dtype: string;
  readonly label: string;
  readonly inputClass: CaseClass;
}
/** Parts of a case id; undefined if it is none. */
export const parseCase = (id: string): ParsedCase | undefined => {
  const [op, dtype, label, inputClass, ...more] = id.split('/');
  return op && dtype && label && inputClass && more.length === 0 ? { op, dtype, label, inputClass: inputClass as CaseClass } : undefined;
};
export const idsOf = (call: VerifyCall, dtype: DType): string[] =>
  call.classes.map((c) => caseId(opName(call.node.domain, call.node.op), dtype, call.label, c));
