/** NonMaxSuppression: boxes kept in order of score, each unless it overlaps a kept one too much. On the host. */
import { Tensor } from '../core/tensor.ts';
import { flag } from './attrs.ts';
import { defineOp, optional } from './define.ts';
import { range, scalarOf, shapeError, showShape } from './util.ts';

interface Box {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

/** Four numbers as corners: any two opposite ones [y1, x1, y2, x2], or [x, y, width, height] about a centre. */
const boxOf = ([a, b, c, d]: readonly number[], centered: boolean): Box => {
  const [y1, x1, y2, x2] = centered ? [b! - d! / 2, a! - c! / 2, b! + d! / 2, a! + c! / 2] : [a!, b!, c!, d!];
  return { top: Math.min(y1, y2), left: Math.min(x1, x2), bottom: Math.max(y1, y2), right: Math.max(x1, x2) };
};

const areaOf = (b: Box): number => (b.bottom - b.top) * (b.right - b.left);

/** Shared area over joint area; 0 where they do not meet. */
const overlap = (a: Box, b: Box): number => {
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  if (!(height > 0 && width > 0)) return 0;
  const shared = height * width;
  return shared / (areaOf(a) + areaOf(b) - shared);
};

export const NonMaxSuppression = defineOp({
  name: 'NonMaxSuppression',
  since: 10,
  inputs: {
    boxes: ['float32'],
    scores: ['float32'],
    max_output_boxes_per_class: optional(['int64']),
    iou_threshold: optional(['float32']),
    score_threshold: optional(['float32']),
  },
  outputs: { selected_indices: 'int64' },
  attrs: { center_point_box: flag(false) },
  host: ({ boxes, scores, max_output_boxes_per_class, iou_threshold, score_threshold }, { center_point_box: centered }) => {
    const [batches, classes, spatial] = scores.dims as [number, number, number];
    if (
      scores.dims.length !== 3 ||
      boxes.dims.length !== 3 ||
      boxes.dims[0] !== batches ||
      boxes.dims[1] !== spatial ||
      boxes.dims[2] !== 4
    ) {
      throw shapeError(
        `boxes ${showShape(boxes.dims)} and scores ${showShape(scores.dims)} must be [batches, n, 4] and [batches, classes, n]`,
      );
    }
    const most = max_output_boxes_per_class ? scalarOf(max_output_boxes_per_class, 'max_output_boxes_per_class') : 0;
    const iou = iou_threshold ? scalarOf(iou_threshold, 'iou_threshold') : 0;
    const least = score_threshold && scalarOf(score_threshold, 'score_threshold');
    const [corner, score] = [boxes.toNumbers(), scores.toNumbers()];
    const selected: number[] = [];
    for (let b = 0; b < batches; b++) {
      const all = range(spatial).map((i) => boxOf(Array.from(corner.subarray((b * spatial + i) * 4, (b * spatial + i + 1) * 4)), centered));
      for (let c = 0; c < classes; c++) {
        const scoreOf = (i: number): number => score[(b * classes + c) * spatial + i]!;
        const kept: number[] = [];
        // Sorting is stable: of equal scores the lower index comes first.
        for (const i of range(spatial)
          .filter((j) => least === undefined || scoreOf(j) > least)
          .sort((x, y) => scoreOf(y) - scoreOf(x))) {
          if (kept.length >= most) break;
          if (kept.every((k) => overlap(all[k]!, all[i]!) <= iou)) kept.push(i);
        }
        for (const i of kept) selected.push(b, c, i);
      }
    }
    return Tensor.from('int64', [selected.length / 3, 3], selected);
  },
});
