import { expect, it } from 'vitest';
import type { Node } from '../../../core/graph.ts';
import { findOp } from '../../../ops/index.ts';
import { adoptedForm } from './onnxruntime.ts';

const node = (domain: string, op: string, version: number): Node => ({
  name: 'n',
  op,
  domain,
  version,
  inputs: ['x', 's'],
  outputs: ['y'],
  attrs: {},
});

it('RMS norm is found in the domain of onnxruntime, too', () => {
  const { domain, op } = adoptedForm(node('com.microsoft', 'SimplifiedLayerNormalization', 1));
  expect(findOp(domain, op)?.name).toBe('SimplifiedLayerNormalization');
});

it('other nodes stay as they are', () => {
  for (const given of [node('', 'LayerNormalization', 17), node('com.microsoft', 'SkipLayerNormalization', 1), node('', 'Relu', 6)])
    expect(adoptedForm(given)).toBe(given);
});
