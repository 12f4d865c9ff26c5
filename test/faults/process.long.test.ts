/** What it takes processes to show: many that compile the same at once, a disk that is full or only read, another machine’s cache, parts that are not installed. */
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { tensorType } from '../../src/core/graph.ts';
import { Tensor } from '../../src/core/tensor.ts';
import { writeModel } from '../../src/formats/onnx/index.ts';
import { bundle, runProgram, type Ended } from '../cli/program.ts';
import { cached, folder, realCompiler, script, withRealCompiler } from './kit.ts';

let program: string;
beforeAll(async () => {
  program = await bundle();
});

/** `y = softmax(x · w)`: a contraction and a row of something else. @returns its path. */
const model = (dir: string): string => {
  const path = join(dir, 'model.onnx');
  const w = Float32Array.from({ length: 32 * 16 }, (_, i) => ((i * 7) % 11) / 11);
  const node = (op: string, inputs: string[], output: string) =>
    ({ name: op, op, domain: '', version: 13, inputs, outputs: [output], attrs: {} }) as const;
  const graph = {
    name: 'g',
    types: new Map(),
    inputs: [{ name: 'x', type: tensorType('float32', [8, 32]) }],
    outputs: [{ name: 'y', type: tensorType('float32', [8, 16]) }],
    initializers: new Map([['w', new Tensor('float32', [32, 16], w)]]),
    nodes: [node('MatMul', ['x', 'w'], 'p'), node('Softmax', ['p'], 'y')],
  };
  writeFileSync(path, writeModel({ graph, name: 'm', opsets: { '': 13 } }));
  return path;
};

type Env = Readonly<Record<string, string | undefined>>;
const flagos = (argv: readonly string[], cwd: string, env: Env): Promise<Ended> => runProgram(program, argv, { cwd, env: { ...env } });

interface Run {
  readonly runs: readonly Readonly<Record<string, { readonly value: { readonly values: readonly number[] } }>>[];
  readonly coverage: { readonly line: string };
}
/** Values of `y`, and where they came from. @throws with everything said, if it did not end well. */
const answer = ({ code, out, err }: Ended): { y: readonly number[]; line: string } => {
  if (code !== 0) throw new Error(`ended with ${code}: ${err}${out}`);
  const { runs, coverage } = JSON.parse(out) as Run;
  return { y: runs[0]!['y']!.value.values, line: coverage.line };
};
const onCpu = ['--chip', 'flagos/cpu', '--fallback', 'none', '--no-discover', '--json'];
const close = (a: readonly number[], b: readonly number[]): boolean =>
  a.length > 0 && a.length === b.length && a.every((x, i) => Math.abs(x - b[i]!) <= 1e-5);

const reference = async (dir: string): Promise<readonly number[]> =>
  answer(await flagos(['run', 'model.onnx', '--chip', 'reference', '--no-discover', '--json'], dir, {})).y;

/** Runs the program where mounts are its own. @param setup shell commands before it. */
const inMounts = (ctx: TestContext, setup: string, argv: readonly string[], cwd: string, env: Env): Promise<Ended> => {
  try {
    execFileSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', cwd], { stdio: 'pipe' });
  } catch {
    ctx.skip('this system lets nobody mount anything, not even for themselves');
  }
  return new Promise((resolve, reject) => {
    const child = spawn('unshare', ['-rm', 'sh', '-ec', `${setup}\nexec "$0" "$@"`, process.execPath, program, ...argv], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => void (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => void (err += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, out, err }));
  });
};

withRealCompiler('many processes', () => {
  for (const count of [2, 8]) {
    it(`${count} that compile the same at once all come out right, and agree on what is kept`, async () => {
      const dir = folder();
      model(dir);
      const env = { FLAGOS_CACHE: join(dir, 'cache') };
      const expected = await reference(dir);
      const all = await Promise.all(Array.from({ length: count }, () => flagos(['run', 'model.onnx', ...onCpu], dir, env)));
      for (const ended of all) {
        expect(close(answer(ended).y, expected)).toBe(true);
        expect(ended.err).toBe('');
      }
      const kept = cached(env.FLAGOS_CACHE);
      expect(kept.filter((name) => name.startsWith('tmp-'))).toEqual([]);
      // The same source gives the same library, so whoever came last put the same in its place.
      expect(kept.filter((name) => name.endsWith('.so')).length).toBe(2);
      const later = await flagos(['run', 'model.onnx', ...onCpu, '--log', 'debug'], dir, env);
      expect(close(answer(later).y, expected)).toBe(true);
      expect(later.err).not.toContain('compiled');
    });
  }
});

withRealCompiler('a cache', () => {
  it('that can only be read is read; what it lacks goes elsewhere', async (ctx) => {
    const dir = folder();
    model(dir);
    const env = { FLAGOS_CACHE: join(dir, 'cache'), TMPDIR: join(dir, 'tmp') };
    mkdirSync(env.TMPDIR);
    const expected = await reference(dir);
    answer(await flagos(['run', 'model.onnx', ...onCpu], dir, env));
    const readOnly = 'mount --bind cache cache; mount -o remount,ro,bind cache';
    const debug = [...onCpu, '--log', 'debug'];
    const again = await inMounts(ctx, readOnly, ['run', 'model.onnx', ...debug], dir, env);
    expect(close(answer(again).y, expected)).toBe(true);
    expect(again.err).toMatch(/EROFS.*compiled kernels go to .*tmp\/flagos-\d+/);
    expect(again.err).not.toMatch(/debug: compiled/);
    const other = await inMounts(ctx, readOnly, ['run', 'model.onnx', ...debug, '--threads', '1'], dir, {
      ...env,
      CC: `${realCompiler} -DX`,
    });
    expect(close(answer(other).y, expected)).toBe(true);
    expect(other.err).toMatch(/debug: compiled/);
  });

  it('on a disk that is full from the start: another chip runs', async (ctx) => {
    const dir = folder();
    model(dir);
    mkdirSync(join(dir, 'cache'));
    const env = { FLAGOS_CACHE: join(dir, 'cache'), TMPDIR: join(dir, 'cache') };
    const full = 'mount -t tmpfs -o size=64k tmpfs cache; head -c 100k /dev/zero > cache/zeros || true';
    const ended = await inMounts(ctx, full, ['run', 'model.onnx', '--no-discover', '--json'], dir, env);
    expect(close(answer(ended).y, await reference(dir))).toBe(true);
    const chips = await inMounts(ctx, full, ['chips', '--no-discover'], dir, env);
    expect(chips.out).toMatch(/ENOSPC|No space left/i);
  });

  it('on a disk that fills while a kernel is compiled: another chip runs, or the error says it', async (ctx) => {
    const dir = folder();
    model(dir);
    mkdirSync(join(dir, 'cache'));
    const fills = 'grep -q "void run" "$source" 2>/dev/null && head -c 2000k /dev/zero > ../../zeros; real "$@"';
    const env = { FLAGOS_CACHE: join(dir, 'cache'), CC: script(join(dir, 'cc'), fills) };
    const full = 'mount -t tmpfs -o size=1000k tmpfs cache';
    const ended = await inMounts(ctx, full, ['run', 'model.onnx', '--prefer', 'flagos/cpu,flagos/js', '--no-discover', '--json'], dir, env);
    expect(close(answer(ended).y, await reference(dir))).toBe(true);
    expect(answer(ended).line).toContain('flagos/js');
    const alone = await inMounts(ctx, full, ['run', 'model.onnx', ...onCpu], dir, env);
    expect(alone.code).not.toBe(0);
    expect(alone.err).toMatch(/no space left[^]*FLAGOS_E_COMPILER/i);
  });

  it('brought from a machine with another processor is not used', async (ctx) => {
    const dir = folder();
    model(dir);
    const env = { FLAGOS_CACHE: join(dir, 'cache') };
    const expected = await reference(dir);
    answer(await flagos(['run', 'model.onnx', ...onCpu], dir, env));
    cpSync(env.FLAGOS_CACHE, join(dir, 'brought'), { recursive: true });
    const facts = readFileSync('/proc/cpuinfo', 'utf8').replace(/^(flags|Features)(\s*:.*)$/gm, '$1$2 newer_feature');
    writeFileSync(join(dir, 'cpuinfo'), facts);
    const run = ['run', 'model.onnx', ...onCpu, '--log', 'debug'];
    const here = await flagos(run, dir, { FLAGOS_CACHE: join(dir, 'brought') });
    expect(here.err).not.toContain('compiled');
    const there = await inMounts(ctx, 'mount --bind cpuinfo /proc/cpuinfo', run, dir, { FLAGOS_CACHE: join(dir, 'brought') });
    expect(close(answer(there).y, expected)).toBe(true);
    expect(there.err).toMatch(/compiled the thread pool[^]*compiled 2 ops/);
  });
});

withRealCompiler('an interrupted program', () => {
  it('takes the compiler and what that started with it', async () => {
    const dir = folder();
    model(dir);
    const hangs = 'grep -q "void run" "$source" 2>/dev/null || { real "$@"; exit $?; }\nsleep 600 & echo $! > "$(dirname "$0")/pid"; wait';
    const env = { FLAGOS_CACHE: join(dir, 'cache'), CC: script(join(dir, 'cc'), hangs) };
    const pid = (): number => Number(existsSync(join(dir, 'pid')) && readFileSync(join(dir, 'pid'), 'utf8'));
    const ended = await runProgram(program, ['run', 'model.onnx', ...onCpu], {
      cwd: dir,
      env,
      started: (child) =>
        void expect
          .poll(pid, { timeout: 20_000 })
          .toBeGreaterThan(0)
          .then(() => child.kill('SIGINT')),
    });
    expect(ended.signal).toBe('SIGINT');
    const isAlive = (): boolean => existsSync(`/proc/${pid()}`) && !readFileSync(`/proc/${pid()}/stat`, 'utf8').includes(') Z ');
    await expect.poll(isAlive).toBe(false);
  });
});

describe('parts that are not there', () => {
  const silero = ['run', 'npm:@ricky0123/vad-web/dist/silero_vad_v5.onnx', '--shape', 'input=1x512', '--input', 'sr=16000', '--json'];
  interface Doctor {
    readonly checks: readonly { readonly name: string; readonly state: string; readonly detail: string; readonly hint?: string }[];
  }
  const checkOf = (ended: Ended, name: string) => (JSON.parse(ended.out) as Doctor).checks.find((c) => c.name === name);
  const root = join(import.meta.dirname, '../..');
  const voice = (ended: Ended): number => {
    if (ended.code !== 0) throw new Error(ended.err);
    return (JSON.parse(ended.out) as Run).runs[0]!['output']!.value.values[0]!;
  };

  it('a C compiler: doctor says so and what to do, and a model runs on the other chips', async () => {
    const env = { PATH: folder(), FLAGOS_CACHE: folder(), CC: undefined };
    const doctor = await flagos(['doctor', '--json'], root, env);
    expect(doctor.code).toBe(0);
    expect(checkOf(doctor, 'C compiler')).toMatchObject({ state: 'missing', hint: expect.stringContaining('install gcc or clang') });
    expect(checkOf(doctor, 'chip flagos/cpu')).toMatchObject({ state: 'missing', hint: expect.stringContaining('install gcc or clang') });
    const expected = voice(await flagos([...silero, '--chip', 'reference'], root, env));
    for (const chip of ['flagos/wasm', 'flagos/js'])
      expect(voice(await flagos([...silero, '--chip', chip, '--fallback', 'none'], root, env))).toBeCloseTo(expected, 4);
    expect(voice(await flagos(silero, root, env))).toBeCloseTo(expected, 4);
    expect(await flagos([...silero, '--chip', 'flagos/cpu'], root, env)).toMatchObject({
      code: 2,
      err: expect.stringContaining('no C compiler'),
    });
  });

  it('koffi: doctor says so and what to do, and a model runs on the other chips', async () => {
    const dir = folder();
    model(dir);
    const hooks = `export const resolve = (name, context, next) => {
  if (name === 'koffi') throw Object.assign(new Error("Cannot find package 'koffi'"), { code: 'ERR_MODULE_NOT_FOUND' });
  return next(name, context);
};`;
    writeFileSync(join(dir, 'hooks.mjs'), hooks);
    writeFileSync(join(dir, 'without.mjs'), `import { register } from 'node:module';\nregister('./hooks.mjs', import.meta.url);\n`);
    const env = { NODE_OPTIONS: `--import ${pathToFileURL(join(dir, 'without.mjs')).href}` };
    const doctor = await flagos(['doctor', '--json', '--no-discover'], dir, env);
    expect(checkOf(doctor, 'chip flagos/cpu')).toMatchObject({
      state: 'missing',
      detail: expect.stringContaining("Cannot find package 'koffi'"),
      hint: 'install the optional dependency koffi',
    });
    const ended = await flagos(['run', 'model.onnx', '--no-discover', '--json'], dir, env);
    expect(close(answer(ended).y, await reference(dir))).toBe(true);
  });
});
