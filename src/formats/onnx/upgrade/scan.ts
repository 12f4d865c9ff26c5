/**
 * Scan 8 ran over a batch of sequences: a batch axis before the sequence axis on every input. That is
 * today's Scan over the batch, whose body is today's Scan over the sequence.
 */
import type { Attribute, Graph, Node, ValueInfo, ValueType } from '../../../core/graph.ts';
import { tensorType } from '../../../core/graph.ts';
import { newestVersion } from './versions.ts';
import { withAttrs, type Rewriter, type Step, type Steps } from './rewriter.ts';

/** Type of a slice that still has its sequence axis, of which the body says only the element. */
const sequenceOf = (type: ValueType | undefined): ValueType | undefined => (type?.kind === 'tensor' ? tensorType(type.dtype) : undefined);

/** The body of the outer Scan: one element of the batch. */
const perSample = (node: Node, body: Graph, scanned: number, u: Rewriter): Graph => {
  const states = body.inputs.length - scanned;
  const info = (list: readonly ValueInfo[], what: string): ValueInfo[] =>
    list.map(({ type }, i) => ({ name: u.value(node, `${what}_${i}`), type: i < states ? type : sequenceOf(type) }));
  const inputs = info(body.inputs, 'sample');
  const outputs = info(body.outputs, 'result');
  const directions = u.ints(node, 'directions');
  const inner: Node = {
    ...withAttrs(node, { directions: undefined, ...(directions ? { scan_input_directions: directions.map(Number) } : {}) }),
    name: `${node.name}/sequence`,
    inputs: inputs.map((i) => i.name),
    outputs: outputs.map((o) => o.name),
    version: newestVersion('', 'Scan'),
  };
  return { name: `${body.name}/sample`, inputs, outputs, initializers: new Map(), nodes: [inner], types: new Map() };
};

const scan9: Step = (node, u) => {
  const [lengths = '', ...inputs] = node.inputs;
  if (lengths !== '') u.unsupported('Scan of version 8 with sequence_lens is not supported', 'export the model with opset 9 or newer');
  const scanned = u.int(node, 'num_scan_inputs') ?? u.invalid("attribute 'num_scan_inputs' is missing");
  const body = node.attrs['body'];
  if (body?.type !== 'graph') return u.invalid("attribute 'body' is missing");
  if (body.value.inputs.length !== inputs.length || scanned > inputs.length) u.invalid('the body of Scan takes another number of inputs');
  const attrs: Record<string, Attribute> = {
    body: { type: 'graph', value: perSample(node, body.value, scanned, u) },
    num_scan_inputs: { type: 'int', value: inputs.length },
  };
  return { ...node, inputs, attrs, version: 9 };
};

export const scanSteps: Steps = { Scan: { 9: scan9 } };
