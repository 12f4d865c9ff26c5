/** Tables as the command line names them: a layer of the configuration, a folder, or a file. */
import { statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { FlagosError } from '../../core/errors.ts';
import { loadConfig, type ResolvedConfig } from '../../host/config.ts';
import { createHost } from '../../host/host.ts';
import { readFile } from '../../host/read-file.ts';
import { FolderStore } from '../../host/tables/folder-store.ts';
import { layersOf } from '../../host/tables/open.ts';
import { readTable, type Contents } from '../../opmanager/tables/jsonl.ts';
import type { Row } from '../../opmanager/tables/rows.ts';
import type { TableStore } from '../../opmanager/tables/store.ts';
import { usageError } from '../args/option.ts';
import type { Io } from '../io.ts';

export const layerWords = ['project', 'machine', 'shared'] as const;
const isLayer = (word: string): word is (typeof layerWords)[number] => (layerWords as readonly string[]).includes(word);

export interface Place {
  /** As it was given. */
  readonly word: string;
  readonly store: TableStore;
  /** Of files: what is in them besides rows. */
  readonly contents: (() => readonly (readonly [file: string, contents: Contents])[]) | undefined;
}

/** One file that is only read. */
class SingleFile implements TableStore {
  readonly name: string;
  constructor(path: string) {
    this.name = path;
  }
  contents(): Contents {
    return readTable(readFile(this.name));
  }
  async read(): Promise<readonly Row[]> {
    return this.contents().rows;
  }
  append(): Promise<never> {
    throw usageError(`${this.name} is a file; rows are added to a folder of tables`);
  }
  compact(): Promise<never> {
    throw usageError(`${this.name} is a file; a folder of tables is rewritten`);
  }
  async close(): Promise<void> {}
}

const folderPlace = (word: string, store: FolderStore): Place => ({
  word,
  store,
  contents: () => Object.entries(store.contents()).map(([table, contents]) => [`${table}.jsonl`, contents] as const),
});

const configured = async (config: string | undefined, { cwd, env }: Io): Promise<ResolvedConfig['config']> =>
  (await loadConfig({ cwd, env, ...(config === undefined ? {} : { file: config }) })).config;

/** The layers that are kept somewhere. */
export const configuredLayers = async (config: string | undefined, io: Io): Promise<string[]> => {
  const { tables } = await configured(config, io);
  return layerWords.filter((l) => tables[l] !== false);
};

/** @throws FLAGOS_E_USAGE for a layer that is switched off, FLAGOS_E_FILE for what is not there. */
export const openPlace = async (word: string, config: string | undefined, io: Io): Promise<Place> => {
  if (isLayer(word)) {
    const settings = await configured(config, io);
    const host = createHost(settings, { env: io.env });
    const layers = await layersOf(settings.tables, { env: io.env, logger: host.logger });
    const store = layers.find((l) => l.layer === word)?.store;
    if (!store) throw usageError(`there is no ${word} table`, `tables.${word} of the configuration, or FLAGOS_TABLES, says where it is`);
    return store instanceof FolderStore ? folderPlace(word, store) : { word, store, contents: undefined };
  }
  const path = resolve(io.cwd, word);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat)
    throw new FlagosError('FLAGOS_E_FILE', `there is no table ${path}`, {
      hint: `name a folder, a file, or one of ${layerWords.join(', ')}`,
    });
  if (stat.isDirectory()) return folderPlace(word, new FolderStore(path));
  const file = new SingleFile(path);
  return { word, store: file, contents: () => [[basename(path), file.contents()]] };
};
