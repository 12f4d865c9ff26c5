import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lineOf, readTable } from './jsonl.ts';
import { accuracyRow, performanceRow } from './testing.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const rows = [
  accuracyRow('a/b:Abs.default', 'Abs(float32[2])', { failed: ['a "quoted" {"id'] }),
  performanceRow('a/b:Abs.default', 'Abs(float32[3])', [1, 2, 3]),
  accuracyRow('a/b:Abs.default', 'Abs(float32[4])', { maxEta: NaN, maxRel: -Infinity }),
];
const lines = rows.map(lineOf);

describe('tables as text', () => {
  it('gives back what was written, keys sorted', () => {
    expect(readTable(bytes(lines.join('')))).toEqual({ rows, foreign: [], damaged: 0, torn: false, repeated: 0 });
    const keys = Object.keys(JSON.parse(lines[0]!) as object);
    expect(keys).toEqual([...keys].sort());
  });

  it('keeps fields it does not know', () => {
    const newer = { ...rows[1]!, energy: { joules: 3 } };
    expect(readTable(bytes(lineOf(newer))).rows).toEqual([newer]);
  });

  it('keeps lines of another schema and does not read them', () => {
    const other = JSON.stringify({ schema: 2, whatever: true });
    expect(readTable(bytes(`${other}\n${lines[0]}${other}\n`))).toMatchObject({ rows: [rows[0]], foreign: [other], damaged: 0 });
  });

  it('counts a line that was cut short, and goes on', () => {
    const cut = lines[1]!.slice(0, 40);
    expect(readTable(bytes(lines[0]! + cut))).toMatchObject({ rows: [rows[0]], damaged: 1, torn: true });
    expect(readTable(bytes(`${lines[0]!}${cut}\n${lines[2]!}`))).toMatchObject({ rows: [rows[0], rows[2]], damaged: 1, torn: false });
    // Another process appended before anybody saw that the line had no end.
    expect(readTable(bytes(cut + lines[2]!))).toMatchObject({ rows: [rows[2]], damaged: 1 });
  });

  it('counts a row once', () => {
    expect(readTable(bytes(lines.join('') + lines.join('')))).toMatchObject({ rows, repeated: 3 });
  });

  it.each([
    ['no object', '[1]'],
    ['no table', JSON.stringify({ ...rows[0], table: 'other' })],
    ['a field is missing', JSON.stringify({ ...rows[0], kernel: undefined })],
    ['a field is of another type', JSON.stringify({ ...rows[0], level: 'superb' })],
  ])('damaged: %s', (_, line) => {
    expect(readTable(bytes(`${line}\n`))).toMatchObject({ rows: [], foreign: [], damaged: 1 });
  });

  it('survives any bytes, and finds the rows around them', () => {
    const garbage = fc.uint8Array({ maxLength: 200 }).map((a) => a.map((b) => (b === 10 ? 0 : b)));
    fc.assert(
      fc.property(garbage, fc.nat(2), (junk, at) => {
        const parts = lines.map((l, i) => (i === at ? Buffer.concat([junk, bytes('\n'), bytes(l)]) : bytes(l)));
        const found = readTable(Buffer.concat(parts));
        expect(found.rows).toEqual(rows);
        expect(found.damaged).toBeLessThanOrEqual(1);
      }),
      { numRuns: 500 },
    );
  });

  it('survives any change of its bytes', () => {
    const whole = bytes(lines.join(''));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 20 }), (changes) => {
        const changed = whole.slice();
        for (const [at, byte] of changes) changed[at] = byte;
        const found = readTable(changed);
        expect(found.rows.length + found.damaged + found.foreign.length).toBeLessThanOrEqual(3 + changes.length * 2);
      }),
      { numRuns: 500 },
    );
  });
});
