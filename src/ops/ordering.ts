/** Comparing elements of host tensors, for ops that sort. */
import { dtypeInfo } from '../core/dtype.ts';
import type { Tensor } from '../core/tensor.ts';

type Comparable = number | bigint | string;

/** Strings by code points (as other languages sort them), not by JavaScript's UTF-16 units. */
const compareStrings = (a: string, b: string): number => {
  if (a === b) return 0;
  const [x, y] = [[...a], [...b]];
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const d = x[i]!.codePointAt(0)! - y[i]!.codePointAt(0)!;
    if (d !== 0) return d;
  }
  return x.length - y.length;
};

/** Ascending; NaN after everything and equal to itself, as numpy sorts. */
const compareNumbers = (a: number | bigint, b: number | bigint): number => {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a == b) return 0;
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
};

/** Compares two elements of `t` by their row-major positions: negative, 0 or positive. Complex numbers: real part first. */
export const comparatorOf = (t: Tensor): ((a: number, b: number) => number) => {
  const { kind, lanes } = dtypeInfo(t.dtype);
  if (kind === 'string') {
    const strings = t.data as string[];
    return (a, b) => compareStrings(strings[a]!, strings[b]!);
  }
  const data = (kind === 'float' ? t.toNumbers() : t.data) as ArrayLike<Exclude<Comparable, string>>;
  if (lanes === 1) return (a, b) => compareNumbers(data[a]!, data[b]!);
  return (a, b) => compareNumbers(data[2 * a]!, data[2 * b]!) || compareNumbers(data[2 * a + 1]!, data[2 * b + 1]!);
};
