/** Element by element: where channels stand does not matter, so images stay with channels last. */
import { type Facts, refuse } from 'flagos/plugin';
import { codes } from './library.ts';
import type { Program, Slot } from './program.ts';
import { lastOf, type Row } from './row.ts';

/** One input, one output, same shape; where channels stand does not matter. */
export const mapped =
  (call: (f: Facts, p: Program, x: Slot, y: Slot) => void, check: (f: Facts) => void = () => {}): Row =>
  (f, p) => {
    f.needType(0, 'float32');
    check(f);
    if (!p) return;
    const form = p.isLast(f, 0) ? 'last' : 'plain';
    const x = form === 'last' ? p.last(f, 0) : p.plain(f, 0);
    const y = p.temp(x.dims, f.outType());
    call(f, p, x, y);
    p.output(f, y, form);
  };
export const unary = (kernel: string, check?: (f: Facts) => void): Row =>
  mapped((_, p, x, y) => p.call(kernel, x, codes[x.dtype]!, y), check);
export const onlyIf =
  (name: string, value: number) =>
  (f: Facts): void => {
    if (Math.abs(f.float(name, value) - value) > 1e-6) refuse('ATTR', `only with ${name} = ${value}`);
  };

export const binary =
  (kernel: string, dtypes: readonly ('float32' | 'int32' | 'bool')[] = ['float32']): Row =>
  (f, p) => {
    f.need(...dtypes);
    if (f.arity !== 2) refuse('NO_KERNEL', 'two inputs only');
    if (f.outDims().length > 6) refuse('RANK', 'up to rank 6');
    if (!p) return;
    const form = p.areLast(f) ? 'last' : 'plain';
    const [a, b] = form === 'last' ? [p.last(f, 0), p.last(f, 1)] : [p.plain(f, 0), p.plain(f, 1)];
    const y = p.temp(form === 'last' ? lastOf(f.outDims()) : f.outDims(), f.outType());
    p.call(kernel, a, p.list(a.dims), a.dims.length, b, p.list(b.dims), b.dims.length, codes[a.dtype]!, y);
    p.output(f, y, form);
  };

const bounds = (f: Facts): [number, number] => [
  f.has(1) ? f.numbers(1, 'min')[0]! : -Infinity,
  f.has(2) ? f.numbers(2, 'max')[0]! : Infinity,
];
export const clip: Row = mapped(
  (f, p, x, y) => {
    const clamped = p.temp(x.dims);
    const isNaN = p.temp(x.dims, 'bool');
    p.call('ClipByValue', x, ...bounds(f), clamped);
    // The kernel makes a bound of NaN: those are put back.
    p.call('IsNan', x, codes['float32']!, isNaN);
    p.call('SelectV2', isNaN, x, clamped, 1, y);
  },
  (f) => {
    const [low, high] = bounds(f);
    if (!(low < high)) refuse('LIMIT', 'XNNPACK clamps only where min < max');
  },
);

export const where: Row = (f, p) => {
  f.needType(0, 'bool');
  f.needType(1, 'float32');
  f.needType(2, 'float32');
  const dims = f.outDims();
  if ([0, 1, 2].some((i) => f.dims(i).length !== dims.length || f.dims(i).some((d, k) => d !== dims[k])))
    refuse('SHAPE', 'it does not broadcast');
  if (!p) return;
  const y = p.temp(dims);
  p.call('SelectV2', p.plain(f, 0), p.plain(f, 1), p.plain(f, 2), 1, y);
  p.output(f, y);
};

export const prelu: Row = (f, p) => {
  f.need('float32');
  const [x, slope] = [f.dims(0), f.dims(1)];
  const perChannel = x.length === 4 && slope.length === 3 && slope[0] === x[1] && slope[1] === 1 && slope[2] === 1;
  if (!perChannel) refuse('SHAPE', 'one slope for each channel of images only');
  if (!p) return;
  const last = p.last(f, 0);
  const y = p.temp(last.dims);
  p.call('Prelu', last, p.fresh(p.plain(f, 1)), y);
  p.output(f, y, 'last');
};
