/** Runs an expression on host tensors: for ops whose parts are expressions but which call a subgraph between them. */
import { Tensor } from '../core/tensor.ts';
import { lower } from '../compiler/lower.ts';
import { renderJs } from '../compiler/render/js.ts';
import { InputTensor, type TensorExpr } from '../compiler/tensor-expr.ts';

/** The tensor that `make` describes over `inputs`, calculated in float64. */
export const runExpression = (inputs: readonly Tensor[], make: (...x: TensorExpr[]) => TensorExpr): Tensor => {
  const args = inputs.map((t, i) => new InputTensor(`x${i}`, t.dtype, t.dims));
  const made = make(...args);
  const result = Tensor.zeros(made.dtype, made.shape);
  renderJs(lower(args, [made])).run(
    inputs.map((t) => t.data),
    [result.data],
  );
  return result;
};
