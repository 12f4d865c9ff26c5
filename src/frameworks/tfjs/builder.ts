/**
 * The graph of one kernel call, while its translator writes it. What comes out is a template: ops
 * between numbered inputs and outputs, the same for every call with inputs of these shapes.
 */
import type { DType } from '../../core/dtype.ts';
import { FlagosError } from '../../core/errors.ts';
import { concreteShape, type Node } from '../../core/graph.ts';
import type { Tensor } from '../../core/tensor.ts';
import { bindNode, inferTypes, type Arg } from '../../ops/bind.ts';
import type { OpSet } from '../../ops/registry.ts';
import { attributesOf, splitName, type PlainAttributes } from '../../runtime/call.ts';
import type { GraphBuilder, Sym } from './translate.ts';

/** Nodes to run at once, because no shape can be told of without. */
export interface Urgent {
  readonly nodes: readonly Node[];
  readonly constants: ReadonlyMap<string, Tensor>;
  readonly wanted: readonly string[];
  /** Whether they are the same for all calls of the kind. */
  readonly general: boolean;
}
export type RunNow = (urgent: Urgent) => Tensor[];

/** An input of the call: what it is, and what it holds, if that is known without running anything. */
export interface KnownInput {
  readonly dtype: DType;
  readonly shape: readonly number[];
  contents(): Tensor | undefined;
}

export class Builder implements GraphBuilder {
  readonly nodes: Node[] = [];
  readonly constants = new Map<string, Tensor>();
  /** Inputs whose contents the translator asked for, with the answer: the template holds for calls with the same ones. */
  readonly consulted = new Map<number, Tensor | undefined>();
  /** Whether something was calculated to learn a shape: the template then holds for this call alone. */
  calculated = false;
  readonly inputs: readonly Sym[];
  readonly #known: readonly KnownInput[];
  readonly #ops: OpSet;
  readonly #now: RunNow;

  constructor(ops: OpSet, inputs: readonly KnownInput[], now: RunNow) {
    this.#ops = ops;
    this.#known = inputs;
    this.#now = now;
    this.inputs = inputs.map(({ dtype, shape }, i) => ({ name: `i${i}`, dtype, shape }));
  }

  op(op: string, inputs: readonly (Sym | undefined)[], attributes: PlainAttributes = {}, outputs = 1): Sym[] {
    const [domain, name] = splitName(op);
    const record = this.#ops.find(domain, name);
    if (!record) throw new FlagosError('FLAGOS_E_UNKNOWN_OP', `no op '${op}' is known`);
    const id = `n${this.nodes.length}`;
    const node: Node = {
      name: id,
      op: name,
      domain,
      version: record.since,
      inputs: inputs.map((x) => x?.name ?? ''),
      outputs: Array.from({ length: outputs }, (_, i) => `${id}_${i}`),
      attrs: attributesOf(attributes, record),
    };
    const args = inputs.map((x): Arg =>
      x ? { type: { kind: 'tensor', dtype: x.dtype, shape: x.shape }, value: this.constants.get(x.name) } : { type: undefined },
    );
    const types = inferTypes(bindNode(record, node), args);
    this.nodes.push(node);
    const made = types.map((type, i): Sym | undefined => {
      const shape = concreteShape(type);
      return type?.kind === 'tensor' && shape ? { name: node.outputs[i]!, dtype: type.dtype, shape } : undefined;
    });
    return made.every((x) => x !== undefined) ? made : this.#calculate(node);
  }

  /** Shapes that depend on data are learned by calculating. */
  #calculate(node: Node): Sym[] {
    const general = !this.calculated && this.consulted.size === 0;
    this.calculated = true;
    const made = this.#now({ nodes: this.nodes, constants: this.constants, wanted: node.outputs, general });
    return made.map((value) => this.constant(value));
  }

  constant(value: Tensor): Sym {
    const name = `c${this.constants.size}`;
    this.constants.set(name, value);
    return { name, dtype: value.dtype, shape: value.dims };
  }

  contents(value: Sym): Tensor | undefined {
    const i = this.inputs.indexOf(value);
    if (i < 0) return this.constants.get(value.name);
    if (!this.consulted.has(i)) this.consulted.set(i, this.#known[i]!.contents());
    return this.consulted.get(i);
  }
}
