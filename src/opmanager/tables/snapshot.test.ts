import { describe, expect, it } from 'vitest';
import { snapshotOf, type SnapshotContext } from './snapshot.ts';
import { bucketOf, classOf } from './signature.ts';
import { accuracyRow, performanceRow } from './testing.ts';

const conv = 'Conv{group=1;strides=2,2}(float32[1,3,224,224],float32[64,3,7,7])';
const kernel = 'acme/npu:Conv.default';
const context: SnapshotContext = { chips: new Map([['acme/npu', { fingerprint: '1.0.0', chip: 'x86 v4' }]]) };

describe('signatures', () => {
  it.each([
    [conv, 'Conv{group=1;strides=2,2}(float32[1,4,256,256],float32[64,4,8,8])', 'Conv(float32,float32)'],
    ['Add(float32[],float32[3])', 'Add(float32[],float32[4])', 'Add(float32,float32)'],
    ['Slice(float32[5,?],int64[2])->float32[3,?]', 'Slice(float32[8,?],int64[2])->float32[4,?]', 'Slice(float32,int64)'],
    ['Relu(float32[0,17])', 'Relu(float32[0,32])', 'Relu(float32)'],
    ['If(bool[…])', 'If(bool[…])', 'If(bool)'],
    ['com.microsoft.Gelu(float32[1024])', 'com.microsoft.Gelu(float32[1024])', 'com.microsoft.Gelu(float32)'],
  ])('%s', (signature, bucket, group) => {
    expect(bucketOf(signature)).toBe(bucket);
    expect(classOf(signature)).toBe(group);
    expect(bucketOf(bucket)).toBe(bucket);
  });
});

describe('accuracy', () => {
  it('is unknown where nothing was measured', () => {
    expect(snapshotOf([], context).accuracy(kernel, conv)).toEqual({ level: 'unknown' });
    expect(snapshotOf([accuracyRow(kernel, conv, { level: 'unknown' })], context).accuracy(kernel, conv).level).toBe('unknown');
  });

  it('is the worst of what was measured', () => {
    const rows = [accuracyRow(kernel, conv, { level: 'bitwise', maxEta: 0 }), accuracyRow(kernel, conv, { level: 'loose', maxEta: 9 })];
    expect(snapshotOf(rows, context).accuracy(kernel, conv)).toEqual({ level: 'loose', maxEta: 9, cases: 20, basis: 'exact' });
    const flaky = snapshotOf([...rows, accuracyRow(kernel, conv, { level: 'flaky' })], context);
    expect(flaky.accuracy(kernel, conv).level).toBe('flaky');
  });

  it('stands in for shapes of the same bucket, and for its class', () => {
    const near = conv.replaceAll('224', '200');
    const far = conv.replaceAll('224', '600');
    const rows = [accuracyRow(kernel, conv, { level: 'tight' })];
    expect(snapshotOf(rows, context).accuracy(kernel, near)).toMatchObject({ level: 'tight', basis: 'bucket' });
    expect(snapshotOf(rows, context).accuracy(kernel, far).level).toBe('unknown');
    const swept = [...rows, accuracyRow(kernel, 'Conv(float32,float32)', { level: 'standard' })];
    expect(snapshotOf(swept, context).accuracy(kernel, far)).toMatchObject({ level: 'standard', basis: 'class' });
    // A sweep that failed is not made good by one shape that passed.
    const failed = [...rows, accuracyRow(kernel, 'Conv(float32,float32)', { level: 'fail', maxEta: Infinity })];
    expect(snapshotOf(failed, context).accuracy(kernel, conv)).toMatchObject({ level: 'fail', maxEta: Infinity, basis: 'exact' });
  });

  it('believes what was measured at the very shapes before what was measured near them', () => {
    const near = conv.replaceAll('224', '200');
    const rows = [accuracyRow(kernel, conv, { level: 'fail' }), accuracyRow(kernel, near, { level: 'tight' })];
    expect(snapshotOf(rows, context).accuracy(kernel, near).level).toBe('tight');
    expect(snapshotOf(rows, context).accuracy(kernel, conv.replaceAll('224', '210')).level).toBe('fail');
  });

  it.each([
    ['version', { fingerprint: '0.9.0' }, { stale: 1, elsewhere: 0 }],
    ['chip', { chip: 'x86 v3' }, { stale: 1, elsewhere: 0 }],
    ['kernel nobody has', { kernel: 'other/npu:Conv.default' }, { stale: 0, elsewhere: 1 }],
  ])('says nothing of another %s', (_, over, counts) => {
    const snapshot = snapshotOf([accuracyRow(kernel, conv, over)], context);
    expect(snapshot.accuracy(kernel, conv).level).toBe('unknown');
    expect(snapshot.counts).toMatchObject(counts);
  });

  it('takes from a plugin what speaks against its kernel, and nothing else', () => {
    const says = (level: 'bitwise' | 'fail') =>
      snapshotOf([], { ...context, priors: [accuracyRow(kernel, conv, { level, chip: 'elsewhere' })] }).accuracy(kernel, conv).level;
    expect([says('bitwise'), says('fail')]).toEqual(['unknown', 'fail']);
  });
});

describe('performance', () => {
  it('pools the newest measurements', () => {
    const old = performanceRow(kernel, conv, [1, 1, 1, 1, 1, 1, 1, 1, 1], { date: '2025-01-01T00:00:00.000Z' });
    const fresh = [10, 12, 11, 13].map((us, i) => performanceRow(kernel, conv, [us, us, us], { date: `2026-01-0${i + 1}T00:00:00.000Z` }));
    expect(snapshotOf([old, ...fresh], context).performance(kernel, conv)).toEqual({
      medianUs: 11.5,
      samples: 12,
      madUs: 1,
      coldUs: 1000,
      basis: 'exact',
      date: '2026-01-04T00:00:00.000Z',
    });
  });

  it('prefers quiet measurements to newer ones', () => {
    const rows = [
      performanceRow(kernel, conv, [5]),
      performanceRow(kernel, conv, [50], { quiet: false, date: '2026-02-01T00:00:00.000Z' }),
    ];
    expect(snapshotOf(rows, context).performance(kernel, conv).medianUs).toBe(5);
  });

  it('falls back to the bucket, then to what a plugin ships', () => {
    const near = conv.replaceAll('224', '200');
    expect(snapshotOf([performanceRow(kernel, near, [7])], context).performance(kernel, conv)).toMatchObject({
      medianUs: 7,
      basis: 'bucket',
    });
    const shipped = snapshotOf([], { ...context, priors: [performanceRow(kernel, near, [7], { chip: 'elsewhere' })] });
    expect(shipped.performance(kernel, conv)).toEqual({ shippedUs: 7 });
    expect(snapshotOf([], context).performance(kernel, conv)).toEqual({});
  });

  it('does not change under its reader', () => {
    const rows = [performanceRow(kernel, conv, [5])];
    const snapshot = snapshotOf(rows, context);
    rows.push(performanceRow(kernel, conv, [50], { date: '2027-01-01T00:00:00.000Z' }));
    expect(snapshot.performance(kernel, conv).medianUs).toBe(5);
    expect(snapshot.performance(kernel, conv)).toBe(snapshot.performance(kernel, conv));
  });
});
