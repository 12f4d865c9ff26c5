/** Ops whose names, attribute values or defaults changed. */
import { Tensor } from '../../../core/tensor.ts';
import { withAttrs, type Step, type Steps } from './rewriter.ts';

const scatterToElements: Step = (node) => ({ ...node, op: 'ScatterElements', version: 11 });

/** The default became half_pixel; what was computed before has another name now. */
const roiAlign16: Step = (node) => ({ ...withAttrs(node, { coordinate_transformation_mode: 'output_half_pixel' }), version: 16 });

const gridSample20: Step = (node, u) => {
  const mode = u.string(node, 'mode') ?? 'bilinear';
  const renamed: Readonly<Record<string, string>> = { bilinear: 'linear', bicubic: 'cubic' };
  return { ...withAttrs(node, { mode: renamed[mode] ?? mode }), version: 20 };
};

/** Negative indices named nothing before version 11 and count from the end since: they are moved past the end. */
const oneHot11: Step = (node, u) => {
  const [indices = '', depth = '', values = ''] = node.inputs;
  if (u.numbers(indices)?.every((i) => i >= 0)) return { ...node, version: 11 };
  const whole = u.make(node, 'Cast', [indices], { to: 7 });
  const index = whole.outputs[0]!;
  const zero = u.add(Tensor.scalar('int64', 0), `${node.name}/zero`);
  const nowhere = u.add(Tensor.scalar('int64', 2n ** 62n), `${node.name}/nowhere`);
  const negative = u.make(node, 'Less', [index, zero]);
  const moved = u.make(node, 'Where', [negative.outputs[0]!, nowhere, index]);
  return [whole, negative, moved, { ...node, inputs: [moved.outputs[0]!, depth, values], version: 11 }];
};

/** One list of classes and the kind of the default → two parallel lists. */
const labelEncoder2: Step = (node, u) => {
  const classes = u.strings(node, 'classes_strings') ?? u.invalid("attribute 'classes_strings' is missing");
  const given = ['default_string', 'default_int64'].filter((name) => name in node.attrs);
  const input = u.dtype(node.inputs[0] ?? '');
  // One default must be given and says the direction; files that give both or none are read by the input's type.
  const toInts =
    given.length === 1
      ? given[0] === 'default_int64'
      : input
        ? input === 'string'
        : u.invalid('LabelEncoder must give one of default_string and default_int64');
  const numbers = { type: 'ints', value: classes.map((_, i) => i) } as const;
  const texts = { type: 'strings', value: classes } as const;
  const { classes_strings: _, [toInts ? 'default_string' : 'default_int64']: __, ...rest } = node.attrs;
  return {
    ...node,
    attrs: { ...rest, ...(toInts ? { keys_strings: texts, values_int64s: numbers } : { keys_int64s: numbers, values_strings: texts }) },
    version: 2,
  };
};

export const meaningSteps: Steps = {
  Scatter: { 11: scatterToElements },
  RoiAlign: { 16: roiAlign16 },
  GridSample: { 20: gridSample20 },
  OneHot: { 11: oneHot11 },
  'ai.onnx.ml.LabelEncoder': { 2: labelEncoder2 },
};
