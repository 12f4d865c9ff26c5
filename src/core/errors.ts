/**
 * Every error this library raises, in one table: a stable code, what kind of failure it is (which
 * decides whether another kernel may be tried), and where it is explained (`docs/errors.md#<code>`).
 *
 * The trace names the way down: model → node → op → chip → kernel. It is filled in from the inside
 * out by {@link FlagosError.at}, so the place that fails need not know what stands above it.
 */

/** `user`: the request is wrong whoever runs it. `unsupported`: this kernel cannot, another may. `kernel`: a kernel broke. `plugin`, `system`: around it. */
export type ErrorKind = 'user' | 'unsupported' | 'kernel' | 'plugin' | 'system';

export const errorTable = {
  FLAGOS_E_USAGE: { kind: 'user', title: 'A call or command has wrong arguments' },
  FLAGOS_E_CONFIG: { kind: 'user', title: 'A configuration value is not valid' },
  FLAGOS_E_FILE: { kind: 'user', title: 'A file cannot be read' },
  FLAGOS_E_MODEL_FORMAT: { kind: 'user', title: 'The model file is damaged or is not of the format it claims' },
  FLAGOS_E_MODEL_INVALID: { kind: 'user', title: 'The model is readable but not valid' },
  FLAGOS_E_MODEL_UNSUPPORTED: { kind: 'user', title: 'The model uses a feature of its format that is not supported' },
  FLAGOS_E_EXTERNAL_DATA: { kind: 'user', title: 'External tensor data cannot be used' },
  FLAGOS_E_INPUT: { kind: 'user', title: 'An input is missing, unknown, or has the wrong type or shape' },
  FLAGOS_E_SHAPE: { kind: 'user', title: 'Shapes do not fit the op' },
  FLAGOS_E_DTYPE: { kind: 'user', title: 'Element types do not fit the op' },
  FLAGOS_E_ATTRIBUTE: { kind: 'user', title: 'An attribute is missing, unknown or has a wrong value' },
  FLAGOS_E_VALUE: { kind: 'user', title: 'A value is outside what the op allows' },
  FLAGOS_E_UNKNOWN_OP: { kind: 'user', title: 'No op of that name is known' },
  FLAGOS_E_DISPOSED: { kind: 'user', title: 'Something was used after it was disposed' },
  FLAGOS_E_CANCELLED: { kind: 'user', title: 'The run was cancelled' },
  FLAGOS_E_NO_KERNEL: { kind: 'user', title: 'No provider that policy allows can run an op of the model' },
  FLAGOS_E_UNSUPPORTED: { kind: 'unsupported', title: 'A kernel cannot run this case' },
  FLAGOS_E_KERNEL: { kind: 'kernel', title: 'A kernel failed while running' },
  FLAGOS_E_KERNEL_CONTRACT: { kind: 'kernel', title: 'A kernel broke the provider contract' },
  FLAGOS_E_SCHEDULE: { kind: 'kernel', title: 'A schedule or hint of an op is not possible' },
  FLAGOS_E_PLUGIN_LOAD: { kind: 'plugin', title: 'A plugin could not be loaded' },
  FLAGOS_E_PLUGIN_MANIFEST: { kind: 'plugin', title: 'A plugin’s manifest is not valid' },
  FLAGOS_E_PLUGIN_ABI: { kind: 'plugin', title: 'A plugin was built for another contract version' },
  FLAGOS_E_PLUGIN_CONFLICT: { kind: 'plugin', title: 'A plugin registers something that exists already' },
  FLAGOS_E_PLUGIN_PROVIDER: { kind: 'plugin', title: 'A plugin brings something that is not a kernel provider' },
  FLAGOS_E_PLUGIN_PROBE: { kind: 'plugin', title: 'A provider failed while looking for chips' },
  FLAGOS_E_PLUGIN_TIMEOUT: { kind: 'plugin', title: 'A plugin did not answer in time' },
  FLAGOS_E_CHIP: { kind: 'system', title: 'A chip is unknown or cannot be used here' },
  FLAGOS_E_COMPILER: { kind: 'unsupported', title: 'The C compiler could not compile or load a kernel' },
  FLAGOS_E_TABLE: { kind: 'system', title: 'A table of evidence cannot be read or written' },
  FLAGOS_E_LOCK: { kind: 'user', title: 'The lock file cannot be obeyed' },
  FLAGOS_E_LIMIT: { kind: 'system', title: 'A size limit was reached' },
  FLAGOS_E_BUSY: { kind: 'system', title: 'Somebody else is at something only one may do at a time' },
  FLAGOS_E_INTERNAL: { kind: 'system', title: 'A fault of this library' },
} as const satisfies Record<string, { kind: ErrorKind; title: string }>;

export type ErrorCode = keyof typeof errorTable;

/** Where an error happened; every part is optional because the inner part of the program does not know the outer. */
export interface ErrorTrace {
  model?: string;
  node?: string;
  op?: string;
  chip?: string;
  kernel?: string;
}

export interface ErrorOptions {
  /** What the reader can do about it, as one sentence. */
  hint?: string;
  cause?: unknown;
  trace?: ErrorTrace;
  /** Facts for programs. */
  details?: Record<string, unknown>;
}

const order = ['model', 'node', 'op', 'chip', 'kernel'] as const;

/** Shared by all copies of this library in a program, see tensor.ts. */
const ERROR = Symbol.for('flagos/error');

export class FlagosError extends Error {
  static override [Symbol.hasInstance](x: unknown): boolean {
    return typeof x === 'object' && x !== null && ERROR in x;
  }
  get [ERROR](): true {
    return true;
  }
  override readonly name = 'FlagosError';
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly hint: string | undefined;
  readonly details: Record<string, unknown>;
  readonly trace: ErrorTrace;
  /** The message without trace and hint. */
  readonly reason: string;

  constructor(code: ErrorCode, reason: string, options: ErrorOptions = {}) {
    super(reason, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.kind = errorTable[code].kind;
    this.reason = reason;
    this.hint = options.hint;
    this.details = options.details ?? {};
    this.trace = { ...options.trace };
    this.#compose();
  }

  /** Adds outer parts of the trace (inner ones stay) and returns the same error. */
  at(trace: ErrorTrace): this {
    for (const key of order) this.trace[key] ??= trace[key];
    this.#compose();
    return this;
  }

  #compose(): void {
    const where = order.filter((k) => this.trace[k] !== undefined).map((k) => `${k} ${this.trace[k]}`);
    this.message =
      `${this.code}: ${this.reason}` + (where.length ? `\n  at ${where.join(' → ')}` : '') + (this.hint ? `\n  hint: ${this.hint}` : '');
  }

  toJSON(): Record<string, unknown> {
    return { code: this.code, kind: this.kind, reason: this.reason, hint: this.hint, trace: this.trace, details: this.details };
  }
}

/** Any thrown value as an Error, so that nothing is lost when a foreign library throws a string. */
export const asError = (thrown: unknown): Error => {
  if (thrown instanceof Error) return thrown;
  try {
    return new Error(String(thrown));
  } catch (error) {
    // An object may refuse to become text; saying so must not fail in its turn.
    return new Error('something that cannot be shown as text was thrown', { cause: error });
  }
};

/** A foreign failure as ours: our own errors pass through, with the trace added. */
export const wrapError = (code: ErrorCode, thrown: unknown, options: ErrorOptions = {}): FlagosError => {
  if (thrown instanceof FlagosError) return thrown.at(options.trace ?? {});
  const error = asError(thrown);
  return new FlagosError(code, error.message, { ...options, cause: error });
};
