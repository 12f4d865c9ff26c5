/**
 * The driver interface of tables: who keeps rows. A folder of files is the default driver; a database
 * shared by many machines, or a plugin that ships what it knows of its own kernels, are others.
 */
import type { Row } from './rows.ts';

/** What reading or compacting came across. */
export interface StoreReport {
  readonly rows: number;
  /** Of another schema version: kept, not read. */
  readonly foreign: number;
  /** Lines that are no rows, passed over. */
  readonly damaged: number;
}

export interface CompactOptions {
  /** Rows to keep; default all. What stays is written once each, sorted. */
  readonly keep?: (row: Row) => boolean;
}

export interface TableStore {
  /** For messages: a path, an address without its password. */
  readonly name: string;
  /** All rows there are now, each once. @throws FLAGOS_E_TABLE if they cannot be had. */
  read(): Promise<readonly Row[]>;
  /** Adds rows; a row whose id is there already is the same row. When this resolves they are kept. @throws FLAGOS_E_TABLE */
  append(rows: readonly Row[]): Promise<void>;
  /** Rewrites the store without repetitions and damage. @throws FLAGOS_E_TABLE */
  compact(options?: CompactOptions): Promise<StoreReport>;
  close(): Promise<void>;
}

/**
 * Where a row came from, weakest first: shipped with a plugin, the project's own, this machine's cache,
 * a table many machines share, this process. What plugins ship are priors: they guide, and admit nothing.
 */
export const layerNames = ['plugin', 'project', 'shared', 'machine', 'process'] as const;
export type LayerName = (typeof layerNames)[number];
