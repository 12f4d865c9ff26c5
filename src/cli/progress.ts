/** Progress on stderr: one line that rewrites itself, shown only when something takes over a second. */
import type { Io } from './io.ts';

const FIRST_MS = 1000;
const EVERY_MS = 100;
/** Where nobody watches a terminal (--progress into a file) lines stay, so there are fewer of them. */
const EVERY_PLAIN_MS = 5000;

export interface Progress {
  /** Says where things stand. Cheap: most calls write nothing. */
  update(status: string): void;
  /** Takes the line away, before anything else is printed. */
  clear(): void;
}

export const makeProgress = (io: Io, forced: boolean, now: () => number = () => performance.now()): Progress => {
  if (!io.interactive && !forced) return { update: () => {}, clear: () => {} };
  const start = now();
  let last = start + FIRST_MS - (io.interactive ? EVERY_MS : EVERY_PLAIN_MS);
  let shown = false;
  return {
    update: (status) => {
      const t = now();
      if (t - start < FIRST_MS || t - last < (io.interactive ? EVERY_MS : EVERY_PLAIN_MS)) return;
      last = t;
      const line = status.length >= io.width ? `${status.slice(0, io.width - 2)}…` : status;
      io.err(io.interactive ? `\r\u001b[2K${io.paintErr.dim(line)}` : `${status}\n`);
      shown = io.interactive;
    },
    clear: () => {
      if (shown) io.err('\r\u001b[2K');
      shown = false;
    },
  };
};
