/** `flagos verify` as a program: rows, reruns of one case, parts, going on after a stop, and chips that crash, hang, throw and lie. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { opSet } from '../../src/ops/index.ts';
import { callsOf, dtypesOf, notVerified } from '../../src/cli/verify/catalogue.ts';
import { parseShard, unitsOf } from '../../src/cli/verify/units.ts';
import { inputsOf, regionOfCall } from '../../src/opmanager/verify/call.ts';
import type { AccuracyRow } from '../../src/opmanager/tables/rows.ts';
import { makeFolder } from './models.ts';
import { bundle, runProgram, type Ended } from './program.ts';

let folder: string;
let program: string;
beforeAll(async () => {
  folder = makeFolder();
  program = await bundle();
});
afterAll(() => rmSync(folder, { recursive: true }));

const verify = (...argv: string[]): Promise<Ended> =>
  runProgram(program, ['verify', '--no-discover', '--jobs', '1', ...argv], { cwd: folder });
const rows = (): AccuracyRow[] =>
  readFileSync(join(folder, '.flagos/accuracy.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as AccuracyRow);

describe('flagos verify', () => {
  it('writes rows, and does not do again what is done', async () => {
    const first = await verify('Relu,TopK', '--chip', 'flagos/js', '--dtypes', 'float32');
    expect(first).toMatchObject({ code: 0, out: expect.stringContaining('kernels by element types: 2 bitwise') });
    const written = rows();
    expect(written.map((r) => `${r.kernel} ${r.signature} ${r.level}`).sort()).toEqual([
      'flagos/js:Relu.fp64acc Relu(float32) bitwise',
      'flagos/js:TopK.host TopK(float32,int64) bitwise',
    ]);
    const again = await verify('Relu,TopK', '--chip', 'flagos/js', '--dtypes', 'float32');
    expect(again.out).toBe(first.out);
    expect(rows()).toEqual(written);
  });

  it('runs one case again', async () => {
    const { code, out } = await verify('--chip', 'flagos/js', '--case', 'MatMul/float32/m7n13k5/cancellation');
    expect(out).toContain('MatMul/float32/m7n13k5/cancellation on flagos/js:MatMul.fp64acc');
    expect(code).toBe(0);
    expect(await verify('--chip', 'flagos/js', '--case', 'MatMul/float32/none/normal')).toMatchObject({ code: 2 });
    expect(await verify('--case', 'MatMul')).toMatchObject({ code: 2, err: expect.stringContaining('is no case') });
  });

  it('goes on when a chip ends its process, throws, or lies, and says which case it was', async () => {
    const hostile = join(import.meta.dirname, 'fixtures', 'hostile.mjs');
    const { code, out } = await verify('Abs,Neg,Sqrt', '--plugin', hostile, '--chip', 'vendor:hostile', '--dtypes', 'float32', '--fresh');
    expect(code).toBe(1);
    expect(out).toMatch(/hostile\/cpu:Abs\.default Abs\(float32\): 3 cases wrong\n.*the process ended: the process was killed by SIGABRT/);
    expect(out).toMatch(/crash hostile\/cpu Abs\/float32/);
    expect(out).toContain('the kernel failed: the chip is on fire');
    expect(out).toMatch(/hostile\/cpu:Sqrt\.default Sqrt\(float32\): \d+ cases wrong\n {2}fail y0\[0\] is 42, right is /);
    expect(
      rows()
        .filter((r) => r.kernel.startsWith('hostile/'))
        .map((r) => `${r.op} ${r.level}`)
        .sort(),
    ).toEqual(['Abs fail', 'Neg fail', 'Sqrt fail']);
  });
});

describe('the catalogue', () => {
  it('makes calls that the ops allow', () => {
    const wrong: string[] = [];
    for (const record of opSet.records.filter((r) => notVerified(r) === undefined)) {
      const dtypes = dtypesOf(record);
      const dtype = dtypes.includes('float32') ? 'float32' : dtypes[0]!;
      for (const call of callsOf(record, opSet, dtype)) {
        try {
          regionOfCall(call, inputsOf(call, call.classes[0]!, 'x'));
        } catch (thrown) {
          wrong.push(`${record.name}/${dtype}/${call.label}: ${(thrown as Error).message}`);
        }
      }
      const labels = callsOf(record, opSet, dtype).map((c) => c.label);
      expect(new Set(labels).size, record.name).toBe(labels.length);
    }
    expect(wrong).toEqual([]);
  });

  it('parts share nothing and leave nothing out', () => {
    const chips = [{ id: 'flagos/js', fingerprint: '1', chip: 'x' }];
    const all = unitsOf(opSet.records, chips, undefined, undefined);
    const parts = [1, 2, 3].flatMap((i) => unitsOf(opSet.records, chips, undefined, parseShard(`${i}/3`)));
    expect(parts.toSorted()).toEqual(all.toSorted());
    expect(() => parseShard('4/3')).toThrow('is no part');
  });
});
