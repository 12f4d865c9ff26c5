/** Who can run which op on which element type: every open chip is asked about a small call of it. Nothing runs. */
import type { DType } from '../../core/dtype.ts';
import { opName, type ValueType } from '../../core/graph.ts';
import { Tensor } from '../../core/tensor.ts';
import { supportOf } from '../../dispatch/candidates.ts';
import type { OpenChip } from '../../dispatch/planned.ts';
import { bindNode, inferTypes } from '../../ops/bind.ts';
import type { OpRecord } from '../../ops/define.ts';
import type { OpSet } from '../../ops/registry.ts';
import { defaultVariant, type ReasonCode, type Region, type RegionValue } from '../../plugins/contract.ts';
import { exampleOf, typeOf, typesOf } from '../../kit/examples/example.ts';

/** What a chip says of an op with one type. */
export type Answer =
  /** By kernels of these names; `host` is a function on host values, the same on every chip that has it. */
  | { readonly ok: true; readonly variants: readonly string[] }
  | { readonly ok: false; readonly reason: ReasonCode; readonly detail: string };

export interface TypeCoverage {
  /** Undefined for ops whose inputs say nothing of their type. */
  readonly dtype: DType | undefined;
  /** By chip. */
  readonly answers: ReadonlyMap<string, Answer>;
}

export interface OpCoverage {
  readonly op: string;
  readonly domain: string;
  /** Control flow is the runtime's own, on every chip. */
  readonly control: boolean;
  readonly types: readonly TypeCoverage[];
}

/** The region of one call, as a planner would make it. */
const regionOf = (record: OpRecord, ops: OpSet, dtype: DType | undefined): Region => {
  const { node, inputs } = exampleOf(record, ops, dtype);
  const bound = bindNode(record, node);
  const types = new Map<string, ValueType>();
  const constants = new Map<string, Tensor>();
  const read: RegionValue[] = [];
  const args = inputs.map((value, i) => {
    const name = node.inputs[i]!;
    const type = typeOf(value);
    if (name === '') return { type: undefined };
    if (type) types.set(name, type);
    const { role } = record.inputs[Math.min(i, record.inputs.length - 1)]!;
    const constant = role === 'value' && value instanceof Tensor ? value : undefined;
    if (constant) constants.set(name, constant);
    else read.push({ name, type });
    return { type, value: constant };
  });
  const made = inferTypes(bound, args);
  node.outputs.forEach((name, i) => made[i] && types.set(name, made[i]));
  return { nodes: [node], inputs: read, outputs: node.outputs.map((name, i) => ({ name, type: made[i] })), constants, types };
};

const ask = ({ session }: OpenChip, region: Region): Answer => {
  const said = supportOf(session, region);
  if (!said.ok) return said;
  const variants = session.variants?.(region) ?? [defaultVariant];
  return { ok: true, variants: variants.map((v) => v.name) };
};

/** @param chips the columns. */
export const collectCoverage = (records: readonly OpRecord[], ops: OpSet, chips: readonly OpenChip[]): OpCoverage[] =>
  records.map((record) => {
    const dtypes = typesOf(record);
    const asked: readonly (DType | undefined)[] = record.control ? [] : dtypes.length > 0 ? dtypes : [undefined];
    return {
      op: opName(record.domain, record.name),
      domain: record.domain,
      control: record.control !== undefined,
      types: asked.map((dtype) => {
        const region = regionOf(record, ops, dtype);
        return { dtype, answers: new Map(chips.map((chip) => [chip.id, ask(chip, region)])) };
      }),
    };
  });
