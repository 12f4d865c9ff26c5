/**
 * Runs a program of the machine to its end, within a time limit. At the limit it is killed with
 * everything it started: a compiler is a driver that waits for others, and killing it alone would
 * leave them running and its pipes open. Never throws: how it ended is the answer.
 */
import { spawn } from 'node:child_process';
import type { Environment } from '../config-env.ts';

export type Ended =
  | { readonly ok: true; readonly stdout: string }
  | {
      readonly ok: false;
      readonly stdout: string;
      /** Reads on from the program's name. */
      readonly reason: string;
      /** It was killed at the limit. */
      readonly late: boolean;
      /** What else ended it. */
      readonly signal?: string;
    };

export interface CommandOptions {
  readonly cwd?: string;
  readonly env: Environment;
  readonly limitMs: number;
}

/** Output beyond this is dropped. */
const MOST_OUTPUT = 1 << 16;
/** What a program that has ended may still have in its pipes comes within this. */
const DRAIN_MS = 200;
/** Lines of its complaints that are passed on. */
const MOST_LINES = 5;

const firstLines = (text: string): string => text.trim().split('\n').slice(0, MOST_LINES).join('\n');

const killGroup = (pid: number | undefined): void => {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (e) {
    // It has just ended by itself.
    if (!(e instanceof Error && 'code' in e && e.code === 'ESRCH')) throw e;
  }
};

/** Programs that run at this moment. */
const running = new Set<number>();

/** Ends them all: for a process that ends. */
export const endCommands = (): void => running.forEach(killGroup);

export const runCommand = (program: string, args: readonly string[], { cwd, env, limitMs }: CommandOptions): Promise<Ended> =>
  new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env: { ...env, LC_ALL: 'C' }, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    if (running.size === 0) process.once('exit', endCommands);
    if (child.pid !== undefined) running.add(child.pid);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (d: Buffer) => void (stdout = (stdout + d.toString()).slice(0, MOST_OUTPUT)));
    child.stderr.on('data', (d: Buffer) => void (stderr = (stderr + d.toString()).slice(0, MOST_OUTPUT)));
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      killGroup(child.pid);
    }, limitMs);
    let drain: ReturnType<typeof setTimeout> | undefined;
    const finish = (ended: Ended): void => {
      clearTimeout(timer);
      clearTimeout(drain);
      if (child.pid !== undefined) running.delete(child.pid);
      if (running.size === 0) process.off('exit', endCommands);
      child.stdout.destroy();
      child.stderr.destroy();
      resolve(ended);
    };
    const failed = (reason: string, signal?: string): void => finish({ ok: false, stdout, late, reason, ...(signal ? { signal } : {}) });
    const end = (code: number | null, signal: string | null): void => {
      const said = firstLines(stderr);
      if (late) failed(`took longer than ${Math.round(limitMs / 100) / 10} s`);
      else if (code === 0) finish({ ok: true, stdout });
      else if (signal) failed(`was ended by ${signal}${said && `: ${said}`}`, signal);
      else failed(said || `ended with code ${code} and said nothing`);
    };
    child.on('error', (e: NodeJS.ErrnoException) =>
      failed(e.code === 'ENOENT' ? 'is not there' : `cannot be started (${e.code ?? e.message})`),
    );
    child.on('exit', (code, signal) => void (drain = setTimeout(() => end(code, signal), DRAIN_MS)));
    child.on('close', end);
  });
