/** A plugin's table as one of the runtime's layers: what it gives is checked row by row, whoever wrote it. */
import { FlagosError, wrapError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { TableSource } from '../../plugins/contract.ts';
import type { Row } from './rows.ts';
import { rowOf } from './rows-schema.ts';
import type { StoreReport, TableStore } from './store.ts';
import type { TableLayer } from './tables.ts';

class AdoptedStore implements TableStore {
  readonly name: string;
  readonly #source: TableSource;
  readonly #logger: Logger;

  constructor(source: TableSource, logger: Logger) {
    this.name = source.name;
    this.#source = source;
    this.#logger = logger;
  }

  async #guarded<T>(doing: string, work: () => T | Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      const error = wrapError('FLAGOS_E_TABLE', thrown);
      throw new FlagosError('FLAGOS_E_TABLE', `${doing} table '${this.name}' of a plugin failed: ${error.reason}`, { cause: thrown });
    }
  }

  async read(): Promise<readonly Row[]> {
    const given = await this.#guarded('reading', () => this.#source.read());
    const rows = given.flatMap((value) => rowOf(value) ?? []);
    if (rows.length < given.length)
      this.#logger.log('warn', `${given.length - rows.length} of ${given.length} rows of table '${this.name}' are not rows, and not read`);
    return rows;
  }

  async append(rows: readonly Row[]): Promise<void> {
    const { append } = this.#source;
    if (append) await this.#guarded('writing', () => append.call(this.#source, rows));
  }

  async compact(): Promise<StoreReport> {
    return { rows: (await this.read()).length, foreign: 0, damaged: 0 };
  }

  async close(): Promise<void> {
    await this.#guarded('closing', () => this.#source.close?.());
  }
}

/** What a plugin ships guides; a table it shares between machines counts like any other. */
export const adoptSource = (source: TableSource, logger: Logger): TableLayer => ({
  layer: source.shared === true ? 'shared' : 'plugin',
  store: new AdoptedStore(source, logger),
});
