import { describe, expect, it } from 'vitest';
import type { MaybePromise } from '../core/async.ts';
import { carryOut, wait, type Flow } from './flow.ts';

const later = <T>(value: T): Promise<T> => new Promise((resolve) => setImmediate(() => resolve(value)));

describe('carryOut', () => {
  function* sum(items: readonly MaybePromise<number>[]): Flow<number> {
    let total = 0;
    for (const item of items) total += yield* wait(item);
    return total;
  }

  it('is synchronous as long as nothing is waited for', () => {
    expect(carryOut(sum([1, 2, 3]))).toBe(6);
    expect(carryOut(sum([]))).toBe(0);
  });

  it('waits for promises, in order, wherever they come', async () => {
    for (const items of [
      [later(1), 2, later(3)],
      [1, 2, later(3)],
      [later(1), 2, 3],
    ]) {
      const result = carryOut(sum(items));
      expect(result).toBeInstanceOf(Promise);
      expect(await result).toBe(6);
    }
  });

  it('throws rejections where they are waited for, so that they can be caught there', async () => {
    function* careful(x: Promise<number>): Flow<string> {
      try {
        return `${yield* wait(x)}`;
      } catch (e) {
        return `caught ${String(e)}, then ${yield* wait(later(7))}`;
      }
    }
    expect(await carryOut(careful(Promise.reject(new Error('no'))))).toBe('caught Error: no, then 7');
    await expect(carryOut(sum([1, Promise.reject(new Error('no'))]))).rejects.toThrow('no');
  });

  it('throws at once what is thrown before anything is waited for', () => {
    // oxlint-disable-next-line require-yield
    function* broken(): Flow<number> {
      throw new Error('at once');
    }
    expect(() => carryOut(broken())).toThrow('at once');
  });
});
