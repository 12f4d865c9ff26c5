/** What a verb may use of the process around it; tests put their own in its place. */
import colors from 'picocolors';

export type Paint = ReturnType<typeof colors.createColors>;

export interface Io {
  /** Results. */
  out(text: string): void;
  /** Everything else: errors, notes, progress. */
  err(text: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Colours for results and for the rest; each stream decides for itself. */
  readonly paint: Paint;
  readonly paintErr: Paint;
  /** Whether somebody watches stderr. */
  readonly interactive: boolean;
  /** Columns of the terminal. */
  readonly width: number;
  /** This program's own file, to start children from; undefined where it is not run from one. */
  readonly self: string | undefined;
  /** In a child that may have to be killed: told what it is at. */
  readonly at?: (what: string) => void;
}

type Stream = NodeJS.WriteStream;

/** NO_COLOR and FORCE_COLOR (any value but none) decide; else colours are for terminals. */
const wantsColor = (stream: Stream, env: Io['env']): boolean => {
  if (env['NO_COLOR']) return false;
  if (env['FORCE_COLOR'] && env['FORCE_COLOR'] !== '0') return true;
  // `isTTY` is absent, not false, for what is no terminal.
  return stream.isTTY === true && env['TERM'] !== 'dumb';
};

/** The reader of our output went away (`flagos ops | head -1`): that is no failure. */
const endQuietly = (error: NodeJS.ErrnoException): void => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
};

/** The process this runs in. @param self path of the program's file. */
export const processIo = (self: string): Io => {
  const { stdout, stderr, env } = process;
  stdout.on('error', endQuietly);
  stderr.on('error', endQuietly);
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    env,
    cwd: process.cwd(),
    self,
    paint: colors.createColors(wantsColor(stdout, env)),
    paintErr: colors.createColors(wantsColor(stderr, env)),
    interactive: stderr.isTTY === true,
    width: stdout.columns ?? 100,
  };
};

/** Ends the process once everything written has left it. */
export const exitWith = (code: number): void => {
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
};

/** Calls `clean` when the process is interrupted, then lets the signal do what it does without us. @returns takes it back. */
export const onInterrupt = (clean: () => void): (() => void) => {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const handler = (signal: NodeJS.Signals): void => {
    clean();
    release();
    process.kill(process.pid, signal);
  };
  const release = (): void => signals.forEach((s) => void process.off(s, handler));
  for (const s of signals) process.on(s, handler);
  return release;
};
