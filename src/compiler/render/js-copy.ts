/**
 * Loops that move neighbouring elements as they are. JavaScript's arrays do that by themselves, in
 * stretches of memory: 4096 float32 take 0.2 µs so, and 5 µs one by one.
 */
import type { Buffer, LExpr } from '../loops.ts';
import { at, constantOf, type For } from '../schedule/ir.ts';
import { coefficientOf, without } from '../schedule/linear.ts';
import { codeType } from './js-expressions.ts';

/** Fewer elements than this are moved sooner than two arrays are told to. */
const LEAST = 32;

/** Elements [from, to) of one array that go to another, from a position on. */
export interface Copy {
  readonly source: Buffer;
  readonly from: LExpr;
  readonly to: LExpr;
  readonly target: Buffer;
  readonly at: LExpr;
}

/** What a loop copies, if that is all it does. */
export const copyOf = (s: For): Copy | undefined => {
  const [only] = s.body;
  const [from, to] = [constantOf(s.from), constantOf(s.to)];
  if (!s.parallel || s.body.length !== 1 || only?.kind !== 'store' || only.value.kind !== 'read') return undefined;
  if (from === undefined || to === undefined || to - from < LEAST) return undefined;
  const { buffer: target, value: read } = only;
  const isSame = target !== read.buffer && target.dtype === read.buffer.dtype && codeType(target) === codeType(read.buffer);
  // Whatever is not 0 is true, but is stored as 1.
  if (!isSame || target.dtype === 'bool' || ![only.at, read.at].every((p) => coefficientOf(p, s.v.name) === 1)) return undefined;
  const [start, place] = [read.at, only.at].map((p) => without(p, s.v.name)) as [LExpr, LExpr];
  return { source: read.buffer, from: at.add(start, s.from), to: at.add(start, s.to), target, at: at.add(place, s.from) };
};
