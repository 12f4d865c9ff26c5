import { describe, expect, it } from 'vitest';
import { asError, errorTable, FlagosError, wrapError } from './errors.ts';

describe('errors', () => {
  it('compose code, reason, trace and hint', () => {
    const e = new FlagosError('FLAGOS_E_SHAPE', 'shapes do not fit', {
      hint: 'transpose one',
      trace: { op: 'MatMul' },
      details: { a: [1, 2] },
    });
    expect(e.message).toBe('FLAGOS_E_SHAPE: shapes do not fit\n  at op MatMul\n  hint: transpose one');
    expect([e.name, e.kind, e.reason, e.hint]).toEqual(['FlagosError', 'user', 'shapes do not fit', 'transpose one']);
    expect(new FlagosError('FLAGOS_E_KERNEL', 'it broke').message).toBe('FLAGOS_E_KERNEL: it broke');
  });

  it('gather the trace from the inside out, the innermost word winning', () => {
    const e = new FlagosError('FLAGOS_E_KERNEL', 'it broke', { trace: { kernel: 'k', op: 'Conv' } });
    expect(e.at({ op: 'If', chip: 'cpu' }).at({ node: 'n1', model: 'm.onnx' })).toBe(e);
    expect(e.message).toBe('FLAGOS_E_KERNEL: it broke\n  at model m.onnx → node n1 → op Conv → chip cpu → kernel k');
  });

  it('become data', () => {
    const e = new FlagosError('FLAGOS_E_LIMIT', 'too much', { details: { bytes: 5 }, trace: { op: 'Range' } });
    expect(JSON.parse(JSON.stringify(e))).toEqual({
      code: 'FLAGOS_E_LIMIT',
      kind: 'system',
      reason: 'too much',
      trace: { op: 'Range' },
      details: { bytes: 5 },
    });
  });

  it('keep what others threw as the cause', () => {
    const foreign = new TypeError('bad');
    const wrapped = wrapError('FLAGOS_E_KERNEL', foreign, { trace: { chip: 'cpu' } });
    expect([wrapped.code, wrapped.reason, wrapped.cause]).toEqual(['FLAGOS_E_KERNEL', 'bad', foreign]);
    expect(wrapError('FLAGOS_E_KERNEL', 'only a string').reason).toBe('only a string');
    const own = new FlagosError('FLAGOS_E_SHAPE', 'no');
    expect(wrapError('FLAGOS_E_KERNEL', own, { trace: { node: 'n' } })).toBe(own);
    expect(own.trace.node).toBe('n');
    expect(asError(42).message).toBe('42');
  });

  it('have codes of one form and plain titles', () => {
    for (const [code, { title }] of Object.entries(errorTable)) {
      expect(code).toMatch(/^FLAGOS_E_[A-Z_]+$/);
      expect(title).toMatch(/^[A-Z].*[^.]$/);
    }
  });
});
