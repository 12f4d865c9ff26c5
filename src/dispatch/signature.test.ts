import { describe, expect, it } from 'vitest';
import type { Attributes } from '../core/graph.ts';
import { Tensor } from '../core/tensor.ts';
import { signatureOf } from './planned.ts';
import { specialize } from './specialize.ts';
import { opSet } from '../ops/index.ts';
import { classOf, bucketOf } from '../opmanager/tables/signature.ts';

const signature = (op: string, attrs: Attributes, inputs: readonly (Tensor | readonly number[])[]): string => {
  const names = inputs.map((_, i) => `x${i}`);
  const constants = new Map(inputs.flatMap((x, i) => (x instanceof Tensor ? [[names[i]!, x] as const] : [])));
  const known = new Map(
    inputs.flatMap((x, i) =>
      x instanceof Tensor ? [] : [[names[i]!, { type: { kind: 'tensor', dtype: 'float32', shape: x } as const }] as const],
    ),
  );
  const graph = {
    name: 'g',
    types: new Map(),
    initializers: constants,
    inputs: [...known.keys()].map((name) => ({ name, type: undefined })),
    outputs: [{ name: 'y', type: undefined }],
    nodes: [{ name: 'n', op, domain: '', version: 21, inputs: names, outputs: ['y'], attrs }],
  };
  return signatureOf(specialize(graph, known, { ops: opSet, trusting: true }).nodes[0]!);
};

describe('signatureOf', () => {
  it('names what a kernel does: attributes in order, types, shapes', () => {
    const conv = signature('Conv', { strides: { type: 'ints', value: [2, 2] }, group: { type: 'int', value: 1 } }, [
      [1, 3, 9, 9],
      [4, 3, 3, 3],
    ]);
    expect(conv).toBe('Conv{group=1;strides=2,2}(float32[1,3,9,9],float32[4,3,3,3])');
    expect(bucketOf(conv)).toBe('Conv{group=1;strides=2,2}(float32[1,4,16,16],float32[4,4,4,4])');
    expect(signature('Relu', {}, [[2]])).toBe('Relu(float32[2])');
  });

  it('keeps apart what only the contents of an input tell apart', () => {
    const slice = (end: bigint): string => signature('Slice', {}, [[8], Tensor.from('int64', [1], [0n]), Tensor.from('int64', [1], [end])]);
    expect(slice(3n)).toBe('Slice(float32[8],int64[1],int64[1])->float32[3]');
    expect(slice(4n)).not.toBe(slice(3n));
  });

  it('abbreviates attributes that are long, or could be taken for something else', () => {
    const mode = (value: string): string =>
      signature('Pad', { mode: { type: 'string', value } }, [[2], Tensor.from('int64', [2], [1n, 1n])]);
    expect(mode('constant')).toBe('Pad{mode=constant}(float32[2],int64[2])->float32[4]');
    const einsum = signature('Einsum', { equation: { type: 'string', value: 'ij,jk->ik' } }, [
      [2, 3],
      [3, 4],
    ]);
    expect(einsum).toMatch(/^Einsum\{equation=string#[0-9a-f]{16}\}\(/);
    expect(classOf(einsum)).toBe('Einsum(float32,float32)');
  });
});
