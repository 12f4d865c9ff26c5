/** A region as an ONNX model for onnxruntime. */
import { bytesOf, dtypeInfo, writeModel, type Attribute, type Graph, type Node, type Region, type Tensor } from 'flagos/plugin';
import { ops } from './kernels.ts';
import type { Opsets } from './support.ts';

/** Nodes in the forms of `opsets`: attributes that came later stand at their defaults, so they are left out. */
const written = (nodes: readonly Node[], opsets: Opsets): Node[] =>
  nodes.map((node) => {
    const added = ops[node.domain]![node.op]!.added ?? {};
    const kept = Object.entries(node.attrs).filter(([name]) => (added[name]?.[0] ?? 0) <= opsets[node.domain]!);
    const attrs = kept.map(([name, attr]): [string, Attribute] => [
      name,
      attr.type === 'graph' ? { type: 'graph', value: { ...attr.value, nodes: written(attr.value.nodes, opsets) } } : attr,
    ]);
    return { ...node, attrs: Object.fromEntries(attrs) };
  });

/**
 * Weights from this many bytes on are handed over beside the model and not inside: measured on 512 MiB of
 * them, a peak of 1359 MiB and not 1869, because no second copy is made to build the file.
 */
const largeBytes = 1 << 16;

/** A model, and the weights it refers to by path. */
export interface BuiltModel {
  readonly bytes: Uint8Array;
  readonly externalData: readonly { readonly path: string; readonly data: Uint8Array }[];
}

const varint = (n: number): number[] => (n < 128 ? [n] : [(n % 128) + 128, ...varint(Math.floor(n / 128))]);
const field = (number: number, content: readonly number[]): number[] => [...varint(number * 8 + 2), ...varint(content.length), ...content];
const text = (number: number, value: string): number[] => field(number, [...new TextEncoder().encode(value)]);

/**
 * An initializer whose data lies at `path`, as a ModelProto of its own: in protobuf, a message appended to
 * another one is merged with it. Field numbers: onnx.proto, ModelProto, GraphProto, TensorProto.
 */
const reference = (name: string, { dims, dtype }: Tensor, path: string): number[] =>
  field(
    7,
    field(5, [
      ...dims.flatMap((d) => [1 * 8, ...varint(d)]),
      2 * 8,
      dtypeInfo(dtype).onnx,
      ...text(8, name),
      ...field(13, [...text(1, 'location'), ...text(2, path)]),
      14 * 8,
      1,
    ]),
  );

/** The model of a region that {@link examine} found supported. */
export const buildModel = (region: Region, opsets: Opsets): BuiltModel => {
  const initializers = new Map(region.constants);
  const externalData: { path: string; data: Uint8Array }[] = [];
  const references: number[] = [];
  for (const [name, tensor] of region.constants) {
    if (tensor.byteLength < largeBytes || Array.isArray(tensor.data) || dtypeInfo(tensor.dtype).bits < 8) continue;
    const path = `weight${externalData.length}`;
    const data = bytesOf(tensor.data);
    externalData.push({ path, data: data.buffer instanceof SharedArrayBuffer ? data.slice() : data });
    references.push(...reference(name, tensor, path));
    initializers.delete(name);
  }
  const { inputs, outputs, nodes } = region;
  const graph: Graph = { name: 'region', inputs, outputs, initializers, nodes: written(nodes, opsets), types: new Map() };
  const bytes = writeModel({ graph, name: 'region', opsets });
  return { bytes: references.length ? Buffer.concat([bytes, Uint8Array.from(references)]) : bytes, externalData };
};
