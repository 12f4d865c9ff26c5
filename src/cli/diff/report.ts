/** What `flagos diff` prints. */
import { count, short, table } from '../format.ts';
import type { Io } from '../io.ts';
import type { Difference } from './measure.ts';
import type { RegionDiff } from './regions.ts';
import type { WholeComparison } from './whole.ts';

export interface DiffReport {
  readonly path: string;
  readonly golden: string;
  readonly notes: readonly string[];
  readonly regions: readonly RegionDiff[];
  readonly whole: WholeComparison;
  readonly coverage: string;
  /** Regions that are equal to the last bit too. */
  readonly all: boolean;
}

const small = (n: number): string => (n === 0 ? '0' : n.toExponential(2));

/** Nine digits tell any two float32 apart. */
const exact = (v: unknown): string => (typeof v === 'number' && Number.isFinite(v) ? String(Number(v.toPrecision(9))) : short(v));

const worstText = ({ worst, problem }: Difference): string =>
  worst ? `[${worst.index.join(',')}] ${exact(worst.actual)}, expected ${exact(worst.expected)}` : (problem ?? '');

/** Exporters make names of paths; what tells them apart is at the end. --json has them whole. */
const NAME = 64;
const ending = (name: string): string => (name.length <= NAME ? name : `…${name.slice(1 - NAME)}`);

const cells = (d: Difference): string[] => [d.ok ? 'ok' : 'DIFFERS', small(d.maxAbs), small(d.maxRel), worstText(d)];

export const printDiff = ({ path, golden, notes, regions, whole: { outputs, unable }, coverage, all }: DiffReport, io: Io): void => {
  const p = io.paint;
  io.out(`${p.bold(path)} against ${p.bold(golden)}\n`);
  for (const note of notes) io.out(p.yellow(`note  ${note}\n`));
  const compared = regions.filter((r) => r.skipped === undefined);
  const shown = compared.filter((r) => all || r.outputs.some((o) => o.maxAbs > 0 || !o.ok));
  if (shown.length > 0) {
    io.out(`\n${p.cyan('region by region')}, each on the inputs it had\n`);
    io.out(
      table(
        io,
        ['region', 'kernel', '', 'max abs', 'max rel', 'worst element'],
        shown.flatMap((r) =>
          r.outputs.map((o) => [ending(r.outputs.length > 1 ? `${r.region} → ${o.output}` : r.region), r.kernel, ...cells(o)]),
        ),
      ),
    );
  }
  if (regions.length > 0)
    io.out(
      p.dim(
        `${count(compared.length, 'region')} compared, ${compared.filter((r) => r.outputs.every((o) => o.maxAbs === 0 && o.ok)).length} of them equal to the last bit\n`,
      ),
    );
  for (const r of regions) if (r.skipped !== undefined) io.out(p.yellow(`not compared  ${r.region}: ${r.skipped}\n`));
  if (unable !== undefined) io.out(p.red(`\nnot compared end to end: ${golden} alone cannot run the model: ${unable}\n`));
  else
    io.out(
      `\n${p.cyan('end to end')}\n${table(
        io,
        ['output', '', 'max abs', 'max rel', 'worst element'],
        outputs.map((o) => [o.output, ...cells(o)]),
      )}`,
    );
  io.out(`\n${p.cyan('coverage')} ${coverage}\n`);
  const bad = compared.filter((r) => !r.ok).length;
  const badOutputs = outputs.filter((o) => !o.ok).length;
  const within = unable === undefined ? 'within tolerance\n' : 'every region within tolerance\n';
  io.out(bad + badOutputs === 0 ? p.green(within) : p.red(`${count(bad, 'region')} and ${count(badOutputs, 'output')} out of tolerance\n`));
};
