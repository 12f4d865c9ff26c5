/**
 * Checking translators against tfjs's own cpu backend: a kernel runs there, and through its translator
 * by the float64 meaning of the ops it becomes.
 */
import * as tf from '@tensorflow/tfjs-core';
import { version_cpu } from '@tensorflow/tfjs-backend-cpu';
import { expect } from 'vitest';
import type { DType } from '../../../core/dtype.ts';
import { Tensor } from '../../../core/tensor.ts';
import { evaluateNode } from '../../../ops/evaluate.ts';
import { opSet } from '../../../ops/index.ts';
import { callGraph, type PlainAttributes } from '../../../runtime/call.ts';
import type { GraphBuilder, KernelFamily, Sym } from '../translate.ts';

// Importing the package registers the backend; the version is asked for so that the import counts.
if (!version_cpu) throw new Error('tfjs has no cpu backend');

/** Evaluates every node at once. */
class Evaluating implements GraphBuilder {
  readonly values = new Map<string, Tensor>();
  op(op: string, inputs: readonly (Sym | undefined)[], attributes: PlainAttributes = {}, outputs = 1): Sym[] {
    const args = inputs.map((x) => x && this.values.get(x.name)!);
    const [node] = callGraph(op, args, attributes, outputs, opSet).nodes;
    const record = opSet.find(node!.domain, node!.op);
    if (!record) throw new Error(`no op ${op}`);
    const made = evaluateNode(record, node!, args);
    if (made instanceof Promise) throw new Error('a promise');
    return made.map((v) => this.constant(v as Tensor));
  }
  constant(value: Tensor): Sym {
    const name = `v${this.values.size}`;
    this.values.set(name, value);
    return { name, dtype: value.dtype, shape: value.dims };
  }
  contents(value: Sym): Tensor | undefined {
    return this.values.get(value.name);
  }
}

const flagosTensor = (t: tf.Tensor): Tensor => {
  if (t.dtype === 'string') return new Tensor('string', t.shape, [...(t.dataSync() as unknown as string[])]);
  const data = t.dataSync();
  return t.dtype === 'complex64' ? new Tensor('complex64', t.shape, Float32Array.from(data)) : Tensor.from(t.dtype as DType, t.shape, data);
};

/** A tensor of evenly spread, reproducible numbers. */
export const spread = (shape: number[], dtype: 'float32' | 'int32' | 'bool' = 'float32', seed = 1): tf.Tensor => {
  const values = Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, i) => ((i * 7919 + seed * 104729) % 2003) / 1000 - 1);
  return tf.tensor(
    dtype === 'float32' ? values : values.map((v) => (dtype === 'bool' ? (v > 0 ? 1 : 0) : Math.round(v * 20))),
    shape,
    dtype,
  );
};

/** Runs a kernel on both sides and compares shapes, types and values. */
export const agrees = (
  family: KernelFamily,
  kernel: string,
  inputs: Readonly<Record<string, tf.Tensor>>,
  attributes: Readonly<Record<string, unknown>> = {},
  tolerance = 1e-5,
): void => {
  tf.setBackend('cpu');
  const theirs = tf.engine().runKernel(kernel, inputs, attributes as tf.NamedAttrMap) as tf.Tensor | tf.Tensor[];
  const graph = new Evaluating();
  const given = Object.fromEntries(Object.entries(inputs).map(([name, t]) => [name, graph.constant(flagosTensor(t))]));
  const ours = family[kernel]!(graph, given, attributes);
  expect(ours, `${kernel} is translated`).toBeDefined();
  const expected = Array.isArray(theirs) ? theirs : [theirs];
  expect(ours!.length).toBe(expected.length);
  expected.forEach((t, i) => {
    const made = graph.values.get(ours![i]!.name)!;
    expect([made.dtype, made.dims], `${kernel}, result ${i}`).toEqual([t.dtype, t.shape]);
    if (t.dtype === 'string') return expect(made.toValues()).toEqual([...(t.dataSync() as unknown as string[])]);
    const [a, b] = [t.dtype === 'complex64' ? (made.data as Float32Array) : made.toNumbers(), t.dataSync()];
    expect(a.length).toBe(b.length);
    for (let e = 0; e < a.length; e++) {
      const [x, y] = [a[e]!, b[e]!];
      if (!(Object.is(x, y) || Math.abs(x - y) <= tolerance * (1 + Math.abs(y))))
        expect(`${kernel}[${i}] element ${e}: ${x}`).toBe(`${kernel}[${i}] element ${e}: ${y}`);
    }
  });
};
