import { describe, expect, it } from 'vitest';
import { makeProgress, watchPreparing, watchSteps } from './progress.ts';
import { testIo } from './testing.ts';

describe('makeProgress', () => {
  it('rewrites one line on a terminal, from the first second on, ten times a second at most', () => {
    const io = testIo({ interactive: true, width: 12 });
    let t = 0;
    const progress = makeProgress(io, false, () => t);
    progress.update('too early');
    t = 1000;
    progress.update('one');
    t = 1050;
    progress.update('too soon');
    t = 1100;
    progress.update('two, and much longer than the line');
    t = 2000;
    progress.tick();
    progress.clear();
    progress.clear();
    expect(io.stderr().split('\r\u001b[2K')).toEqual(['', '1 s  one', '1 s  two, …', '2 s  two, …', '']);
    expect(io.stdout()).toBe('');
  });

  it('writes nothing where nobody watches, unless asked', () => {
    const io = testIo();
    const silent = makeProgress(io, false, () => 1e9);
    silent.update('hello');
    expect([silent.shown, io.stderr(), watchSteps(silent, 'run')]).toEqual([false, '', undefined]);
    let t = 0;
    const asked = makeProgress(io, true, () => t);
    t = 1000;
    asked.update('one');
    t = 2000;
    asked.update('too soon for a file');
    t = 6000;
    asked.update('two');
    asked.clear();
    expect(io.stderr()).toBe('1 s  one\n6 s  two\n');
  });

  it('says how far the preparation of kernels is', () => {
    const io = testIo();
    let t = 0;
    const watch = watchPreparing(makeProgress(io, true, () => t));
    const at = { done: 1, regions: 3, label: 'conv1', kernel: 'flagos/cpu:Conv.fp32' };
    t = 1000;
    watch({ ...at, parts: undefined });
    t = 6000;
    watch({ ...at, parts: { done: 2, total: 4 } });
    expect(io.stderr()).toBe('1 s  preparing 2 of 3 for flagos/cpu: conv1\n6 s  preparing 2 of 3 for flagos/cpu, 2 of 4 compiled: conv1\n');
  });
});
