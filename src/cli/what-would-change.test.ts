import { describe, expect, it } from 'vitest';
import type { Decision, Verdict } from '../opmanager/decision.ts';
import { whatWouldChange } from './what-would-change.ts';

const verdict = (kernel: string, kind: Verdict['kind'], rest: Partial<Verdict>): Verdict => {
  const [provider = '', chip = ''] = kernel.split(/[/:]/);
  return {
    kernel,
    provider,
    kind,
    chip,
    variant: 'default',
    numerics: undefined,
    alone: false,
    instant: false,
    refusal: undefined,
    priorUs: 5,
    overheadUs: 2,
    status: 'rejected',
    reason: undefined,
    detail: undefined,
    tier: 0,
    expectedUs: 5,
    measured: false,
    accuracy: { level: 'unknown' },
    performance: {},
    ...rest,
  };
};
const decision = (...verdicts: Verdict[]): Decision => ({
  node: 'n',
  op: 'Relu',
  signature: 'Relu()',
  language: undefined,
  kernel: undefined,
  region: undefined,
  verdicts,
});

describe('whatWouldChange', () => {
  it('says where operands would have to be', () => {
    const gpu = (winsIf?: Verdict['winsIf']) => verdict('g/gpu:Relu.default', 'vendor', { reason: 'TRANSFER', winsIf });
    expect(whatWouldChange(decision(gpu({ inputs: ['x'], memory: 'vram' }), gpu({ inputs: ['x', 'w'], memory: 'vram' }), gpu()))).toEqual([
      'g/gpu:Relu.default: would win if x were already in vram, or --prefer vendor:g',
      'g/gpu:Relu.default: would win if x and w were already in vram, or --prefer vendor:g',
      'g/gpu:Relu.default: operands and readers that are there already, or --prefer vendor:g',
    ]);
  });

  it('has a sentence for each candidate that was not chosen, and none for the one that was', () => {
    expect(
      whatWouldChange(
        decision(
          verdict('a/cpu:Relu.default', 'vendor', { status: 'chosen' }),
          verdict('b/cpu:Relu.default', 'vendor', { reason: 'SLOWER' }),
          verdict('flagos/cpu:Relu.default', 'flagos', { reason: 'POLICY' }),
          verdict('c/npu:Relu.default', 'vendor', { reason: 'ACC_FAIL', accuracy: { level: 'loose' } }),
          verdict('d/npu:Relu.default', 'vendor', { reason: 'DTYPE', detail: 'float32 only' }),
        ),
      ),
    ).toEqual([
      'b/cpu:Relu.default: a measurement under 7.0 µs, or --prefer vendor:b',
      'flagos/cpu:Relu.default: --prefer flagos/cpu, or --per-op for this op',
      'c/npu:Relu.default: a lower --min-accuracy (it was measured loose)',
      'd/npu:Relu.default: other shapes, types or attributes (float32 only)',
    ]);
  });
});
