/** A chip that crashes, hangs, eats all memory or throws while it is compared: an exit code each, and where it was. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tensorType } from '../../src/core/graph.ts';
import { writeModel } from '../../src/formats/onnx/index.ts';
import { makeFolder } from './models.ts';
import { bundle, runProgram, type Ended } from './program.ts';

const type = tensorType('float32', [2]);
let folder: string;
let program: string;
beforeAll(async () => {
  folder = makeFolder();
  program = await bundle();
  // Relu is nobody's but ours, so that something was compared before the end.
  for (const op of ['Abs', 'Exp', 'Ceil', 'Neg', 'Sqrt']) {
    const node = (name: string, kind: string, input: string, output: string) => ({
      name,
      op: kind,
      domain: '',
      version: 13,
      inputs: [input],
      outputs: [output],
      attrs: {},
    });
    const graph = {
      name: op,
      nodes: [node('before', 'Relu', 'x', 'r'), node(`the_${op}`, op, 'r', 'y')],
      inputs: [{ name: 'x', type }],
      outputs: [{ name: 'y', type }],
      initializers: new Map(),
      types: new Map(),
    };
    writeFileSync(join(folder, `${op}.onnx`), writeModel({ graph, name: op, opsets: { '': 13 } }));
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

const hostile = join(import.meta.dirname, 'fixtures', 'hostile.mjs');
const flagos = (argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> =>
  runProgram(program, [...argv, '--no-discover', '--plugin', hostile, '--prefer', 'vendor:hostile,reference'], { cwd: folder, env });

describe('flagos diff', () => {
  it('3: a chip that ends its process, and where it was', async () => {
    const { code, err, out } = await flagos(['diff', 'Abs.onnx', '--json']);
    expect({ code, last: err.trimEnd().split('\n').at(-1) }).toEqual({
      code: 3,
      last: 'the process was ended by SIGABRT at region 2: the_Abs',
    });
    expect(JSON.parse(out)).toMatchObject({ ok: false, exit: { code: 3, meaning: 'a chip failed' }, error: { at: 'region 2: the_Abs' } });
  });

  it('3: a chip that throws, which its own process can say', async () => {
    expect(await flagos(['diff', 'Neg.onnx', '--on-failure', 'error'])).toMatchObject({
      code: 3,
      err: expect.stringContaining('the chip is on fire'),
    });
  });

  it('5: a chip that never comes back', async () => {
    const { code, err } = await flagos(['diff', 'Exp.onnx', '--timeout', '2']);
    expect({ code, err }).toEqual({ code: 5, err: 'it did not come back within 2 s at region 2: the_Exp\n' });
  });

  it('5: a chip that takes all memory', async () => {
    const { code, err } = await flagos(['diff', 'Ceil.onnx'], { NODE_OPTIONS: '--max-old-space-size=150' });
    expect(code).toBe(5);
    expect(err).toContain('the process ran out of memory at region 2: the_Ceil');
  });

  it('passes on what the child says where it ends by itself', async () => {
    const made = await flagos(['diff', 'Sqrt.onnx', '--json']);
    expect(made).toMatchObject({ code: 1, err: '' });
    expect(JSON.parse(made.out)).toMatchObject({ ok: false, regions: [{ ok: true }, { region: 'the_Sqrt', ok: false }] });
    expect(await flagos(['diff', 'none.onnx'])).toMatchObject({ code: 2, err: expect.stringContaining('there is no file') });
  });
});

it('so do its other verbs', async () => {
  expect((await flagos(['diff', 'noise', 'Abs.onnx'])).code).toBe(3);
  expect((await flagos(['diff', 'capture', 'Exp.onnx', '--timeout', '2'])).code).toBe(5);
  expect((await flagos(['diff', 'capture', 'Sqrt.onnx', '--out', 'calls'])).code).toBe(0);
  // Of a case that crashes the one commit, git bisect can tell nothing.
  const repro = ['diff', 'repro', join('calls', 'the_Sqrt')];
  expect((await flagos(repro)).code).toBe(1);
  expect(await flagos(['diff-worker', 'Abs.onnx'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('is started by flagos diff only'),
  });
});
