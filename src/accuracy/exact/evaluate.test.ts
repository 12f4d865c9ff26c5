/** Single elements in double-double against the float64 golden of every op that is written as expressions. */
import { expect, it } from 'vitest';
import { isFloat } from '../../core/dtype.ts';
import { Tensor } from '../../core/tensor.ts';
import { InputTensor } from '../../compiler/tensor-expr.ts';
import { bindNode, expressionsOf, usesHost } from '../../ops/bind.ts';
import { typeOfValue } from '../../ops/evaluate.ts';
import { opSet } from '../../ops/index.ts';
import { exampleOf, typesOf } from '../../kit/examples/example.ts';
import { errorModel } from '../model.ts';
import { toNumber } from './double-double.ts';
import { ExactEvaluator } from './evaluate.ts';

const numerics = { inputs: 'same', accumulate: 'same', notes: [] } as const;

it('agrees with float64 for every op, or says what it does not evaluate', () => {
  const unsupported: string[] = [];
  const wrong: string[] = [];
  let compared = 0;
  for (const record of opSet.records) {
    const dtypes = typesOf(record);
    const dtype = dtypes.includes('float32') ? 'float32' : dtypes.find((d) => isFloat(d));
    if (!record.compute || record.nondeterministic || dtype === undefined) continue;
    const { node, inputs } = exampleOf(record, opSet, dtype);
    const tensors = inputs.map((v) => (v instanceof Tensor ? v : undefined));
    const bound = bindNode(record, node);
    if (usesHost(bound, inputs.map(typeOfValue), tensors)) continue;
    const given = tensors.map((t, i) => t && new InputTensor(node.inputs[i] ?? '', t.dtype, t.dims, t));
    const bounds = errorModel(record, node, inputs, { numerics });
    expressionsOf(bound, given, tensors).forEach((t, o) => {
      const exact = bounds[o]?.exact;
      if (!t || !exact || !isFloat(t.dtype)) return;
      const evaluator = new ExactEvaluator((x) => x.value, 1e6);
      for (const position of new Set([0, Math.floor(t.size / 2), t.size - 1])) {
        if (position < 0) continue;
        try {
          const [made, right] = [toNumber(evaluator.element(t, position)), exact[position]!];
          const scale = exact.reduce((m, v) => (Number.isFinite(v) ? Math.max(m, Math.abs(v)) : m), 0);
          if (!Object.is(made, right) && !(Math.abs(made - right) <= 1e-13 * Math.max(scale, Math.abs(right))))
            wrong.push(`${record.name}[${position}] ${made} ${right}`);
          compared++;
        } catch (error) {
          unsupported.push(`${record.name}: ${(error as { reason?: string }).reason ?? String(error)}`);
          break;
        }
      }
    });
  }
  expect(wrong).toEqual([]);
  expect(compared).toBeGreaterThan(300);
  expect([...new Set(unsupported)].toSorted()).toMatchInlineSnapshot(`
    [
      "Acos: acos is not evaluated exactly",
      "Acosh: acosh is not evaluated exactly",
      "Asin: asin is not evaluated exactly",
      "Asinh: asinh is not evaluated exactly",
      "Atanh: atanh is not evaluated exactly",
      "Bincount: a scatter is not evaluated exactly",
      "MatMulNBits: shr of whole numbers is not evaluated exactly",
      "Mod: rem is not evaluated exactly",
      "ResizeBilinearGrad: a scatter is not evaluated exactly",
      "UnsortedSegmentSum: a scatter is not evaluated exactly",
    ]
  `);
});
