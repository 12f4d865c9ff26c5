/**
 * How much a model file may ask for. A file of a few kilobytes can claim structures of any size
 * (functions that call each other doubling every time, sparse tensors of huge shape, fields that take
 * a byte in the file and hundreds in memory); what the file's own bytes do not back is bounded here.
 */
import { FlagosError } from '../../core/errors.ts';

export interface Limits {
  /** Subgraphs within subgraphs, and functions that call functions. */
  readonly depth: number;
  /** Estimated bytes of the decoded file structure, weights in `raw_data` not counted (they stay where they are). */
  readonly decodedBytes: number;
  /** Nodes, their inputs, outputs and attributes, and all other named things of the model, after functions are inlined. */
  readonly parts: number;
  /** Bytes of dense tensors made from sparse ones. */
  readonly denseBytes: number;
}

export const defaultLimits: Limits = { depth: 64, decodedBytes: 2 ** 30, parts: 4_000_000, denseBytes: 2 ** 30 };

/** One counted limit. */
export class Budget {
  readonly #name: keyof Limits;
  readonly #limit: number;
  #used = 0;

  constructor(name: keyof Limits, limits: Limits) {
    this.#name = name;
    this.#limit = limits[name];
  }

  /**
   * Take `amount`, before anything of that size is made.
   * @throws FLAGOS_E_MODEL_UNSUPPORTED when the limit would be passed.
   */
  take(amount: number, what: string | (() => string)): void {
    this.#used += amount;
    if (this.#used > this.#limit) {
      throw new FlagosError(
        'FLAGOS_E_MODEL_UNSUPPORTED',
        `${typeof what === 'string' ? what : what()} passes the limit of ${this.#limit} (${this.#name})`,
        {
          hint: `if the model is trusted, raise \`limits.${this.#name}\``,
          details: { limit: this.#name, value: this.#limit },
        },
      );
    }
  }
}
