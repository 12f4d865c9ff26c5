/**
 * Damaged models: whatever the bytes, reading gives a model or a typed error that is not our own fault.
 * The seed is fixed; FLAGOS_FUZZ_SECONDS sets how long (default 2).
 */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FlagosError } from '../../core/errors.ts';
import { ModelProtoSchema } from './onnx_pb.ts';
import { readModel } from './read.ts';
import { float, floatTensor, graphAttr, ints, modelBytes, node, reference, value } from './testing.ts';
import { writeModel } from './write.ts';

const seconds = Number(process.env['FLAGOS_FUZZ_SECONDS'] ?? 2);
const root = process.env['FLAGOS_ONNX_TESTS'] ?? '../shared/onnx';

/** xorshift32: small, and the same everywhere. */
const random = (seed: number): ((below: number) => number) => {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
};

const own = (): Uint8Array[] => [
  modelBytes({
    opset: 9,
    opsets: { acme: 1 },
    graph: {
      input: [value('x', [2, 3]), value('c', [], 9)],
      output: [value('y')],
      initializer: [floatTensor('w', [2, 3], [1, 2, 3, 4, 5, 6]), { name: 'i', dataType: 22, dims: [3n], rawData: Uint8Array.of(1, 2) }],
      sparseInitializer: [{ values: floatTensor('s', [1], [1]), indices: { dims: [1n], dataType: 7, int64Data: [2n] }, dims: [2n, 3n] }],
      node: [
        node('F', ['x'], ['f'], [float('slope', 0.5)], { domain: 'acme' }),
        node('Softmax', ['f'], ['p']),
        node('Slice', ['p'], ['q'], [ints('starts', [0]), ints('ends', [2])]),
        node(
          'If',
          ['c'],
          ['y'],
          [
            graphAttr('then_branch', { name: 't', node: [node('Add', ['q', 'w'], ['r'])], output: [value('r')] }),
            graphAttr('else_branch', { name: 'e', node: [node('F', ['s'], ['r'], [], { domain: 'acme' })], output: [value('r')] }),
          ],
        ),
      ],
    },
    functions: [
      {
        name: 'F',
        domain: 'acme',
        input: ['a'],
        output: ['b'],
        attribute: ['slope'],
        node: [node('LeakyRelu', ['a'], ['b'], [reference('alpha', 'slope')])],
        opsetImport: [{ domain: '', version: 9n }],
      },
    ],
  }),
];

const corpus = (): Uint8Array[] =>
  ['node', 'simple', 'pytorch-converted']
    .flatMap((suite) =>
      existsSync(join(root, suite))
        ? readdirSync(join(root, suite))
            .filter((_, i) => i % 7 === 0)
            .map((name) => new Uint8Array(readFileSync(join(root, suite, name, 'model.onnx'))))
        : [],
    )
    .filter((bytes) => bytes.length < 20_000);

const mutate = (bytes: Uint8Array, other: Uint8Array, below: (n: number) => number): Uint8Array => {
  let out = bytes.slice();
  for (let n = 1 + below(4); n > 0 && out.length > 1; n--) {
    const at = below(out.length);
    switch (below(7)) {
      case 0:
        out[at]! ^= 1 << below(8);
        break;
      case 1:
        out[at] = below(256);
        break;
      case 2:
        out[at] = [0, 1, 0x7f, 0x80, 0xff][below(5)]!;
        break;
      case 3:
        out = out.slice(0, at);
        break;
      case 4:
        out = Uint8Array.of(...out.subarray(0, at), ...out.subarray(Math.min(at + 1 + below(16), out.length)));
        break;
      case 5: {
        const from = below(other.length);
        out = Uint8Array.of(...out.subarray(0, at), ...other.subarray(from, from + 1 + below(64)), ...out.subarray(at));
        break;
      }
      // A piece of the file again, over itself: names and structures that are right, in wrong places.
      default:
        out.copyWithin(at, below(out.length), below(out.length) + 32);
    }
  }
  return out;
};

/** A place in a decoded model that can be changed. */
interface Slot {
  readonly get: () => unknown;
  readonly set: (value: unknown) => void;
  readonly list: unknown[] | undefined;
  readonly index: number;
}

const slotsOf = (at: object, found: Slot[] = []): Slot[] => {
  const entries: [string | number, unknown][] = Array.isArray(at)
    ? at.map((v, i) => [i, v])
    : Object.entries(at).filter(([key]) => !key.startsWith('$') && key !== 'case');
  for (const [key, held] of entries) {
    found.push({ get: () => held, set: (v) => Reflect.set(at, key, v), list: Array.isArray(at) ? at : undefined, index: Number(key) });
    if (typeof held === 'object' && held !== null && !(held instanceof Uint8Array)) slotsOf(held, found);
  }
  return found;
};

/** A model of right bytes and wrong contents: names, numbers and parts exchanged, doubled and dropped. */
const rearrange = (bytes: Uint8Array, below: (n: number) => number): Uint8Array => {
  const proto = fromBinary(ModelProtoSchema, bytes);
  for (let n = 1 + below(3); n > 0; n--) {
    const slots = slotsOf(proto);
    const slot = slots[below(slots.length)]!;
    const held = slot.get();
    // A field of whole numbers can hold no others.
    const alike = slots.filter(
      (s) => typeof s.get() === typeof held && typeof held !== 'object' && (!Number.isInteger(held) || Number.isInteger(s.get())),
    );
    if (slot.list && below(3) === 0) slot.list.splice(slot.index, below(2), ...(below(2) ? [held] : []));
    else if (typeof held === 'bigint') slot.set([0n, -1n, 1n, 2n ** 31n, 2n ** 62n, -(2n ** 63n), 100n][below(7)]);
    else if (alike.length) slot.set(alike[below(alike.length)]!.get());
    else if (slot.list) slot.list.reverse();
  }
  return toBinary(ModelProtoSchema, proto);
};

it(`reads or refuses ${seconds} s of damaged models`, { timeout: (seconds + 60) * 1000 }, () => {
  const files = [...own(), ...corpus()];
  const below = random(20260801);
  const outcomes = new Map<string, number>();
  const end = Date.now() + seconds * 1000;
  let runs = 0;
  for (; runs < 200 || Date.now() < end; runs++) {
    const file = files[below(files.length)]!;
    const bytes = runs % 3 === 0 ? mutate(file, files[below(files.length)]!, below) : rearrange(file, below);
    const shown = `run ${runs}: ${Buffer.from(bytes).toString('base64').slice(0, 4000)}`;
    let outcome = 'model';
    try {
      const { graph } = readModel(bytes, { name: 'fuzzed', consume: runs % 2 === 0 });
      // What was accepted can be written too.
      const domains = new Set(['']);
      for (const n of graph.nodes) domains.add(n.domain);
      if (graph.nodes.every((n) => Object.values(n.attrs).every((a) => a.type !== 'graph')))
        writeModel({ graph, name: 'again', opsets: Object.fromEntries([...domains].map((d) => [d, 1])) });
    } catch (error) {
      expect(error, shown).toBeInstanceOf(FlagosError);
      outcome = error instanceof FlagosError ? error.code : 'other';
      expect(outcome, shown).toMatch(/^FLAGOS_E_(MODEL_FORMAT|MODEL_INVALID|MODEL_UNSUPPORTED|EXTERNAL_DATA)$/);
    }
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  console.log(`fuzzed ${runs} models:`, Object.fromEntries(outcomes));
  // Damage must reach all depths: some files pass, some fail early, some late.
  for (const outcome of ['model', 'FLAGOS_E_MODEL_FORMAT', 'FLAGOS_E_MODEL_INVALID']) expect(outcomes.get(outcome) ?? 0).toBeGreaterThan(0);
});
