/**
 * Tables in a PostgreSQL database, for machines that share what they measure. A database that goes away stops
 * nobody: rows it cannot take wait in a folder on this machine, for this process or a later one to deliver.
 * Needs the package `pg`, which is loaded when the first row is read or written.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Pool, PoolClient } from 'pg';
import { asError, FlagosError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { lineOf, readTable } from '../../opmanager/tables/jsonl.ts';
import { ROW_SCHEMA, type Row } from '../../opmanager/tables/rows.ts';
import type { CompactOptions, StoreReport, TableStore } from '../../opmanager/tables/store.ts';
import { FolderStore } from './folder-store.ts';

/** The address as messages show it: without its password. */
export const withoutPassword = (address: string): string => {
  const url = new URL(address);
  url.password = '';
  return url.href;
};

/** Where rows for a database wait; one folder for each. */
export const outboxOf = (machineFolder: string, address: string): FolderStore =>
  new FolderStore(join(machineFolder, `outbox-${createHash('sha256').update(withoutPassword(address)).digest('hex').slice(0, 16)}`));

/** Any number, the same for all: only one of many processes makes the table. */
const MAKING = 7_216_841_902;
const CONNECT_MS = 2_000;
const QUERY_MS = 20_000;
/** Rows in one statement. */
const BATCH = 500;

const ddl = `
  CREATE TABLE IF NOT EXISTS flagos_rows (
    id text PRIMARY KEY,
    schema integer NOT NULL,
    name text NOT NULL,
    kernel text NOT NULL,
    signature text NOT NULL,
    chip text NOT NULL,
    date text NOT NULL,
    body jsonb NOT NULL
  )`;

export interface PostgresOptions {
  readonly logger: Logger;
  /** Where rows wait while the database is away; absent: they are not kept then, which is an error. */
  readonly outbox?: FolderStore;
  /** Milliseconds after which a process that stays tries to deliver again. */
  readonly retryMs?: number;
}

/** Loads the driver. @throws FLAGOS_E_TABLE where it is not installed. */
const loadDriver = async (): Promise<typeof Pool> => {
  try {
    return (await import('pg')).default.Pool;
  } catch (error) {
    throw new FlagosError('FLAGOS_E_TABLE', `the package pg, which PostgreSQL needs, cannot be loaded: ${asError(error).message}`, {
      cause: error,
      hint: 'npm install pg',
    });
  }
};

export class PostgresStore implements TableStore {
  readonly name: string;
  readonly #address: string;
  readonly #logger: Logger;
  readonly #outbox: FolderStore | undefined;
  readonly #retryMs: number;
  #pool: Promise<Pool> | undefined;
  #made = false;
  #away = false;
  #timer: NodeJS.Timeout | undefined;
  #delivering: Promise<void> | undefined;

  constructor(address: string, { logger, outbox, retryMs = 30_000 }: PostgresOptions) {
    this.name = withoutPassword(address);
    this.#address = address;
    this.#logger = logger;
    this.#outbox = outbox;
    this.#retryMs = retryMs;
  }

  async #open(): Promise<Pool> {
    const Connections = await loadDriver();
    const pool = new Connections({
      connectionString: this.#address,
      max: 2,
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: QUERY_MS,
      idleTimeoutMillis: 10_000,
      allowExitOnIdle: true,
    });
    // A connection nobody uses was closed from the other side: the next query makes another one, or fails and says so.
    pool.on('error', (error) => this.#lost(error));
    return pool;
  }

  #lost(error: Error): void {
    this.#logger.log('debug', 'a connection to the shared table was lost', { table: this.name, reason: error.message });
  }

  async #with<T>(doing: string, work: (client: PoolClient) => Promise<T>): Promise<T> {
    let client: PoolClient | undefined;
    // Of a connection in use, too, losses are told beside the query that fails: unheard, they would end the process.
    const lost = (error: Error): void => this.#lost(error);
    try {
      this.#pool ??= this.#open();
      client = await (await this.#pool).connect();
      client.on('error', lost);
      if (!this.#made) await this.#make(client);
      const result = await work(client);
      client.off('error', lost);
      client.release();
      return result;
    } catch (thrown) {
      // A connection that failed is not used again.
      client?.release(true);
      if (thrown instanceof FlagosError) throw thrown;
      throw new FlagosError('FLAGOS_E_TABLE', `${this.name} cannot be ${doing}: ${messageOf(thrown)}`, {
        cause: thrown,
        hint: 'see whether the database runs and its address is right',
      });
    }
  }

  async #make(client: PoolClient): Promise<void> {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock($1)', [MAKING]);
    await client.query(ddl);
    await client.query('COMMIT');
    this.#made = true;
  }

  async #insert(rows: readonly Row[]): Promise<void> {
    await this.#with('written', async (client) => {
      await client.query('BEGIN');
      for (let i = 0; i < rows.length; i += BATCH) {
        const part = rows.slice(i, i + BATCH);
        const column = (of: (row: Row) => string): string[] => part.map(of);
        await client.query(
          `INSERT INTO flagos_rows (id, schema, name, kernel, signature, chip, date, body)
           SELECT id, ${ROW_SCHEMA}, name, kernel, signature, chip, date, body::jsonb
           FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
             AS new (id, name, kernel, signature, chip, date, body)
           ON CONFLICT (id) DO NOTHING`,
          [
            column((r) => r.id),
            column((r) => r.table),
            column((r) => r.kernel),
            column((r) => r.signature),
            column((r) => r.chip),
            column((r) => r.date),
            column((r) => lineOf(r).trimEnd()),
          ],
        );
      }
      await client.query('COMMIT');
    });
    this.#isBack();
  }

  #isBack(): void {
    if (!this.#away) return;
    this.#away = false;
    this.#logger.log('info', 'the shared table is there again', { table: this.name });
  }

  /** Also delivers what waits. @throws FLAGOS_E_TABLE */
  async read(): Promise<readonly Row[]> {
    await this.#deliver();
    const { rows } = await this.#with('read', (client) =>
      client.query<{ body: string }>('SELECT body::text AS body FROM flagos_rows WHERE schema = $1 ORDER BY id', [ROW_SCHEMA]),
    );
    return readTable(Buffer.from(rows.map((r) => `${r.body}\n`).join(''))).rows;
  }

  /** Rows the database cannot take now wait, with a warning. @throws FLAGOS_E_TABLE if there is no place to wait. */
  async append(rows: readonly Row[]): Promise<void> {
    try {
      await this.#insert(rows);
    } catch (thrown) {
      if (!this.#outbox || !(thrown instanceof FlagosError)) throw thrown;
      await this.#outbox.append(rows);
      if (!this.#away)
        this.#logger.log('warn', 'the shared table is away; what is measured stays on this machine and is delivered later', {
          table: this.name,
          reason: thrown.reason,
        });
      this.#away = true;
      this.#retryLater();
      return;
    }
    await this.#deliver();
  }

  #retryLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#deliver().catch((thrown: unknown) => {
        this.#logger.log('debug', 'the shared table is still away', { table: this.name, reason: asError(thrown).message });
        this.#retryLater();
      });
    }, this.#retryMs).unref();
  }

  /** Delivers what waits, of this process or earlier ones. Who delivers at the same time delivers the same rows, which is harmless. */
  #deliver(): Promise<void> {
    return (this.#delivering ??= this.#empty().finally(() => (this.#delivering = undefined)));
  }

  async #empty(): Promise<void> {
    const waiting = (await this.#outbox?.read()) ?? [];
    if (waiting.length === 0) return;
    await this.#insert(waiting);
    const delivered = new Set(waiting.map((r) => r.id));
    await this.#outbox!.compact({ keep: (row) => !delivered.has(row.id) });
    this.#logger.log('info', `${waiting.length} rows that waited were delivered`, { table: this.name });
  }

  async compact({ keep = () => true }: CompactOptions = {}): Promise<StoreReport> {
    const rows = await this.read();
    const gone = rows.filter((r) => !keep(r)).map((r) => r.id);
    return this.#with('rewritten', async (client) => {
      if (gone.length > 0) await client.query('DELETE FROM flagos_rows WHERE id = ANY($1)', [gone]);
      const { rows: counted } = await client.query<{ n: string }>('SELECT count(*) AS n FROM flagos_rows WHERE schema <> $1', [ROW_SCHEMA]);
      return { rows: rows.length - gone.length, foreign: Number(counted[0]!.n), damaged: 0 };
    });
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const pool = await this.#pool?.catch(() => undefined);
    this.#pool = undefined;
    await pool?.end();
  }
}

/** Several addresses that refused are one error without a message. */
const messageOf = (thrown: unknown): string =>
  thrown instanceof AggregateError ? thrown.errors.map((e) => asError(e).message).join('; ') : asError(thrown).message;
