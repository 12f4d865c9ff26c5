import { expect, it } from 'vitest';
import type { Region } from '../plugins/contract.ts';
import type { OutputDiff } from './output-diff.ts';
import { Roles } from './roles.ts';

const region = (from: string, to: string): Region => ({
  nodes: [],
  inputs: [{ name: from, type: undefined }],
  outputs: [{ name: to, type: undefined }],
  constants: new Map(),
  types: new Map(),
});
/** An output that is off by this much in all, relative to its size. */
const off = (relative: number): OutputDiff[] => [{ accumulated: { relative } } as OutputDiff];

it('what is right within a declared precision inherits nothing from exact inputs, and is inherited from', () => {
  const roles = new Roles();
  expect(roles.of(region('x', 'a'), off(2e-3), true)).toBe('clean');
  expect(roles.of(region('a', 'b'), off(3e-3), true)).toBe('inherited');
});

it('an error is injected once, carried on after that, and may grow on the way', () => {
  const roles = new Roles();
  expect(roles.of(region('x', 'a'), off(0.01), false)).toBe('injected');
  expect(roles.of(region('a', 'b'), off(0.01), true)).toBe('inherited');
  expect(roles.of(region('b', 'c'), off(0.05), true)).toBe('amplified');
  expect(roles.of(region('y', 'd'), off(0), true)).toBe('clean');
});
