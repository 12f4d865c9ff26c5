/** Logging is injected: the library writes nowhere by itself unless given a logger. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface Logger {
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export const silentLogger: Logger = { log: () => {} };

const rank: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Writes lines of at least `level` through `write` (for example to stderr). */
export const lineLogger = (level: LogLevel, write: (line: string) => void): Logger => ({
  log(at, message, fields) {
    if (rank[at] < rank[level]) return;
    const extra = fields && Object.keys(fields).length ? ` ${JSON.stringify(fields)}` : '';
    write(`flagos ${at}: ${message}${extra}`);
  },
});
