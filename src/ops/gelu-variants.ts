/** onnxruntime's fused forms of GELU, as its transformer optimizer leaves them in models. Source: onnxruntime, ContribOperators.md. */
import { add, mul, type Expr } from '../compiler/expr.ts';
import { compute, map, type TensorExpr } from '../compiler/tensor-expr.ts';
import { erfGelu, swish, tanhGelu } from './activations.ts';
import { float } from './attrs.ts';
import { bounded, contraction, defineOp, optional } from './define.ts';
import { floats } from './types.ts';
import { expectRank, expectShape, shapeError, showShape } from './util.ts';

const domain = 'com.microsoft';

/** Reads an element with the bias of its last axis added. @throws FLAGOS_E_SHAPE unless the bias is a vector of that axis's extent. */
const biased = (x: TensorExpr, bias: TensorExpr | undefined, name: string): ((at: readonly Expr[]) => Expr) => {
  if (!bias) return (at) => x.at(...at);
  expectRank(x.shape, 1, 'X');
  expectShape(bias.shape, [x.shape[x.rank - 1]!], name);
  return (at) => add(x.at(...at), bias.at(at[x.rank - 1]!));
};

export const MsGelu = defineOp({
  name: 'Gelu',
  domain,
  since: 1,
  inputs: { X: floats },
  outputs: { Y: 'X' },
  compute: ({ X }) => map(X, erfGelu),
  accuracy: contraction,
});

export const BiasGelu = defineOp({
  name: 'BiasGelu',
  domain,
  since: 1,
  inputs: { A: floats, B: 'A' },
  outputs: { C: 'A' },
  compute: ({ A, B }) => {
    const read = biased(A, B, 'B');
    return compute(A.shape, (...i) => erfGelu(read(i)));
  },
  accuracy: contraction,
});

export const FastGelu = defineOp({
  name: 'FastGelu',
  domain,
  since: 1,
  inputs: { X: floats, bias: optional('X') },
  outputs: { Y: 'X' },
  compute: ({ X, bias }) => {
    const read = biased(X, bias, 'bias');
    return compute(X.shape, (...i) => tanhGelu(read(i)));
  },
  accuracy: contraction,
});

/** x·sigmoid(α·x), with α = 1.702 an approximation of GELU. */
export const QuickGelu = defineOp({
  name: 'QuickGelu',
  domain,
  since: 1,
  inputs: { X: floats },
  outputs: { Y: 'X' },
  attrs: { alpha: float(Math.fround(1.702)) },
  compute: ({ X }, { alpha }) => map(X, (x) => swish(x, alpha)),
  accuracy: bounded(8),
});

/** After the bias, the first half of the last axis times GELU of the second half. X is [N, S, D], Y is [N, S, D/2]. */
export const BiasSplitGelu = defineOp({
  name: 'BiasSplitGelu',
  domain,
  since: 1,
  inputs: { X: floats, bias: 'X' },
  outputs: { Y: 'X' },
  compute: ({ X, bias }) => {
    const read = biased(X, bias, 'bias');
    const last = X.shape[X.rank - 1]!;
    if (last % 2 !== 0) throw shapeError(`the last axis of 'X' must be even to be split in halves, its shape is ${showShape(X.shape)}`);
    const half = last / 2;
    return compute([...X.shape.slice(0, -1), half], (...i) => {
      const lead = i.slice(0, -1);
      const j = i[i.length - 1]!;
      return mul(read([...lead, j]), erfGelu(read([...lead, add(j, half)])));
    });
  },
  accuracy: contraction,
});
