/**
 * Where onnxruntime 1.30 has a kernel but must not be asked: it answers wrongly, fails while running, or takes
 * the process down. Data, each row with its reason; found by running it, and held by quirks.test.ts.
 *
 * (The other way to take the process down, an output of a type its JavaScript API lacks, is not a matter of
 * the op: see `boundaryTypes` in support.ts.)
 */
import { opName, refused, type Dim, type Node, type ReasonCode, type Support, type Tensor, type ValueType } from 'flagos/plugin';

/** What a row may ask of a node. Unknown things are undefined. */
class Facts {
  readonly node: Node;
  readonly #scope: KnownValues;
  constructor(node: Node, scope: KnownValues) {
    this.node = node;
    this.#scope = scope;
  }
  int(name: string): number | undefined {
    const attr = this.node.attrs[name];
    return attr?.type === 'int' ? Number(attr.value) : undefined;
  }
  string(name: string): string | undefined {
    const attr = this.node.attrs[name];
    return attr?.type === 'string' ? attr.value : undefined;
  }
  has(input: number): boolean {
    return Boolean(this.node.inputs[input]);
  }
  dtype(input: number): string | undefined {
    return this.#scope.typeName(this.node.inputs[input] ?? '');
  }
  dims(input: number): readonly Dim[] | undefined {
    return shapeOf(this.#scope.type(this.node.inputs[input] ?? ''));
  }
  outputDims(): readonly Dim[] | undefined {
    return shapeOf(this.#scope.type(this.node.outputs[0] ?? ''));
  }
  /** The numbers of a constant input. */
  numbers(input: number): readonly number[] | undefined {
    const tensor = this.#scope.constant(this.node.inputs[input] ?? '');
    return tensor && tensor.dtype !== 'string' ? [...tensor.toNumbers()] : undefined;
  }
}
const shapeOf = (type: ValueType | undefined): readonly Dim[] | undefined => (type?.kind === 'tensor' ? type.shape : undefined);

/** What is known of values; support.ts has it. */
export interface KnownValues {
  type(name: string): ValueType | undefined;
  typeName(name: string): string | undefined;
  constant(name: string): Tensor | undefined;
}

interface Quirk {
  readonly reason: ReasonCode;
  readonly detail: string;
  readonly when: (facts: Facts) => boolean;
}

/** Whether the length of a transform is known and a power of two: those are done by halving, and exactly enough. */
const isPowerOfTwo = (n: Dim | undefined): boolean => typeof n === 'number' && n > 0 && Number.isInteger(Math.log2(n));

const dftLength = (f: Facts): Dim | undefined => {
  const dims = f.dims(0);
  if (f.has(1)) return f.numbers(1)?.[0];
  const axis = f.has(2) ? f.numbers(2)?.[0] : f.node.version < 20 ? (f.int('axis') ?? 1) : -2;
  const length = dims && axis !== undefined ? dims.at(axis) : undefined;
  // The inverse of a one-sided transform of n has n / 2 + 1 points.
  return f.int('inverse') === 1 && f.int('onesided') === 1 && typeof length === 'number' ? 2 * (length - 1) : length;
};

/** Whether a dimension times its scale is certainly whole. */
const wholeExtents = (f: Facts): boolean => {
  const dims = f.dims(0);
  const all = f.numbers(2);
  const axes = f.node.attrs['axes'];
  if (!all || axes) return false;
  return all.every((scale, i) => Number.isInteger(scale) || (typeof dims?.[i] === 'number' && Number.isInteger(dims[i] * scale)));
};

/** Whether tf_crop_and_resize may have to crop an axis whose extent stays what it is. */
const cropsKeptExtent = (f: Facts): boolean => {
  const [before, after, roi] = [f.dims(0), f.outputDims(), f.numbers(1)];
  if (!before || !after || f.node.attrs['axes']) return true;
  const whole = (i: number): boolean => roi?.[i] === 0 && roi[before.length + i] === 1;
  return before.some((d, i) => !whole(i) && !(typeof d === 'number' && typeof after[i] === 'number' && d !== after[i]));
};

const seeded: Quirk = {
  reason: 'KNOWN_BUG',
  detail: 'a seed gives random numbers of a generator of its own, other ones than elsewhere',
  when: (f) => f.node.attrs['seed'] !== undefined,
};
const noTerms: Quirk = {
  reason: 'KNOWN_BUG',
  detail: 'with no terms to add (inner extent 0) the result is C, not beta · C',
  when: (f) => {
    const beta = f.node.attrs['beta'];
    return f.has(2) && beta?.type === 'float' && beta.value !== 1 && f.dims(0)?.[f.int('transA') === 1 ? 0 : 1] === 0;
  },
};
/** Ops that are there in float64 and calculate in less. */
const notDouble: Quirk = {
  reason: 'KNOWN_BUG',
  detail: 'float64 is calculated in float32 on the way, 1e-8 of the value is lost',
  when: (f) => f.dtype(0) === 'float64',
};
const noDouble: Quirk = {
  reason: 'DTYPE',
  detail: 'float64 is registered, and fails while running',
  when: (f) => f.dtype(0) === 'float64',
};
const batchFirst: Quirk = { reason: 'ATTR', detail: 'layout 1 (batch first) is not there', when: (f) => f.int('layout') === 1 };

const quirks: Readonly<Record<string, readonly Quirk[]>> = {
  DFT: [
    {
      reason: 'KNOWN_BUG',
      detail:
        'angles are rounded, so lengths that are not a power of two lose digits (float32: 1e-6 at 10, 1e-4 at 400; inverse in float64: 1e-8)',
      when: (f) => (f.dtype(0) !== 'float64' || f.int('inverse') === 1) && !isPowerOfTwo(dftLength(f)),
    },
  ],
  STFT: [{ reason: 'KNOWN_BUG', detail: 'loses digits in float32 (1e-4 at a frame of 400)', when: (f) => f.dtype(0) !== 'float64' }],
  Resize: [
    {
      reason: 'KNOWN_BUG',
      detail: 'positions are computed from the rounded output size, wrong where size × scale is not whole',
      when: (f) =>
        f.has(2) && /^(align_corners|tf_crop_and_resize)$/.test(f.string('coordinate_transformation_mode') ?? '') && !wholeExtents(f),
    },
    {
      reason: 'KNOWN_BUG',
      detail: 'with tf_crop_and_resize, an axis that keeps its extent is not cropped',
      when: (f) => f.string('coordinate_transformation_mode') === 'tf_crop_and_resize' && cropsKeptExtent(f),
    },
    {
      reason: 'RANK',
      detail: 'cubic is there for 2-D and 4-D tensors only, linear from 2-D to 5-D; others fail while running',
      when: (f) => {
        const rank = f.dims(0)?.length ?? 4;
        const mode = f.string('mode');
        return (mode === 'cubic' && rank !== 2 && rank !== 4) || (mode === 'linear' && (rank < 2 || rank > 5));
      },
    },
  ],
  AffineGrid: [
    {
      reason: 'DTYPE',
      detail: 'grids of two axes fail while running in float16',
      when: (f) => f.dtype(0) === 'float16' && f.dims(0)?.[1] !== 3,
    },
  ],
  Gather: [
    {
      reason: 'KNOWN_BUG',
      detail: 'of each slice of strings only the first is copied, the others come out empty',
      when: (f) => {
        const [dims, axis] = [f.dims(0), f.int('axis') ?? 0];
        return f.dtype(0) === 'string' && !(dims?.slice(axis < 0 ? axis + dims.length + 1 : axis + 1).every((d) => d === 1) ?? false);
      },
    },
  ],
  Gemm: [noTerms],
  'com.microsoft.FusedGemm': [noTerms],
  'com.microsoft.Attention': [{ reason: 'KNOWN_BUG', detail: 'takes the process down without a bias', when: (f) => !f.has(2) }],
  MeanVarianceNormalization: [
    {
      reason: 'KNOWN_BUG',
      detail: 'ε is left out of the deviation: slices of equal values give NaN, where 0 is right',
      when: () => true,
    },
  ],
  MaxUnpool: [
    {
      reason: 'KNOWN_BUG',
      detail: 'with an output shape, indices are taken to be positions in that shape; they are positions in the shape pooling came from',
      when: (f) => f.has(2),
    },
  ],
  Dropout: [{ ...seeded, when: (f) => seeded.when(f) && f.has(2) && f.numbers(2)?.[0] !== 0 && f.numbers(1)?.[0] !== 0 }],
  ...Object.fromEntries(
    ['Bernoulli', 'Multinomial', 'RandomNormal', 'RandomNormalLike', 'RandomUniform', 'RandomUniformLike'].map((op) => [op, [seeded]]),
  ),
  ...Object.fromEntries(['GRU', 'LSTM'].map((op) => [op, [batchFirst, noDouble]])),
  RNN: [batchFirst],
  Shrink: [notDouble],
  GroupNormalization: [notDouble],
  Mod: [
    {
      reason: 'ATTR',
      detail: 'the remainder of floats is there with fmod = 1 only',
      when: (f) => /float/.test(f.dtype(0) ?? '') && f.int('fmod') !== 1,
    },
  ],
  ConvInteger: [
    {
      reason: 'LIMIT',
      detail: 'a zero point for each output channel fails while running',
      when: (f) => f.has(3) && !(f.dims(3)?.every((d) => d === 1) ?? false),
    },
  ],
  Attention: [
    notDouble,
    {
      reason: 'LIMIT',
      detail: 'a mask shorter than keys and values (with nonpad_kv_seqlen) fails while running',
      when: (f) => f.has(3) && f.has(6) && f.dims(3)?.at(-1) !== f.dims(1)?.at(-2),
    },
    {
      reason: 'KNOWN_BUG',
      detail: 'among the scores it gives out, masked ones are the lowest finite number and not −∞',
      when: (f) =>
        Boolean(f.node.outputs[3]) &&
        [1, 2].includes(f.int('qk_matmul_output_mode') ?? 0) &&
        (f.int('is_causal') === 1 || f.has(6) || f.dtype(3) === 'bool'),
    },
  ],
  'com.microsoft.QLinearLeakyRelu': [
    { reason: 'KNOWN_BUG', detail: 'takes the process down without an output zero point', when: (f) => f.node.inputs.length < 5 },
  ],
  'com.microsoft.QLinearSigmoid': [
    { reason: 'KNOWN_BUG', detail: 'takes the process down without an output zero point', when: (f) => f.node.inputs.length < 5 },
  ],
};

/** The refusal of a node that onnxruntime must not be asked for. */
export const quirkOf = (node: Node, scope: KnownValues): Support | undefined => {
  const name = opName(node.domain, node.op);
  if (!Object.hasOwn(quirks, name)) return undefined;
  const facts = new Facts(node, scope);
  const found = quirks[name]!.find((quirk) => quirk.when(facts));
  return found && refused(found.reason, `${name}: ${found.detail}`);
};
