/** The whole way, on models made here: specialize, plan, prepare, run; against the naive evaluation. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compareValues } from '../../src/core/compare.ts';
import { findOnnxTests, listCases, loadCaseModel, loadDataSets } from '../../src/host/onnx-cases.ts';
import { createRuntime } from '../../src/host/flagos.ts';

const root = findOnnxTests(join(import.meta.dirname, '../..'));
const pattern = new RegExp(process.env['FLAGOS_CASES'] ?? '^test_(add|relu|reshape_extended|if|loop1|nonzero|sequence_insert|range|scan)');

describe.skipIf(!root)('ONNX cases through plans', async () => {
  const flagos = await createRuntime({
    cwd: import.meta.dirname,
    discover: false,
    file: false,
    env: {},
    prefer: [process.env['FLAGOS_TEST_CHIP'] ?? 'reference'],
    fallback: process.env['FLAGOS_TEST_FALLBACK'] === 'any' ? 'any' : 'none',
  });
  for (const name of root ? listCases(join(root, 'node')).filter((n) => pattern.test(n)) : []) {
    it(name, async () => {
      const folder = join(root!, 'node', name);
      const parsed = loadCaseModel(folder);
      const model = flagos.runtime.model(parsed);
      for (const set of loadDataSets(folder, parsed)) {
        for (let repeat = 0; repeat < 2; repeat++) {
          const actual = await model.runPositional(set.inputs);
          set.outputs.forEach((expected, i) => expect(compareValues(actual[i], expected).problem).toBeUndefined());
        }
      }
      await model.dispose();
    });
  }
});
