/** What tests of faults are made of: compilers that misbehave, folders that do not last, and the parts they act upon. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { onTestFinished, describe } from 'vitest';
import { createRuntime, type Flagos } from '../../src/host/flagos.ts';
import { probeToolchain, type ProbeLimits } from '../../src/host/native/toolchain.ts';
import { usualLimits } from '../../src/host/native/builder.ts';
import type { CCode, NativeKernel, NativeToolchain } from '../../src/plugins/flagos/native.ts';
import { FlagosError } from '../../src/core/errors.ts';
import type { Logger } from '../../src/core/log.ts';
import { Tensor } from '../../src/core/tensor.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** A folder that goes when the test ends. */
export const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'flagos-faults-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
};

/** A program of that name in a folder, as a shell script. `real` in it is this machine's compiler with all arguments; `out` the file it is to make. */
export const script = (path: string, body: string): string => {
  writeFileSync(
    path,
    `#!/bin/sh
real() { ${realCompiler} "$@"; }
case "$*" in *--version*) echo "fake 1.0"; exit 0;; esac
out= ; source= ; last=
for a in "$@"; do [ "$last" = -o ] && out=$a; case "$a" in *.c) source=$a;; esac; last=$a; done
${body}
`,
  );
  chmodSync(path, 0o755);
  return path;
};

const found = ['cc', 'gcc', 'clang'].flatMap((name) => {
  for (const part of (process.env['PATH'] ?? '').split(delimiter)) {
    try {
      execFileSync(join(part, name), ['--version'], { stdio: 'pipe' });
      return [join(part, name)];
    } catch {
      // It is not in this folder.
    }
  }
  return [];
});
/** Path of this machine's compiler. */
export const realCompiler = found[0] ?? 'no-c-compiler';
/** Suites about what a working compiler makes: skipped, as their titles say, where there is none. */
export const withRealCompiler: typeof describe = found[0] === undefined ? (describe.skip as typeof describe) : describe;

export interface Lines {
  readonly logger: Logger;
  readonly lines: string[];
}
export const recorded = (): Lines => {
  const lines: string[] = [];
  return { lines, logger: { log: (level, message, fields) => void lines.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`) } };
};

/** An environment with a cache and a compiler of its own. */
export const envWith = (values: Env): Env => ({ PATH: process.env['PATH'], HOME: process.env['HOME'], ...values });

export interface Found extends Lines {
  readonly toolchain: NativeToolchain;
}
/** The toolchain under an environment, or what is missing. */
export const probe = async (
  env: Env,
  limits: Partial<ProbeLimits> = {},
): Promise<Found | { missing: string; hint: string; lines: string[] }> => {
  const { logger, lines } = recorded();
  const answer = await probeToolchain(envWith(env), 1, logger, { ...usualLimits, searchMs: 8_000, ...limits });
  return 'missing' in answer ? { ...answer, lines } : { ...answer, logger, lines };
};
export const toolchain = async (env: Env, limits: Partial<ProbeLimits> = {}): Promise<Found> => {
  const answer = await probe(env, limits);
  if ('missing' in answer) throw new Error(`expected a toolchain: ${answer.missing}`);
  return answer;
};

/** A kernel: y[0] = x[0] + n. */
export const adding = (n: number): CCode => {
  const source = `void prepare(void** b, const long* p, void* par) { (void)b; (void)p; (void)par; }
void run(void** b, const long* p, void* par) { (void)p; (void)par; ((float*)b[1])[0] = ((float*)b[0])[0] + ${n}.0f; }
`;
  return { source, units: () => [{ text: source, shared: false }] };
};
/** What such a kernel makes of 1. */
export const resultOf = ({ toolchain: t }: Pick<Found, 'toolchain'>, kernel: NativeKernel): number => {
  const [x, y] = [Float32Array.of(1), new Float32Array(1)];
  kernel.run(BigUint64Array.of(t.address(x), t.address(y)), new BigInt64Array(1));
  return y[0]!;
};
export const load = async (t: Found, n = 1): Promise<number> => resultOf(t, await t.toolchain.load(adding(n), `adding ${n}`));

/** A runtime of this library's own chips; closed when the test ends. */
export const runtime = async (env: Env, config: Parameters<typeof createRuntime>[0] = {}): Promise<Flagos & Lines> => {
  const { logger, lines } = recorded();
  const made = await createRuntime({ env: envWith(env), discover: false, threads: 1, logger, cwd: tmpdir(), ...config });
  onTestFinished(() => made.close());
  return Object.assign(made, { logger, lines });
};

/** √ of 1, 4, 9, and the chip that made it. */
export const roots = async ({ runtime: r }: Flagos): Promise<{ values: unknown; chip: string | undefined }> => {
  const shape = { name: 'x', type: { kind: 'tensor', dtype: 'float32', shape: [3] } } as const;
  const model = r.model({
    name: 'roots',
    metadata: {},
    graph: {
      name: 'roots',
      types: new Map(),
      inputs: [shape],
      outputs: [{ ...shape, name: 'y' }],
      initializers: new Map(),
      nodes: [{ name: 'y', op: 'Sqrt', domain: '', version: 13, inputs: ['x'], outputs: ['y'], attrs: {} }],
    },
  });
  const { y } = await model.run({ x: Tensor.from('float32', [3], [1, 4, 9]) });
  return { values: (y as Tensor).toValues(), chip: model.placement()[0]?.kernel.split(':')[0] };
};

/** The error of a promise that must fail. */
export const errorOf = async (work: Promise<unknown>): Promise<FlagosError> => {
  const e: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (e instanceof FlagosError) return e;
  throw new Error(`expected a FlagosError, got ${String(e)}`);
};

/** Names in the folder where a cache keeps its files. */
export const cached = (cache: string): string[] => readdirSync(join(cache, 'native-2'));
/** Paths of the entries' contents of a kind. */
export const contents = (cache: string, kind: string): string[] =>
  cached(cache)
    .filter((name) => name.endsWith(`.${kind}`))
    .map((name) => join(cache, 'native-2', name));
