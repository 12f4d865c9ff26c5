/** Double-double against values calculated with 300 bits (mpmath). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { add, compare, dd, div, floor, mul, round, sub, toNumber, type DD } from './double-double.ts';
import * as double from './double-double.ts';
import * as functions from './functions.ts';

/** Function, argument, and its value as hi + lo. */
const samples = JSON.parse(readFileSync(join(import.meta.dirname, 'functions-samples.json'), 'utf8')) as readonly [
  string,
  number,
  number,
  number,
][];
const all = { ...functions, sqrt: double.sqrt } as unknown as Record<string, (x: DD) => DD>;

it.each([...new Set(samples.map(([f]) => f))])('%s has about 100 bits', (f) => {
  for (const [, x, hi, lo] of samples.filter(([g]) => g === f)) {
    const error = sub(all[f]!(dd(x)), [hi, lo]);
    // Around a zero of sin and cos the reduction leaves fewer.
    expect(Math.abs(toNumber(error)), `${f}(${x})`).toBeLessThanOrEqual(
      2 ** -96 * Math.max(Math.abs(hi), f === 'sin' || f === 'cos' ? Math.abs(x) : 0),
    );
  }
});

it('adds, multiplies and divides beyond float64, and keeps what is not finite', () => {
  const third = div(dd(1), dd(3));
  expect(toNumber(sub(mul(third, dd(3)), dd(1)))).toBe(0);
  expect(toNumber(sub(add(dd(1e20), dd(1)), dd(1e20)))).toBe(1);
  expect(toNumber(sub(mul(dd(1 + 2 ** -40), dd(1 + 2 ** -40)), dd(1 + 2 ** -39)))).toBe(2 ** -80);
  for (const x of [Infinity, -Infinity, NaN])
    expect([add(dd(x), dd(1)), mul(dd(x), dd(2)), div(dd(x), dd(2))]).toEqual([
      [x, 0],
      [x, 0],
      [x, 0],
    ]);
  expect(div(dd(1), dd(0))).toEqual([Infinity, 0]);
});

it('rounds halves to even, and sees what stands behind float64', () => {
  const below: DD = [2.5, -1e-20];
  expect([0.5, 1.5, 2.5, -0.5, 7].map((x) => toNumber(round(dd(x))))).toEqual([0, 2, 2, 0, 7]);
  expect([toNumber(round(below)), toNumber(round([2.5, 1e-20])), toNumber(floor([3, -1e-20]))]).toEqual([2, 3, 2]);
  expect([compare([1, 1e-20], dd(1)), compare(dd(NaN), dd(1))]).toEqual([1, NaN]);
});

it('powers', () => {
  expect(toNumber(sub(functions.pow(dd(1.1), dd(3)), mul(mul(dd(1.1), dd(1.1)), dd(1.1))))).toBe(0);
  expect(toNumber(functions.pow(dd(2), dd(0.5)))).toBe(Math.SQRT2);
  expect(toNumber(functions.pow(dd(-2), dd(0.5)))).toBe(NaN);
  expect(toNumber(functions.pow(dd(0), dd(-1)))).toBe(Infinity);
});
