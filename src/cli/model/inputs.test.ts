import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Model, ValueInfo, ValueType } from '../../core/graph.ts';
import { Tensor } from '../../core/tensor.ts';
import { writeTensor } from '../../formats/onnx/index.ts';
import { makeInputs, planShapes, type Inputs } from './inputs.ts';
import { writeNpy } from './npy.ts';

const tensor = (
  name: string,
  dtype: 'float32' | 'int64' | 'bool' | 'string' | 'float16' | 'complex64',
  shape?: readonly (number | string | null)[],
): ValueInfo => ({ name, type: { kind: 'tensor', dtype, shape } });
const modelOf = (...inputs: ValueInfo[]): Model => ({
  name: 'm',
  metadata: {},
  graph: { name: 'g', inputs, outputs: [], initializers: new Map(), nodes: [], types: new Map() },
});
let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'flagos-inputs-'))));
afterAll(() => rmSync(folder, { recursive: true }));

const make = (
  model: Model,
  input: Record<string, string> = {},
  rest: { shape?: Record<string, string>; dim?: Record<string, string>; seed?: number; states?: string[] } = {},
): Inputs =>
  makeInputs(
    model,
    {
      input: new Map(Object.entries(input)),
      shape: new Map(Object.entries(rest.shape ?? {})),
      dim: new Map(Object.entries(rest.dim ?? {})),
      seed: rest.seed,
    },
    folder,
    rest.states,
  );
const valueOf = (inputs: Inputs, name: string): Tensor => {
  const value = inputs.feeds[name];
  if (!(value instanceof Tensor)) throw new Error(`${name} is no tensor`);
  return value;
};

describe('makeInputs', () => {
  it('makes up what is missing, the same for the same seed, and says what it took for granted', () => {
    const model = modelOf(tensor('x', 'float32', ['batch', 3, null]), tensor('y', 'float32', ['batch']));
    const a = make(model);
    expect(a.feeds).toEqual(make(model).feeds);
    expect(valueOf(a, 'x').data).not.toEqual(valueOf(make(model, {}, { seed: 1 }), 'x').data);
    expect(valueOf(a, 'x').dims).toEqual([1, 3, 1]);
    expect(a.notes).toEqual(["symbolic dimension 'batch' taken as 1", "dimension 2 of 'x' taken as 1"]);
    expect(a.sources.map((s) => s.source)).toEqual(['random, seed 0', 'random, seed 0']);
  });

  it('takes dimensions from --dim, --shape and from files', () => {
    const model = modelOf(tensor('x', 'float32', ['batch', 'n']), tensor('y', 'float32', ['n']));
    expect(valueOf(make(model, {}, { dim: { batch: '2', n: '3' } }), 'x').dims).toEqual([2, 3]);
    expect(valueOf(make(model, {}, { shape: { x: '4x5' } }), 'y').dims).toEqual([5]);
    writeFileSync(join(folder, 'y.npy'), writeNpy(Tensor.zeros('float32', [7]))!);
    const fromFile = make(model, { y: 'y.npy' });
    expect(valueOf(fromFile, 'x').dims).toEqual([1, 7]);
    expect(fromFile.notes).toEqual(["symbolic dimension 'batch' taken as 1"]);
  });

  it('reads .npy, .pb and .json files, and converts numbers', () => {
    writeFileSync(join(folder, 'a.npy'), writeNpy(new Tensor('float64', [2], Float64Array.of(1, 0.1)))!);
    writeFileSync(join(folder, 'a.pb'), writeTensor(new Tensor('float32', [2], Float32Array.of(3, 4))));
    writeFileSync(join(folder, 'a.json'), '[[5, "NaN"], [-1e3, "-Infinity"]]');
    writeFileSync(join(folder, 'i.json'), '{ "shape": [2, 1], "values": ["9007199254740993", 2] }');
    const model = modelOf(tensor('x', 'float32'), tensor('i', 'int64'));
    expect(valueOf(make(model, { x: 'a.npy', i: 'i.json' }), 'x').data).toEqual(Float32Array.of(1, Math.fround(0.1)));
    expect(valueOf(make(model, { x: 'a.pb', i: 'i.json' }), 'x').data).toEqual(Float32Array.of(3, 4));
    const json = make(model, { x: 'a.json', i: 'i.json' });
    expect(valueOf(json, 'x')).toEqual(new Tensor('float32', [2, 2], Float32Array.of(5, NaN, -1000, -Infinity)));
    expect(valueOf(json, 'i')).toEqual(new Tensor('int64', [2, 1], BigInt64Array.of(9007199254740993n, 2n)));
  });

  it('fills with a number, a truth, a text', () => {
    const model = modelOf(
      tensor('x', 'float32', [2]),
      tensor('i', 'int64', []),
      tensor('b', 'bool', [2]),
      tensor('s', 'string', [2]),
      tensor('h', 'float16', [1]),
    );
    const made = make(model, { x: '-1.5e0', i: '16000', b: 'true', s: 'hello', h: '0.5' });
    expect(valueOf(made, 'x').toValues()).toEqual([-1.5, -1.5]);
    expect(valueOf(made, 'i').toValues()).toEqual([16000n]);
    expect(valueOf(made, 'b').toValues()).toEqual([true, true]);
    expect(valueOf(made, 's').toValues()).toEqual(['hello', 'hello']);
    expect(valueOf(made, 'h').toValues()).toEqual([0.5]);
    expect(valueOf(make(modelOf(tensor('x', 'float32', [2])), { x: '[1, 2]' }), 'x').toValues()).toEqual([1, 2]);
  });

  it('makes up every type, of a sane size', () => {
    const model = modelOf(
      tensor('x', 'float32', [1000]),
      tensor('i', 'int64', [100]),
      tensor('b', 'bool', [100]),
      tensor('s', 'string', [3]),
      tensor('c', 'complex64', [2]),
    );
    const made = make(model);
    const x = valueOf(made, 'x').toNumbers();
    expect(Math.abs(x.reduce((a, b) => a + b, 0) / 1000)).toBeLessThan(0.2);
    expect(Math.sqrt(x.reduce((a, b) => a + b * b, 0) / 1000)).toBeCloseTo(1, 0);
    const i = valueOf(made, 'i').toNumbers();
    expect(Math.min(...i)).toBe(0);
    expect(Math.max(...i)).toBe(9);
    expect(new Set(valueOf(made, 'b').toNumbers())).toEqual(new Set([0, 1]));
    expect(valueOf(make(model, { x: 'arange' }), 'x').toNumbers()[500]).toBe(0.5);
    expect(valueOf(make(model, { i: 'arange' }), 'i').toValues()[99]).toBe(99n);
    expect(valueOf(make(model, { x: 'ones' }), 'x').toNumbers()[0]).toBe(1);
  });

  it('starts recurrent state at zero', () => {
    expect(valueOf(make(modelOf(tensor('state', 'float32', [2])), {}, { states: ['state'] }), 'state').toValues()).toEqual([0, 0]);
  });

  const sequence: ValueType = { kind: 'sequence', element: undefined };
  it.each<[string, Model, Record<string, string>, { shape?: Record<string, string>; dim?: Record<string, string> }, string]>([
    [
      'a name the model does not have',
      modelOf(tensor('image', 'float32', [1])),
      { imagee: '1' },
      {},
      "the model has no input 'imagee'\n  hint: did you mean 'image'?",
    ],
    [
      'an unknown symbol',
      modelOf(tensor('x', 'float32', ['batch'])),
      {},
      { dim: { bach: '1' } },
      "the model has no symbolic dimension 'bach'\n  hint: did you mean 'batch'?",
    ],
    [
      'a shape against the model',
      modelOf(tensor('x', 'float32', [1, 3])),
      {},
      { shape: { x: '1x4' } },
      '--shape x=1x4 does not fit: the model declares float32[1,3]',
    ],
    ['a shape that is none', modelOf(tensor('x', 'float32', [1])), {}, { shape: { x: '1xa' } }, '--shape x=1xa is no shape'],
    ['a size that is none', modelOf(tensor('x', 'float32', ['n'])), {}, { dim: { n: '-1' } }, '--dim n=-1 is no size'],
    ['no shape at all', modelOf(tensor('x', 'float32')), {}, {}, "the model does not say what shape input 'x' has"],
    ['a file that is not there', modelOf(tensor('x', 'float32', [1])), { x: 'gone.npy' }, {}, 'there is no file'],
    [
      'an unknown way',
      modelOf(tensor('x', 'float32', [1])),
      { x: 'randm' },
      {},
      "input 'x': 'randm' is no file, no number and none of random, zeros, ones, arange",
    ],
    ['a fraction for integers', modelOf(tensor('x', 'int64', [1])), { x: '1.5' }, {}, "input 'x': 1.5 is no int64"],
    ['lists of different lengths', modelOf(tensor('x', 'float32')), { x: '[[1],[2,3]]' }, {}, "input 'x': the lists are not of one length"],
    ['broken JSON', modelOf(tensor('x', 'float32')), { x: '[1,' }, {}, "input 'x': not valid JSON"],
    ['a sequence', modelOf({ name: 'x', type: sequence }), {}, {}, "input 'x' is a sequence, which is not made up"],
  ])('refuses %s', (_what, model, input, rest, message) => {
    expect(() => make(model, input, rest)).toThrow(message);
  });
});

describe('planShapes', () => {
  it('gives the shapes alone', () => {
    const model = modelOf(tensor('x', 'float32', ['n', 4]), { name: 's', type: { kind: 'optional', element: undefined } });
    expect(planShapes(model, { shape: new Map(), dim: new Map([['n', '2']]) })).toEqual({ shapes: { x: [2, 4] }, notes: [] });
  });
});
