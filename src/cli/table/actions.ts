/** What `flagos table` does: show, merge, diff, check, prune. */
import { globMatches } from '../../core/glob.ts';
import type { Flagos } from '../../host/flagos.ts';
import type { Row } from '../../opmanager/tables/rows.ts';
import { chipOf, type ChipIdentity } from '../../opmanager/tables/snapshot.ts';
import { count, short, table } from '../format.ts';
import type { Io } from '../io.ts';
import { toJson } from '../json.ts';
import { compareTables } from './compare.ts';
import type { Place } from './places.ts';

export interface Filter {
  readonly table: Row['table'] | undefined;
  readonly kernel: string | undefined;
  readonly op: string | undefined;
}

const fits = (row: Row, { table: name, kernel, op }: Filter): boolean =>
  (name === undefined || row.table === name) &&
  (kernel === undefined || globMatches(kernel, row.kernel)) &&
  (op === undefined || globMatches(op, row.op));

export type State = 'counts' | 'stale' | 'elsewhere';
const stateOf = (row: Row, chips: ReadonlyMap<string, ChipIdentity>): State => {
  const now = chips.get(chipOf(row.kernel));
  if (!now) return 'elsewhere';
  return now.fingerprint === row.fingerprint && now.chip === row.chip ? 'counts' : 'stale';
};

const chipsOf = (flagos: Flagos): ReadonlyMap<string, ChipIdentity> => flagos.runtime.identities;

const found = (row: Row): string =>
  row.table === 'accuracy'
    ? `${row.level}, η ${short(row.maxEta)} in ${count(row.cases, 'case')} against ${row.golden}`
    : `${short(row.medianUs)} µs ± ${short(row.madUs)} of ${count(row.samplesUs.length, 'sample')}${row.quiet ? '' : ', not quiet'}`;

export const show = async (place: Place, filter: Filter, flagos: Flagos, json: boolean, io: Io): Promise<number> => {
  const chips = chipsOf(flagos);
  const rows = (await place.store.read()).filter((r) => fits(r, filter)).map((row) => ({ row, state: stateOf(row, chips) }));
  if (json) {
    io.out(toJson({ table: place.store.name, rows: rows.map(({ row, state }) => ({ ...row, state })) }));
    return 0;
  }
  io.out(
    table(
      io,
      ['kernel', 'state', 'found', 'date', 'signature'],
      rows.map(({ row, state }) => [row.kernel, state, found(row), row.date.slice(0, 10), row.signature]),
    ),
  );
  io.out(`\n${count(rows.length, 'row')} of ${place.store.name}\n`);
  return 0;
};

export const merge = async (from: Place, into: Place, json: boolean, io: Io): Promise<number> => {
  const known = new Set((await into.store.read()).map((r) => r.id));
  const rows = await from.store.read();
  const fresh = rows.filter((r) => !known.has(r.id));
  await into.store.append(fresh);
  if (json) io.out(toJson({ from: from.store.name, into: into.store.name, rows: rows.length, added: fresh.length }));
  else io.out(`${fresh.length} of ${count(rows.length, 'row')} of ${from.store.name} were new to ${into.store.name}\n`);
  return 0;
};

export const diff = async (first: Place, second: Place, ratio: number, json: boolean, io: Io): Promise<number> => {
  const differences = compareTables(await first.store.read(), await second.store.read(), ratio);
  if (json) io.out(toJson({ first: first.store.name, second: second.store.name, differences }));
  else if (differences.length === 0) io.out('they say the same\n');
  else
    io.out(
      table(
        io,
        ['difference', 'first', 'second', 'kernel', 'signature'],
        differences.map((d) => [d.kind, d.first, d.second, d.kernel, d.signature]),
      ),
    );
  return differences.length === 0 ? 0 : 1;
};

export const check = async (places: readonly Place[], flagos: Flagos, json: boolean, io: Io): Promise<number> => {
  const chips = chipsOf(flagos);
  const reports = await Promise.all(
    places.map(async ({ word, store, contents }) => {
      const rows = await store.read();
      const states = { counts: 0, stale: 0, elsewhere: 0 };
      for (const row of rows) states[stateOf(row, chips)]++;
      const files = (contents?.() ?? []).map(([file, c]) => ({
        file,
        rows: c.rows.length,
        foreign: c.foreign.length,
        damaged: c.damaged,
        torn: c.torn,
        repeated: c.repeated,
      }));
      return { table: word, name: store.name, rows: rows.length, ...states, files };
    }),
  );
  const damaged = reports.flatMap((r) => r.files).reduce((n, f) => n + f.damaged, 0);
  if (json) io.out(toJson({ ok: damaged === 0, tables: reports }));
  else
    for (const r of reports) {
      io.out(`${io.paint.bold(r.table)} ${io.paint.dim(r.name)}\n`);
      io.out(`  ${count(r.rows, 'row')}: ${r.counts} count here, ${r.stale} stale, ${r.elsewhere} about chips that are not here\n`);
      for (const f of r.files) {
        const odd = [
          f.damaged > 0 ? `${count(f.damaged, 'line')} damaged` : '',
          f.torn ? 'the last line was cut short' : '',
          f.foreign > 0 ? `${f.foreign} of another schema version` : '',
          f.repeated > 0 ? `${f.repeated} repeated` : '',
        ].filter((s) => s !== '');
        if (odd.length > 0) io.out(`  ${f.file}: ${odd.join(', ')}\n`);
      }
    }
  return damaged === 0 ? 0 : 1;
};

export interface PruneOptions extends Filter {
  /** Rows older than this many days go. */
  readonly olderThan: number | undefined;
  /** Also rows about chips that are not here. */
  readonly elsewhere: boolean;
}

const DAY_MS = 86_400_000;

/** What the options name goes; of nothing named, what is stale. */
export const prune = async (place: Place, options: PruneOptions, flagos: Flagos, json: boolean, io: Io): Promise<number> => {
  const chips = chipsOf(flagos);
  const named = options.table !== undefined || options.kernel !== undefined || options.op !== undefined || options.olderThan !== undefined;
  const before = options.olderThan === undefined ? undefined : new Date(Date.now() - options.olderThan * DAY_MS).toISOString();
  const goes = (row: Row): boolean => {
    if (!fits(row, options) || (before !== undefined && row.date >= before)) return false;
    const state = stateOf(row, chips);
    return named || state === 'stale' || (options.elsewhere && state === 'elsewhere');
  };
  const rows = (await place.store.read()).length;
  const report = await place.store.compact({ keep: (row) => !goes(row) });
  if (json) io.out(toJson({ table: place.store.name, before: rows, ...report }));
  else
    io.out(
      `${place.store.name}: ${count(report.rows, 'row')} kept, ${rows - report.rows} removed${report.damaged ? `, ${count(report.damaged, 'damaged line')} dropped` : ''}\n`,
    );
  return 0;
};
