import { expect, it } from 'vitest';
import { constant, mul, sum } from '../expr.ts';
import { runJs, randomData } from '../contraction/compile.test-util.ts';
import { lower } from '../lower.ts';
import { renderJsFast } from '../render/js-fast.ts';
import { renderWasm } from '../render/wasm.ts';
import { compute, InputTensor, ReshapeTensor, scan, type TensorExpr } from '../tensor-expr.ts';

it('a step number that is divided around stages is divided in the stages that use it', () => {
  const x = new InputTensor('x', 'float32', [2, 3, 2]);
  const flat = new ReshapeTensor(
    compute([2, 2, 3], (c, a, b) => x.at(a!, b!, c!)),
    [2, 6],
  );
  const ones = compute([2], () => constant(1, 'float32'));
  const products = scan(6, [ones], (t, [state]) => ({
    state: [compute([2], (i) => mul(state!.at(i!), flat.at(i!, t)))],
    out: [compute([2], (i) => state!.at(i!))],
  })).out[0]!;
  const { sources } = renderJsFast(lower([x], [products], undefined, undefined, 'js'));
  expect(sources.filter((s) => /floor/i.test(s) && !/\bb0\b/.test(s))).toEqual([]);
  expect(() => renderWasm(lower([x], [products], undefined, undefined, 'wasm'))).not.toThrow();
  const data = randomData(x, 1);
  const [made] = runJs([x], [products], [data]);
  const expected: number[][] = [];
  for (const c of [0, 1]) {
    let p = 1;
    for (let t = 0; t < 6; t++) {
      (expected[t] ??= [])[c] = p;
      p = Math.fround(p * Number(data[t * 2 + c]));
    }
  }
  expect([...made!].map(Number)).toEqual(expected.flat().map((v) => expect.closeTo(v, 5)));
});

it('what is known beforehand is packed after what it is made of', () => {
  const [x, a, b, c] = ['x', 'a', 'b', 'c'].map((name) => new InputTensor(name, 'float32', [17, 17]));
  const inputs = [x!, a!, b!, c!];
  const product = (p: TensorExpr, q: TensorExpr): TensorExpr => compute([17, 17], (i, j) => sum(17, (k) => mul(p.at(i!, k), q.at(k, j!))));
  const y = product(x!, product(product(a!, b!), c!));
  const data = inputs.map((t, i) => randomData(t, i + 1));
  const [expected] = runJs(inputs, [y], data);
  const lowered = lower(inputs, [y], undefined, undefined, 'js');
  const known = new Set(lowered.inputs.filter((buffer) => buffer.name !== x!.name));
  const kernel = renderJsFast(lowered, known);
  const made = new Float32Array(17 * 17);
  kernel.run(data, [made]);
  expect([...made]).toEqual([...expected!].map((v) => expect.closeTo(Number(v), 4)));
});
