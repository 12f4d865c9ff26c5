/**
 * A case one can send: a folder with a model of one node, its inputs and outputs, a README and the command
 * that runs it again. It needs nothing of the model it came from. Bisection writes what is wrong, capture
 * whatever a model calls.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { lowestOpset, writeModel, writeTensor } from '../../formats/onnx/index.ts';
import { tensorType, type Graph, type Model, type Node } from '../../core/graph.ts';
import { FlagosError } from '../../core/errors.ts';
import { Tensor, type Value } from '../../core/tensor.ts';
import type { RegionTensors } from '../../diff/attribute.ts';
import { version } from '../../version.ts';
import { readOnnx } from '../../host/onnx-files.ts';
import { makeInputs } from '../model/inputs.ts';
import { writeNpy } from '../model/npy.ts';

/** One call of an op. */
export interface Call {
  readonly node: Node;
  /** Every value the node reads, by name. */
  readonly values: ReadonlyMap<string, Value>;
  /** Constants stay constants: kernels treat them otherwise. */
  readonly constants: ReadonlySet<string>;
  /** What the chip made, by name of output. */
  readonly got: ReadonlyMap<string, Value>;
  readonly expected: ReadonlyMap<string, Value>;
}

export interface CaseParts extends Call {
  readonly chips: readonly string[];
  /** Plugins to load, as given on the command line. */
  readonly plugins: readonly string[];
  readonly from: string;
  /** First line of the README. */
  readonly title: string;
  readonly says: string;
}

/** What `diff repro` reads. */
export interface CaseFile {
  readonly schema: 'flagos-case/1';
  readonly node: string;
  readonly op: string;
  readonly from: string;
  readonly chips: readonly string[];
  readonly plugins: readonly string[];
  readonly inputs: Readonly<Record<string, string>>;
  readonly flagos: string;
  readonly node_version: string;
}

/** A name as that of a file or folder. */
export const fileName = (name: string): string => name.replaceAll(/[^\w.-]+/g, '_');

/** Makes names that differ, from names that may not. */
export const distinctNames = (): ((name: string) => string) => {
  const taken = new Set<string>();
  return (name) => {
    const base = fileName(name);
    let made = base;
    for (let n = 2; taken.has(made); n++) made = `${base}_${n}`;
    taken.add(made);
    return made;
  };
};

/** The call a region of one node was. */
export const callOf = ({ planned: { region }, inputs, outputs, golden }: RegionTensors): Call => ({
  node: region.nodes[0]!,
  values: new Map([...region.constants, ...region.inputs.map((v, i) => [v.name, inputs[i]!] as const)]),
  constants: new Set(region.constants.keys()),
  got: new Map(region.outputs.map((v, i) => [v.name, outputs[i]!])),
  expected: new Map(region.outputs.flatMap((v, i) => (golden[i] === undefined ? [] : [[v.name, golden[i]] as const]))),
});

/** Plugins of a command line so that they are found from anywhere. */
export const pluginWords = (given: readonly string[], cwd: string): string[] =>
  given.map((p) => (p.startsWith('.') || p.includes('/') ? resolve(cwd, p) : p));

/** Writes a value as .npy, or as a TensorProto where NumPy has no such type. @param base without its ending. @returns the file's name. */
const writeValue = (folder: string, name: string, base: string, v: Value): string => {
  if (!(v instanceof Tensor)) throw new FlagosError('FLAGOS_E_UNSUPPORTED', `'${name}' is no tensor; a case holds tensors only`);
  const npy = writeNpy(v);
  const file = `${base}.${npy ? 'npy' : 'pb'}`;
  writeFileSync(join(folder, file), npy ?? writeTensor(v, name));
  return file;
};

/** Writes the folder. @throws FLAGOS_E_UNSUPPORTED where a value is no tensor. */
export const writeCase = (folder: string, c: CaseParts): CaseFile => {
  const { node } = c;
  mkdirSync(join(folder, 'inputs'), { recursive: true });
  mkdirSync(join(folder, 'outputs'), { recursive: true });
  const reads = [...new Set(node.inputs.filter((n) => n !== ''))];
  const tensorOf = (name: string): Tensor => {
    const v = c.values.get(name);
    if (v instanceof Tensor) return v;
    throw new FlagosError('FLAGOS_E_UNSUPPORTED', `'${name}' is no tensor; a case holds tensors only`);
  };
  const graph: Graph = {
    name: node.name,
    nodes: [node],
    inputs: reads.filter((n) => !c.constants.has(n)).map((name) => ({ name, type: tensorType(tensorOf(name).dtype, tensorOf(name).dims) })),
    outputs: [...c.got.keys()].map((name) => {
      const v = c.got.get(name);
      return { name, type: v instanceof Tensor ? tensorType(v.dtype, v.dims) : undefined };
    }),
    initializers: new Map(reads.filter((n) => c.constants.has(n)).map((n) => [n, tensorOf(n)])),
    types: new Map(),
  };
  const opset = node.domain === '' ? { '': lowestOpset(graph) } : { '': 21, [node.domain]: node.version };
  writeFileSync(join(folder, 'model.onnx'), writeModel({ graph, name: node.name, opsets: opset }));
  const [inputFile, gotFile, expectedFile] = [distinctNames(), distinctNames(), distinctNames()];
  const inputs = Object.fromEntries(
    graph.inputs.map(({ name }) => [name, join('inputs', writeValue(join(folder, 'inputs'), name, inputFile(name), c.values.get(name)!))]),
  );
  for (const [name, v] of c.got) writeValue(join(folder, 'outputs'), name, `${gotFile(name)}.got`, v);
  for (const [name, v] of c.expected) writeValue(join(folder, 'outputs'), name, `${expectedFile(name)}.expected`, v);
  const file: CaseFile = {
    schema: 'flagos-case/1',
    node: node.name,
    op: node.op,
    from: c.from,
    chips: c.chips,
    plugins: c.plugins,
    inputs,
    flagos: version,
    node_version: process.version,
  };
  writeFileSync(join(folder, 'case.json'), `${JSON.stringify(file, null, 2)}\n`);
  writeFileSync(
    join(folder, 'README.md'),
    `# ${c.title}

${c.says}

One node, \`${node.name}\`, of \`${c.from}\`, with the inputs it had there.

| file | |
|---|---|
| \`model.onnx\` | the node as a model |
| \`inputs/\` | its inputs |
| \`outputs/*.got.*\` | what was made of them |
| \`outputs/*.expected.*\` | what is right, where that is known |

To run it again, in this folder:

\`\`\`sh
flagos diff repro .
\`\`\`

Made by flagos ${version}, Node ${process.version}, ${process.platform} ${process.arch}.
`,
  );
  return file;
};

/** @throws FLAGOS_E_USAGE for a folder that is no case. */
export const readCase = (folder: string): CaseFile => {
  try {
    const parsed: unknown = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8'));
    if (typeof parsed === 'object' && parsed !== null && 'schema' in parsed && parsed.schema === 'flagos-case/1') return parsed as CaseFile;
  } catch (cause) {
    throw new FlagosError('FLAGOS_E_USAGE', `${folder} holds no case`, {
      hint: 'cases are made by flagos diff bisect and flagos diff capture',
      cause,
    });
  }
  throw new FlagosError('FLAGOS_E_USAGE', `${folder} holds a case of another version`, { hint: 'use the version of flagos it names' });
};

export interface LoadedCase {
  readonly file: CaseFile;
  readonly model: Model;
  readonly path: string;
  readonly feeds: Readonly<Record<string, Value>>;
}

/** A case with its tensors. @throws FLAGOS_E_USAGE, FLAGOS_E_FILE, FLAGOS_E_INPUT, FLAGOS_E_MODEL_… */
export const loadCase = (folder: string): LoadedCase => {
  const file = readCase(folder);
  const path = join(folder, 'model.onnx');
  const model = readOnnx(path);
  const none = new Map<string, string>();
  const given = { input: new Map(Object.entries(file.inputs)), shape: none, dim: none, seed: undefined };
  return { file, model, path, feeds: makeInputs(model, given, folder).feeds };
};
