/**
 * Verification of one call on one open chip: every variant it offers, every class of values, against
 * the float64 reference by the error model. Each kernel runs twice into memory filled with different
 * rubbish, so that what is not written, or differs from run to run, shows; inputs must stay as they were.
 */
import { compileErrorModel, metrics, score, type ErrorModel, type Metrics, type Score } from '../../accuracy/index.ts';
import { bytesOf, Tensor, type Value } from '../../core/tensor.ts';
import { asError, FlagosError } from '../../core/errors.ts';
import { compareValues } from '../../core/compare.ts';
import { concreteShape, opName } from '../../core/graph.ts';
import {
  defaultVariant,
  type ChipSession,
  type DeviceTensor,
  type Prepared,
  type Region,
  type RunValue,
  type Variant,
} from '../../plugins/contract.ts';
import { kernelId } from '../decision.ts';
import type { Level } from '../evidence.ts';
import { caseId, classOfCall, inputsOf, regionOfCall, type VerifyCall } from './call.ts';
import type { CaseClass } from './input-classes.ts';

/** One case on one kernel. */
export interface CaseVerdict {
  readonly id: string;
  readonly kernel: string;
  /** What its evidence is filed under. */
  readonly signature: string;
  readonly inputClass: CaseClass;
  readonly level: Level;
  readonly maxEta: number;
  readonly p999Eta: number;
  readonly classMismatches: number;
  readonly elements: number;
  readonly metrics: Pick<Metrics, 'maxUlp' | 'maxAbs' | 'maxRel' | 'cosine' | 'sqnr' | 'sqnrCeiling'> | undefined;
  /** In words, what is wrong. */
  readonly problem?: string | undefined;
}

export type CaseBase = Pick<CaseVerdict, 'id' | 'kernel' | 'signature' | 'inputClass'>;

export interface VerifyOptions {
  /** Classes to run; default all of the call's. */
  readonly only?: readonly CaseClass[] | undefined;
  /** Cases that are known to take the process down. */
  readonly skip?: ((base: CaseBase) => boolean) | undefined;
  /** Told each case before it runs. */
  readonly begin?: ((base: CaseBase) => void) | undefined;
}

/** A case as failed, for a reason in words. */
export const failedCase = (base: CaseBase, problem: string, level: Level = 'fail'): CaseVerdict => ({
  ...base,
  level,
  maxEta: Infinity,
  p999Eta: Infinity,
  classMismatches: 0,
  elements: 0,
  metrics: undefined,
  problem,
});

export interface VerifyTarget {
  readonly provider: string;
  readonly chip: string;
  readonly session: ChipSession;
}

export interface CallVerdict {
  readonly verdicts: readonly CaseVerdict[];
  /** Why the chip does not run it, if so. */
  readonly refused?: string | undefined;
}

const exactTolerance = { rtol: 0, atol: 0 };

/** Memory for outputs, each byte of it `rubbish`; undefined where the kernel brings its own. */
const places = (region: Region, rubbish: number, device: boolean): RunValue[] =>
  region.outputs.map(({ type }) => {
    const dims = concreteShape(type);
    if (device || type?.kind !== 'tensor' || dims === undefined || type.dtype === 'string') return undefined;
    const t = Tensor.zeros(type.dtype, dims);
    bytesOf(t.data as Float32Array).fill(type.dtype === 'bool' ? rubbish & 1 : rubbish);
    return t;
  });

const runOnce = async (
  { session }: VerifyTarget,
  prepared: Prepared,
  region: Region,
  inputs: readonly (Value | undefined)[],
  rubbish: number,
): Promise<(Value | undefined)[]> => {
  const memory = session.memory;
  const given: RunValue[] = [];
  try {
    for (const v of inputs) given.push(memory && v instanceof Tensor ? await memory.upload(v) : v);
    const outputs = places(region, rubbish, memory !== undefined);
    await prepared.run(given, outputs);
    const made: (Value | undefined)[] = [];
    for (const o of outputs) {
      if (!memory || o === undefined || o === null || !('handle' in o)) made.push(o as Value | undefined);
      else {
        made.push(await memory.download(o));
        memory.free(o);
      }
    }
    return made;
  } finally {
    if (memory) for (const v of given) if (v !== undefined && v !== null && 'handle' in v) memory.free(v as DeviceTensor);
  }
};

const worse = (a: Score, b: Score): Score => {
  const order = ['fail', 'loose', 'standard', 'tight', 'bitwise'];
  return order.indexOf(b.level) < order.indexOf(a.level) || (a.level === b.level && b.maxEta > a.maxEta) ? b : a;
};

const describeWorst = (s: Score, output: string): string | undefined => {
  if (s.level !== 'fail') return undefined;
  if (s.problem !== undefined) return `${output} ${s.problem}`;
  const w = s.worst[0];
  return (
    w &&
    `${output}[${w.at}] is ${String(w.actual)}, right is ${String(w.golden)}, allowed ± ${w.allowed.toPrecision(3)} (η ${w.eta.toPrecision(3)})`
  );
};

/** Runs one case on a prepared kernel. Never throws: what a kernel throws is a failed case. */
const checkCase = async (
  target: VerifyTarget,
  region: Region,
  prepared: Prepared,
  call: VerifyCall,
  model: ErrorModel,
  inputs: readonly (Value | undefined)[],
  base: CaseBase,
): Promise<CaseVerdict> => {
  const failed = (problem: string, level?: Level): CaseVerdict => failedCase(base, problem, level);
  const position = new Map(call.node.inputs.map((name, i) => [name, i]));
  const given = region.inputs.map(({ name }) => inputs[position.get(name)!]);
  const before = given.map((v) => (v instanceof Tensor ? v.clone() : v));
  let results: (Value | undefined)[];
  try {
    results = await runOnce(target, prepared, region, given, 0xa5);
    const touched = before.findIndex((b, i) => b !== undefined && b !== null && !compareValues(given[i], b, exactTolerance).ok);
    if (touched >= 0) return failed(`input ${region.inputs[touched]!.name} was changed`);
    const again = await runOnce(target, prepared, region, given, 0x5a);
    const differs = results.findIndex((r, i) => r !== undefined && r !== null && !compareValues(again[i], r, exactTolerance).ok);
    if (differs >= 0) return failed(`${region.outputs[differs]!.name} differs from run to run`, 'flaky');
  } catch (thrown) {
    return failed(`the kernel failed: ${asError(thrown).message}`);
  }
  const bounds = model.evaluate(inputs);
  let total: Score | undefined;
  let problem: string | undefined;
  let measured: CaseVerdict['metrics'];
  for (const [i, { name }] of region.outputs.entries()) {
    const b = bounds[call.node.outputs.indexOf(name)];
    if (!b) continue;
    const actual = results[i];
    const s = score(actual, b);
    problem ??= describeWorst(s, name);
    total = total ? { ...worse(total, s), elements: total.elements + s.elements } : s;
    if (b.exact && actual instanceof Tensor && b.golden instanceof Tensor && s.problem === undefined) {
      const m = metrics(actual, b.golden, { exact: b.exact, topK: [] });
      if (!measured || m.maxUlp > measured.maxUlp) measured = m;
    }
  }
  if (!total) return failed('nothing was compared');
  const { level, maxEta, p999Eta, classMismatches, elements } = total;
  return { ...base, level, maxEta, p999Eta, classMismatches, elements, metrics: measured && kept(measured), problem };
};

const kept = ({ maxUlp, maxAbs, maxRel, cosine, sqnr, sqnrCeiling }: NonNullable<CaseVerdict['metrics']>): CaseVerdict['metrics'] => ({
  maxUlp,
  maxAbs,
  maxRel,
  cosine,
  sqnr,
  sqnrCeiling,
});

/** Whether two variants are held to the same bounds. */
const numericsKey = (v: Variant): string =>
  JSON.stringify([
    v.numerics.inputs,
    v.numerics.accumulate,
    ...(['flush-denormals', 'winograd'] as const).map((n) => v.numerics.notes.includes(n)),
  ]);

/**
 * Verifies a call with every class of values on every variant a chip offers for it.
 * @throws what the op's record says of a call it does not allow: the call is wrong then, not the kernel.
 */
export const verifyCall = async (
  target: VerifyTarget,
  call: VerifyCall,
  dtype: string,
  { only, skip, begin }: VerifyOptions = {},
): Promise<CallVerdict> => {
  const op = opName(call.node.domain, call.node.op);
  const verdicts: CaseVerdict[] = [];
  const prepared = new Map<string, Prepared>();
  const models = new Map<string, ErrorModel>();
  try {
    for (const inputClass of only ?? call.classes) {
      const id = caseId(op, dtype, call.label, inputClass);
      const inputs = inputsOf(call, inputClass, id);
      const region = regionOfCall(call, inputs);
      const support = target.session.supports(region);
      if (!support.ok) return { verdicts, refused: `${support.reason}: ${support.detail}` };
      for (const variant of target.session.variants?.(region) ?? [defaultVariant]) {
        const kernel = kernelId(target.provider, target.chip, op, variant.name);
        const base = { id, kernel, signature: classOfCall(call, inputs), inputClass };
        if (skip?.(base)) continue;
        begin?.(base);
        try {
          // Weights are part of a prepared kernel; without them it serves all classes.
          if (call.constants.length > 0) await prepared.get(variant.name)?.dispose();
          if (call.constants.length > 0 || !prepared.has(variant.name))
            prepared.set(variant.name, await target.session.prepare(region, variant.name));
        } catch (thrown) {
          const error = asError(thrown);
          if (error instanceof FlagosError && error.code === 'FLAGOS_E_UNSUPPORTED') return { verdicts, refused: error.reason };
          verdicts.push(failedCase(base, `could not be prepared: ${error.message}`));
          continue;
        }
        const key = numericsKey(variant);
        const model = models.get(key) ?? compileErrorModel(call.record, call.node, inputs, { numerics: variant.numerics });
        models.set(key, model);
        verdicts.push(await checkCase(target, region, prepared.get(variant.name)!, call, model, inputs, base));
      }
    }
  } finally {
    for (const p of prepared.values()) await p.dispose();
  }
  return { verdicts };
};
