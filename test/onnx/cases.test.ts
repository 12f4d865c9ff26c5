/** Every ONNX node case by the records alone. `FLAGOS_CASES` (a regular expression) picks some. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compareValues } from '../../src/core/compare.ts';
import { findOnnxTests, listCases, loadCaseModel, loadDataSets } from '../../src/host/onnx-cases.ts';
import { evaluateGraph } from './naive.ts';

const root = findOnnxTests(join(import.meta.dirname, '../..'));
const pattern = new RegExp(process.env['FLAGOS_CASES'] ?? '^$');
const suites = (process.env['FLAGOS_SUITES'] ?? 'node').split(',');

describe.skipIf(!root)('ONNX cases by the records', () => {
  for (const suite of suites) {
    for (const name of root ? listCases(join(root, suite)).filter((n) => pattern.test(n)) : []) {
      it(`${suite}/${name}`, async () => {
        const folder = join(root!, suite, name);
        const model = loadCaseModel(folder);
        for (const set of loadDataSets(folder, model)) {
          const actual = await evaluateGraph(model.graph, set.inputs);
          set.outputs.forEach((expected, i) => {
            const result = compareValues(actual[i], expected);
            expect(result.problem && `output ${i} ${result.problem}`).toBeUndefined();
          });
        }
      });
    }
  }
  it('finds the cases', () => expect(listCases(join(root!, 'node')).length).toBeGreaterThan(1000));
});
