import { beforeEach, describe, expect, it } from 'vitest';
import { Quarantine } from './quarantine.ts';

describe('Quarantine', () => {
  let time: number;
  let quarantine: Quarantine;
  beforeEach(() => {
    time = 1000;
    quarantine = new Quarantine({ now: () => time, periodMs: 100, longestMs: 350 });
  });

  it('holds one kernel back on one signature until its time is over', () => {
    quarantine.add('acme/npu:Conv.default', 'Conv f32 [1,3]', 'it broke');
    expect(quarantine.find('acme/npu:Conv.default', 'Conv f32 [1,3]')).toEqual({
      kernel: 'acme/npu:Conv.default',
      signature: 'Conv f32 [1,3]',
      reason: 'it broke',
      since: 1000,
      until: 1100,
      failures: 1,
    });
    expect(quarantine.find('acme/npu:Conv.default', 'Conv f32 [1,4]')).toBeUndefined();
    expect(quarantine.find('acme/npu:Conv.fast', 'Conv f32 [1,3]')).toBeUndefined();
    time = 1099;
    expect(quarantine.list()).toHaveLength(1);
    time = 1100;
    expect(quarantine.list()).toEqual([]);
    expect(quarantine.find('acme/npu:Conv.default', 'Conv f32 [1,3]')).toBeUndefined();
  });

  it('doubles the time with each failure, up to the longest', () => {
    const times = [1, 2, 3, 4, 5].map(() => {
      const { since, until, failures } = quarantine.add('k', 's', 'again');
      time = until + 10;
      return [failures, until - since];
    });
    expect(times).toEqual([
      [1, 100],
      [2, 200],
      [3, 350],
      [4, 350],
      [5, 350],
    ]);
  });

  it('releases one signature, or all of a kernel, and forgets the failures', () => {
    quarantine.add('k', 'a', 'x');
    quarantine.add('k', 'b', 'x');
    quarantine.add('other', 'a', 'x');
    expect(quarantine.release('k', 'a')).toBe(1);
    expect(quarantine.list().map((e) => [e.kernel, e.signature])).toEqual([
      ['k', 'b'],
      ['other', 'a'],
    ]);
    quarantine.add('k', 'a', 'x');
    expect(quarantine.release('k')).toBe(2);
    expect(quarantine.release('k')).toBe(0);
    expect(quarantine.add('k', 'a', 'x').failures).toBe(1);
  });

  it('does not count as released what was over', () => {
    quarantine.add('k', 'a', 'x');
    time = 2000;
    expect(quarantine.release('k')).toBe(0);
    expect(quarantine.add('k', 'a', 'x').failures).toBe(1);
  });

  it('tells when something changed', () => {
    const { version } = quarantine;
    quarantine.add('k', 'a', 'x');
    expect(quarantine.version).toBe(version + 1);
    quarantine.release('none');
    expect(quarantine.version).toBe(version + 1);
    quarantine.release('k');
    expect(quarantine.version).toBe(version + 2);
  });

  it('keeps kernel and signature apart', () => {
    quarantine.add('a b', 'c', 'x');
    expect(quarantine.find('a', 'b c')).toBeUndefined();
  });

  it('forgets the oldest failures when there are thousands', () => {
    for (let i = 0; i < 5000; i++) quarantine.add('k', `shape ${i}`, 'x');
    expect(quarantine.list()).toHaveLength(4096);
    expect(quarantine.find('k', 'shape 0')).toBeUndefined();
    expect(quarantine.find('k', 'shape 4999')).toBeDefined();
  });
});
