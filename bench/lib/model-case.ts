/** A model to be timed: one of the ONNX light models by name, with seeded weights, or a file with its own. */
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { makeInputs } from '../../src/cli/model/inputs.ts';
import { seedWeights } from '../../src/cli/seeded/weights.ts';
import { concreteShape } from '../../src/core/graph.ts';
import { Tensor } from '../../src/core/tensor.ts';
import { lowestOpset, writeModel } from '../../src/formats/onnx/index.ts';
import { findOnnxTests } from '../../src/host/onnx-cases.ts';
import { readOnnx } from '../../src/host/onnx-files.ts';

export interface ModelCase {
  readonly name: string;
  /** What both sides load: bytes, or the path of a file (whose weights may lie beside it). */
  readonly source: Uint8Array | string;
  readonly inputs: Readonly<Record<string, Tensor>>;
}

/** Why a light model cannot be had; undefined if it can. */
export const lightModelsMissing = (): string | undefined =>
  findOnnxTests(resolve('.')) ? undefined : 'no ONNX backend tests (set FLAGOS_ONNX_TESTS)';

const light = (name: string): ModelCase => {
  const { model } = seedWeights(readOnnx(join(findOnnxTests(resolve('.'))!, 'light', `light_${name}.onnx`)), 1);
  const { graph } = model;
  const input = graph.inputs.find((i) => !graph.initializers.has(i.name))!;
  const dims = concreteShape(input.type)!;
  const values = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 12.9898) * 2);
  const source = writeModel({ graph, name, opsets: { '': lowestOpset(graph) } });
  return { name, source, inputs: { [input.name]: new Tensor('float32', dims, values) } };
};

/** `--input`, `--shape` and `--dim` of the command line, as `flagos run` has them. */
const inputOptions = (): Record<'input' | 'shape' | 'dim', ReadonlyMap<string, string>> => {
  const several = { type: 'string', multiple: true } as const;
  const { values } = parseArgs({ options: { input: several, shape: several, dim: several }, strict: false, allowPositionals: true });
  const pairs = (given: unknown): ReadonlyMap<string, string> =>
    new Map(((given ?? []) as string[]).map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]));
  return { input: pairs(values['input']), shape: pairs(values['shape']), dim: pairs(values['dim']) };
};

/** Names of exported models are often those of their folders. */
const nameOf = (path: string): string => (basename(path) === 'model.onnx' ? basename(dirname(resolve(path))) : basename(path, '.onnx'));

const file = (path: string): ModelCase => {
  const { feeds } = makeInputs(readOnnx(path), { ...inputOptions(), seed: 1 }, process.cwd());
  for (const [name, value] of Object.entries(feeds))
    if (!(value instanceof Tensor)) throw new Error(`input '${name}' of ${path} is no tensor`);
  return { name: nameOf(path), source: path, inputs: feeds as Record<string, Tensor> };
};

/** @param name of a light model, or the path of a file that ends in .onnx. */
export const modelCase = (name: string): ModelCase => (name.endsWith('.onnx') ? file(name) : light(name));
