import { describe, expect, it } from 'vitest';
import type { DType } from '../../core/dtype.ts';
import { refused } from '../../plugins/contract.ts';
import type { Answer, OpCoverage } from './collect.ts';
import { cellText, coverageMarkdown, shortType, totals, typesText } from './text.ts';

const kernel: Answer = { ok: true, variants: ['fp32'] };
const host: Answer = { ok: true, variants: ['host'] };
const none = refused('DTYPE', 'only float32') as Answer;
const op = (answers: Partial<Record<DType, Answer>>, control = false): OpCoverage => ({
  op: 'Op',
  domain: '',
  control,
  types: Object.entries(answers).map(([dtype, answer]) => ({ dtype: dtype as DType, answers: new Map([['a/chip', answer]]) })),
});
const cell = (answers: Partial<Record<DType, Answer>>): string => cellText(op(answers), 'a/chip');

describe('coverage as text', () => {
  it('names types shortly', () => {
    expect((['float32', 'bfloat16', 'uint8', 'int64', 'complex64', 'string', 'bool', 'float8e4m3fn'] as const).map(shortType)).toEqual([
      'f32',
      'bf16',
      'u8',
      'i64',
      'c64',
      'str',
      'bool',
      'f8e4m3fn',
    ]);
  });

  it('says all, none, or the fewer of those that are and those that are not', () => {
    expect(cell({ float32: kernel, int8: kernel })).toBe('✓');
    expect(cell({ float32: none, int8: none })).toBe('–');
    expect(cell({ float32: host, int8: host })).toBe('host');
    expect(cell({ float32: kernel, int8: none })).toBe('f32');
    expect(cell({ float32: kernel, float64: kernel, int8: none })).toBe('all but i8');
    expect(cell({ float32: kernel, string: host })).toBe('✓; host: str');
    expect(cell({ float32: kernel, float64: kernel, bool: kernel, int8: none, string: host })).toBe('all but i8 str; host: str');
    expect(cell({ float32: none, string: host })).toBe('host: str');
    expect(cellText(op({}, true), 'a/chip')).toBe('runtime');
  });

  it('counts pairs, control flow left out, and makes a table per domain', () => {
    const ops = [
      op({ float32: kernel, int8: none, string: host }),
      { ...op({}, true), op: 'If' },
      { ...op({ float32: kernel }), domain: 'acme' },
    ];
    expect(totals(ops, 'a/chip')).toEqual({ kernel: 2, host: 1, none: 1 });
    expect(typesText(ops[0]!)).toBe('f32 i8 str');
    const page = coverageMarkdown(ops, ['a/chip']);
    expect(page).toContain('| `a/chip` | 2 | 1 | 1 |');
    expect([...page.matchAll(/^## (.*)$/gm)].map(([, domain]) => domain)).toEqual(['ai.onnx', 'acme']);
    expect(page).toContain('| If | – | runtime |');
  });
});
