import { describe, expect, it } from 'vitest';
import { globMatches } from './glob.ts';
import { nearest } from './nearest.ts';

describe('nearest', () => {
  const known = ['Conv', 'ConvTranspose', 'MatMul', 'Relu'];
  it.each([
    ['Conf', 'Conv'],
    ['conv', 'Conv'],
    ['MatMull', 'MatMul'],
    ['Matmul', 'MatMul'],
    ['ConvTranpsose', 'ConvTranspose'],
    ['rleu', undefined],
    ['Softmax', undefined],
    ['', undefined],
    ['x'.repeat(1_000_000), undefined],
  ])('%.20s → %s', (word, expected) => {
    expect(nearest(word, known)).toBe(expected);
  });
});

describe('globMatches', () => {
  it.each([
    ['', '', true],
    ['*', '', true],
    ['a*', 'a', true],
    ['a', 'ab', false],
    ['*b*', 'abc', true],
    ['a*b*c', 'a-c-b-c', true],
    ['a*b*c', 'a-c-c', false],
    ['ab*ba', 'aba', false],
    ['a.c', 'abc', false],
    ['**', 'x', true],
  ])('%s and %s', (pattern, name, fits) => {
    expect(globMatches(pattern, name)).toBe(fits);
  });

  it('does not take long over many stars', () => {
    expect(globMatches(`${'a*'.repeat(1000)}b`, 'a'.repeat(100_000))).toBe(false);
  });
});
