import { describe, expect, it } from 'vitest';
import { opName } from '../../core/graph.ts';
import { bindNode, inferTypes } from '../../ops/bind.ts';
import { evaluateNode } from '../../ops/evaluate.ts';
import { opSet } from '../../ops/index.ts';
import { Tensor } from '../../core/tensor.ts';
import { exampleOf, typeOf, typesOf } from './example.ts';
import { examples } from './table.ts';

const records = opSet.records.filter((r) => !r.control).map((r) => [opName(r.domain, r.name), r] as const);

describe('example calls', () => {
  it('are of ops there are', () => {
    for (const name of Object.keys(examples)) expect(records.map(([n]) => n)).toContain(name);
  });

  it.each(records)('%s can be run, and is allowed with every type the record allows', (_, record) => {
    const types = typesOf(record);
    const first = exampleOf(record, opSet, types[0]);
    expect(evaluateNode(record, first.node, first.inputs)).toBeInstanceOf(Array);
    for (const dtype of types) {
      const { node, inputs } = exampleOf(record, opSet, dtype);
      const args = inputs.map((v) => ({ type: typeOf(v), value: v instanceof Tensor ? v : undefined }));
      expect(inferTypes(bindNode(record, node), args).length).toBe(1);
    }
  });
});
