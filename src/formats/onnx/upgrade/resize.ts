/**
 * Upsample and the first Resize: what their coordinates meant, said in the attributes of today's Resize.
 *
 * Both mapped an output position to `position / scale` (asymmetric) and, for nearest, took the element
 * below it; Resize 10 took the one above where it shrinks (its published cases show it).
 */
import { Tensor } from '../../../core/tensor.ts';
import type { Node } from '../../../core/graph.ts';
import { withAttrs, type Rewriter, type Step, type Steps } from './rewriter.ts';

/** Scales as an attribute → as an input. */
const upsample9: Step = (node, u) => {
  const scales = u.floats(node, 'scales') ?? u.invalid("attribute 'scales' is missing");
  const input = u.add(Tensor.from('float32', [scales.length], scales), `${node.name}/scales`);
  return { ...withAttrs(node, { scales: undefined }), inputs: [node.inputs[0] ?? '', input], version: 9 };
};

const mode = (node: Node, u: Rewriter): string => {
  const given = u.string(node, 'mode') ?? 'nearest';
  return given === 'bilinear' ? 'linear' : given;
};

/** Resize 11 with the old meaning; `scales` names the input. */
const asymmetric = (node: Node, scales: string, u: Rewriter, nearest: 'floor' | 'ceil'): Node => ({
  ...withAttrs(node, { mode: mode(node, u), coordinate_transformation_mode: 'asymmetric', nearest_mode: nearest }),
  op: 'Resize',
  inputs: [node.inputs[0] ?? '', '', scales],
  version: 13,
});

const upsampleToResize: Step = (node, u) => asymmetric(node, node.inputs[1] ?? '', u, 'floor');

const resize11: Step = (node, u) => {
  const [x = '', scales = ''] = node.inputs;
  const factors = u.numbers(scales);
  const shrinks = factors?.some((f) => f < 1) ?? false;
  if (!shrinks || mode(node, u) !== 'nearest') return asymmetric(node, scales, u, 'floor');
  if (!factors!.some((f) => f > 1)) return asymmetric(node, scales, u, 'ceil');
  // Both directions at once: first the axes that grow, then those that shrink.
  const part = (keep: (f: number) => boolean, what: string): string =>
    u.add(
      Tensor.from(
        'float32',
        [factors!.length],
        factors!.map((f) => (keep(f) ? f : 1)),
      ),
      `${node.name}/${what}`,
    );
  const grown = u.value(node, 'grown');
  const first = u.make(
    node,
    'Resize',
    [x, '', part((f) => f > 1, 'grow')],
    { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
    grown,
  );
  return [
    first,
    asymmetric(
      { ...node, inputs: [grown] },
      part((f) => f < 1, 'shrink'),
      u,
      'ceil',
    ),
  ];
};

/** Inputs that had to be given as empty tensors may now be left out, and must be. */
const resize13: Step = (node, u) => {
  const [x = '', roi = '', scales = '', sizes = ''] = node.inputs;
  const omitted = (name: string): string => (u.isEmpty(name) ? '' : name);
  const inputs = [x, omitted(roi), omitted(scales), sizes];
  if (inputs[2] !== '' && inputs[3] !== '') u.invalid('Resize has both scales and sizes');
  while (inputs.at(-1) === '') inputs.pop();
  const next = { ...node, inputs, version: 13 };
  if (u.string(node, 'coordinate_transformation_mode') !== 'tf_half_pixel_for_nn') return next;
  // (x + ½)/s rounded down is half_pixel's (x + ½)/s − ½ rounded to nearest, halves up.
  if (mode(node, u) === 'nearest' && u.string(node, 'nearest_mode') === 'floor') {
    return withAttrs(next, { coordinate_transformation_mode: 'half_pixel', nearest_mode: 'round_prefer_ceil' });
  }
  return u.unsupported(
    "Resize with coordinate_transformation_mode 'tf_half_pixel_for_nn' is supported for nearest with nearest_mode 'floor' only",
  );
};

/** For ops that became others: the step taken after their last version. */
export const resizeSteps: Steps = {
  Upsample: { 9: upsample9, 10: upsampleToResize },
  Resize: { 11: resize11, 13: resize13 },
};
