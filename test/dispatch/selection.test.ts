/** From candidates to the field the planner chooses from: selection and the two levels of dispatch. */
import { describe, expect, it } from 'vitest';
import { dispatchLanguage } from '../../src/dispatch/language.ts';
import { dispatchOp } from '../../src/dispatch/op.ts';
import type { Candidate, Verdict } from '../../src/opmanager/decision.ts';
import { noEvidence, type EvidenceSnapshot, type Level } from '../../src/opmanager/evidence.ts';
import { defaultPolicy, mergePolicies, type PolicyOverride } from '../../src/opmanager/policy.ts';
import { byPreference, judge } from '../../src/opmanager/select.ts';

const candidate = (kernel: string, more: Partial<Candidate> = {}): Candidate => {
  const [provider = '', chip = '', op = ''] = kernel.split(/[/:]/);
  const kind = provider === 'reference' || provider === 'flagos' ? provider : 'vendor';
  return {
    kernel,
    provider,
    kind,
    chip,
    variant: op.split('.')[1] ?? 'default',
    numerics: undefined,
    alone: false,
    instant: false,
    refusal: undefined,
    priorUs: 10,
    overheadUs: 1,
    ...more,
  };
};
interface Given {
  readonly policy?: PolicyOverride;
  readonly accuracy?: Level;
  readonly medianUs?: number;
  readonly quarantined?: string;
}
const judged = (c: Candidate, { policy = {}, accuracy, medianUs, quarantined }: Given = {}): Verdict => {
  const evidence: EvidenceSnapshot = {
    accuracy: () => ({ level: accuracy ?? 'unknown' }),
    performance: () => (medianUs === undefined ? {} : { medianUs }),
  };
  return judge(c, 'Relu', 'Relu(float32[2])', { policy: mergePolicies(defaultPolicy, policy), evidence, quarantined: () => quarantined });
};
const said = (v: Verdict): string => (v.status === 'eligible' ? `tier ${v.tier}` : `${v.reason}: ${v.detail}`);

describe('judge', () => {
  const acme = candidate('acme/npu:Relu.default');
  it('goes through its stages in order: policy, support, quarantine, accuracy', () => {
    const refusal = { reason: 'DTYPE', detail: 'no float16' } as const;
    const all = { policy: { denyVendors: ['acme'], accuracy: { unknown: 'deny' } }, quarantined: 'it broke' } as const;
    const { policy, quarantined } = all;
    expect(said(judged({ ...acme, refusal }, all))).toMatch(/^POLICY/);
    expect(said(judged({ ...acme, refusal }, { policy: { accuracy: policy.accuracy }, quarantined }))).toBe('DTYPE: no float16');
    expect(said(judged(acme, { policy: { accuracy: policy.accuracy }, quarantined }))).toBe('QUARANTINED: it broke');
    expect(said(judged(acme, { policy: { accuracy: policy.accuracy } }))).toMatch(/^ACC_UNKNOWN/);
    expect(said(judged(acme))).toBe('tier 0');
  });

  it('demands of evidence what policy asks for; of the reference none', () => {
    const min = (level: 'loose' | 'tight'): Given => ({ policy: { accuracy: { min: level } } });
    expect(said(judged(acme, { ...min('tight'), accuracy: 'standard' }))).toBe('ACC_FAIL: measured standard, policy asks for tight');
    expect(said(judged(acme, { ...min('loose'), accuracy: 'standard' }))).toBe('tier 0');
    for (const level of ['fail', 'flaky'] as const) expect(said(judged(acme, { ...min('loose'), accuracy: level }))).toMatch(/^ACC_FAIL/);
    expect(said(judged(candidate('reference/cpu:Relu.float64'), { policy: { accuracy: { unknown: 'deny', min: 'bitwise' } } }))).toBe(
      'tier 1',
    );
  });

  it('expects what was measured, else what is declared', () => {
    expect(judged(acme)).toMatchObject({ expectedUs: 10, measured: false });
    expect(judged(acme, { medianUs: 3 })).toMatchObject({ expectedUs: 3, measured: true });
  });

  it('changes nothing and gives the same answer again', () => {
    const frozen = Object.freeze({ ...acme });
    expect(judged(frozen, { medianUs: 2 })).toEqual(judged(frozen, { medianUs: 2 }));
    expect(judge(acme, 'Relu', 's', { policy: defaultPolicy, evidence: noEvidence, quarantined: () => undefined }).status).toBe('eligible');
  });
});

describe('the two levels of dispatch', () => {
  const field = (kernels: readonly Candidate[], policy: PolicyOverride = {}): string[][] =>
    dispatchLanguage(kernels.map((k) => judged(k, { policy }))).map((choice) => [
      choice.provider,
      ...dispatchOp(choice).map((v) => v.kernel),
    ]);
  const kernels = [
    candidate('reference/cpu:Relu.float64', { priorUs: 1 }),
    candidate('acme/npu:Relu.fast', { priorUs: 5 }),
    candidate('acme/npu:Relu.slow', { priorUs: 50 }),
    candidate('acme/cpu:Relu.default', { priorUs: 20 }),
    candidate('beta/cpu:Relu.default', { priorUs: 2, overheadUs: 100 }),
  ];

  it('keeps the providers of the best tier, cheapest first, and one kernel for each of their chips', () => {
    expect(field(kernels)).toEqual([
      ['acme', 'acme/npu:Relu.fast', 'acme/cpu:Relu.default'],
      ['beta', 'beta/cpu:Relu.default'],
    ]);
    expect(field(kernels, { prefer: ['vendor:beta', 'vendor'] })).toEqual([['beta', 'beta/cpu:Relu.default']]);
    expect(field(kernels, { prefer: ['reference'] })).toEqual([['reference', 'reference/cpu:Relu.float64']]);
    expect(field(kernels, { perOp: { Relu: ['impl:acme/npu:Relu.slow'] } })).toEqual([['acme', 'acme/npu:Relu.slow']]);
  });

  it('goes down the tiers until someone can', () => {
    const refusal = { reason: 'SHAPE', detail: 'too large' } as const;
    expect(
      field(
        kernels.map((k) => (k.provider === 'beta' ? { ...k, refusal } : k)),
        { prefer: ['vendor:beta'], fallback: 'any' },
      ).map(([p]) => p),
    ).toEqual(['acme']);
    expect(
      field(
        kernels.map((k) => (k.provider === 'beta' ? { ...k, refusal } : k)),
        { prefer: ['vendor:beta'], fallback: 'native' },
      ).map(([p]) => p),
    ).toEqual(['reference']);
    expect(
      field(
        kernels.map((k) => (k.provider === 'beta' ? { ...k, refusal } : k)),
        { prefer: ['vendor:beta'], fallback: 'none' },
      ),
    ).toEqual([]);
    expect(field([])).toEqual([]);
  });

  it('breaks ties by name, so that the same choice is made on every start', () => {
    const twins = ['zeta', 'alpha', 'mid'].map((p) => judged(candidate(`${p}/cpu:Relu.default`)));
    expect([...twins].sort(byPreference).map((v) => v.provider)).toEqual(['alpha', 'mid', 'zeta']);
    expect(dispatchLanguage(twins).map((c) => c.provider)).toEqual(['alpha', 'mid', 'zeta']);
  });
});
