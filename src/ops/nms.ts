/** NonMaxSuppression: boxes kept in order of score, each unless it overlaps a kept one too much. On the host. */
import { Tensor } from '../core/tensor.ts';
import { flag } from './attrs.ts';
import { defineOp, optional } from './define.ts';
import { range, scalarOf, shapeError, showShape } from './util.ts';

/** Boxes by their edges, and their areas: one number of each for a box. */
interface Boxes {
  readonly top: Float64Array;
  readonly left: Float64Array;
  readonly bottom: Float64Array;
  readonly right: Float64Array;
  readonly area: Float64Array;
}

/** Fours of numbers as edges: any two opposite corners [y1, x1, y2, x2], or [x, y, width, height] about a centre. */
const edgesOf = (numbers: ArrayLike<number>, first: number, count: number, centered: boolean): Boxes => {
  const [top, left, bottom, right, area] = Array.from({ length: 5 }, () => new Float64Array(count)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  for (let i = 0; i < count; i++) {
    const at = (first + i) * 4;
    const [a, b, c, d] = [numbers[at]!, numbers[at + 1]!, numbers[at + 2]!, numbers[at + 3]!];
    const [y1, x1, y2, x2] = centered ? [b - d / 2, a - c / 2, b + d / 2, a + c / 2] : [a, b, c, d];
    top[i] = Math.min(y1, y2);
    left[i] = Math.min(x1, x2);
    bottom[i] = Math.max(y1, y2);
    right[i] = Math.max(x1, x2);
    area[i] = (bottom[i]! - top[i]!) * (right[i]! - left[i]!);
  }
  return { top, left, bottom, right, area };
};

/** Whether shared area over joint area is more than `most` (or no number); boxes that do not meet share 0. */
const overlapMore = ({ top, left, bottom, right, area }: Boxes, a: number, b: number, most: number): boolean => {
  const height = Math.min(bottom[a]!, bottom[b]!) - Math.max(top[a]!, top[b]!);
  const width = Math.min(right[a]!, right[b]!) - Math.max(left[a]!, left[b]!);
  if (!(height > 0 && width > 0)) return false;
  const shared = height * width;
  return !(shared / (area[a]! + area[b]! - shared) <= most);
};

const MOST_BINS = 1024;

/**
 * Boxes that were kept, in bins by their left edge. One that is asked about can only meet those whose left edge lies
 * left of its right one, by no more than the widest of them is wide. Detectors that tell classes apart by moving
 * each to a place of its own make this a small part of all.
 */
class Kept {
  readonly list: number[] = [];
  readonly #boxes: Boxes;
  readonly #bins: number[][];
  readonly #from: number;
  readonly #perUnit: number;
  #widest = 0;

  constructor(boxes: Boxes, candidates: readonly number[]) {
    let [from, to] = [Infinity, -Infinity];
    for (const i of candidates) {
      const x = boxes.left[i]!;
      if (x < from) from = x;
      if (x > to) to = x;
    }
    const count = Math.min(Math.ceil(Math.sqrt(candidates.length)), MOST_BINS);
    this.#boxes = boxes;
    this.#from = from;
    this.#perUnit = to > from && Number.isFinite(to - from) ? count / (to - from) : 0;
    this.#bins = Array.from({ length: this.#perUnit > 0 ? count : 1 }, () => []);
  }

  /** Bin of a place; nearest one of those there are. What is no number is in the first. */
  #binOf(x: number): number {
    const bin = Math.floor((x - this.#from) * this.#perUnit);
    return bin > 0 ? Math.min(bin, this.#bins.length - 1) : 0;
  }

  keep(i: number): void {
    const { left, right } = this.#boxes;
    this.list.push(i);
    this.#bins[this.#binOf(left[i]!)]!.push(i);
    if (right[i]! - left[i]! > this.#widest) this.#widest = right[i]! - left[i]!;
  }

  /** Whether box `i` shares more than `most` with any that was kept. */
  meets(i: number, most: number): boolean {
    const { left, right } = this.#boxes;
    const last = this.#binOf(right[i]!);
    // A bin more, since a difference is rounded.
    for (let bin = Math.max(this.#binOf(left[i]! - this.#widest) - 1, 0); bin <= last; bin++)
      for (const k of this.#bins[bin]!) if (overlapMore(this.#boxes, k, i, most)) return true;
    return false;
  }
}

/**
 * Boxes in the order they are kept in.
 * @param candidates by falling score. @param most how many at most. @param iou what a kept box may share with another at most.
 */
const suppress = (boxes: Boxes, candidates: readonly number[], most: number, iou: number): readonly number[] => {
  const kept = new Kept(boxes, candidates);
  for (const i of candidates) {
    if (kept.list.length >= most) break;
    // Boxes that do not meet share 0, which is more than a negative number.
    if (kept.list.length > 0 && !(iou >= 0)) break;
    if (!kept.meets(i, iou)) kept.keep(i);
  }
  return kept.list;
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
    const [corners, score] = [boxes.toNumbers(), scores.toNumbers()];
    const selected: number[] = [];
    for (let b = 0; b < batches; b++) {
      const edges = edgesOf(corners, b * spatial, spatial, centered);
      for (let c = 0; c < classes; c++) {
        const row = score.subarray((b * classes + c) * spatial, (b * classes + c + 1) * spatial);
        // Sorting is stable: of equal scores the lower index comes first.
        const candidates = range(spatial)
          .filter((i) => least === undefined || row[i]! > least)
          .sort((x, y) => row[y]! - row[x]!);
        for (const i of suppress(edges, candidates, most, iou)) selected.push(b, c, i);
      }
    }
    return Tensor.from('int64', [selected.length / 3, 3], selected);
  },
});
