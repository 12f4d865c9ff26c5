/** C compilers that are missing, or do not do what compilers do: the chip says why it is not there, or another one takes over. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cached, contents, errorOf, folder, load, probe, roots, runtime, script, toolchain, type Env, withRealCompiler } from './kit.ts';

/** An environment whose compiler is a script, and a cache of its own. */
const withCompiler = (body: string): { env: Env; dir: string; cache: string } => {
  const dir = folder();
  const cache = join(dir, 'cache');
  return { dir, cache, env: { CC: script(join(dir, 'fakecc'), body), FLAGOS_CACHE: cache } };
};
/** An instruction no processor has, run before anything else. */
const illegal = `#ifdef __x86_64__
#define ILL "ud2"
#else
#define ILL ".inst 0"
#endif
__attribute__((constructor)) static void ill(void) { __asm__ volatile(ILL); }
`;
const missing = async (env: Env, limits = {}): Promise<{ missing: string; hint: string }> => {
  const answer = await probe(env, limits);
  if (!('missing' in answer)) throw new Error('expected no toolchain');
  return answer;
};

withRealCompiler('a C compiler', () => {
  it('that is not there: what was looked for, and what to do', async () => {
    expect(await missing({ PATH: folder(), FLAGOS_CACHE: folder() })).toMatchObject({
      missing: 'no C compiler: cc is not there; gcc is not there; clang is not there',
      hint: expect.stringContaining('install gcc or clang'),
    });
    expect(await missing({ CC: '/nowhere/cc -O1', FLAGOS_CACHE: folder() })).toMatchObject({
      missing: 'no C compiler: CC names one, but /nowhere/cc -O1 is not there',
    });
  });

  it('is looked for further when the first one does not work', async () => {
    const dir = folder();
    script(join(dir, 'cc'), 'echo broken >&2; exit 1');
    script(join(dir, 'gcc'), 'real "$@"');
    const found = await toolchain({ PATH: `${dir}:${process.env['PATH']}`, FLAGOS_CACHE: join(dir, 'cache') });
    expect(found.toolchain.description).toMatch(/^fake 1\.0/);
    expect(await load(found)).toBe(2);
  });

  it('may be named with arguments', async () => {
    const { env } = withCompiler('[ "$1" = --first ] || exit 9; shift; real "$@"');
    expect(await load(await toolchain({ ...env, CC: `${env['CC']} --first` }))).toBe(2);
  });

  const hopeless: Record<string, readonly [body: string, reason: RegExp]> = {
    'that always fails': ['echo "out of registers" >&2; exit 1', /cannot compile: out of registers/],
    'that fails and says nothing': ['exit 4', /cannot compile: ended with code 4 and said nothing/],
    'that writes garbage': ['echo garbage > "$out"; chmod +x "$out"', /cannot be run/],
    'that writes nothing': ['exit 0', /cannot be run: a test is not there/],
    'that is killed': ['kill -9 $$', /cannot compile: was ended by SIGKILL/],
    'that makes programs which print nonsense': ['printf "#!/bin/sh\\necho 1\\n" > "$out"; chmod +x "$out"', /nonsense/],
  };
  for (const [what, [body, reason]] of Object.entries(hopeless)) {
    it(`${what}: the chip is missing, another one runs`, async () => {
      const { env, cache } = withCompiler(body);
      expect((await missing(env)).missing).toMatch(reason);
      const made = await runtime(env);
      expect(await roots(made)).toEqual({ values: [1, 2, 3], chip: 'flagos/js' });
      expect(cached(cache)).toEqual([]);
    });
  }

  it('that hangs is left within the time for finding chips, and everything it started is ended', async () => {
    const { env, dir } = withCompiler(`sleep 600 & echo $! > "${'$'}(dirname "$0")/pid"; wait`);
    expect((await missing(env, { searchMs: 600 })).missing).toMatch(/cannot compile: took longer than 0\.\d s/);
    const pid = Number(readFileSync(join(dir, 'pid'), 'utf8'));
    await expect.poll(() => existsSync(`/proc/${pid}`) && !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')).toBe(false);
  });

  it('that hangs when asked for its version, too', async () => {
    const dir = folder();
    writeFileSync(join(dir, 'cc'), '#!/bin/sh\nsleep 600\n', { mode: 0o755 });
    expect((await missing({ CC: join(dir, 'cc'), FLAGOS_CACHE: folder() }, { searchMs: 400 })).missing).toMatch(/took longer than/);
  });
});

withRealCompiler('a C compiler that works until it has to compile a kernel', () => {
  /** Lets the trial, the thread pool and the check pass. */
  const onlyKernels = (body: string): string => `grep -q "void run" "$source" 2>/dev/null || { real "$@"; exit $?; }\n${body}`;
  const broken: Record<string, readonly [body: string, reason: RegExp]> = {
    'fails with a message': ['echo "k.c:1: error: too clever" >&2; exit 1', /failed on adding 1: it k\.c:1: error: too clever/],
    'writes half a library': [
      'real "$@"; head -c 9000 "$out" > half; mv half "$out"',
      /what it made cannot be loaded: it ends after 9000 bytes/,
    ],
    'writes garbage': ['echo garbage > "$out"', /what it made cannot be loaded: it is no library/],
    'writes nothing': ['exit 0', /it made no file/],
    'writes a library without the entry': ['echo "int x;" > other.c; real -shared -fPIC -o "$out" other.c', /cannot be loaded: /],
    'is killed': ['kill -9 $$', /it was ended by SIGKILL/],
  };
  for (const [what, [body, reason]] of Object.entries(broken)) {
    it(`and ${what}: a typed error, nothing of it is kept`, async () => {
      const { env, cache } = withCompiler(onlyKernels(body));
      const found = await toolchain(env);
      const before = contents(cache, 'so').length;
      const error = await errorOf(load(found));
      expect(error).toMatchObject({ code: 'FLAGOS_E_COMPILER', kind: 'unsupported', hint: expect.any(String) });
      expect(error.reason).toMatch(reason);
      expect(cached(cache).filter((name) => name.startsWith('tmp-'))).toEqual([]);
      // The library without an entry was whole, so it lies there, but no key leads to it.
      expect(await errorOf(load(found))).toMatchObject({ code: 'FLAGOS_E_COMPILER' });
      expect(contents(cache, 'so').length - before).toBeLessThanOrEqual(1);
    });
  }

  it('another chip runs what it could not, or the caller is told', async () => {
    const { env } = withCompiler(onlyKernels('echo "too clever" >&2; exit 1'));
    const made = await runtime(env);
    expect(made.runtime.chips.map((c) => c.id)).toContain('flagos/cpu');
    const order = { prefer: ['flagos/cpu'] };
    expect(await roots(await runtime(env, { ...order, fallback: 'native' }))).toEqual({
      values: [1, 2, 3],
      chip: 'flagos/js',
    });
    expect(await errorOf(roots(await runtime(env, { ...order, fallback: 'none' })))).toMatchObject({
      message: expect.stringContaining('too clever'),
    });
  });

  it('and is slow with it: the limit holds', async () => {
    const { env } = withCompiler(onlyKernels('sleep 600'));
    const error = await errorOf(load(await toolchain(env, { compileMs: 2000 })));
    expect(error.reason).toMatch(/it took longer than 2 s/);
  });

  it('and then for nothing at all: what comes after fails at once, for a while', async () => {
    const { env, dir } = withCompiler('echo x >> "$(dirname "$0")/calls"; [ -e "$(dirname "$0")/gone" ] && exit 1; real "$@"');
    const found = await toolchain(env, { pauseMs: 60_000 });
    expect(await load(found, 1)).toBe(2);
    const calls = (): number => readFileSync(join(dir, 'calls'), 'utf8').split('\n').length;
    writeFileSync(join(dir, 'gone'), '');
    const before = calls();
    for (const n of [2, 3, 4]) expect((await errorOf(load(found, n))).reason).toMatch(/nothing can be compiled at present/);
    // The kernel that failed, and the check that followed it.
    expect(calls() - before).toBe(2);
    expect(await load(found, 1)).toBe(2);
  });

  it('and works again later', async () => {
    const { env, dir } = withCompiler('[ -e "$(dirname "$0")/gone" ] && exit 1; real "$@"');
    const found = await toolchain(env, { pauseMs: 0 });
    writeFileSync(join(dir, 'gone'), '');
    expect(await errorOf(load(found))).toMatchObject({ code: 'FLAGOS_E_COMPILER' });
    script(join(dir, 'fakecc'), 'real "$@"');
    expect(await load(found)).toBe(2);
  });
});

withRealCompiler('a compiler told to use instructions this processor lacks', () => {
  it('that says so: the chip is missing and names them', async () => {
    const { env } = withCompiler('real -mavx512er "$@"');
    if (process.arch === 'x64') expect((await missing(env)).missing).toMatch(/uses instructions this processor lacks: avx512er/);
  });

  it('that does not say so: a process of its own finds out, and this one lives', async () => {
    const { env, dir } = withCompiler('real -include "$(dirname "$0")/ill.h" "$@"');
    writeFileSync(join(dir, 'ill.h'), illegal);
    expect((await missing(env)).missing).toMatch(/uses instructions this processor lacks/);
  });

  it('by -march=native alone: it compiles for any processor of its kind, and says so', async () => {
    const { env, dir } = withCompiler('case "$*" in *=native*) real -include "$(dirname "$0")/ill.h" "$@";; *) real "$@";; esac');
    writeFileSync(join(dir, 'ill.h'), illegal);
    const found = await toolchain(env);
    expect(found.toolchain.description).toMatch(/for any processor of its kind, because with -m\w+=native it uses instructions/);
    if (process.arch === 'x64') expect(found.toolchain.target).toMatchObject({ vectorBytes: 16, registers: 16 });
    expect(await load(found)).toBe(2);
    const made = await runtime(env, { prefer: ['flagos/cpu'], fallback: 'none' });
    expect(await roots(made)).toEqual({ values: [1, 2, 3], chip: 'flagos/cpu' });
  });
});
