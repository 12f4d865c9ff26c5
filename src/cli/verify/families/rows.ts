/** Ops along axes: reductions, softmax, normalizations, running sums, positions. */
import { Tensor } from '../../../core/tensor.ts';
import { shapeLabel, type CallSpec, type Family } from './family.ts';

const shapes: readonly (readonly number[])[] = [[1], [7], [2, 4], [13, 17], [3, 1, 5], [5, 64], [4, 65], [2, 3, 257], [2, 5003]];
const int64 = (...values: number[]): Tensor => Tensor.from('int64', [values.length], values);

const reduction = (first: string): CallSpec[] => [
  { label: 'scalar', inputs: { [first]: [] } },
  { label: 'all', inputs: { [first]: [5, 7, 9] }, attrs: { keepdims: 0 } },
  ...shapes.map((s): CallSpec => ({ label: `${shapeLabel(s)}last`, inputs: { [first]: s, axes: int64(-1) }, attrs: { keepdims: 0 } })),
  { label: 'first', inputs: { [first]: [33, 17], axes: int64(0) } },
  { label: 'middle', inputs: { [first]: [3, 19, 18], axes: int64(1) } },
  { label: 'two', inputs: { [first]: [3, 19, 18], axes: int64(0, 2) } },
  { label: 'empty', inputs: { [first]: [3, 0, 2], axes: int64(1) } },
  { label: 'many', inputs: { [first]: [10007, 3], axes: int64(1) } },
];

/** Products of many factors leave the range of the type on the way, where it depends on their order what comes back. */
const withClasses = (name: string, specs: readonly CallSpec[]): CallSpec[] =>
  specs.map((s) => (name.endsWith('Prod') ? { ...s, classes: ['normal', 'integers', 'ties'] } : s));

/** What ONNX leaves open is asked of nobody: where NaN stands in an order, and the mean of nothing. */
const reductionsOf = (name: string, first: string): CallSpec[] => {
  const all = withClasses(name, reduction(first));
  if (name === 'ReduceMean') return all.filter((s) => s.label !== 'empty');
  return name === 'ReduceMax' || name === 'ReduceMin' ? all.map((s) => ({ ...s, ordered: [first] })) : all;
};

export const rows: Family = (record) => {
  if (record.domain !== '') return undefined;
  const first = record.inputs[0]?.name ?? '';
  if (record.name.startsWith('Reduce')) return reductionsOf(record.name, first);
  switch (record.name) {
    case 'ArgMax':
    case 'ArgMin':
      return [
        ...shapes.flatMap((s): CallSpec[] =>
          [-1, 0].map((axis) => ({ label: `${shapeLabel(s)}axis${axis}`, inputs: { data: s }, ordered: ['data'], attrs: { axis } })),
        ),
        { label: 'last', inputs: { data: [13, 17] }, ordered: ['data'], attrs: { axis: 1, select_last_index: 1, keepdims: 0 } },
      ];
    case 'Softmax':
    case 'LogSoftmax':
    case 'Hardmax':
      return [
        ...shapes.map((s): CallSpec => ({
          label: shapeLabel(s),
          inputs: { input: s },
          ordered: record.name === 'Hardmax' ? ['input'] : [],
        })),
        { label: 'axis0', inputs: { input: [17, 33] }, attrs: { axis: 0 }, ordered: record.name === 'Hardmax' ? ['input'] : [] },
      ];
    case 'LayerNormalization':
    case 'RMSNormalization': {
      const scale = record.inputs[1]!.name;
      return shapes.map((s): CallSpec => ({ label: shapeLabel(s), inputs: { X: s, [scale]: [s.at(-1)!] } }));
    }
    case 'CumSum':
    case 'CumProd':
      return withClasses(
        record.name,
        shapes
          .slice(0, 8)
          .map((s): CallSpec => ({ label: shapeLabel(s), inputs: { x: s, axis: Tensor.from('int64', [], [s.length - 1]) } })),
      );
    case 'TopK':
      return shapes.slice(1).flatMap((s): CallSpec[] =>
        [0, 1].map((largest) => ({
          label: `${shapeLabel(s)}l${largest}`,
          ordered: ['X'],
          inputs: { X: s, K: int64(Math.min(s.at(-1)!, 3)) },
          attrs: { largest },
          outputs: 2,
        })),
      );
    default:
      return undefined;
  }
};
