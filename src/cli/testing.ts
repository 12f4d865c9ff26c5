/** For tests: an {@link Io} that keeps what is written. */
import colors from 'picocolors';
import type { Io } from './io.ts';

export interface TestIo extends Io {
  /** What was written so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
}

export const testIo = (changes: Partial<Io> = {}): TestIo => {
  let [stdout, stderr] = ['', ''];
  const paint = colors.createColors(false);
  return {
    out: (text) => void (stdout += text),
    err: (text) => void (stderr += text),
    env: {},
    cwd: process.cwd(),
    paint,
    paintErr: paint,
    interactive: false,
    width: 100,
    self: undefined,
    ...changes,
    stdout: () => stdout,
    stderr: () => stderr,
  };
};
