/** FlexAttention: attention whose scores and probabilities pass through subgraphs of the model. */
import { cast, floordiv, mul, sum, type Expr } from '../compiler/expr.ts';
import { compute } from '../compiler/tensor-expr.ts';
import { isFloat, type DType } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import type { Graph } from '../core/graph.ts';
import type { Tensor, Value } from '../core/tensor.ts';
import { optionalDType, optionalFloat, optionalGraph } from './attrs.ts';
import { asTensor, carryOut, checkBody, type Steps } from './control-flow.ts';
import { defineOp, type RunSubgraph } from './define.ts';
import { runExpression } from './run-expression.ts';
import { softmax } from './softmax.ts';
import { floats } from './types.ts';
import { expectShape, shapeError, showShape } from './util.ts';

interface FlexAttrs {
  readonly prob_mod: Graph | undefined;
  readonly scale: number | undefined;
  readonly score_mod: Graph | undefined;
  readonly softmax_precision: DType | undefined;
}

/** Passes a tensor through a modifier, which must keep its shape and type. */
function* modify(x: Tensor, graph: Graph | undefined, name: string, run: RunSubgraph): Steps<Tensor> {
  if (!graph) return x;
  checkBody(graph, 1, 1, `'${name}'`);
  const results = yield run(graph, [x]);
  const made = asTensor(results[0]!, `what '${name}' gives`);
  expectShape(made.dims, x.dims, `the output of '${name}'`);
  if (made.dtype !== x.dtype) throw new FlagosError('FLAGOS_E_DTYPE', `the output of '${name}' is ${made.dtype}, it must be ${x.dtype}`);
  return made;
}

function* flex(Q: Tensor, K: Tensor, V: Tensor, attrs: FlexAttrs, run: RunSubgraph): Steps<Value[]> {
  for (const [name, t] of Object.entries({ Q, K, V })) {
    if (t.dims.length !== 4) throw shapeError(`'${name}' has shape ${showShape(t.dims)}, it must have 4 axes`);
  }
  const [batch, heads, queries, size] = Q.dims as [number, number, number, number];
  const [, shared, keys] = K.dims as [number, number, number, number];
  const valueSize = V.dims[3]!;
  expectShape(K.dims, [batch, shared, keys, size], 'K');
  expectShape(V.dims, [batch, shared, keys, valueSize], 'V');
  if (shared === 0 || heads % shared !== 0) throw shapeError(`${heads} query heads are not a multiple of ${shared} key heads`);
  const precision = attrs.softmax_precision ?? (Q.dtype === 'float64' ? 'float64' : 'float32');
  if (!isFloat(precision))
    throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'softmax_precision' is ${precision}, it must be a float type`);
  const scale = attrs.scale ?? 1 / Math.sqrt(size);
  const keyHead = (h: Expr): Expr => floordiv(h, heads / shared);

  const scores = runExpression([Q, K], (q, k) =>
    compute([batch, heads, queries, keys], (b, h, i, j) =>
      cast(
        mul(
          sum(size, (d) => mul(q!.at(b!, h!, i!, d!), k!.at(b!, keyHead(h!), j!, d!))),
          scale,
        ),
        precision,
      ),
    ),
  );
  const modified = yield* modify(scores, attrs.score_mod, 'score_mod', run);
  const probabilities = yield* modify(
    runExpression([modified], (s) => softmax(s!, 3)),
    attrs.prob_mod,
    'prob_mod',
    run,
  );
  return [
    runExpression([probabilities, V], (p, v) =>
      compute([batch, heads, queries, valueSize], (b, h, i, d) =>
        cast(
          sum(keys, (j) => mul(p!.at(b!, h!, i!, j!), cast(v!.at(b!, keyHead(h!), j!, d!), precision))),
          Q.dtype,
        ),
      ),
    ),
  ];
}

export const FlexAttention = defineOp({
  name: 'FlexAttention',
  domain: 'ai.onnx.preview',
  since: 1,
  inputs: { Q: floats, K: 'Q', V: 'Q' },
  outputs: { Y: 'Q' },
  attrs: { prob_mod: optionalGraph(), scale: optionalFloat(), score_mod: optionalGraph(), softmax_precision: optionalDType() },
  control: ({ Q, K, V }, attrs, run) => carryOut(flex(Q, K, V, attrs, run)),
});
