/** `node --import flagos/auto`: applications that know nothing of this library, run from the built package. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tensorType } from '../../src/core/graph.ts';
import { writeModel } from '../../src/formats/onnx/index.ts';

const root = join(import.meta.dirname, '../..');
const auto = join(root, 'dist/auto.js');

describe('flagos/auto', () => {
  // Inside the repository, so that the application finds onnxruntime-node as one installed beside it would.
  let folder: string;
  const model = (): string => join(folder, 'add.onnx');
  beforeAll(() => {
    if (!existsSync(auto)) execFileSync(process.execPath, [join(root, 'scripts/build.mjs')]);
    folder = mkdtempSync(join(root, 'node_modules/.auto-test-'));
    const f = tensorType('float32', [2]);
    const graph = {
      name: 'add',
      inputs: [{ name: 'x', type: f }],
      outputs: [{ name: 'y', type: f }],
      initializers: new Map(),
      types: new Map(),
      nodes: [{ name: 'n', op: 'Add', domain: '', version: 14, inputs: ['x', 'x'], outputs: ['y'], attrs: {} }],
    };
    writeFileSync(model(), writeModel({ graph, name: 'add', opsets: { '': 17 } }));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const body = `
    const feeds = () => ({ x: new ort.Tensor('float32', Float32Array.of(1, 2), [2]) });
    const session = await ort.InferenceSession.create(process.argv[2]);
    const own = await ort.InferenceSession.create(process.argv[2], { executionProviders: ['cpu'] });
    console.log(JSON.stringify([[...(await session.run(feeds())).y.data], Boolean(session.handler.flagos), Boolean(own.handler.flagos)]));`;
  const run = (name: string, text: string): unknown => {
    const app = join(folder, name);
    writeFileSync(app, text);
    return JSON.parse(execFileSync(process.execPath, ['--import', auto, app, model()], { encoding: 'utf8' })) as unknown;
  };

  it('runs an application of modules, and leaves sessions alone that name their provider', () =>
    expect(run('app.mjs', `import * as ort from 'onnxruntime-node';${body}`)).toEqual([[2, 4], true, false]));

  it('runs an application of CommonJS', () =>
    expect(run('app.cjs', `const ort = require('onnxruntime-node'); (async () => {${body}})();`)).toEqual([[2, 4], true, false]));

  it('says so, and lets the program run, where there is no onnxruntime', () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'flagos-auto-'));
    try {
      writeFileSync(join(elsewhere, 'app.mjs'), "console.log('ran');");
      const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', auto, 'app.mjs'], { cwd: elsewhere, encoding: 'utf8' });
      expect([status, stdout]).toEqual([0, 'ran\n']);
      expect(stderr).toMatch(/FLAGOS_AUTO/);
    } finally {
      rmSync(elsewhere, { recursive: true });
    }
  });
});
