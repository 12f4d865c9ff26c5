/** The tables a configuration asks for, opened: those of plugins, the project's, a shared one, this machine's. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '../../core/log.ts';
import { adoptSource } from '../../opmanager/tables/adopt.ts';
import { Tables, type TableLayer } from '../../opmanager/tables/tables.ts';
import type { TableSource } from '../../plugins/contract.ts';
import type { Environment } from '../config-env.ts';
import type { TablePlaces } from '../config.ts';
import { FolderStore } from './folder-store.ts';
import { outboxOf, PostgresStore } from './postgres-store.ts';

/** Of the layout of the folder: other versions live beside it. */
const LAYOUT = 'tables-1';

/** `FLAGOS_CACHE`, or `XDG_CACHE_HOME/flagos`, or `~/.cache/flagos`: this machine's tables are in there. */
export const machineFolder = (env: Environment): string =>
  join(env['FLAGOS_CACHE'] || join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'flagos'), LAYOUT);

export interface TableOptions {
  readonly env: Environment;
  readonly logger: Logger;
  readonly sources?: readonly TableSource[];
}

/** The stores of a configuration, weakest first. The machine's is the place where rows wait that a shared one could not take. */
export const layersOf = async (places: TablePlaces, { env, logger, sources = [] }: TableOptions): Promise<TableLayer[]> => {
  const adopted = sources.map((s) => adoptSource(s, logger));
  const machine = places.machine === false ? undefined : (places.machine ?? machineFolder(env));
  const folder = (layer: 'project' | 'machine', path: string | false | undefined): TableLayer[] =>
    path === undefined || path === false ? [] : [{ layer, store: new FolderStore(path) }];
  const shared =
    places.shared === false
      ? []
      : [new PostgresStore(places.shared, { logger, ...(machine === undefined ? {} : { outbox: outboxOf(machine, places.shared) }) })];
  return [
    ...adopted.filter((l) => l.layer === 'plugin'),
    ...folder('project', places.project),
    ...adopted.filter((l) => l.layer === 'shared'),
    ...shared.map((store): TableLayer => ({ layer: 'shared', store })),
    ...folder('machine', machine),
  ];
};

/** Opens and reads them. What cannot be read is left out, with a warning. */
export const openTables = async (places: TablePlaces, options: TableOptions): Promise<Tables> =>
  Tables.open(await layersOf(places, options), options.logger);
