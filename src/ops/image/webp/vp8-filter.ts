/** The loop filter, which smooths the edges of blocks after prediction. Source: RFC 6386, section 15. */
import type { Header } from './vp8-header.ts';
import type { Macroblock } from './vp8-macroblocks.ts';
import type { Plane } from './vp8-predict.ts';

const clampByte = (x: number): number => (x < 0 ? 0 : x > 255 ? 255 : x);
const clampSigned = (x: number): number => (x < -128 ? -128 : x > 127 ? 127 : x);
const gap = Math.abs;

/** How strongly a macroblock is filtered. */
interface Strength {
  /** Most the samples on both sides of an edge may differ, at the edges of macroblocks and inside. */
  readonly outer: number;
  readonly inner: number;
  /** Most that neighbours on one side may differ, and from where on a side counts as uneven. */
  readonly interior: number;
  readonly uneven: number;
}

const strengthOf = (level: number, sharpness: number): Strength => {
  let interior = sharpness > 4 ? level >> 2 : sharpness > 0 ? level >> 1 : level;
  if (sharpness > 0) interior = Math.min(interior, 9 - sharpness);
  interior = Math.max(interior, 1);
  const limit = 2 * level + interior;
  return { outer: 2 * (limit + 4) + 1, inner: 2 * limit + 1, interior, uneven: level >= 40 ? 2 : level >= 15 ? 1 : 0 };
};

/** Moves the two samples next to an edge towards each other; `outer` takes the next ones into account. */
const moveTwo = (d: Uint8Array, at: number, step: number, outer: boolean): number => {
  const [p1, p0, q0, q1] = [d[at - 2 * step]!, d[at - step]!, d[at]!, d[at + step]!];
  const a = clampSigned(3 * (q0 - p0) + (outer ? clampSigned(p1 - q1) : 0));
  const back = clampSigned(a + 4) >> 3;
  d[at - step] = clampByte(p0 + (clampSigned(a + 3) >> 3));
  d[at] = clampByte(q0 - back);
  return back;
};

/** The edges inside of a macroblock: up to two samples on each side. */
const filterInner = (d: Uint8Array, at: number, step: number, uneven: boolean): void => {
  const rest = (moveTwo(d, at, step, uneven) + 1) >> 1;
  if (uneven) return;
  d[at - 2 * step] = clampByte(d[at - 2 * step]! + rest);
  d[at + step] = clampByte(d[at + step]! - rest);
};

/** The edges between macroblocks: up to three samples on each side. */
const filterOuter = (d: Uint8Array, at: number, step: number, uneven: boolean): void => {
  if (uneven) {
    moveTwo(d, at, step, true);
    return;
  }
  const a = clampSigned(3 * (d[at]! - d[at - step]!) + clampSigned(d[at - 2 * step]! - d[at + step]!));
  for (let i = 0; i < 3; i++) {
    const by = ((27 - 9 * i) * a + 63) >> 7;
    const [p, q] = [at - (i + 1) * step, at + i * step];
    d[p] = clampByte(d[p]! + by);
    d[q] = clampByte(d[q]! - by);
  }
};

/** One edge of `length` samples, from `at` on along `along`; samples across it are `step` apart. */
const filterEdge = (d: Uint8Array, at: number, step: number, along: number, length: number, s: Strength, outer: boolean): void => {
  const most = outer ? s.outer : s.inner;
  for (let i = 0; i < length; i++, at += along) {
    const [p3, p2, p1, p0] = [d[at - 4 * step]!, d[at - 3 * step]!, d[at - 2 * step]!, d[at - step]!];
    const [q0, q1, q2, q3] = [d[at]!, d[at + step]!, d[at + 2 * step]!, d[at + 3 * step]!];
    if (4 * gap(p0 - q0) + gap(p1 - q1) > most) continue;
    if (Math.max(gap(p3 - p2), gap(p2 - p1), gap(p1 - p0), gap(q3 - q2), gap(q2 - q1), gap(q1 - q0)) > s.interior) continue;
    (outer ? filterOuter : filterInner)(d, at, step, Math.max(gap(p1 - p0), gap(q1 - q0)) > s.uneven);
  }
};

const filterEdgeSimply = (d: Uint8Array, at: number, step: number, along: number, length: number, s: Strength, outer: boolean): void => {
  const most = outer ? s.outer : s.inner;
  for (let i = 0; i < length; i++, at += along) {
    if (4 * gap(d[at - step]! - d[at]!) + gap(d[at - 2 * step]! - d[at + step]!) <= most) moveTwo(d, at, step, true);
  }
};

/** Filters a whole frame, macroblock by macroblock. The simple filter leaves chroma alone. */
export const filterFrame = (header: Header, rows: readonly (readonly Macroblock[])[], planes: readonly Plane[]): void => {
  const edge = header.simpleFilter ? filterEdgeSimply : filterEdge;
  const filtered = header.simpleFilter ? planes.slice(0, 1) : planes;
  rows.forEach((row, y) =>
    row.forEach((block, x) => {
      const level = header.segments[block.segment]!.filter[block.luma === undefined ? 1 : 0];
      if (level === 0) return;
      const strength = strengthOf(level, header.sharpness);
      const inside = block.luma === undefined || block.coefficients !== undefined;
      filtered.forEach(({ data, stride }, i) => {
        const size = i === 0 ? 16 : 8;
        const start = (y * size + 1) * stride + x * size + 1;
        // First the edges that go down, then those that go across.
        for (const [step, along, first] of [
          [1, stride, x === 0],
          [stride, 1, y === 0],
        ] as const) {
          if (!first) edge(data, start, step, along, size, strength, true);
          if (inside) for (let k = 4; k < size; k += 4) edge(data, start + k * step, step, along, size, strength, false);
        }
      });
    }),
  );
};
