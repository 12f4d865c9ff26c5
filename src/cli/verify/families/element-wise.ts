/** Ops that work element by element, alone or on broadcast arguments: any shape will do for them. */
import { isFloat } from '../../../core/dtype.ts';
import { shapeLabel, type CallSpec, type Family } from './family.ts';

/** Scalar, empty, one, primes, around the widths of vectors and tiles, and one large enough for threads and for one fault in 10⁴. */
const shapes: readonly (readonly number[])[] = [
  [],
  [0],
  [1],
  [3, 0, 2],
  [7],
  [13, 17],
  [15],
  [16],
  [17],
  [63],
  [64],
  [65],
  [3, 5, 7],
  [20011],
];
/** Pairs numpy's rules make one of. */
const broadcasts: readonly (readonly [readonly number[], readonly number[]])[] = [
  [
    [5, 1],
    [1, 7],
  ],
  [[17], []],
  [[], [3, 17]],
  [
    [2, 1, 16, 1],
    [3, 1, 33],
  ],
  [[1, 65], [65]],
];

const binary = new Set([
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Pow',
  'Mod',
  'PRelu',
  'And',
  'Or',
  'Xor',
  'Equal',
  'Less',
  'Greater',
  'LessOrEqual',
  'GreaterOrEqual',
  'BitwiseAnd',
  'BitwiseOr',
  'BitwiseXor',
]);
const folding = new Set(['Max', 'Min', 'Sum', 'Mean']);
const unary = new Set([
  'Abs',
  'Neg',
  'Sign',
  'Ceil',
  'Floor',
  'Round',
  'Reciprocal',
  'Sqrt',
  'Exp',
  'Log',
  'Erf',
  'Sigmoid',
  'Sin',
  'Cos',
  'Tan',
  'Asin',
  'Acos',
  'Atan',
  'Sinh',
  'Cosh',
  'Tanh',
  'Asinh',
  'Acosh',
  'Atanh',
  'Not',
  'BitwiseNot',
  'IsNaN',
  'IsInf',
  'Relu',
  'LeakyRelu',
  'Elu',
  'Selu',
  'Celu',
  'Gelu',
  'HardSigmoid',
  'HardSwish',
  'Mish',
  'Softplus',
  'Softsign',
  'ThresholdedRelu',
  'Shrink',
  'Swish',
  'Clip',
  'Identity',
]);

export const elementWise: Family = (record, dtype) => {
  if (record.domain !== '') return undefined;
  const [first, second] = record.inputs;
  if (unary.has(record.name)) return shapes.map((s): CallSpec => ({ label: shapeLabel(s), inputs: { [first!.name]: s } }));
  if (binary.has(record.name)) {
    const equal = shapes.map((s): CallSpec => ({ label: shapeLabel(s), inputs: { [first!.name]: s, [second!.name]: s } }));
    const mixed = broadcasts.map(([a, b]): CallSpec => ({
      label: `${shapeLabel(a)}+${shapeLabel(b)}`,
      inputs: { [first!.name]: a, [second!.name]: b },
    }));
    // The remainder of floats is C's, by definition of the op.
    if (record.name === 'Mod' && isFloat(dtype)) return [...equal, ...mixed].map((c) => ({ ...c, attrs: { fmod: 1 } }));
    // PRelu's slope is broadcast to X alone.
    return record.name === 'PRelu' ? [...equal, ...mixed.slice(1, 2)] : [...equal, ...mixed];
  }
  if (folding.has(record.name))
    return [
      [[7]],
      [
        [13, 17],
        [13, 17],
        [13, 17],
      ],
      [
        [5, 1],
        [1, 7],
      ],
      [[20011], [20011]],
      [[0], [0]],
      [[16], []],
    ].map((rest) => ({
      label: rest.map(shapeLabel).join('+'),
      inputs: {},
      rest,
    }));
  return undefined;
};
