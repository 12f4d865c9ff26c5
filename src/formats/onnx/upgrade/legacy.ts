/**
 * Forms from before ai.onnx 7. Models that old still come with test suites and old exporters; what
 * cannot be said in today's ops without knowing shapes the file does not give is refused.
 */
import { dtypeInfo, isDType } from '../../../core/dtype.ts';
import { Tensor } from '../../../core/tensor.ts';
import type { Node } from '../../../core/graph.ts';
import { withAttrs, type Rewriter, type Step, type Steps } from './rewriter.ts';

const trailingAxes = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

/** `b` with `count` dimensions of 1 after its own. */
const withTrailing = (node: Node, b: string, rank: number, count: number, u: Rewriter): Node =>
  u.make(node, 'Unsqueeze', [b, u.int64s(node, trailingAxes(rank, count), 'axes')]);

/** Broadcasting had to be asked for, and `axis` said where the second operand's dimensions start. */
const binary7: Step = (node, u) => {
  const [a = '', b = ''] = node.inputs;
  const axis = u.int(node, 'axis') ?? -1;
  const next = { ...withAttrs(node, { axis: undefined, broadcast: undefined }), version: 7 };
  // Without an axis, or with a negative one, last dimensions match: as they do today.
  if ((u.int(node, 'broadcast') ?? 0) === 0 || axis < 0) return next;
  const left = u.shape(a);
  const right = u.shape(b);
  if (!left || !right)
    return u.unsupported(`${node.op} broadcasts at axis ${axis}, but the file does not say how many dimensions its inputs have`);
  const count = left.length - axis - right.length;
  if (count < 0) u.invalid(`${node.op} broadcasts ${right.length} dimensions at axis ${axis} of ${left.length}`);
  if (count === 0) return next;
  const widened = withTrailing(node, b, right.length, count, u);
  return [widened, { ...next, inputs: [a, widened.outputs[0]!] }];
};

/** A slope per channel had one dimension; today it must broadcast, so it gets one for each axis after the channels. */
const prelu7: Step = (node, u) => {
  const [x = '', slope = ''] = node.inputs;
  const slopes = u.shape(slope);
  const next = { ...node, version: 7 };
  if (slopes?.length === 0 || (slopes?.length === 1 && slopes[0] === 1)) return next;
  const rank = u.shape(x)?.length;
  if (rank === undefined || slopes === undefined)
    return u.unsupported('PRelu has a slope per channel, but the file does not say how many dimensions its input has');
  if (slopes.length !== 1 || rank <= 2) return next;
  const widened = withTrailing(node, slope, 1, rank - 2, u);
  return [widened, { ...next, inputs: [x, widened.outputs[0]!] }];
};

const batch7: Step = (node, u) => {
  if ((u.int(node, 'is_test') ?? 0) === 0)
    u.unsupported('BatchNormalization is in training form (is_test = 0)', 'export the model for inference');
  return { ...withAttrs(node, { is_test: undefined }), version: 7 };
};

/** Inference is what runs here, whatever the file says: nothing is dropped. */
const dropout7: Step = (node) => ({ ...withAttrs(node, { is_test: undefined }), version: 7 });

const drop =
  (name: string, version: number): Step =>
  (node) => ({ ...withAttrs(node, { [name]: undefined }), version });

const reshape5: Step = (node, u) => {
  const shape = u.int64s(node, u.needInts(node, 'shape'), 'shape');
  return { ...withAttrs(node, { shape: undefined }), inputs: [node.inputs[0] ?? '', shape], version: 5 };
};

/** Target types were written out: `FLOAT`. */
const cast6: Step = (node, u) => {
  const to = (u.string(node, 'to') ?? u.invalid("attribute 'to' is missing")).toLowerCase();
  const dtype = to === 'float' ? 'float32' : to === 'double' ? 'float64' : to;
  return isDType(dtype)
    ? { ...withAttrs(node, { to: dtypeInfo(dtype).onnx }), version: 6 }
    : u.invalid(`Cast to '${to}', which is no element type`);
};

const concat4: Step = (node, u) => ({ ...withAttrs(node, { axis: u.int(node, 'axis') ?? 1 }), version: 4 });

const pad2: Step = (node, u) => ({
  ...withAttrs(node, { paddings: undefined, pads: u.needInts(node, 'paddings').map(Number) }),
  version: 2,
});

/** The sizes could be an input already then; version 13 has that form again. */
const split2: Step = (node) => ({ ...node, version: node.inputs[1] ? 13 : 2 });

const power2: Step = (node, u) => {
  const p = u.float(node, 'p') ?? 2;
  return Number.isInteger(p)
    ? { ...withAttrs(node, { p }), version: 2 }
    : u.unsupported(`${node.op} has p = ${p}; only whole numbers are supported`);
};

/** The defaults were rounded; they are kept as they were. */
const selu6: Step = (node, u) => ({
  ...withAttrs(node, {
    alpha: { float: u.float(node, 'alpha') ?? Math.fround(1.6732) },
    gamma: { float: u.float(node, 'gamma') ?? Math.fround(1.0507) },
  }),
  version: 6,
});

const upsample7: Step = (node, u) => {
  const scale = (name: string): number => u.float(node, name) ?? u.invalid(`attribute '${name}' is missing`);
  const scales = u.add(Tensor.from('float32', [4], [1, 1, scale('height_scale'), scale('width_scale')]), `${node.name}/scales`);
  return { ...withAttrs(node, { height_scale: undefined, width_scale: undefined }), inputs: [node.inputs[0] ?? '', scales], version: 9 };
};

const tile6: Step = (_, u) => u.unsupported('Tile of a version before 6 is not supported', 'export the model with opset 6 or newer');

const binaries = ['Add', 'Sub', 'Mul', 'Div', 'Pow', 'And', 'Or', 'Xor', 'Equal', 'Greater', 'Less'];

export const legacySteps: Steps = {
  ...Object.fromEntries(binaries.map((op) => [op, { 7: binary7 }])),
  PRelu: { 7: prelu7 },
  BatchNormalization: { 7: batch7 },
  Dropout: { 7: dropout7 },
  Gemm: { 7: drop('broadcast', 7) },
  GRU: { 7: drop('output_sequence', 7) },
  LSTM: { 7: drop('output_sequence', 7) },
  RNN: { 7: drop('output_sequence', 7) },
  Reshape: { 5: reshape5 },
  Cast: { 6: cast6 },
  Concat: { 4: concat4 },
  Pad: { 2: pad2 },
  Split: { 2: split2 },
  LpPool: { 2: power2 },
  GlobalLpPool: { 2: power2 },
  Selu: { 6: selu6 },
  Upsample: { 7: upsample7 },
  Tile: { 6: tile6 },
};
