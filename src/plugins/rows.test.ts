import { expect, it } from 'vitest';
import { tensorType, type Node } from '../core/graph.ts';
import { refuse } from './facts.ts';
import { Rows } from './rows.ts';
import type { Region } from './contract.ts';

const node = (op: string, domain = ''): Node => ({ name: 'n', op, domain, version: 1, inputs: ['x'], outputs: ['y'], attrs: {} });
const region = (...nodes: Node[]): Region => {
  const value = (name: string) => ({ name, type: tensorType('float32', [2]) });
  const types = new Map(['x', 'y'].map((name) => [name, tensorType('float32', [2])]));
  return { nodes, inputs: [value('x')], outputs: [value('y')], constants: new Map(), types };
};
const rows = new Rows<string[]>({
  library: 'libacme',
  rows: {
    Abs: (_, p) => void p?.push('abs'),
    'acme.Abs': (_, p) => void p?.push('acme abs'),
    Neg: (f) => void (f.dims(0).length === 1 && refuse('RANK', 'two axes and more')),
    Elu: () => {},
  },
  knownBugs: { Elu: 'loses digits' },
});

it('says what it has, and why not', () => {
  expect(rows.supports(region(node('Abs'), node('Abs', 'acme')))).toEqual({ ok: true });
  expect(rows.supports(region(node('Abs'), node('Sin')))).toMatchObject({ ok: false, reason: 'NO_KERNEL', detail: 'libacme has no Sin' });
  expect(rows.supports(region(node('Neg')))).toMatchObject({ reason: 'RANK', detail: 'two axes and more' });
  expect(rows.supports(region(node('Elu')))).toMatchObject({ reason: 'KNOWN_BUG', detail: 'Elu: loses digits' });
  expect(rows.find('', 'Elu')).toBeDefined();
  expect(rows.find('', 'toString')).toBeUndefined();
});

it('makes what it supports, by the same rows', () => {
  const program: string[] = [];
  for (const [row, facts] of rows.take(region(node('Abs'), node('Abs', 'acme')))) row(facts, program);
  expect(program).toEqual(['abs', 'acme abs']);
  expect(() => rows.take(region(node('Neg')))).toThrow(/FLAGOS_E_UNSUPPORTED: two axes and more/);
});
