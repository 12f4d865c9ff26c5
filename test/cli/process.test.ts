/** What only a process shows: exit codes, pipes, signals, colours; and conformance, which starts processes of its own. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { absModel, makeFolder, unaryCase } from './models.ts';
import { bundle, runProgram, type Ended, type Options } from './program.ts';

const hostile = join(import.meta.dirname, 'fixtures', 'hostile.mjs');
let folder: string;
let program: string;
beforeAll(async () => {
  folder = makeFolder();
  absModel(folder);
  program = await bundle();
  const cases = join(folder, 'cases');
  unaryCase(cases, 'test_abs', 'Abs', [1, 4]);
  unaryCase(cases, 'test_exp', 'Exp', [Math.E, Math.exp(4)]);
  unaryCase(cases, 'test_neg', 'Neg', [-1, -4]);
  unaryCase(cases, 'test_sqrt', 'Sqrt', [1, 2]);
  unaryCase(cases, 'test_floor', 'Floor', [1, 4]);
  unaryCase(cases, 'test_frobnicate', 'Frobnicate', [1, 4]);
});
afterAll(() => rmSync(folder, { recursive: true }));

const flagos = (argv: readonly string[], options: Partial<Options> = {}): Promise<Ended> =>
  runProgram(program, argv, { cwd: folder, ...options });
const lastLine = (text: string): string | undefined => text.trimEnd().split('\n').at(-1);

describe('the program', () => {
  it('exits with 0, 1 and 2, results on stdout and errors on stderr', async () => {
    expect(await flagos(['run', 'abs.onnx', '--no-discover', '--json'])).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringContaining('"coverage"'),
    });
    expect(await flagos(['doctor', '--no-discover', '--plugin', './gone.mjs'])).toMatchObject({
      code: 1,
      out: expect.stringContaining('broken'),
    });
    expect(await flagos(['run', 'gone.onnx'])).toMatchObject({ code: 2, out: '', err: expect.stringContaining('there is no file') });
    expect(await flagos(['conformance-worker'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('is started by flagos conformance only'),
    });
  });

  it('uses colours only where they are wanted', async () => {
    const escape = '\u001b[';
    const help = (env: NodeJS.ProcessEnv): Promise<Ended> => flagos(['--help'], { env });
    expect((await help({ FORCE_COLOR: '1', NO_COLOR: undefined })).out).toContain(escape);
    expect((await help({ FORCE_COLOR: '1', NO_COLOR: '1' })).out).not.toContain(escape);
    expect((await help({ FORCE_COLOR: undefined, NO_COLOR: undefined })).out).not.toContain(escape);
  });

  it('ends quietly when its reader goes away', async () => {
    // The reader closes at once; everything printed after that has nowhere to go.
    const ended = await flagos(['ops'], { started: (child) => child.stdout?.destroy() });
    expect(ended).toMatchObject({ code: 0, err: '' });
  });

  it('shows progress when asked, on stderr', async () => {
    const { code, err, out } = await flagos([
      'conformance',
      'onnx',
      'cases',
      '--no-discover',
      '--plugin',
      hostile,
      '--prefer',
      'vendor:hostile',
      '--filter',
      'exp|floor',
      '--jobs',
      '1',
      '--timeout',
      '2',
      '--progress',
    ]);
    expect(code).toBe(1);
    expect(err).toContain('of 2 cases');
    expect(out).not.toContain('of 2 cases');
  });
});

describe('flagos conformance', () => {
  const withHostile = [
    'conformance',
    'onnx',
    'cases',
    '--no-discover',
    '--plugin',
    hostile,
    '--prefer',
    'vendor:hostile',
    '--on-failure',
    'error',
    '--timeout',
    '2',
  ];

  it('passes what is right, and the last line counts', async () => {
    const { code, out, err } = await flagos([
      'conformance',
      'onnx',
      'cases',
      '--no-discover',
      '--chip',
      'reference',
      '--fallback',
      'none',
      '--filter',
      'abs|exp|neg|sqrt|floor',
    ]);
    expect({ code, out, err }).toEqual({ code: 0, out: '5 passed, 0 failed, 0 skipped\n', err: '' });
  });

  it('survives crashes and hangs: each costs its own case', async () => {
    const { code, out } = await flagos([...withHostile, '--json']);
    expect(code).toBe(1);
    const found = (name: string, status: string, reason?: unknown): unknown =>
      expect.objectContaining({ name, status, ...(reason === undefined ? {} : { reason }) });
    expect(JSON.parse(out)).toMatchObject({
      passed: 1,
      failed: 5,
      skipped: 0,
      cases: [
        found('test_abs', 'crash', expect.stringContaining('the process was killed by SIGABRT')),
        found('test_exp', 'timeout', 'took longer than 2 s'),
        found('test_floor', 'pass'),
        found('test_frobnicate', 'load', expect.stringContaining('FLAGOS_E_NO_KERNEL')),
        found('test_neg', 'error', expect.stringContaining('the chip is on fire')),
        found('test_sqrt', 'fail', "test_data_set_0: output 'y' differs at [0]: 42, expected 1"),
      ],
    });
  });

  it('names each failure with its reason', async () => {
    const { out } = await flagos([...withHostile, '--filter', 'sqrt|neg']);
    expect(out).toMatch(/^error +test_neg: FLAGOS_E_KERNEL the chip is on fire$/m);
    expect(out).toMatch(/^fail +test_sqrt: .*differs at \[0\]: 42, expected 1$/m);
    expect(out).toContain('failed: 1 fail (wrong output), 1 error (stopped while running)');
    expect(lastLine(out)).toBe('0 passed, 2 failed, 0 skipped');
  });

  it('skips what the file says, and finds skips that are not needed any more', async () => {
    const skips = join(folder, 'skips.json');
    const filter = ['--filter', 'sqrt|floor', '--skips', 'skips.json'];
    writeFileSync(
      skips,
      JSON.stringify([
        { cases: 'test_sq*', reason: 'it lies', chips: ['vendor:hostile'] },
        { cases: 'test_floor', reason: 'elsewhere', suites: ['other'] },
      ]),
    );
    // Chips of a skip are those of --chip.
    const chip = [...withHostile.slice(0, 6), '--chip', 'vendor:hostile', '--timeout', '2'];
    const skipped = await flagos([...chip, ...filter]);
    expect(skipped.code).toBe(0);
    expect(skipped.out).toContain('skip    test_sqrt: it lies');
    expect(lastLine(skipped.out)).toBe('1 passed, 0 failed, 1 skipped');
    expect(lastLine((await flagos([...chip, ...filter, '--check-skips'])).out)).toBe('1 passed, 0 failed, 1 skipped');
    writeFileSync(skips, JSON.stringify([{ cases: 'test_floor', reason: 'it was broken once' }]));
    const stale = await flagos(['conformance', 'onnx', 'cases', '--no-discover', ...filter, '--check-skips']);
    expect(stale.code).toBe(1);
    expect(stale.out).toContain('stale   test_floor: passes, but is skipped: it was broken once');
    writeFileSync(skips, '[{ "case": "test_floor" }]');
    expect(await flagos(['conformance', 'onnx', 'cases', ...filter])).toMatchObject({
      code: 2,
      err: expect.stringContaining('skips.json: entry 0 is not a skip'),
    });
  });

  it('runs through onnxruntime, on flagos and on itself', async () => {
    const through = ['conformance', 'onnx', 'cases', '--through', 'onnxruntime', '--no-discover', '--filter', 'abs|sqrt|frob'];
    const onFlagos = await flagos([...through, '--chip', 'reference']);
    expect(lastLine(onFlagos.out)).toBe('2 passed, 1 failed, 0 skipped');
    expect(onFlagos.out).toMatch(/^load +test_frobnicate/m);
    expect(lastLine((await flagos([...through, '--provider', 'cpu'])).out)).toBe('2 passed, 1 failed, 0 skipped');
  });

  it('says it when a child cannot even start', async () => {
    const { code, err } = await flagos(['conformance', 'onnx', 'cases', '--no-discover', '--chip', 'vendor:nobody']);
    expect(code).toBe(2);
    expect(err).toContain("there is no chip 'vendor:nobody' here");
  });

  it('refuses folders without cases', async () => {
    expect(await flagos(['conformance', 'onnx', 'nowhere'])).toMatchObject({ code: 2, err: expect.stringContaining('there is no folder') });
    expect(await flagos(['conformance', 'onnx', 'cases', '--filter', 'nothing'])).toMatchObject({
      code: 2,
      err: expect.stringContaining("fits --filter 'nothing'"),
    });
    expect(await flagos(['conformance', 'onnx', 'cases', '--filter', '('])).toMatchObject({
      code: 2,
      err: expect.stringContaining('is not a regular expression'),
    });
  });

  it.skipIf(process.platform !== 'linux')('takes its children with it when it is interrupted', async () => {
    // The hanging case runs in a child; after the interrupt neither process may be left.
    const children: number[] = [];
    const ended = await flagos([...withHostile.slice(0, -1), '60', '--filter', 'exp'], {
      started: (child) => {
        const find = setInterval(() => {
          const found = childrenOf(child.pid!);
          if (found.length === 0) return;
          clearInterval(find);
          children.push(...found);
          setTimeout(() => child.kill('SIGINT'), 1500);
        }, 50);
      },
    });
    expect(ended).toMatchObject({ code: null, signal: 'SIGINT' });
    expect(children.length).toBeGreaterThan(0);
    // They are killed, which takes the system a moment.
    await vi.waitFor(() => expect(children.filter(isAlive)).toEqual([]), { timeout: 20_000 });
  });
});

const readText = (path: string): string => readFileSync(path, 'utf8');
const childrenOf = (pid: number): number[] => {
  const list = `/proc/${pid}/task/${pid}/children`;
  return existsSync(list)
    ? readText(list)
        .trim()
        .split(' ')
        .filter((p) => p !== '')
        .map(Number)
    : [];
};
const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`) && !/State:\s+[ZX]/.test(readText(`/proc/${pid}/status`));
