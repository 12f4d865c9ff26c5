/** Failures of plugins as reports: always of kind `plugin`, whatever the plugin threw. */
import { asError, FlagosError, type ErrorCode, type ErrorOptions } from '../core/errors.ts';

/** Errors about plugins stay as they are; anything else becomes the cause of one with this code. `what` failed, as the start of a sentence. */
export const pluginError = (code: ErrorCode, what: string, thrown: unknown, options: ErrorOptions): FlagosError => {
  if (thrown instanceof FlagosError && thrown.kind === 'plugin') return thrown;
  const error = asError(thrown);
  return new FlagosError(code, `${what} failed: ${error.message === '' ? `${error.name} without a message` : error.message}`, {
    ...options,
    cause: error,
  });
};
