/** The ONNX backend tests of one node each: whatever is claimed comes out right. */
import { describe, expect, it } from 'vitest';
import { onnxTests, runCases } from '../../../test/plugins/vendor-suite.ts';
import { openSession } from './testing.ts';

describe.skipIf(onnxTests === undefined)(
  `ONNX cases${onnxTests === undefined ? ' (skipped: set FLAGOS_ONNX_TESTS to their folder)' : ''}`,
  () => {
    // What was right when this was written; more is welcome.
    const counts = { node: 180, simple: 1, 'pytorch-converted': 22, 'pytorch-operator': 10 };
    for (const [suite, least] of Object.entries(counts)) {
      it(suite, async () => {
        const { passed, wrong } = await runCases(await openSession(), suite);
        expect(wrong).toEqual([]);
        expect(passed.length).toBeGreaterThanOrEqual(least);
      });
    }
  },
);
