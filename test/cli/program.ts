/** The program as a user runs it: bundled from the sources, in a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Dev {
  bundleCli(): Promise<string>;
}
const root = join(import.meta.dirname, '../..');

/** Bundles the command line; the same sources give the same file. */
export const bundle = async (): Promise<string> => {
  const dev: Dev = await import(pathToFileURL(join(root, 'scripts/dev.mjs')).href);
  return dev.bundleCli();
};

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

export interface Options {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Called when the process has started. */
  readonly started?: (child: ChildProcess) => void;
}

/** Runs it to its end. */
export const runProgram = (program: string, argv: readonly string[], { cwd, env = {}, started }: Options): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...argv], { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => void (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => void (err += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, out, err }));
    started?.(child);
  });
