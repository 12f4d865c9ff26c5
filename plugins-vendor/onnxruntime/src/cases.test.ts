/**
 * The ONNX backend tests, each model as one region: whatever is supported comes out right, and of what
 * onnxruntime-node passes by itself only the listed cases are refused.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Region, RunValue, Value } from 'flagos/plugin';
import { compareValues } from '../../../src/core/compare.ts';
import { findOnnxTests, listCases, loadCaseModel, loadDataSets } from '../../../src/host/onnx-cases.ts';
import { openSession } from './test-regions.ts';

const root = findOnnxTests(fileURLToPath(new URL('../../..', import.meta.url)));
const session = openSession();

/** `pass`, a reason of refusal, or what went wrong. */
const outcome = async (folder: string): Promise<string> => {
  const model = loadCaseModel(folder);
  const { graph } = model;
  const sets = loadDataSets(folder, model);
  const given = graph.inputs.slice(0, sets[0]?.inputs.length ?? 0);
  const made = new Set(graph.nodes.flatMap((n) => n.outputs));
  const outputs = graph.outputs.filter((o) => made.has(o.name));
  if (outputs.length === 0) return 'nothing to run';
  const constants = new Map([...graph.initializers].filter(([name]) => !given.some((v) => v.name === name)));
  const region: Region = { nodes: graph.nodes, inputs: given, outputs, constants, types: graph.types };
  const support = session.supports(region);
  if (!support.ok) return support.reason;
  const prepared = await session.prepare(region, 'default');
  for (const set of sets) {
    const results: RunValue[] = outputs.map(() => undefined);
    await prepared.run(set.inputs, results);
    for (const [i, o] of outputs.entries()) {
      const { ok, problem } = compareValues(results[i] as Value, set.outputs[graph.outputs.indexOf(o)]!);
      if (!ok) return `${o.name} ${problem}`;
    }
  }
  await prepared.dispose();
  return 'pass';
};

describe.skipIf(root === undefined)(`ONNX cases${root === undefined ? ' (skipped: set FLAGOS_ONNX_TESTS to their folder)' : ''}`, () => {
  /** Refused although onnxruntime gets these right: what they ask of it it gets wrong elsewhere, and their shapes and values are not known beforehand. */
  const careful = [
    'test_attention_4d_with_past_and_present_qk_matmul_bias_3d_mask_causal',
    'test_attention_4d_with_past_and_present_qk_matmul_bias_4d_mask_causal',
    'test_resize_tf_crop_and_resize_axes_2_3',
    'test_resize_tf_crop_and_resize_extrapolation_value',
    'test_resize_upsample_scales_cubic_align_corners',
    'test_training_dropout_zero_ratio',
  ];
  /** Random numbers without a seed, expected to be numpy's. */
  const random = /^test_bernoulli/;
  /** StringNormalizer needs the locales a model names to be installed; where they are not, preparing says so and another kernel is taken. */
  const locale = /^test_strnorm/;

  for (const suite of ['node', 'simple', 'pytorch-converted', 'pytorch-operator']) {
    it(suite, async () => {
      // What onnxruntime-node alone does with each case; data from elsewhere comes without it.
      const record = join(root!, 'onnxruntime-node-1.30.json');
      const known: Record<string, Record<string, string> | undefined> = existsSync(record) ? JSON.parse(readFileSync(record, 'utf8')) : {};
      const alone = known[suite];
      const wrong: string[] = [];
      const lost: string[] = [];
      let passed = 0;
      for (const name of listCases(join(root!, suite))) {
        const found = await outcome(join(root!, suite, name)).catch((e: unknown) => String(e));
        if (found === 'pass') passed++;
        else if (!/^[A-Z_]+$|^nothing/.test(found) && !random.test(name) && !(locale.test(name) && found.includes('FLAGOS_E_UNSUPPORTED')))
          wrong.push(`${name}: ${found}`);
        else if (alone?.[name] === 'pass' && found !== 'nothing to run') lost.push(name);
      }
      expect(wrong).toEqual([]);
      expect(passed).toBeGreaterThan(0);
      if (!alone) return;
      expect(lost).toEqual(suite === 'node' ? careful : []);
      expect(passed).toBeGreaterThanOrEqual(Object.values(alone).filter((s) => s === 'pass').length - lost.length - 1);
    });
  }
});
