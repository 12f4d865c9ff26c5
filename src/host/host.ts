/** What plugins may use of the process they run in, made from the configuration. */
import { cpus, hostname } from 'node:os';
import { lineLogger, silentLogger, type Logger } from '../core/log.ts';
import type { Host } from '../plugins/contract.ts';
import type { Config } from './config.ts';
import type { Environment } from './config-env.ts';
import { usableCores } from './cores.ts';

export interface HostOptions {
  readonly env?: Environment;
  /** Where log lines go; default: stderr. */
  readonly write?: (line: string) => void;
}

const toStderr = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

const loggerOf = ({ logger, log }: Pick<Config, 'logger' | 'log'>, write: (line: string) => void): Logger =>
  logger ?? (log === 'silent' ? silentLogger : lineLogger(log, write));

/** Patches of Node do not change how fast kernels are; its engine's versions may. */
const thisMachine = (): string =>
  `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${process.platform}-${process.arch}, node ${process.versions.node.split('.')[0]}`;

/** @param config `threads`, `log` and `logger` of it are used. */
export const createHost = (
  config: Pick<Config, 'threads' | 'log' | 'logger'>,
  { env = process.env, write = toStderr }: HostOptions = {},
): Host => ({
  logger: loggerOf(config, write),
  threads: config.threads === 'auto' ? usableCores() : config.threads,
  machine: thisMachine(),
  name: hostname(),
  env: Object.freeze({ ...env }),
});
