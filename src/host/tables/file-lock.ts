/**
 * A lock between processes that does not outlive its holder: a file that says who holds it. It appears
 * whole (by a hard link) or not at all; one whose holder is gone is taken over by whoever wins a lock
 * on doing so. Only rewriting a table needs it: reading and appending never wait.
 */
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { asError } from '../../core/errors.ts';

interface Holder {
  readonly pid: number;
  /** When that process started, as the system counts: numbers of processes are used again. */
  readonly started: string;
  readonly host: string;
  readonly token: string;
}

const codeOf = (e: unknown): unknown => (e instanceof Error && 'code' in e ? e.code : undefined);

/** Start time of a process in clock ticks; empty where the system does not say. */
const startOf = (pid: number): string => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is a name and may hold anything; the 22nd is the start.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch (e) {
    if (codeOf(e) === 'ENOENT' || codeOf(e) === 'ESRCH') return '';
    throw e;
  }
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (e) {
    // Another user's process is there all the same.
    return codeOf(e) === 'EPERM';
  }
};

/** A holder on another machine cannot be asked; nobody holds a lock this long (milliseconds). */
const LONGEST = 600_000;
/** Locks on taking over locks, and locks on those. */
const DEPTH = 2;

const readHolder = (path: string): Holder | undefined => {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder;
  } catch (e) {
    if (codeOf(e) === 'ENOENT' || e instanceof SyntaxError) return undefined;
    throw e;
  }
};

const isOld = (path: string): boolean => {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs > LONGEST;
};

const isGone = (path: string, { pid, started, host }: Holder): boolean =>
  host === hostname() ? !isAlive(pid) || startOf(pid) !== started : isOld(path);

/** Makes the lock file if there is none. @returns what takes it away again. */
const create = (path: string): (() => void) | undefined => {
  const token = randomUUID();
  const mine = `${path}.${token}`;
  const holder: Holder = { pid: process.pid, started: startOf(process.pid), host: hostname(), token };
  writeFileSync(mine, JSON.stringify(holder), { mode: 0o600 });
  try {
    linkSync(mine, path);
  } catch (e) {
    if (codeOf(e) === 'EEXIST') return undefined;
    throw e;
  } finally {
    rmSync(mine, { force: true });
  }
  return () => {
    if (readHolder(path)?.token === token) rmSync(path, { force: true });
  };
};

const takeOver = (path: string, depth: number): void => {
  const holder = readHolder(path);
  if (!holder ? !isOld(path) : !isGone(path, holder)) return;
  if (depth >= DEPTH) {
    if (isOld(path)) rmSync(path, { force: true });
    return;
  }
  const release = tryLock(`${path}.takeover`, depth + 1);
  if (!release) return;
  try {
    // Only who holds the other lock removes this one, so it is still the dead one's, or gone.
    if (readHolder(path)?.token === holder?.token) rmSync(path, { force: true });
  } finally {
    release();
  }
};

/** Takes a lock at once, or not. @returns what releases it. @throws what the system says, where files cannot be made. */
export const tryLock = (path: string, depth = 0): (() => void) | undefined => {
  const release = create(path);
  if (release) return release;
  takeOver(path, depth);
  return create(path);
};

/** Waits for a lock. @throws if it is not to be had in time. */
export const lock = async (path: string, limitMs: number): Promise<() => void> => {
  const end = performance.now() + limitMs;
  for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
    const release = tryLock(path);
    if (release) return release;
    if (performance.now() > end) throw new Error(`${path} is held by process ${readHolder(path)?.pid ?? 'unknown'}`);
    await new Promise((go) => void setTimeout(go, pause));
  }
};

/** For messages. */
export const reasonOf = (thrown: unknown): string => asError(thrown).message;
