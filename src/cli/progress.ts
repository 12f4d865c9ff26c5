/** Progress on stderr: one line that rewrites itself, shown only when something takes over a second. */
import type { StepObserver } from '../dispatch/execute.ts';
import type { PrepareProgress } from '../dispatch/prepare.ts';
import type { Io } from './io.ts';

const FIRST_MS = 1000;
const EVERY_MS = 100;
/** Where nobody watches a terminal (--progress into a file) lines stay, so there are fewer of them. */
const EVERY_PLAIN_MS = 5000;

export interface Progress {
  /** Whether anybody sees it. */
  readonly shown: boolean;
  /** Says where things stand. Cheap: most calls write nothing. */
  update(status: string): void;
  /** Says it again, with the time that has gone by. */
  tick(): void;
  /** Takes the line away, before anything else is printed. */
  clear(): void;
}

const silent: Progress = { shown: false, update: () => {}, tick: () => {}, clear: () => {} };

export const makeProgress = (io: Io, forced: boolean, now: () => number = () => performance.now()): Progress => {
  const tell = io.at ?? ((): void => {});
  if (!io.interactive && !forced) return { ...silent, update: tell };
  const every = io.interactive ? EVERY_MS : EVERY_PLAIN_MS;
  const start = now();
  let last = start + FIRST_MS - every;
  let status = '';
  let written = false;
  const draw = (): void => {
    const t = now();
    if (t - start < FIRST_MS || t - last < every) return;
    last = t;
    const text = `${Math.floor((t - start) / 1000)} s  ${status}`;
    const line = text.length >= io.width ? `${text.slice(0, io.width - 2)}…` : text;
    io.err(io.interactive ? `\r\u001b[2K${io.paintErr.dim(line)}` : `${text}\n`);
    written = io.interactive;
  };
  return {
    shown: true,
    update: (next) => {
      tell(next);
      status = next;
      draw();
    },
    tick: draw,
    clear: () => {
      if (written) io.err('\r\u001b[2K');
      written = false;
    },
  };
};

/** Keeps the time on the line going while something runs that says nothing itself, and clears the line after it. */
export const withProgress = async <T>(progress: Progress, status: string, work: () => Promise<T>): Promise<T> => {
  progress.update(status);
  const timer = progress.shown ? setInterval(() => progress.tick(), EVERY_MS) : undefined;
  try {
    return await work();
  } finally {
    clearInterval(timer);
    progress.clear();
  }
};

/** Steps of a run as progress; nothing at all where nobody would see it, so that times stay true. */
export const watchSteps = (progress: Progress, what: string): StepObserver | undefined =>
  progress.shown ? { before: (step, index) => progress.update(`${what}: step ${index + 1}, ${step.label} on ${step.kernel}`) } : undefined;

/** Preparation of a model's kernels as progress. */
export const watchPreparing =
  (progress: Progress) =>
  ({ done, regions, label, kernel, parts }: PrepareProgress): void =>
    progress.update(
      `preparing ${done + 1} of ${regions} for ${kernel.split(':')[0]}${parts ? `, ${parts.done} of ${parts.total} compiled` : ''}: ${label}`,
    );
