/** Convolutions and poolings: pads, strides, dilations, groups, odd extents, one to three axes. */
import { opName } from '../../../core/graph.ts';
import type { PlainAttributes } from '../../../runtime/call.ts';
import type { CallSpec, Family } from './family.ts';

interface Window {
  readonly label: string;
  /** Channels first. */
  readonly x: readonly number[];
  /** Output channels. */
  readonly out: number;
  readonly kernel: readonly number[];
  readonly attrs?: PlainAttributes & { readonly group?: number };
}

const windows: readonly Window[] = [
  { label: 'plain', x: [1, 2, 6, 6], out: 3, kernel: [3, 3] },
  { label: 'one', x: [1, 1, 1, 1], out: 1, kernel: [1, 1] },
  { label: 'points', x: [1, 17, 9, 7], out: 33, kernel: [1, 1] },
  { label: 'padded', x: [2, 5, 11, 13], out: 16, kernel: [3, 3], attrs: { pads: [1, 1, 1, 1] } },
  { label: 'uneven', x: [1, 3, 9, 8], out: 4, kernel: [3, 2], attrs: { pads: [0, 1, 2, 0], strides: [2, 3] } },
  { label: 'dilated', x: [1, 4, 13, 13], out: 8, kernel: [3, 3], attrs: { dilations: [2, 3], pads: [2, 3, 2, 3] } },
  { label: 'groups', x: [1, 8, 7, 7], out: 12, kernel: [3, 3], attrs: { group: 4, pads: [1, 1, 1, 1] } },
  { label: 'depthwise', x: [1, 17, 10, 10], out: 17, kernel: [3, 3], attrs: { group: 17, strides: [2, 2], pads: [1, 1, 1, 1] } },
  { label: 'line', x: [2, 3, 37], out: 5, kernel: [5], attrs: { pads: [2, 2] } },
  { label: 'cube', x: [1, 2, 5, 4, 3], out: 3, kernel: [2, 2, 2] },
  { label: 'large', x: [1, 16, 23, 23], out: 20, kernel: [3, 3], attrs: { pads: [1, 1, 1, 1] } },
  { label: 'images', x: [5, 50, 7, 6], out: 33, kernel: [3, 3], attrs: { pads: [0, 2, 1, 0] } },
  { label: 'nobody', x: [0, 2, 6, 6], out: 3, kernel: [3, 3] },
];

const conv = (w: Window, bias: boolean, weights: boolean): CallSpec => ({
  label: `${w.label}${bias ? 'b' : ''}${weights ? 'w' : ''}`,
  inputs: { X: w.x, W: [w.out, w.x[1]! / (w.attrs?.group ?? 1), ...w.kernel], ...(bias ? { B: [w.out] } : {}) },
  attrs: w.attrs ?? {},
  finite: ['W'],
  constants: weights ? ['W', 'B'] : [],
});
const transposed = (w: Window): CallSpec => ({
  label: w.label,
  inputs: { X: w.x, W: [w.x[1]!, Math.max(1, Math.floor(w.out / (w.attrs?.group ?? 1))), ...w.kernel] },
  attrs: w.attrs ?? {},
  finite: ['W'],
});
/** Windows' gradients in TensorFlow's layout: [N, …, M] for images [N, …, C], filters [window…, C, M]. */
const inputGradient = ({ label, x, out, kernel, attrs }: Window): CallSpec => {
  const { strides, dilations, pads } = { ...attrs } as { readonly [name: string]: readonly number[] | undefined };
  const [batch, channels, ...places] = x;
  const count = places.map((extent, a) => {
    const reach = (kernel[a]! - 1) * (dilations?.[a] ?? 1) + 1;
    const padding = (pads?.[a] ?? 0) + (pads?.[a + places.length] ?? 0);
    return Math.floor((extent + padding - reach) / (strides?.[a] ?? 1)) + 1;
  });
  return {
    label,
    inputs: { dY: [batch!, ...count, out], W: [...kernel, channels!, out] },
    attrs: { ...attrs, input_shape: [batch!, ...places, channels!] },
    finite: ['W'],
  };
};
const pool = (w: Window, attrs: PlainAttributes, label = w.label): CallSpec => {
  const { group: _, ...own } = w.attrs ?? {};
  return { label, inputs: { X: w.x }, ordered: ['X'], attrs: { kernel_shape: [...w.kernel], ...own, ...attrs } };
};

export const windowed: Family = (record) => {
  if (opName(record.domain, record.name) === 'tfjs.ConvInputGrad') return windows.filter((w) => !w.attrs?.group).map(inputGradient);
  if (record.domain !== '') return undefined;
  // Pads must be smaller than the window for poolings.
  const pools = windows.filter((w) => w.label !== 'dilated');
  switch (record.name) {
    case 'Conv':
      return [...windows.map((w) => conv(w, false, false)), ...windows.map((w) => conv(w, true, true))];
    case 'ConvTranspose':
      return windows.map(transposed);
    case 'MaxPool':
      return [
        ...pools.map((w) => pool(w, {})),
        { ...pool(windows[3]!, {}, 'positions'), outputs: 2 },
        pool(windows[4]!, { ceil_mode: 1 }, 'ceil'),
      ];
    case 'AveragePool':
      return [...pools.map((w) => pool(w, {})), ...pools.map((w) => pool(w, { count_include_pad: 1 }, `${w.label}p`))];
    case 'LpPool':
      return pools.map((w) => pool(w, {}));
    case 'GlobalAveragePool':
    case 'GlobalMaxPool':
    case 'GlobalLpPool':
      return [
        [1, 2, 6, 6],
        [2, 17, 7, 9],
        [1, 1, 1, 1],
        [3, 4, 257],
      ].map((s) => ({ label: s.join('x'), inputs: { X: s }, ordered: record.name === 'GlobalMaxPool' ? ['X'] : [] }));
    default:
      return undefined;
  }
};
