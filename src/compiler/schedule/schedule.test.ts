import { expect, it } from 'vitest';
import { constant, mul } from '../expr.ts';
import { runJs, randomData } from '../contraction/compile.test-util.ts';
import { lower } from '../lower.ts';
import { renderJsFast } from '../render/js-fast.ts';
import { renderWasm } from '../render/wasm.ts';
import { compute, InputTensor, ReshapeTensor, scan } from '../tensor-expr.ts';

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
