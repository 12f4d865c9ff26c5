/** Non-maximum suppression of one picture's boxes, with TensorFlow.js's softened scores. On the host: how many boxes remain depends on the data. */
import { Tensor } from '../../core/tensor.ts';
import { flag, float, requiredInt } from '../attrs.ts';
import { defineOp } from '../define.ts';
import { shapeError, showShape } from '../util.ts';

interface Candidate {
  readonly box: number;
  score: number;
  /** Kept boxes before this one have been looked at already. */
  from: number;
}

/** Shared area over joint area of two boxes given by any two opposite corners; 0 for boxes without area. */
const overlap = (boxes: Float64Array, i: number, j: number): number => {
  const corner = (b: number, a: number): [number, number] => {
    const [p, q] = [boxes[b * 4 + a]!, boxes[b * 4 + a + 2]!];
    return [Math.min(p, q), Math.max(p, q)];
  };
  const [[top1, bottom1], [left1, right1], [top2, bottom2], [left2, right2]] = [corner(i, 0), corner(i, 1), corner(j, 0), corner(j, 1)];
  const [area1, area2] = [(bottom1 - top1) * (right1 - left1), (bottom2 - top2) * (right2 - left2)];
  if (area1 <= 0 || area2 <= 0) return 0;
  const height = Math.max(Math.min(bottom1, bottom2) - Math.max(top1, top2), 0);
  const width = Math.max(Math.min(right1, right2) - Math.max(left1, left2), 0);
  return (height * width) / (area1 + area2 - height * width);
};

/** Best last; of equal scores the lower number is better. */
const order = (a: Candidate, b: Candidate): number => a.score - b.score || b.box - a.box;

const insert = (list: Candidate[], item: Candidate): void => {
  let [lo, hi] = [0, list.length];
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (order(item, list[mid]!) > 0) lo = mid + 1;
    else hi = mid;
  }
  list.splice(lo, 0, item);
};

export const NonMaxSuppression = defineOp({
  name: 'NonMaxSuppression',
  domain: 'tfjs',
  since: 1,
  inputs: { boxes: ['float32'], scores: ['float32'] },
  outputs: { indices: 'int32', selected_scores: 'float32', valid: 'int32' },
  attrs: { max_outputs: requiredInt(), iou_threshold: float(0.5), score_threshold: float(-Infinity), sigma: float(0), pad: flag(false) },
  host: ({ boxes: given, scores: scored }, { max_outputs: most, iou_threshold: iou, score_threshold: least, sigma, pad }) => {
    if (given.dims.length !== 2 || given.dims[1] !== 4 || scored.size !== given.dims[0])
      throw shapeError(`boxes ${showShape(given.dims)} and scores ${showShape(scored.dims)} must be [n, 4] and [n]`);
    const [boxes, scores] = [given.toNumbers(), scored.toNumbers()];
    const candidates = Array.from(scores, (score, box): Candidate => ({ box, score, from: 0 })).filter((c) => c.score > least);
    candidates.sort(order);
    const decay = sigma > 0 ? -0.5 / sigma : 0;
    const [kept, keptScores]: [number[], number[]] = [[], []];
    while (kept.length < most && candidates.length > 0) {
      const candidate = candidates.pop()!;
      const before = candidate.score;
      if (before < least) break;
      let ignored = false;
      for (let j = kept.length - 1; j >= candidate.from; j--) {
        const shared = overlap(boxes, candidate.box, kept[j]!);
        if (shared >= iou) {
          ignored = true;
          break;
        }
        candidate.score *= shared <= iou ? Math.exp(decay * shared * shared) : 0;
        if (candidate.score <= least) break;
      }
      candidate.from = kept.length;
      if (ignored) continue;
      if (candidate.score === before) {
        kept.push(candidate.box);
        keptScores.push(candidate.score);
      } else if (candidate.score > least) insert(candidates, candidate);
    }
    const valid = kept.length;
    const missing = new Array<number>(pad ? most - valid : 0).fill(0);
    kept.push(...missing);
    keptScores.push(...missing);
    return {
      indices: Tensor.from('int32', [kept.length], kept),
      selected_scores: Tensor.from('float32', [kept.length], keptScores),
      valid: Tensor.scalar('int32', valid),
    };
  },
  source: 'TensorFlow.js API, tf.image.nonMaxSuppressionWithScore',
});
