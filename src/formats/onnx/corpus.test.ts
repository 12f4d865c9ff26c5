/** The reader over every model of the ONNX backend tests: read, write, read again, and cut off. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FlagosError } from '../../core/errors.ts';
import type { Graph } from '../../core/graph.ts';
import { readModel } from './read.ts';
import { readValue } from './tensor-proto.ts';
import { errorOf } from './testing.ts';
import { opVersions } from './upgrade/op-versions.ts';
import { writeModel } from './write.ts';

const root = process.env['FLAGOS_ONNX_TESTS'] ?? '../shared/onnx';
const suites = ['node', 'simple', 'pytorch-converted', 'pytorch-operator'];
const casesOf = (suite: string): string[] =>
  readdirSync(join(root, suite))
    .map((name) => join(root, suite, name))
    .filter((folder) => existsSync(join(folder, 'model.onnx')));
const present = existsSync(join(root, 'node'));

/** Operator sets of the newest forms, with the model's own versions for other domains. */
const newestOpsets = (opsets: string): Record<string, number> => {
  const found = Object.fromEntries(
    opsets
      .split(', ')
      .map((part) => part.split(' '))
      .map(([domain, version]) => [domain!, Number(version)]),
  );
  delete found['ai.onnx'];
  return { ...found, '': 28 };
};
const essence = ({ inputs, outputs, initializers, nodes }: Graph): unknown => ({ inputs, outputs, initializers, nodes });

describe.skipIf(!present)(`models in ${root} (skipped when absent)`, () => {
  it.each(suites)('%s: every model reads, in the newest forms, and writes to the same graph', (suite) => {
    const cases = casesOf(suite);
    expect(cases.length).toBeGreaterThan(10);
    for (const folder of cases) {
      const { graph, metadata } = readModel(readFileSync(join(folder, 'model.onnx')), { name: folder });
      for (const n of graph.nodes) if (n.domain === '') expect([n.op, opVersions[n.op]?.at(-1)]).toEqual([n.op, n.version]);
      const again = readModel(writeModel({ graph, name: 'again', opsets: newestOpsets(metadata['opsets']!) }), { name: folder });
      expect(essence(again.graph)).toEqual(essence(graph));
    }
  });

  it.each(suites)('%s: every stored value is of the type its model declares', (suite) => {
    for (const folder of casesOf(suite)) {
      const { graph } = readModel(readFileSync(join(folder, 'model.onnx')), { name: folder });
      for (const set of readdirSync(folder).filter((name) => name.startsWith('test_data_set'))) {
        for (const file of readdirSync(join(folder, set))) {
          const [kind, index] = file.split(/[_.]/);
          const info = (kind === 'input' ? graph.inputs : graph.outputs)[Number(index)];
          const value = readValue(readFileSync(join(folder, set, file)), info?.type);
          if (info?.type?.kind === 'tensor') expect(value).toMatchObject({ dtype: info.type.dtype });
        }
      }
    }
  });

  it('cut at every fiftieth, a file is a typed error', () => {
    const light = readdirSync(join(root, 'light'))
      .filter((name) => name.endsWith('.onnx'))
      .map((name) => join(root, 'light', name));
    const others = suites.flatMap((suite) =>
      casesOf(suite)
        .slice(0, 40)
        .map((folder) => join(folder, 'model.onnx')),
    );
    for (const path of [...light, ...others]) {
      const bytes = readFileSync(path);
      for (let i = 0; i < 50; i++) {
        const end = Math.floor((bytes.length * i) / 50);
        // The operator sets stand at the end of the file, so no shorter piece is a whole model.
        const error = errorOf(() => readModel(bytes.subarray(0, end), { name: path }));
        expect(error.code).toMatch(/^FLAGOS_E_MODEL_(FORMAT|INVALID)$/);
      }
    }
  });

  it('light models read whole', () => {
    for (const name of readdirSync(join(root, 'light')).filter((n) => n.endsWith('.onnx'))) {
      const { graph } = readModel(readFileSync(join(root, 'light', name)), { name });
      expect(graph.nodes.length).toBeGreaterThan(20);
      // Their softmax works over one axis: no folding is needed.
      expect(graph.nodes.filter((n) => n.op === 'Flatten')).toEqual([]);
    }
  });
});

describe('a model from a package', () => {
  it('Silero VAD reads: three levels of subgraphs, 200 constants', () => {
    const path = 'node_modules/@ricky0123/vad-web/dist/silero_vad_v5.onnx';
    const bytes = readFileSync(path);
    const { graph } = readModel(bytes, { name: path });
    expect(graph.inputs.map((i) => i.name)).toEqual(['input', 'state', 'sr']);
    expect(graph.nodes.map((n) => n.op)).toContain('If');
    const consumed = readModel(new Uint8Array(bytes), { name: path, consume: true });
    expect(consumed).toEqual(readModel(bytes, { name: path }));
    expect(() => readModel(bytes.subarray(0, bytes.length >> 1), { name: path })).toThrow(FlagosError);
  });
});
