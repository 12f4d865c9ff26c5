/**
 * What a vendor of single kernels must show, from the outside: of the ONNX backend tests, each op of one node
 * as a region, with inputs that come while running, and again with all but the first known beforehand.
 * Whatever is claimed must be right; what is refused needs a reason.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compareValues } from '../../src/core/compare.ts';
import type { Node, ValueType } from '../../src/core/graph.ts';
import { Tensor, type Value } from '../../src/core/tensor.ts';
import { findOnnxTests, listCases, loadCaseModel, loadDataSets } from '../../src/host/onnx-cases.ts';
import { evaluateNode, typeOfValue } from '../../src/ops/evaluate.ts';
import { opSet } from '../../src/ops/index.ts';
import type { ChipSession, Region, RunValue } from '../../src/plugins/contract.ts';

export const onnxTests = findOnnxTests(fileURLToPath(new URL('../..', import.meta.url)));

export interface SuiteResult {
  readonly passed: string[];
  /** Claimed and not right: name, and what was wrong. */
  readonly wrong: string[];
  /** Refused, by reason. */
  readonly refused: Map<string, string[]>;
}

/** A region of one node over given values; those for which `fixed` says so are constants of it. */
export const regionOf = (
  node: Node,
  inputs: readonly (Value | undefined)[],
  outputs: readonly (Value | undefined)[],
  fixed: (i: number) => boolean,
): Region => {
  const types = new Map<string, ValueType>();
  const constants = new Map<string, Tensor>();
  const outer: { name: string; type: ValueType | undefined }[] = [];
  node.inputs.forEach((name, i) => {
    const value = inputs[i];
    const type = typeOfValue(value);
    if (!name || value === undefined || types.has(name)) return;
    if (type) types.set(name, type);
    if (fixed(i) && value instanceof Tensor) constants.set(name, value);
    else outer.push({ name, type });
  });
  const results = node.outputs.map((name, i) => ({ name, type: typeOfValue(outputs[i]) })).filter((o) => o.name !== '');
  for (const { name, type } of results) if (type) types.set(name, type);
  return { nodes: [node], inputs: outer, outputs: results, constants, types };
};

/** Runs a region on a session. @returns its outputs, `undefined` where it is refused, with the reason. */
export const runRegion = async (
  session: ChipSession,
  region: Region,
  values: ReadonlyMap<string, Value>,
): Promise<{ outputs: RunValue[] } | { reason: string; detail: string }> => {
  const support = session.supports(region);
  if (!support.ok) return support;
  const prepared = await session.prepare(region, session.variants?.(region)[0]?.name ?? 'default');
  try {
    const inputs = region.inputs.map(({ name }) => values.get(name)!);
    const before = inputs.map((v) => (v instanceof Tensor ? v.clone() : v));
    // Twice, the second time into given places: what one run leaves behind must not show in the next.
    const first: RunValue[] = region.outputs.map(() => undefined);
    await prepared.run(inputs, first);
    const second: RunValue[] = region.outputs.map(({ type }) =>
      type?.kind === 'tensor' && type.shape && type.dtype !== 'string' ? Tensor.zeros(type.dtype, type.shape.map(Number)) : undefined,
    );
    await prepared.run(inputs, second);
    for (const [i, v] of before.entries()) if (!compareValues(inputs[i]!, v!).ok) throw new Error(`input ${i} was changed`);
    for (const [i, v] of first.entries())
      if (!compareValues(second[i] as Value, v as Value, { rtol: 0, atol: 0 }).ok) throw new Error('a second run gives something else');
    return { outputs: second };
  } finally {
    await prepared.dispose();
  }
};

/** All cases of one node of a suite. */
export const runCases = async (session: ChipSession, suite: string, filter = /./): Promise<SuiteResult> => {
  const result: SuiteResult = { passed: [], wrong: [], refused: new Map() };
  for (const name of listCases(join(onnxTests!, suite)).filter((n) => filter.test(n))) {
    const folder = join(onnxTests!, suite, name);
    const model = loadCaseModel(folder);
    const [node, ...more] = model.graph.nodes;
    if (!node || more.length > 0) continue;
    for (const set of loadDataSets(folder, model)) {
      const values = new Map<string, Value>(model.graph.initializers);
      model.graph.inputs.forEach(({ name }, i) => set.inputs[i] !== undefined && values.set(name, set.inputs[i]!));
      const inputs = node.inputs.map((n) => values.get(n));
      const expected = node.outputs.map((n) => set.outputs[model.graph.outputs.findIndex((o) => o.name === n)]);
      for (const fixed of [false, true]) {
        const region = regionOf(node, inputs, expected, (i) => fixed && i > 0);
        try {
          const found = await runRegion(session, region, values);
          if ('reason' in found) {
            if (fixed) result.refused.set(found.reason, [...(result.refused.get(found.reason) ?? []), `${name}: ${found.detail}`]);
            continue;
          }
          const bad = region.outputs
            .map((o, i) => compareValues(found.outputs[i] as Value, expected[node.outputs.indexOf(o.name)]!))
            .find((c) => !c.ok);
          if (bad) result.wrong.push(`${name}: ${bad.problem}`);
          else if (!result.passed.includes(name)) result.passed.push(name);
        } catch (thrown) {
          result.wrong.push(`${name}: ${String(thrown)}`);
        }
      }
    }
  }
  return result;
};

/** The answer of the float64 reference for one node. */
export const referenceOf = (node: Node, inputs: readonly (Value | undefined)[]): readonly Value[] => {
  const record = opSet.find(node.domain, node.op)!;
  const results = evaluateNode(record, node, inputs);
  if (results instanceof Promise) throw new Error('the op answers with a promise');
  return results.map((v) => v ?? null);
};
