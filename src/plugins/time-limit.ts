/**
 * Time limits around code of others. What does not answer in time is left behind; a result that
 * comes later is handed to `late`, so that it can be closed. A synchronous endless loop cannot be stopped.
 */
import { FlagosError, type ErrorOptions } from '../core/errors.ts';

export interface TimeLimitOptions<T> extends ErrorOptions {
  readonly late?: (value: T) => void;
}

/**
 * Runs `work` and waits for it at most `ms` milliseconds.
 * @throws FLAGOS_E_PLUGIN_TIMEOUT when it takes longer, and whatever `work` throws.
 */
export const withTimeLimit = async <T>(
  ms: number,
  what: string,
  work: () => T | Promise<T>,
  options: TimeLimitOptions<T> = {},
): Promise<T> => {
  const { late, ...error } = options;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let over = false;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      over = true;
      reject(new FlagosError('FLAGOS_E_PLUGIN_TIMEOUT', `${what} took longer than ${ms} ms`, error));
    }, ms);
  });
  const result = (async () => {
    const value = await work();
    if (over) late?.(value);
    return value;
  })();
  try {
    return await Promise.race([result, limit]);
  } finally {
    clearTimeout(timer);
  }
};
