import { describe, expect, it } from 'vitest';
import { parseGate } from '../gates.ts';
import { selftest } from './run.ts';

describe('diff selftest', () => {
  const rows = selftest(['polygraphy', 'pytorch', 'onnx', 'numpy:1e-3,1e-5', 'msprobe:L1', 'cosine>=0.999'].map(parseGate));
  it.each(rows.filter((r) => r.wrong).map((r) => [r.fault, r] as const))('finds: %s', (_, row) => expect(row.objects['flagos']).toBe(true));
  it.each(rows.filter((r) => !r.wrong).map((r) => [r.fault, r] as const))('lets pass: %s', (_, row) => expect(row.says).toBe(''));
  it('has at least 22 faults, and each other rule misses some', () => {
    const wrong = rows.filter((r) => r.wrong);
    expect(wrong.length).toBeGreaterThanOrEqual(22);
    for (const name of Object.keys(rows[0]!.objects).slice(1))
      expect(wrong.filter((r) => r.objects[name]).length).toBeLessThan(wrong.length);
  });
});
