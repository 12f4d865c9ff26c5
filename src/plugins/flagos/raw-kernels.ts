/** Which raw kernels may run a region, and how they are called: in C as the only stage of a program, in JavaScript as they are. */
import { concreteShape, opName } from '../../core/graph.ts';
import { sizeOf, Tensor } from '../../core/tensor.ts';
import type { TensorData } from '../../core/dtype.ts';
import type { Buffer, Program, StageWriter } from '../../compiler/loops.ts';
import { bindNode } from '../../ops/bind.ts';
import type { OpSet } from '../../ops/registry.ts';
import type { OpRawKernel, RawArgument, RawC, RawCall, RawJs, RawKernel, RawTarget } from '../../ops/raw/kernel.ts';
import type { Prepared, Region, RunValue, Variant } from '../contract.ts';

/** All raw kernels there are, asked for when a chip is first asked what it can run: by then plugins are loaded. */
export type RawSource = () => readonly OpRawKernel[];

/** Those in the records. */
export const rawKernelsOf = (ops: OpSet): OpRawKernel[] =>
  ops.records.flatMap((r) => r.raw.map((kernel): OpRawKernel => ({ ...kernel, op: opName(r.domain, r.name) })));

/** A kernel and the call it is to run. */
export interface RawMatch<K extends RawKernel = RawKernel> {
  readonly kernel: K;
  readonly call: RawCall;
}

/** The region's only node as a call; undefined unless all of its types and shapes are known. */
const callOf = (ops: OpSet, region: Region): RawCall | undefined => {
  const [node] = region.nodes;
  const record = node && ops.find(node.domain, node.op);
  if (!node || !record || region.nodes.length !== 1) return undefined;
  const typed = (name: string): Omit<RawArgument, 'value'> | undefined => {
    const type = region.types.get(name);
    const dims = type && concreteShape(type);
    return type?.kind === 'tensor' && dims ? { dtype: type.dtype, dims } : undefined;
  };
  const inputs = node.inputs.map((name): RawArgument | undefined => {
    const known = name === '' ? undefined : typed(name);
    return known && { ...known, value: region.constants.get(name) };
  });
  const read = new Set(region.outputs.map((o) => o.name));
  const outputs = node.outputs.map((name) => (read.has(name) ? typed(name) : undefined));
  const complete = inputs.every((x, i) => x || node.inputs[i] === '') && node.outputs.every((name, i) => outputs[i] || !read.has(name));
  // Trailing ones that are left out have a position, too.
  while (inputs.length < record.inputs.length) inputs.push(undefined);
  while (outputs.length < record.outputs.length) outputs.push(undefined);
  return complete ? { attrs: bindNode(record, node).attrs, inputs, outputs } : undefined;
};

const isFor = <K extends RawKernel>(kernel: OpRawKernel, chip: K['chip']): kernel is OpRawKernel & K => kernel.chip === chip;

const variantName = (kernel: RawKernel): string => `raw-${kernel.name}`;

export class RawKernels<K extends RawKernel> {
  readonly #ops: OpSet;
  readonly #chip: K['chip'];
  readonly #source: RawSource;
  #byOp: Map<string, K[]> | undefined;

  constructor(ops: OpSet, chip: K['chip'], source: RawSource) {
    this.#ops = ops;
    this.#chip = chip;
    this.#source = source;
  }

  #of(op: string): readonly K[] {
    if (!this.#byOp) {
      this.#byOp = new Map();
      for (const kernel of this.#source()) {
        if (isFor<K>(kernel, this.#chip)) this.#byOp.set(kernel.op, [...(this.#byOp.get(kernel.op) ?? []), kernel]);
      }
    }
    return this.#byOp.get(op) ?? [];
  }

  /** Kernels that can run a region. */
  matching(region: Region): RawMatch<K>[] {
    const [node] = region.nodes;
    if (!node || region.nodes.length !== 1) return [];
    const kernels = this.#of(opName(node.domain, node.op));
    const call = kernels.length > 0 ? callOf(this.#ops, region) : undefined;
    return call ? kernels.filter((kernel) => kernel.applies(call) === true).map((kernel) => ({ kernel, call })) : [];
  }

  variants(region: Region): Variant[] {
    return this.matching(region).map(({ kernel }) => ({
      name: variantName(kernel),
      numerics: kernel.numerics,
      alone: true,
      ...(kernel.prior ? { prior: kernel.prior } : {}),
    }));
  }

  find(region: Region, variant: string): RawMatch<K> | undefined {
    return variant.startsWith('raw-') ? this.matching(region).find(({ kernel }) => variantName(kernel) === variant) : undefined;
  }
}

/** A program of one stage that calls a kernel in C. Its inputs and outputs are those of the call that are there, in order. */
export const rawProgram = ({ kernel, call }: RawMatch<RawC>, target: RawTarget): Program => {
  const plan = kernel.plan(call, target);
  const source = typeof kernel.source === 'string' ? kernel.source : kernel.source(target);
  const inputs = call.inputs.map((x, i): Buffer | undefined => x && { name: `x${i}`, dtype: x.dtype, size: sizeOf(x.dims), role: 'input' });
  const outputs = call.outputs.map(
    (y, i): Buffer | undefined => y && { name: `y${i}`, dtype: y.dtype, size: sizeOf(y.dims), role: 'output' },
  );
  const own = Math.ceil((plan.scratch ?? 0) / 64) * 64;
  const scratch: Buffer | undefined = own > 0 ? { name: 's', dtype: 'uint8', size: own * target.threads, role: 'temp' } : undefined;
  const write = (w: StageWriter): void => {
    const list = (buffers: readonly (Buffer | undefined)[]): string => buffers.map((b) => (b ? w.buffer(b) : '0')).join(', ') || '0';
    w.push(`  const void* const x_[] = {${list(inputs)}};`);
    w.push(`  void* const y_[] = {${list(outputs)}};`);
    w.push(`  const i64 p_[] = {${(plan.params ?? []).map((x) => w.param(x)).join(', ') || '0'}};`);
    w.push(`  kernel(x_, y_, p_, lo, hi, ${scratch ? `${w.buffer(scratch)} + worker * ${w.param(own)}` : '0'});`);
  };
  const work = plan.operations ?? 0;
  return {
    inputs: inputs.flatMap((b) => b ?? []),
    outputs: outputs.flatMap((b) => b ?? []),
    temps: scratch ? [scratch] : [],
    body: [{ kind: 'call', helpers: [source], write, count: plan.count, grain: plan.grain ?? 1, work }],
    prepare: [],
    work,
  };
};

/** A kernel in JavaScript, ready to run. */
export const prepareRawJs = (
  { kernel, call }: RawMatch<RawJs>,
  region: Region,
  check: ((inputs: readonly RunValue[]) => void) | undefined,
): Prepared => {
  const node = region.nodes[0]!;
  const run = kernel.make(call);
  const position = new Map(region.inputs.map((v, i) => [v.name, i]));
  const sources = node.inputs.map((name) => region.constants.get(name) ?? position.get(name));
  const places = node.outputs.map((name) => region.outputs.findIndex((o) => o.name === name));
  return {
    workspaceBytes: 0,
    run: (inputs, outputs) => {
      check?.(inputs);
      const read = sources.map((s) => (typeof s === 'number' ? (inputs[s] as Tensor) : s)?.data);
      const written = places.map((at, i): TensorData | undefined => {
        if (at < 0) return undefined;
        const { dtype, dims } = call.outputs[i]!;
        return ((outputs[at] ??= Tensor.zeros(dtype, dims)) as Tensor).data;
      });
      run(read, written);
    },
    dispose: () => {},
  };
};
