import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NonMaxSuppression } from './nms.ts';
import { f32, i64, int, tensor, valuesOf } from './testing.ts';

type Box = readonly [number, number, number, number];

/** As the operator page says it: every box against all that were kept. */
const plainly = (boxes: readonly Box[], scores: readonly number[], most: number, iou: number): number[] => {
  const kept: number[] = [];
  for (const i of scores.map((_, n) => n).sort((a, b) => scores[b]! - scores[a]!)) {
    if (kept.length >= most) break;
    const [y1, x1, y2, x2] = boxes[i]!;
    const hidden = kept.some((k) => {
      const [v1, u1, v2, u2] = boxes[k]!;
      const [height, width] = [Math.min(y2, v2) - Math.max(y1, v1), Math.min(x2, u2) - Math.max(x1, u1)];
      if (height <= 0 || width <= 0) return false;
      return (height * width) / ((y2 - y1) * (x2 - x1) + (v2 - v1) * (u2 - u1) - height * width) > iou;
    });
    if (!hidden) kept.push(i);
  }
  return kept;
};

const place = fc.integer({ min: -40, max: 40 });
const size = fc.oneof(fc.integer({ min: 0, max: 12 }), fc.constant(70));
const box = fc.tuple(place, place, size, size).map(([y, x, h, w]): Box => [y, x, y + h, x + w]);
const one = (boxes: readonly Box[], scores: readonly number[], most: number, iou: number): number[] =>
  valuesOf(NonMaxSuppression, [
    tensor('float32', boxes.flat(), [1, boxes.length, 4]),
    tensor('float32', scores, [1, 1, scores.length]),
    i64(most),
    f32(iou),
  ])
    .map(Number)
    .filter((_, i) => i % 3 === 2);

describe('NonMaxSuppression', () => {
  it('keeps what comparing every box with every kept one keeps', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(box, fc.integer({ min: 0, max: 9 })), { minLength: 1, maxLength: 60 }),
        fc.constantFrom(0, 0.25, 0.5, 1),
        fc.constantFrom(3, 100),
        (list, iou, most) => {
          const [boxes, scores] = [list.map(([b]) => b), list.map(([, s]) => s / 10)];
          expect(one(boxes, scores, most, iou)).toEqual(plainly(boxes, scores, most, iou));
        },
      ),
      { seed: 7 },
    );
  });

  it('boxes that are no numbers meet nothing', () => {
    const boxes: Box[] = [
      [0, Number.NaN, 2, 2],
      [0, 0, 2, 2],
      [0, 0, 2, 2],
      [0, -Infinity, 2, Infinity],
    ];
    // What is endlessly wide shares nothing of itself.
    expect(one(boxes, [0.9, 0.8, 0.7, 0.6], 10, 0.5)).toEqual([0, 1, 3]);
    expect(one(boxes.slice(0, 3), [0.9, 0.8, 0.7], 10, 0.5)).toEqual([0, 1]);
  });

  it('is quick where classes stand apart: 20000 boxes of which nearly all stay', () => {
    const boxes = Array.from({ length: 20_000 }, (_, i): Box => [0, i * 3, 2, i * 3 + 2]);
    const started = performance.now();
    expect(
      one(
        boxes,
        boxes.map((_, i) => i),
        20_000,
        0.5,
      ),
    ).toHaveLength(20_000);
    // Comparing each with each takes 200 million comparisons, some seconds.
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it('takes boxes about their centre', () => {
    const inputs = [tensor('float32', [1, 1, 2, 2, 1.1, 1, 2, 2, 5, 5, 2, 2], [1, 3, 4]), tensor('float32', [0.5, 0.9, 0.7], [1, 1, 3])];
    expect(valuesOf(NonMaxSuppression, [...inputs, i64(5), f32(0.5)], { center_point_box: int(1) }).map(Number)).toEqual([
      0, 0, 1, 0, 0, 2,
    ]);
  });
});
