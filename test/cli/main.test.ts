/** Every verb, in this process: results, JSON, exit codes, errors in plain words. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { testIo } from '../../src/cli/testing.ts';
import { commands } from '../../src/cli/verbs/index.ts';
import { readNpy } from '../../src/cli/model/npy.ts';
import { readFile } from '../../src/host/read-file.ts';
import { version } from '../../src/version.ts';
import { absModel, makeFolder, sqrtModel, stateModel, unknownOpModel } from './models.ts';

const fixtures = join(import.meta.dirname, 'fixtures');
let folder: string;
beforeAll(() => {
  folder = makeFolder();
  for (const make of [absModel, sqrtModel, stateModel, unknownOpModel]) make(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}
/** The reference alone, without looking for plugins, so that these tests test the command line. */
const alone = ['--no-discover', '--chip', 'reference', '--fallback', 'none'];
const flagos = async (...argv: string[]): Promise<Result> => {
  const io = testIo({ cwd: folder });
  const code = await main(argv, io);
  return { code, out: io.stdout(), err: io.stderr() };
};
const json = async (...argv: string[]): Promise<{ code: number; data: unknown }> => {
  const { code, out } = await flagos(...argv, '--json');
  const data: unknown = JSON.parse(out);
  return { code, data };
};

describe('flagos', () => {
  it('prints its version and its help', async () => {
    for (const v of ['--version', '-v', 'version']) expect(await flagos(v)).toEqual({ code: 0, out: `${version}\n`, err: '' });
    const help = await flagos('--help');
    expect(help).toMatchObject({ code: 0, err: '' });
    for (const c of commands) expect(help.out.includes(`  ${c.name} `)).toBe(!c.internal);
    // Without a verb it is help too, but a mistake.
    expect(await flagos()).toEqual({ code: 2, out: '', err: help.out });
  });

  it.each(commands.filter((c) => !c.internal).map((c) => [c.name, c] as const))(
    '%s has help with examples, the same in each form',
    async (name, command) => {
      const help = await flagos(name, '--help');
      expect(help).toMatchObject({ code: 0, err: '' });
      expect(command.examples.length).toBeGreaterThan(0);
      for (const [line] of command.examples) expect(help.out).toContain(line);
      expect((await flagos('help', name)).out).toBe(help.out);
      expect((await flagos(name, '-h')).out).toBe(help.out);
    },
  );

  it.each([
    [['rum'], "there is no verb 'rum'", 'did you mean flagos run?'],
    [['--chip', 'run'], 'the verb comes before options', 'see flagos --help'],
    [['run'], 'flagos run needs <model>', 'see flagos run --help'],
    [['run', 'abs.onnx', '--sed', '1'], 'run has no option --sed', 'did you mean --seed?'],
    [['run', 'ab.onnx'], 'there is no file', 'abs.onnx?'],
    [['run', 'npm:nothing-of-that-name/m.onnx'], 'the package nothing-of-that-name is not installed', 'npm install'],
    [['run', 'npm:x'], 'names no file of a package', 'npm:<package>/<file>'],
    [['run', 'abs.onnx', '--no-discover', '--chip', 'acme/npu'], "there is no chip 'acme/npu' here; there are", 'flagos chips'],
    [['run', 'abs.onnx', '--chip', 'refrence'], "'refrence' is not a token", 'did you mean reference?'],
    [['run', 'abs.onnx', ...alone, '--input', 'z=1'], "the model has no input 'z'", "did you mean 'x'?"],
    [['run', 'abs.onnx', ...alone, '--shape', 'x=2x4'], 'does not fit', undefined],
    [['run', 'state.onnx', ...alone, '--state', 'nxt=state'], "the model has no output 'nxt'", "did you mean 'next'?"],
    [['explain', 'abs.onnx', 'Ads_y', ...alone], "the plan has no node 'Ads_y'", 'did you mean Abs_y?'],
    [['conformance', 'tfjs', '.'], "there is no suite 'tfjs'", 'flagos conformance onnx <folder>'],
    [['conformance', 'onnx', '.', '--provider', 'cpu'], '--provider goes with --through', undefined],
    [['diff', 'abs.onnx', '--no-discover', '--golden', 'nobody/here'], "there is no chip 'nobody/here'", undefined],
  ])('%j is a usage error: exit code 2, a sentence and a hint', async (argv, reason, hint) => {
    const { code, out, err } = await flagos(...argv);
    expect(err).toContain(reason);
    if (hint !== undefined) expect(err).toContain(hint);
    expect(err).not.toMatch(/\n\s+at \S+ \(/);
    expect({ code, out }).toEqual({ code: 2, out: '' });
  });

  it('gives errors as JSON too, and stacks with --debug', async () => {
    const { code, data } = await json('run', 'gone.onnx');
    expect(code).toBe(2);
    expect(data).toMatchObject({ error: { code: 'FLAGOS_E_FILE', kind: 'user' } });
    expect((await flagos('run', 'gone.onnx', '--debug')).err).toMatch(/\n\s+at \S+ \(/);
  });

  it('fails with 1 when a model cannot run, and says who refused', async () => {
    const { code, err } = await flagos('run', 'unknown.onnx', ...alone);
    expect(code).toBe(1);
    expect(err).toContain('nobody can run this op');
    expect(err).toContain('reference/cpu NO_KERNEL');
    expect(err).toContain('op Frobnicate');
    writeFileSync(join(folder, 'broken.onnx'), 'this is no model');
    expect((await flagos('run', 'broken.onnx', ...alone)).code).toBe(1);
  });
});

describe('flagos run', () => {
  it('shows outputs, what it took for granted, coverage and time', async () => {
    const { code, out, err } = await flagos('run', 'abs.onnx', '--input', 'x=-5', ...alone);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain("symbolic dimension 'batch' taken as 1");
    expect(out).toContain('y  float32[1,3]  min 2  max 4  mean 3  first 4 3 2');
    expect(out).toContain('2 nodes: 2 on reference/cpu (2 regions)');
    expect(out).toMatch(/time +\d/);
  });

  it('feeds state back, starting at zero', async () => {
    const { data } = await json('run', 'state.onnx', '--input', 'x=[1,2]', '--state', 'next=state', '--repeat', '3', ...alone);
    const run = (...values: number[]): unknown => ({ next: { value: { dtype: 'float32', shape: [2], values } } });
    expect(data).toMatchObject({
      runs: [run(1, 2), run(2, 4), run(3, 6)],
      runMs: [expect.any(Number), expect.any(Number), expect.any(Number)],
    });
  });

  it('writes outputs, and holds them against files', async () => {
    const { code, data } = await json('run', 'abs.onnx', '--dim', 'batch=2', '--input', 'x=1', '--out', 'results', ...alone);
    expect(code).toBe(0);
    const file = join(folder, 'results', 'y.npy');
    expect(data).toMatchObject({ files: [file] });
    expect(readNpy(readFile(file), 'y').data).toEqual(Float32Array.of(2, 3, 4, 2, 3, 4));
    expect((await flagos('run', 'abs.onnx', '--dim', 'batch=2', '--input', 'x=1', '--expect', 'y=results/y.npy', ...alone)).out).toContain(
      'agrees  y with results/y.npy',
    );
    const other = await flagos('run', 'abs.onnx', '--dim', 'batch=2', '--input', 'x=2', '--expect', 'y=results/y.npy', ...alone);
    expect(other.code).toBe(1);
    expect(other.out).toContain('differs y from results/y.npy: it differs at [0,0]: 3, expected 2');
  });
});

describe('plan and explain', () => {
  it('plan lists steps and memory', async () => {
    const { data } = await json('plan', 'abs.onnx', ...alone);
    const step = (kernel: string, node: string): unknown => ({ kernel, nodes: [node], outputs: [{ type: 'float32[1,3]' }] });
    expect(data).toMatchObject({
      plans: [
        {
          regions: 2,
          waiting: [],
          folded: [],
          arenaBytes: 64,
          steps: [step('reference/cpu:Add.float64', 'Add_sum'), step('reference/cpu:Abs.float64', 'Abs_y')],
        },
      ],
    });
    expect((await flagos('plan', 'abs.onnx', ...alone)).out).toContain('reference/cpu:Abs.float64');
  });

  it('explain lists all nodes, and finds one by name, part of it, or value', async () => {
    const all = await flagos('explain', 'abs.onnx', ...alone);
    expect(all.out).toMatch(/Add_sum +Add +0 +reference\/cpu:Add\.float64/);
    for (const word of ['Abs_y', 'abs', 'y']) {
      const { code, data } = await json('explain', 'abs.onnx', word, ...alone);
      expect(code).toBe(0);
      expect(data).toMatchObject({ decision: { node: 'Abs_y', op: 'Abs', kernel: { id: 'reference/cpu:Abs.float64' } } });
    }
  });

  it('explain gives every candidate a reason, and says what would change the choice', async () => {
    const { out } = await flagos(
      'explain',
      'abs.onnx',
      'Abs_y',
      '--no-discover',
      '--plugin',
      join(fixtures, 'hostile.mjs'),
      '--prefer',
      'reference',
    );
    expect(out).toMatch(/reference\/cpu:Abs\.float64 +chosen/);
    expect(out).toMatch(/hostile\/cpu:Abs\.default +POLICY/);
    expect(out).toContain('hostile/cpu:Abs.default: --prefer vendor:hostile');
  });
});

describe('tune and trace', () => {
  beforeAll(() => {
    // A table of its own, and a lock that no tuner at work on this machine holds.
    vi.stubEnv('FLAGOS_TABLES', `machine=${join(folder, 'tables')}`);
    vi.stubEnv('TMPDIR', folder);
  });
  afterAll(() => void vi.unstubAllEnvs());

  it('tune measures what there is, keeps it, and plans follow it', async () => {
    const { code, data } = await json('tune', 'abs.onnx', '--budget', '20');
    expect(code).toBe(0);
    const { contenders, chosen, rows } = data as { contenders: { name: string; chosen: boolean }[]; chosen: string; rows: object[] };
    expect(contenders[0]).toMatchObject({ name: 'default' });
    expect(contenders.filter((c) => c.chosen).map((c) => c.name)).toEqual([chosen]);
    expect(rows.length).toBeGreaterThan(0);
    expect((await flagos('tune', 'abs.onnx', '--budget', '20')).out).toContain('it is, after');
    const { data: plan } = await json('explain', 'abs.onnx', 'Abs_y');
    expect(plan).toMatchObject({ decision: { language: { why: expect.stringContaining('settled on this plan') as string } } });
  });

  it('tune takes a call, written as explain writes it', async () => {
    const { code, data } = await json('tune', 'Softmax{axis=-1}(float32[4,8])', '--budget', '20');
    expect(code).toBe(0);
    expect((data as { rows: { signature: string }[] }).rows.map((r) => r.signature)).toContain('Softmax{axis=-1}(float32[4,8])');
    expect((await flagos('tune', 'Softmax(float[4])')).code).toBe(2);
  });

  it('trace writes what Chrome reads: steps on the line of their chip', async () => {
    const { code, data } = await json('trace', 'abs.onnx', '--repeat', '2', '--out', 'trace.json', ...alone);
    expect(code).toBe(0);
    expect(data).toMatchObject({ steps: 4, runs: 2, overhead: { runs: expect.any(Number) as number } });
    const { traceEvents, otherData } = JSON.parse(readFileSync(join(folder, 'trace.json'), 'utf8')) as {
      traceEvents: { ph: string; name: string; tid: number; args: Record<string, unknown> }[];
      otherData: object;
    };
    const line = traceEvents.find((e) => e.ph === 'M' && e.args['name'] === 'reference/cpu')!.tid;
    const abs = traceEvents.filter((e) => e.ph === 'X' && e.name === 'Abs_y');
    expect(abs.map((e) => e.tid)).toEqual([line, line]);
    expect(abs[0]!.args).toMatchObject({ kernel: 'reference/cpu:Abs.float64', ops: ['Abs'] });
    expect(otherData).toMatchObject({ overhead: { plainUs: expect.any(Number) as number } });
  });
});

describe('diff', () => {
  it('is silent about what is equal, and exits with 0', async () => {
    const { code, data } = await json('diff', 'abs.onnx', ...alone);
    expect(code).toBe(0);
    expect(data).toMatchObject({
      ok: true,
      golden: 'reference',
      endToEnd: [{ output: 'y', ok: true, maxAbs: 0 }],
      regions: [
        { region: 'Add_sum', ok: true },
        { region: 'Abs_y', ok: true },
      ],
    });
  });
});

describe('diff, where something differs', () => {
  it('shows the region, the worst element and how far it carries, and exits with 1', async () => {
    const hostile = [
      'sqrt.onnx',
      '--no-discover',
      '--plugin',
      join(fixtures, 'hostile.mjs'),
      '--prefer',
      'vendor:hostile,reference',
      '--input',
      'x=4',
    ];
    const { code, data } = await json('diff', ...hostile);
    expect(code).toBe(1);
    const differs = { ok: false, maxAbs: 40, maxRel: 20, worst: { index: [0], actual: 42, expected: 2 } };
    expect(data).toMatchObject({ ok: false, regions: [{ kernel: 'hostile/cpu:Sqrt.default', outputs: [differs] }], endToEnd: [differs] });
    const { out } = await flagos('diff', ...hostile);
    expect(out).toMatch(/Sqrt_y +hostile\/cpu:Sqrt\.default +injected here +fail +\S+ +4\.00e\+1 .* \[0\] 42, expected 2/);
    expect(out).toContain('1 region out of bounds: Sqrt_y');
    expect((await flagos('diff', ...hostile, '--atol', '41')).code).toBe(0);
  });
});

describe('diff bisect and repro', () => {
  it('finds the guilty node, and its folder shows the fault alone', async () => {
    const out = mkdtempSync(join(tmpdir(), 'flagos-cases-'));
    try {
      const hostile = ['--no-discover', '--plugin', join(fixtures, 'hostile.mjs'), '--chip', 'vendor:hostile', '--input', 'x=4'];
      const { code, data } = await json('diff', 'bisect', 'sqrt.onnx', ...hostile, '--golden', 'reference', '--out', out);
      expect(code).toBe(1);
      expect(data).toMatchObject({ found: [{ culprits: [{ node: 'Sqrt_y', op: 'Sqrt' }] }], cases: [{ node: 'Sqrt_y' }], crashes: [] });
      const folder = join(out, 'Sqrt_y');
      expect(readFileSync(join(folder, 'README.md'), 'utf8')).toContain('Sqrt is wrong on vendor:hostile');
      const again = await json('diff', 'repro', folder, '--no-discover');
      expect(again.code).toBe(1);
      expect(again.data).toMatchObject({ regions: [{ role: 'injected', outputs: [{ maxAbs: 40 }] }] });
      // On another chip it is right; a folder that is no case cannot be told.
      expect((await flagos('diff', 'repro', folder, '--no-discover', '--chip', 'reference', '--git-exit')).code).toBe(0);
      expect((await flagos('diff', 'repro', out, '--git-exit')).code).toBe(125);
    } finally {
      rmSync(out, { recursive: true });
    }
  });
});

describe('diff chips', () => {
  it('shows which chip is wrong at which op, and where one has none', async () => {
    const { code, data } = await json(
      'diff',
      'chips',
      'sqrt.onnx',
      '--no-discover',
      '--plugin',
      join(fixtures, 'hostile.mjs'),
      '--input',
      'x=4',
    );
    expect(code).toBe(1);
    const { chips, rows } = data as { chips: { chip: string }[]; rows: { cells: ({ bad: number } | undefined)[] }[] };
    const at = chips.findIndex((c) => c.chip === 'hostile/cpu');
    expect(rows[0]!.cells[at]).toMatchObject({ compared: 1, bad: 1 });
    expect(rows[0]!.cells.filter((c, i) => i !== at && c && c.bad > 0)).toEqual([]);
  });
});

describe('chips, plugins, ops, doctor', () => {
  it('chips lists what there is and what is missing', async () => {
    const { code, out } = await flagos('chips', '--no-discover', '--plugin', join(fixtures, 'hostile.mjs'));
    expect(code).toBe(0);
    expect(out).toMatch(/hostile\/cpu +vendor +1\.0\.0/);
    expect(out).toMatch(/reference\/cpu +reference/);
    expect(out).toContain('missing hostile/npu: no driver; plug it in');
    const { data } = await json('chips', '--no-discover');
    expect(data).toMatchObject({
      chips: expect.arrayContaining([expect.objectContaining({ chip: 'reference/cpu', memory: 'host' })]),
      missing: expect.any(Array),
    });
  });

  it('plugins says what became of each', async () => {
    const { code, out, err } = await flagos('plugins', '--no-discover', '--plugin', join(fixtures, 'throws.mjs'));
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/flagos:reference +registered +reference +built in/);
    expect(out).toContain('the licence server is down');
  });

  it('doctor fails for what was asked for and is broken, and only then', async () => {
    const well = await json('doctor', '--no-discover');
    expect(well.code).toBe(0);
    const named = (name: string): unknown => expect.objectContaining({ name });
    expect(well.data).toMatchObject({
      ok: true,
      checks: expect.arrayContaining(['node', 'configuration file', 'chip reference/cpu', 'C compiler', 'onnxruntime-node'].map(named)),
    });
    const broken = await flagos('doctor', '--no-discover', '--plugin', join(fixtures, 'throws.mjs'));
    expect(broken.code).toBe(1);
    expect(broken.out).toMatch(/broken +plugin .*throws\.mjs: .*the licence server is down/);
    // Missing hardware that nobody asked for is no fault; asked for, it is.
    const hostile = ['--no-discover', '--plugin', join(fixtures, 'hostile.mjs')];
    expect((await flagos('doctor', ...hostile)).code).toBe(0);
    const asked = await flagos('doctor', ...hostile, '--prefer', 'hostile/npu');
    expect(asked.code).toBe(1);
    expect(asked.out).toMatch(/broken +chip hostile\/npu: no driver/);
    expect((await flagos('doctor', '--config', 'nowhere.json')).out).toContain('there is no configuration file');
  });

  it('ops --coverage: what the chips themselves say, with reasons', async () => {
    interface Said {
      readonly chips: readonly string[];
      readonly ops: readonly {
        op: string;
        types: readonly { dtype: string | null; chips: Record<string, { ok: boolean; reason?: string }> }[];
      }[];
    }
    const hostile = ['--coverage', '--no-discover', '--plugin', join(fixtures, 'hostile.mjs')];
    const said = async (op: string): Promise<unknown> => {
      const { chips, ops } = (await json('ops', op, ...hostile)).data as Said;
      expect(chips).toEqual(expect.arrayContaining(['flagos/js', 'reference/cpu', 'hostile/cpu']));
      const float = ops[0]!.types.find((t) => t.dtype === 'float32')!.chips;
      return [ops.length, ops[0]!.op, float['flagos/js']!.ok, float['hostile/cpu']];
    };
    expect(await said('abs')).toEqual([1, 'Abs', true, { ok: true, variants: ['default'] }]);
    expect(await said('relu')).toEqual([1, 'Relu', true, { ok: false, reason: 'NO_KERNEL', detail: 'it is not that hostile' }]);
    const table = await flagos('ops', '--domain', 'ai.onnx', '--coverage', '--no-discover', '--chip', 'reference,flagos/js');
    expect(table.out).toMatch(/^op +types +flagos\/js +reference\/cpu/);
    expect(table.out).toMatch(/^NonMaxSuppression .*host/m);
    expect(table.out).toMatch(/^flagos\/js: \d+ pairs of op and type by kernels, \d+ by host functions, 0 not$/m);
    expect((await flagos('ops', '--markdown')).err).toContain('--markdown is for --coverage');
  });

  it('ops lists records, and shows one', async () => {
    const { data } = await json('ops', '--domain', 'ai.onnx');
    expect(data).toMatchObject({ ops: expect.arrayContaining([expect.objectContaining({ name: 'Abs', domain: '', kind: 'compute' })]) });
    const one = await flagos('ops', 'gelu');
    expect(one.out).toContain('com.microsoft.Gelu');
    expect(one.out).toMatch(/approximate +string +default "none"/);
    expect((await flagos('ops', '--domain', 'ai.onnx.ml')).out).toContain('ai.onnx.ml.Scaler');
    for (const [argv, hint] of [
      [['ops', 'Geluu'], 'did you mean Gelu?'],
      [['ops', '--domain', 'x'], 'domains are ai.onnx'],
    ] as const) {
      const { code, err } = await flagos(...argv);
      expect(code).toBe(2);
      expect(err).toContain(hint);
    }
  });
});
