/** Ops that only move elements: every one must arrive where it belongs, bit for bit. */
import { Tensor } from '../../../core/tensor.ts';
import type { CallSpec, Family } from './family.ts';

const int64 = (...values: number[]): Tensor => Tensor.from('int64', [values.length], values);
/** What values are says nothing here, beyond that all of them arrive. */
const classes = ['normal', 'extremal', 'denormal'] as const;

const calls: Readonly<Record<string, readonly CallSpec[]>> = {
  Transpose: [
    { label: 'matrix', inputs: { data: [33, 17] } },
    { label: 'heads', inputs: { data: [2, 5, 3, 16] }, attrs: { perm: [0, 2, 1, 3] } },
    { label: 'images', inputs: { data: [1, 17, 7, 9] }, attrs: { perm: [0, 2, 3, 1] } },
    { label: 'scalar', inputs: { data: [] } },
    { label: 'empty', inputs: { data: [0, 3] } },
    { label: 'large', inputs: { data: [129, 131] } },
  ],
  Concat: [
    {
      label: 'rows',
      inputs: {},
      rest: [
        [3, 17],
        [1, 17],
        [5, 17],
      ],
      attrs: { axis: 0 },
    },
    {
      label: 'columns',
      inputs: {},
      rest: [
        [17, 3],
        [17, 1],
        [17, 0],
        [17, 16],
      ],
      attrs: { axis: -1 },
    },
  ],
  Slice: [
    { label: 'inner', inputs: { data: [9, 17], starts: int64(1, 2), ends: int64(8, 15) } },
    { label: 'back', inputs: { data: [9, 17], starts: int64(-1), ends: int64(-100), axes: int64(1), steps: int64(-3) } },
    { label: 'nothing', inputs: { data: [9, 17], starts: int64(5), ends: int64(5) } },
  ],
  Gather: [
    { label: 'rows', inputs: { data: [7, 17], indices: int64(6, 0, -1, 3) } },
    { label: 'columns', inputs: { data: [7, 17], indices: Tensor.from('int64', [2, 2], [16, 0, 5, -17]) }, attrs: { axis: 1 } },
  ],
  Pad: [
    { label: 'constant', inputs: { data: [5, 17], pads: int64(1, 2, 0, 3) } },
    { label: 'reflect', inputs: { data: [5, 17], pads: int64(1, 2, 0, 3) }, attrs: { mode: 'reflect' } },
    { label: 'edge', inputs: { data: [5, 17], pads: int64(1, 2, 0, 3) }, attrs: { mode: 'edge' } },
    { label: 'cut', inputs: { data: [5, 17], pads: int64(-1, 0, 0, -3) } },
  ],
  Expand: [{ label: 'both', inputs: { input: [1, 17, 1], shape: int64(3, 1, 5) } }],
  Tile: [{ label: 'both', inputs: { input: [3, 7], repeats: int64(2, 3) } }],
  DepthToSpace: [{ label: 'crd', inputs: { input: [1, 12, 3, 5] }, attrs: { blocksize: 2, mode: 'CRD' } }],
  SpaceToDepth: [{ label: 'two', inputs: { input: [1, 3, 6, 10] }, attrs: { blocksize: 2 } }],
};

export const movement: Family = (record) => (record.domain === '' ? calls[record.name]?.map((c) => ({ classes, ...c })) : undefined);
