/** The ONNX backend tests of one node each: whatever is claimed comes out right. */
import { describe, expect, it } from 'vitest';
import { onnxTests, runCases } from '../../../test/plugins/vendor-suite.ts';
import { absent, openSession } from './testing.ts';

const missing = absent ?? (onnxTests === undefined ? 'set FLAGOS_ONNX_TESTS to their folder' : undefined);
describe.skipIf(missing !== undefined)(`ONNX cases${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  // What was right when this was written; more is welcome.
  const counts = { node: 250, simple: 3, 'pytorch-converted': 33, 'pytorch-operator': 15 };
  for (const [suite, least] of Object.entries(counts)) {
    it(suite, async () => {
      const { passed, wrong } = await runCases(openSession(), suite);
      expect(wrong).toEqual([]);
      expect(passed.length).toBeGreaterThanOrEqual(least);
    });
  }
});
