import { describe, expect, it } from 'vitest';
import {
  defaultPolicy,
  levelFor,
  mergePolicies,
  parseToken,
  tierOf,
  tokenMatches,
  vendorAllowed,
  type PolicyCandidate,
  type PolicyOverride,
} from './policy.ts';

const candidate = (provider: string, kind: PolicyCandidate['kind'], chip = 'cpu', op = 'Conv', variant = 'default'): PolicyCandidate => ({
  provider,
  kind,
  chip,
  kernel: `${provider}/${chip}:${op}.${variant}`,
});
const native = candidate('flagos', 'flagos');
const wasm = candidate('flagos', 'flagos', 'wasm');
const ort = candidate('onnxruntime', 'vendor');
const acme = candidate('acme', 'vendor', 'npu');
const reference = candidate('reference', 'reference');
const all = [native, wasm, ort, acme, reference];

describe('tokens', () => {
  it.each([
    ['flagos', [native, wasm]],
    ['vendor', [ort, acme]],
    ['reference', [reference]],
    ['vendor:acme', [acme]],
    ['vendor:flagos', []],
    ['flagos/wasm', [wasm]],
    ['acme/npu', [acme]],
    ['acme/cpu', []],
    ['impl:flagos/cpu:Conv.default', [native]],
    ['impl:flagos/cpu:Conv', [native]],
    ['impl:flagos/cpu:Con', []],
    ['impl:flagos/cpu:Conv.winograd', []],
  ])('%s', (token, expected) => {
    expect(all.filter((c) => tokenMatches(token, c))).toEqual(expected);
  });

  it('reads kernel ids with dots in the op', () => {
    const gelu = candidate('flagos', 'flagos', 'cpu', 'com.microsoft.Gelu', 'fast');
    expect(tokenMatches('impl:flagos/cpu:com.microsoft.Gelu', gelu)).toBe(true);
    expect(tokenMatches('impl:flagos/cpu:com.microsoft', gelu)).toBe(false);
  });

  it.each([
    ['flagso', "'flagso' is not a token", 'did you mean flagos?'],
    ['Reference', "'Reference' is not a token", 'did you mean reference?'],
    ['onnxruntime', "'onnxruntime' is not a token", 'did you mean vendor:onnxruntime?'],
    ['a b', 'is not a token', 'see docs/cli.md for what each token means'],
    ['', 'is not a token', 'see docs/cli.md for what each token means'],
    ['flagos/cpu/x', 'is not a token', 'see docs/cli.md for what each token means'],
    ['vendor:', "'vendor:' names no vendor", 'write vendor:<name>, for example vendor:onnxruntime'],
    ['impl:Conv', 'names no kernel', 'write impl:<provider>/<chip>:<Op>.<variant>, as `flagos explain` shows them'],
  ])('refuses %j', (token, reason, hint) => {
    expect(() => parseToken(token)).toThrow(
      expect.objectContaining({ code: 'FLAGOS_E_CONFIG', reason: expect.stringContaining(reason), hint }),
    );
  });
});

describe('tierOf', () => {
  /** Tiers of: native, wasm, ort, acme, reference; `-` where policy forbids. */
  const tiers = (override: PolicyOverride, op = 'Conv'): string =>
    all.map((c) => tierOf(c, op, mergePolicies(defaultPolicy, override)) ?? '-').join(' ');

  it.each<[string, PolicyOverride, string]>([
    ['no preference: everyone, the reference last', {}, '0 0 0 0 1'],
    ['no preference and fallback none: the same, nothing was preferred', { fallback: 'none' }, '0 0 0 0 1'],
    ['denied', { denyVendors: ['acme'] }, '0 0 0 - 1'],
    ['allowed', { allowVendors: ['acme'] }, '0 0 - 0 1'],
    ['nobody allowed', { allowVendors: [] }, '0 0 - - 1'],
    ['allowed and denied: denied', { allowVendors: ['acme'], denyVendors: ['acme'] }, '0 0 - - 1'],
    ['a list concerns vendors only', { denyVendors: ['flagos', 'reference'] }, '0 0 0 0 1'],
    ['order, then any', { prefer: ['vendor:onnxruntime', 'flagos'] }, '1 1 0 2 3'],
    ['order, then native', { prefer: ['vendor:onnxruntime'], fallback: 'native' }, '1 1 0 - 2'],
    ['order, then nobody', { prefer: ['vendor:onnxruntime', 'reference'], fallback: 'none' }, '- - 0 - 1'],
    ['the first token that matches counts', { prefer: ['flagos/wasm', 'flagos', 'vendor'], fallback: 'none' }, '1 0 2 2 -'],
    ['preferred but denied', { prefer: ['vendor:acme'], denyVendors: ['acme'] }, '1 1 1 - 2'],
    ['reference first', { prefer: ['reference'] }, '1 1 1 1 0'],
    ['kernel', { prefer: ['impl:acme/npu:Conv'], fallback: 'none' }, '- - - 0 -'],
    ['order of the op in place of prefer', { prefer: ['vendor'], perOp: { Conv: ['flagos'] }, fallback: 'none' }, '0 0 - - -'],
    ['order of another op', { prefer: ['vendor'], perOp: { MatMul: ['flagos'] }, fallback: 'none' }, '- - 0 0 -'],
    ['an empty order for the op: no preference there', { prefer: ['vendor'], perOp: { Conv: [] }, fallback: 'none' }, '0 0 0 0 1'],
    ['a pattern', { perOp: { 'Con*': ['reference'] } }, '1 1 1 1 0'],
    ['the name before a pattern', { perOp: { 'Con*': ['reference'], Conv: ['vendor:acme'], '*': ['flagos'] } }, '1 1 1 0 2'],
    ['the longer pattern', { perOp: { '*': ['flagos'], 'Con*': ['vendor:acme'] } }, '1 1 1 0 2'],
  ])('%s', (_, override, expected) => {
    expect(tiers(override)).toBe(expected);
  });

  it.each([
    ['Reduce*', 'ReduceSum', true],
    ['Reduce*', 'Reduce', true],
    ['Reduce*', 'GlobalReduce', false],
    ['com.microsoft.*', 'com.microsoft.Gelu', true],
    ['*Pool', 'MaxPool', true],
    ['*Pool', 'MaxUnpool', false],
    ['Q*Mat*l', 'QLinearMatMul', true],
    ['a*a', 'a', false],
    ['ab*ba*', 'aba', false],
    ['toString', 'constructor', false],
    ['*', '__proto__', true],
  ])('pattern %s and op %s', (pattern, op, fits) => {
    expect(
      tierOf(reference, op, mergePolicies(defaultPolicy, { prefer: ['flagos'], perOp: { [pattern]: ['reference'] }, fallback: 'none' })),
    ).toBe(fits ? 0 : undefined);
  });

  it('is not misled by names every object has', () => {
    expect(tierOf(native, 'constructor', defaultPolicy)).toBe(0);
  });

  it('vendorAllowed lets everyone in by default', () => {
    expect(all.every((c) => vendorAllowed(c, defaultPolicy))).toBe(true);
  });
});

describe('levelFor', () => {
  it('is that of the op, of the longest pattern, or the least of all', () => {
    const policy = mergePolicies(defaultPolicy, {
      accuracy: { min: 'tight', perOp: { 'Re*': 'standard', 'Reduce*': 'loose', Relu: 'bitwise' } },
    });
    expect(['Relu', 'ReduceSum', 'Reshape', 'Conv'].map((op) => levelFor(op, policy))).toEqual(['bitwise', 'loose', 'standard', 'tight']);
  });
});

describe('mergePolicies', () => {
  it('replaces lists, merges ops and fields, leaves what is absent', () => {
    const base = mergePolicies(defaultPolicy, {
      prefer: ['flagos'],
      denyVendors: ['a'],
      perOp: { Conv: ['vendor'], Add: ['flagos'] },
      accuracy: { min: 'tight' },
    });
    const merged = mergePolicies(
      base,
      { denyVendors: ['b'] },
      { perOp: { Conv: ['reference'] }, accuracy: { unknown: 'deny', perOp: { Gelu: 'loose' }, budget: { ms: 5 } }, prefer: undefined },
    );
    expect(merged).toEqual({
      prefer: ['flagos'],
      denyVendors: ['b'],
      perOp: { Conv: ['reference'], Add: ['flagos'] },
      allowVendors: undefined,
      fallback: 'any',
      onFailure: 'next',
      accuracy: { min: 'tight', unknown: 'deny', perOp: { Gelu: 'loose' }, budget: { bytes: 4_194_304, ms: 5 } },
    });
    expect(base.perOp['Conv']).toEqual(['vendor']);
  });
});
