/** A call written as a signature, as a model of one node: `Softmax{axis=-1}(float32[8,128])`. */
import { dtypes, isDType } from '../../core/dtype.ts';
import { tensorType, type Model } from '../../core/graph.ts';
import { Tensor, type Value } from '../../core/tensor.ts';
import type { OpSet } from '../../ops/registry.ts';
import { callGraph, type PlainAttributes } from '../../runtime/call.ts';
import { usageError } from '../args/option.ts';

const shape = /^([A-Za-z][\w.]*)(?:\{([^}]*)\})?\((.*)\)$/;
const argument = /^(\w+)\[([\d,]*)\]$/;

const attribute = (text: string): PlainAttributes[string] => {
  const parts = text.split(',');
  const values = parts.map((p) => (p.trim() !== '' && Number.isFinite(Number(p)) ? Number(p) : undefined));
  if (values.some((v) => v === undefined)) return text;
  return values.length === 1 ? values[0] : (values as number[]);
};

/** Splits at commas outside of brackets. */
const split = (text: string): string[] => (text === '' ? [] : text.split(/,(?![^[]*\])/));

/** @returns undefined for what is no call. @throws FLAGOS_E_USAGE for a call that is written wrong. */
export const modelOfCall = (text: string, ops: OpSet): Model | undefined => {
  const [, op, attrs, args] = shape.exec(text) ?? [];
  if (op === undefined) return undefined;
  const inputs = split(args!).map((a): Tensor | undefined => {
    if (a === '-') return undefined;
    const [, dtype = '', dims = ''] = argument.exec(a.trim()) ?? [];
    if (!isDType(dtype))
      throw usageError(`'${a}' is no type of an argument`, `write one as float32[2,3]; element types are ${dtypes.join(', ')}`);
    return Tensor.zeros(dtype, dims === '' ? [] : dims.split(',').map(Number));
  });
  const attributes = Object.fromEntries(
    (attrs ?? '')
      .split(';')
      .filter((a) => a.includes('='))
      .map((a) => [a.slice(0, a.indexOf('=')), attribute(a.slice(a.indexOf('=') + 1))]),
  );
  const graph = callGraph(op, inputs, attributes, 1, ops);
  const given: readonly Value[] = inputs.filter((x) => x !== undefined);
  return {
    name: text,
    metadata: {},
    graph: {
      ...graph,
      inputs: graph.inputs.map(({ name }, i) => {
        const t = given[i] as Tensor;
        return { name, type: tensorType(t.dtype, t.dims) };
      }),
    },
  };
};
