/** The cache of compiled kernels: damaged, foreign, not writable, full, too large. What is asked for is compiled anew, and comes out right. */
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { cached, contents, folder, load, probe, realCompiler, recorded, script, toolchain, type Env, withRealCompiler } from './kit.ts';
import { LibraryCache } from '../../src/host/native/cache.ts';

/** A compiler that counts how often it is called. */
const counting = (): { env: Env; cache: string; calls: () => number } => {
  const dir = folder();
  const cache = join(dir, 'cache');
  const env = { CC: script(join(dir, 'cc'), 'echo x >> "$(dirname "$0")/calls"; real "$@"'), FLAGOS_CACHE: cache };
  const calls = (): number => (lstatSync(join(dir, 'calls'), { throwIfNoEntry: false })?.size ?? 0) / 2;
  return { env, cache, calls };
};

const warnings = ({ lines }: { lines: readonly string[] }): string[] => lines.filter((line) => line.startsWith('warn'));

/** Puts other contents in a file's place. In place they would change under the program that has it loaded. */
const replace = (path: string, bytes: Uint8Array): void => {
  writeFileSync(`${path}.new`, bytes, { mode: 0o700 });
  renameSync(`${path}.new`, path);
};

/** A cache with one kernel in it; its index and its library, the largest ones after those of the pool. */
const filled = async (): Promise<{ env: Env; cache: string; calls: () => number; index: string; library: string }> => {
  const made = counting();
  const found = await toolchain(made.env);
  const before = new Set(cached(made.cache));
  expect(await load(found)).toBe(2);
  const fresh = cached(made.cache).filter((name) => !before.has(name));
  const path = (ending: string): string =>
    join(
      made.cache,
      'native-2',
      fresh.find((name) => name.endsWith(ending))!,
    );
  return { ...made, index: path('.idx'), library: path('.so') };
};

withRealCompiler('an entry of the kernel cache', () => {
  it('is used by who comes later, without compiling', async () => {
    const { env, calls } = await filled();
    const before = calls();
    const found = await toolchain(env);
    expect(await load(found)).toBe(2);
    expect(calls()).toBe(before);
    expect(warnings(found)).toEqual([]);
  });

  const harm: Record<string, (paths: { index: string; library: string }) => void> = {
    'whose library is cut short': ({ library }) => replace(library, readFileSync(library).subarray(0, 5000)),
    'whose library is empty': ({ library }) => replace(library, Buffer.alloc(0)),
    'with one bit changed': ({ library }) => {
      const bytes = readFileSync(library);
      bytes[bytes.length >> 1]! ^= 1;
      replace(library, bytes);
    },
    'whose library is a folder': ({ library }) => {
      rmSync(library);
      mkdirSync(join(library, 'x'), { recursive: true });
    },
    'whose library is a link': ({ library }) => {
      const elsewhere = join(dirname(dirname(library)), 'elsewhere');
      renameSync(library, elsewhere);
      symlinkSync(elsewhere, library);
    },
    'whose library leads nowhere': ({ library }) => {
      rmSync(library);
      symlinkSync('/nowhere', library);
    },
    'whose library others may write': ({ library }) => chmodSync(library, 0o777),
    'whose index is garbage': ({ index }) => writeFileSync(index, 'garbage'),
    'whose index is empty': ({ index }) => writeFileSync(index, ''),
    'whose index leads out of the folder': ({ index }) => writeFileSync(index, '../../../../lib/x86_64-linux-gnu/libm'),
    'whose index is a folder': ({ index }) => {
      rmSync(index);
      mkdirSync(join(index, 'x'), { recursive: true });
    },
    'whose index is a link': ({ index }) => {
      const elsewhere = join(dirname(dirname(index)), 'elsewhere');
      renameSync(index, elsewhere);
      symlinkSync(elsewhere, index);
    },
    'whose index is of a library of something else': ({ index, library }) => {
      const other = contents(dirname(dirname(index)), 'so').find((path) => path !== library)!;
      writeFileSync(index, basename(other, '.so'));
    },
  };
  for (const [what, change] of Object.entries(harm)) {
    it(`${what} is made anew, and whoever comes next has it again`, async () => {
      const { env, calls, index, library } = await filled();
      change({ index, library });
      const before = calls();
      const found = await toolchain(env);
      expect(await load(found)).toBe(2);
      expect(calls()).toBe(before + 1);
      expect(warnings(found).join('\n')).toMatch(
        /^warn (an entry of the kernel cache is not used|the cached kernel of adding 1 is built anew)/,
      );
      expect(await load(await toolchain(env))).toBe(2);
      expect(calls()).toBe(before + 1);
    });
  }

  it('whose library is gone is made anew, quietly: it went to make room', async () => {
    const { env, calls, library } = await filled();
    rmSync(library);
    const before = calls();
    const found = await toolchain(env);
    expect(await load(found)).toBe(2);
    expect([calls(), warnings(found)]).toEqual([before + 1, []]);
  });

  it('of another user is made anew', async (ctx) => {
    if (process.getuid?.() !== 0) ctx.skip('only the administrator can give a file to another user');
    const { env, calls, library } = await filled();
    const { execFileSync } = await import('node:child_process');
    execFileSync('chown', ['65534', library]);
    const before = calls();
    expect(await load(await toolchain(env))).toBe(2);
    expect(calls()).toBe(before + 1);
  });

  it('made by another compiler, or with other flags, is not used', async () => {
    const { env, calls } = await filled();
    const before = calls();
    expect(await load(await toolchain({ ...env, CC: `${env['CC']} -DX` }))).toBe(2);
    // The trial, the thread pool and the kernel.
    expect(calls()).toBe(before + 3);
  });
});

withRealCompiler('the folder of the kernel cache', () => {
  it('that is a file: another one is used, and that is said', async () => {
    const [dir, tmp] = [folder(), folder()];
    writeFileSync(join(dir, 'file'), '');
    const found = await toolchain({ FLAGOS_CACHE: join(dir, 'file'), TMPDIR: tmp, CC: realCompiler });
    expect(await load(found)).toBe(2);
    expect(warnings(found)[0]).toMatch(/^warn .*file\/native-2: ENOTDIR.*; compiled kernels go to /);
  });

  it('that others may write is closed to them', async () => {
    const cache = folder();
    mkdirSync(join(cache, 'native-2'));
    chmodSync(join(cache, 'native-2'), 0o777);
    expect(await load(await toolchain({ FLAGOS_CACHE: cache }))).toBe(2);
    expect(statSync(join(cache, 'native-2')).mode & 0o777).toBe(0o700);
  });

  it('is swept of what processes left behind that were ended while they compiled', async () => {
    const cache = folder();
    const old = join(cache, 'native-2', 'tmp-1-000000000000');
    const young = join(cache, 'native-2', 'tmp-1-000000000001');
    for (const path of [old, young]) mkdirSync(path, { recursive: true });
    writeFileSync(join(old, 'unit0.c'), '');
    utimesSync(old, new Date(0), new Date(0));
    await toolchain({ FLAGOS_CACHE: cache });
    expect(cached(cache)).toContain(basename(young));
    expect(cached(cache)).not.toContain(basename(old));
  });
});

withRealCompiler('the size of the kernel cache', () => {
  it('is bounded: what was used longest ago goes, what was just made stays', async () => {
    const cache = folder();
    const env = { FLAGOS_CACHE: cache, FLAGOS_CACHE_LIMIT: '0.1' };
    const found = await toolchain(env);
    for (let n = 0; n < 12; n++) expect(await load(found, n)).toBe(1 + n);
    const bytes = (): number => contents(cache, 'so').reduce((sum, path) => sum + statSync(path).size, 0);
    expect(bytes()).toBeLessThanOrEqual(0.1 * 2 ** 20);
    expect(contents(cache, 'so').length).toBeGreaterThanOrEqual(3);
    const again = await toolchain({ ...env, CC: undefined });
    expect(await load(again, 11)).toBe(12);
    // Libraries in use outlive their files.
    expect(await load(found, 0)).toBe(1);
  });

  it('counts what others add', () => {
    const cache = folder();
    const env = { FLAGOS_CACHE: cache, FLAGOS_CACHE_LIMIT: '0.01' };
    const { logger } = recorded();
    const made = new LibraryCache(env, logger);
    const add = (n: number): string => {
      const file = join(cache, 'new');
      writeFileSync(file, Buffer.alloc(4000, n));
      return made.add(LibraryCache.key(String(n)), file, 'so');
    };
    const [first, second] = [add(1), add(2)];
    utimesSync(first, new Date(0), new Date(0));
    copyFileSync(second, join(cache, 'native-2', `${'0'.repeat(64)}.so`));
    made.prune();
    expect(made.bytes).toBeLessThanOrEqual(0.01 * 2 ** 20);
    expect(made.find(LibraryCache.key('1'), 'so')).toBeUndefined();
    expect(made.find(LibraryCache.key('2'), 'so')).toBe(second);
  });
});

it('without any folder that can be written the chip is missing, with what to do', async () => {
  const file = join(folder(), 'file');
  writeFileSync(file, '');
  const answer = await probe({ FLAGOS_CACHE: file, XDG_CACHE_HOME: file, TMPDIR: file });
  expect(answer).toMatchObject({ hint: expect.stringContaining('FLAGOS_CACHE') });
});

withRealCompiler('the library of the thread pool', () => {
  it.runIf(process.platform === 'linux')(
    'stays loaded when the runtime that started it was collected: its threads wait in it',
    async () => {
      const cache = folder();
      const mapped = (): number =>
        readFileSync('/proc/self/maps', 'utf8')
          .split('\n')
          .filter((line) => line.includes(cache)).length;
      await toolchain({ FLAGOS_CACHE: cache });
      setFlagsFromString('--expose-gc');
      const collect = runInNewContext('gc') as () => void;
      for (let i = 0; i < 5; i++) {
        collect();
        await new Promise((go) => void setTimeout(go, 10));
      }
      expect(mapped()).toBeGreaterThan(0);
    },
  );
});
