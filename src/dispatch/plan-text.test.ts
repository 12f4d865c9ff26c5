import { describe, expect, it } from 'vitest';
import type { OpenChip } from './planned.ts';
import { canBeWritten, planKernel, planOfKernel, readPlan, writePlan } from './plan-text.ts';

const chip = (id: string, version = '1', fingerprint = 'x'): OpenChip => {
  const [name, chipId] = id.split('/');
  return { id, provider: { name, version }, chip: { id: chipId, description: '', fingerprint } } as unknown as OpenChip;
};
const chips = [chip('a/cpu'), chip('b/cpu')];
const plan = { labels: ['a/cpu.x', 'a/cpu.x', 'b/cpu.y', 'b/cpu.y', 'b/cpu.y'], cuts: new Set([4]) };

describe('plans as text', () => {
  it('come back as they were', () => {
    expect(writePlan(plan)).toBe('a/cpu.x*2,b/cpu.y*2|b/cpu.y*1');
    expect(readPlan(writePlan(plan))).toEqual(plan);
    expect(planOfKernel(planKernel(plan, chips), chips)).toEqual(plan);
  });

  it.each(['', 'a/cpu.x', 'a/cpu.x*0', 'a/cpu.x*2,,b*1', 'a/cpu.x*1,a/cpu.x*1', 'a/cpu.x*99999999999', '*3'])('%j is none', (text) => {
    expect(readPlan(text)).toBeUndefined();
  });

  it('are others when any of their chips is another', () => {
    const kernel = planKernel(plan, chips);
    expect(kernel.startsWith('a/cpu:Graph.')).toBe(true);
    expect(planOfKernel(kernel, [chips[0]!, chip('b/cpu', '2')])).toBeUndefined();
    expect(planOfKernel(kernel, [chips[0]!, chip('b/cpu', '1', 'y')])).toBeUndefined();
    expect(planOfKernel(kernel, [chips[0]!])).toBeUndefined();
    expect(planOfKernel(kernel, [...chips, chip('c/cpu')])).toEqual(plan);
    expect(planOfKernel('a/cpu:Conv.default', chips)).toBeUndefined();
  });

  it('do not hold names that would be read wrong', () => {
    expect(['a/cpu.x', 'a/cpu.x-1_2'].every(canBeWritten)).toBe(true);
    expect(['a/cpu.x*2', 'a/cpu.x,y', 'a/cpu.x|y', 'a/cpu.x@y', 'a/cpu.x y'].some(canBeWritten)).toBe(false);
  });
});
