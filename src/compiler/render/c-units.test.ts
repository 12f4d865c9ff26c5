import { describe, expect, it } from 'vitest';
import type { Helper } from '../loops.ts';
import { unitsOf, wholeText, type StageText } from './c-units.ts';

const shared: Helper = { needs: ['typedef int T;'], declaration: 'extern T table[1];', definition: 'T table[1] = {7};' };
const stage = (i: number, chars: number, helpers: readonly Helper[] = []): StageText => ({
  name: `stage${i}`,
  buffers: ['float* restrict b0'],
  text: `  /* ${i} ${'x'.repeat(chars)} */`,
  helpers,
});
const entries = ['void run(void) { stage0(); }'];
const count = (text: string, part: string): number => text.split(part).length - 1;

describe('translation units', () => {
  it('stay one where there is little to compile', () => {
    const program = { stages: [stage(0, 100), stage(1, 100)], entries };
    const units = unitsOf(program, 8);
    expect(units).toEqual([{ text: wholeText(program), shared: false }]);
  });

  it('are at most as many as asked for, of about the same length, and hold every stage and the entry once', () => {
    const stages = [30_000, 4_000, 9_000, 20_000, 2_000].map((chars, i) => stage(i, chars));
    const units = unitsOf({ stages, entries }, 2);
    expect(units.length).toBe(2);
    for (const s of stages) {
      expect(units.reduce((n, u) => n + count(u.text, s.text), 0)).toBe(1);
      expect(units[0]!.text).toContain(`void ${s.name}(const ctx_t*`);
    }
    expect(units.map((u) => count(u.text, 'void run'))).toEqual([1, 0]);
    const [a, b] = units.map((u) => u.text.length);
    expect(Math.abs(a! - b!)).toBeLessThan(10_000);
  });

  it('hold a helper once each, before what needs it, and shared ones apart', () => {
    const helpers = ['typedef int T;', shared];
    const stages = [stage(0, 15_000, helpers), stage(1, 15_000, helpers), stage(2, 100, ['#define X 1'])];
    const [main, other, apart] = unitsOf({ stages, entries }, 2);
    for (const unit of [main!, other!]) {
      expect(count(unit.text, 'typedef int T;')).toBe(1);
      expect(count(unit.text, shared.declaration)).toBe(1);
      expect(unit.text).not.toContain(shared.definition);
      expect(unit.text.indexOf('typedef int T;')).toBeLessThan(unit.text.indexOf(shared.declaration));
    }
    expect(count(main!.text + other!.text, '#define X 1')).toBe(1);
    expect(apart).toMatchObject({ shared: true });
    expect(apart!.text).toMatch(/typedef int T;\nT table\[1\] = \{7\};/);
    expect(count(wholeText({ stages, entries }), shared.definition)).toBe(1);
  });
});
