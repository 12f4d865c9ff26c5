/**
 * A case one can send: a folder with a model of one node, its inputs and outputs, a README and the command
 * that shows the fault. It needs nothing of the model it came from.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lowestOpset, writeModel, writeTensor } from '../../formats/onnx/index.ts';
import { tensorType, type Graph, type Node } from '../../core/graph.ts';
import { FlagosError } from '../../core/errors.ts';
import { Tensor, type Value } from '../../core/tensor.ts';
import { version } from '../../version.ts';
import { writeNpy } from '../model/npy.ts';

export interface CaseParts {
  readonly node: Node;
  /** Every value the node reads, by name. */
  readonly values: ReadonlyMap<string, Value>;
  /** Constants stay constants: kernels treat them otherwise. */
  readonly constants: ReadonlySet<string>;
  /** What the chip made, by name of output. */
  readonly got: ReadonlyMap<string, Value>;
  readonly expected: ReadonlyMap<string, Value>;
  readonly chips: readonly string[];
  /** Plugins to load, as given on the command line. */
  readonly plugins: readonly string[];
  readonly from: string;
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

const fileName = (name: string): string => name.replaceAll(/[^\w.-]+/g, '_');

/** Writes a value as .npy, or as a TensorProto where NumPy has no such type. @returns the file's name. */
const writeValue = (folder: string, name: string, v: Value): string => {
  if (!(v instanceof Tensor)) throw new FlagosError('FLAGOS_E_UNSUPPORTED', `'${name}' is no tensor; a case holds tensors only`);
  const npy = writeNpy(v);
  const file = `${fileName(name)}.${npy ? 'npy' : 'pb'}`;
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
  const inputs = Object.fromEntries(
    graph.inputs.map(({ name }) => [name, join('inputs', writeValue(join(folder, 'inputs'), name, c.values.get(name)!))]),
  );
  for (const [name, v] of c.got) writeValue(join(folder, 'outputs'), `${name}.got`, v);
  for (const [name, v] of c.expected) writeValue(join(folder, 'outputs'), `${name}.expected`, v);
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
    `# ${node.op} is wrong on ${c.chips.join(', ') || 'the chip it ran on'}

${c.says}

One node, \`${node.name}\`, of \`${c.from}\`, with the inputs it had there.

| file | |
|---|---|
| \`model.onnx\` | the node as a model |
| \`inputs/\` | its inputs |
| \`outputs/*.got.*\` | what the chip made of them |
| \`outputs/*.expected.*\` | what is right |

To see it again, in this folder:

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
    throw new FlagosError('FLAGOS_E_USAGE', `${folder} holds no case`, { hint: 'cases are made by flagos diff bisect', cause });
  }
  throw new FlagosError('FLAGOS_E_USAGE', `${folder} holds a case of another version`, { hint: 'use the version of flagos it names' });
};
