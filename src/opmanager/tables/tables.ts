/**
 * The tables of a runtime: layers of stores, what this process measured itself, and the snapshot that
 * selection reads. Nothing on the way of a run waits for a store: they are read at start and when somebody
 * asks, and what is added counts at once, whether or not it could be kept.
 */
import { FlagosError, asError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { EvidenceSnapshot } from '../evidence.ts';
import type { Row } from './rows.ts';
import { snapshotOf, type ChipIdentity, type TableSnapshot } from './snapshot.ts';
import type { LayerName, TableStore } from './store.ts';

export interface TableLayer {
  readonly layer: Exclude<LayerName, 'process'>;
  readonly store: TableStore;
}

/** A row and where it is from; of one that several layers have, the strongest. */
export interface LayeredRow {
  readonly layer: LayerName;
  readonly row: Row;
}

const reasonOf = (thrown: unknown): string => (thrown instanceof FlagosError ? thrown.reason : asError(thrown).message);

export class Tables implements EvidenceSnapshot {
  readonly layers: readonly TableLayer[];
  readonly #logger: Logger;
  /** Per store, as last read: a store that cannot be read now still says what it said. */
  readonly #read = new Map<TableStore, readonly Row[]>();
  readonly #process = new Map<string, Row>();
  readonly #pending = new Set<Promise<void>>();
  #chips: ReadonlyMap<string, ChipIdentity> = new Map();
  #snapshot: TableSnapshot | undefined;
  #version = 0;

  constructor(layers: readonly TableLayer[], logger: Logger) {
    this.layers = layers;
    this.#logger = logger;
  }

  /** Opens and reads stores, weakest first. One that cannot be read is left out, with a warning. */
  static async open(layers: readonly TableLayer[], logger: Logger): Promise<Tables> {
    const tables = new Tables(layers, logger);
    await tables.refresh();
    return tables;
  }

  /** Chips whose kernels rows may be about, as they are now: rows of others are stale. */
  set chips(chips: ReadonlyMap<string, ChipIdentity>) {
    this.#chips = chips;
    this.#changed();
  }
  get chips(): ReadonlyMap<string, ChipIdentity> {
    return this.#chips;
  }

  get version(): number {
    return this.#version;
  }

  #changed(): void {
    this.#version++;
    this.#snapshot = undefined;
  }

  /** Reads all stores again. Runs under way keep the snapshot they have. */
  async refresh(): Promise<void> {
    await Promise.all(
      this.layers.map(async ({ layer, store }) => {
        try {
          this.#read.set(store, await store.read());
        } catch (thrown) {
          this.#logger.log('warn', `the ${layer} table cannot be read; what else is known counts`, {
            table: store.name,
            reason: reasonOf(thrown),
          });
        }
      }),
    );
    this.#changed();
  }

  /** All rows, each once. */
  rows(): LayeredRow[] {
    const found = new Map<string, LayeredRow>();
    for (const { layer, store } of this.layers) for (const row of this.#read.get(store) ?? []) found.set(row.id, { layer, row });
    for (const row of this.#process.values()) if (!found.has(row.id)) found.set(row.id, { layer: 'process', row });
    return [...found.values()];
  }

  /** What counts now. Immutable; another one after each change. */
  get snapshot(): TableSnapshot {
    if (!this.#snapshot) {
      const rows = this.rows();
      this.#snapshot = snapshotOf(
        rows.flatMap(({ layer, row }) => (layer === 'plugin' ? [] : [row])),
        { chips: this.#chips, priors: rows.flatMap(({ layer, row }) => (layer === 'plugin' ? [row] : [])), version: this.#version },
      );
    }
    return this.#snapshot;
  }

  accuracy(kernel: string, signature: string): ReturnType<EvidenceSnapshot['accuracy']> {
    return this.snapshot.accuracy(kernel, signature);
  }
  performance(kernel: string, signature: string): ReturnType<EvidenceSnapshot['performance']> {
    return this.snapshot.performance(kernel, signature);
  }
  kernels(signature: string): readonly string[] {
    return this.snapshot.kernels(signature);
  }

  /**
   * Adds rows. They count in this process at once.
   * @param to the layer that keeps them; a table shared by machines gets what a machine keeps, too. `process`: nobody keeps them.
   * @throws FLAGOS_E_TABLE if they could not be kept.
   */
  async append(rows: readonly Row[], to: Exclude<LayerName, 'plugin'> = 'machine'): Promise<void> {
    if (rows.length === 0) return;
    for (const row of rows) this.#process.set(row.id, row);
    this.#changed();
    const stores = this.layers.filter(({ layer }) => layer === to || (to === 'machine' && layer === 'shared'));
    for (const { store } of stores) await store.append(rows);
  }

  /** As {@link append}, for who cannot wait or do anything about a failure: it becomes a warning. */
  note(rows: readonly Row[], to?: Exclude<LayerName, 'plugin'>): void {
    const kept: Promise<void> = this.append(rows, to)
      .catch((thrown: unknown) => this.#logger.log('warn', 'what was measured counts in this process only', { reason: reasonOf(thrown) }))
      .then(() => void this.#pending.delete(kept));
    this.#pending.add(kept);
  }

  /** Waits for what is being kept, and closes the stores. */
  async close(): Promise<void> {
    await Promise.all(this.#pending);
    for (const { layer, store } of this.layers) {
      try {
        await store.close();
      } catch (thrown) {
        this.#logger.log('warn', `closing the ${layer} table failed`, { table: store.name, reason: reasonOf(thrown) });
      }
    }
  }
}
