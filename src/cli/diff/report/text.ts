/** What `flagos diff` prints. */
import type { RegionDiff } from '../../../diff/attribute.ts';
import { doubtSays } from '../../../diff/doubt.ts';
import { compared, etaOf, levelOf, sampledText, type DiffReport, type DumpUse } from '../../../diff/report.ts';
import { count, short, table } from '../../format.ts';
import type { Io } from '../../io.ts';

export const small = (n: number): string => (n === 0 ? '0' : Number.isFinite(n) ? n.toExponential(2) : String(n));
/** Nine digits tell any two float32 apart. */
const exact = (v: unknown): string => (typeof v === 'number' && Number.isFinite(v) ? String(Number(v.toPrecision(9))) : short(v));

/** Exporters make names of paths; what tells them apart is at the end. --json has them whole. */
const NAME = 48;
export const ending = (name: string): string => (name.length <= NAME ? name : `…${name.slice(1 - NAME)}`);

/** Row-major position as an index. */
export const indexOf = (position: number, dims: readonly number[]): number[] => {
  const at = new Array<number>(dims.length);
  for (let d = dims.length - 1, p = position; d >= 0; d--) {
    at[d] = p % dims[d]!;
    p = Math.floor(p / dims[d]!);
  }
  return at;
};

const where: Readonly<Record<RegionDiff['role'], string>> = {
  injected: 'injected here',
  inherited: 'inherited',
  amplified: 'amplified here',
  clean: 'ok',
};

const worstText = (r: RegionDiff): string => {
  const alarm = [...r.alarms, ...r.outputs.flatMap((o) => o.alarms)][0];
  const o = r.outputs.find((x) => !x.ok) ?? r.outputs[0];
  const w = o?.score.worst[0];
  const at =
    o && w && w.eta > 0
      ? `[${indexOf(w.at, o.shape).join(',')}] ${exact(w.actual)}, expected ${exact(w.golden)}`
      : (o?.score.problem ?? '');
  return [alarm?.text, at].filter(Boolean).join('; ');
};

const row = (r: RegionDiff): string[] => {
  const [o] = r.outputs;
  const eta = etaOf(r);
  return [
    ending(r.region),
    r.kernel,
    r.ok && r.role === 'injected' ? 'ok' : where[r.role],
    levelOf(r),
    Number.isFinite(eta) ? eta.toFixed(2) : '∞',
    small(o?.metrics?.maxAbs ?? 0),
    small(o?.isolated?.rms ?? 0),
    small(o?.accumulated?.relative ?? 0),
    worstText(r),
  ];
};

/** Names of tensors that fit a line. */
const SHOWN = 5;
const someOf = (names: readonly string[]): string =>
  `${names.slice(0, SHOWN).map(ending).join(', ')}${names.length > SHOWN ? ` and ${names.length - SHOWN} more` : ''}`;

const dumpLine = (d: DumpUse, io: Io): string => {
  const p = io.paint;
  if (d.side === 'inputs') return '';
  const lines = [`${d.form} ${d.dump}: ${d.tensors - d.unused.length} of ${count(d.tensors, 'tensor')} used as the ${d.side}'s`];
  if (d.unused.length > 0) lines.push(p.yellow(`not compared  in the dump only: ${someOf(d.unused)}`));
  if (d.lacks.length > 0) lines.push(p.yellow(`not compared  ${count(d.lacks.length, 'value')} the dump lacks: ${someOf(d.lacks)}`));
  return `${lines.join('\n')}\n`;
};

/** What calculating the worst elements again says of a region that fails. */
const doubtLines = (r: RegionDiff, io: Io): string[] =>
  r.outputs.flatMap((o): string[] => {
    const { doubt } = o;
    if (!doubt) return [];
    const name = ending(r.outputs.length > 1 ? `${r.region}, ${o.output}` : r.region);
    const [e] = doubt.elements;
    if (doubt.blame === undefined || !e) return [io.paint.dim(`exactly  ${name}: ${doubtSays(doubt)}\n`)];
    const at = `[${indexOf(e.at, o.shape).join(',')}] is ${exact(e.exact)}: the chip has ${exact(e.actual)}, the golden ${exact(e.golden)}`;
    const text = `exactly  ${name}: ${doubtSays(doubt)}; ${at}\n`;
    return [doubt.blame === 'chip' ? text : io.paint.yellow(text)];
  });

export const printReport = (r: DiffReport, io: Io, all: boolean): void => {
  const p = io.paint;
  io.out(`${p.bold(r.model)} against ${p.bold(r.golden)}, mode ${r.mode}, judged by ${r.gate === 'flagos' ? 'the error model' : r.gate}\n`);
  for (const note of r.notes) io.out(p.yellow(`note  ${note}\n`));
  const done = compared(r);
  const shown = done.filter((x) => all || !x.ok || x.role !== 'clean' || etaOf(x) > 0.5);
  if (shown.length > 0)
    io.out(`\n${table(io, ['region', 'kernel', '', 'level', 'η', 'max abs', 'isolated', 'accumulated', 'worst element'], shown.map(row))}`);
  for (const x of done) if (!x.ok) for (const line of doubtLines(x, io)) io.out(line);
  // What a dump lacks is said once, for all regions.
  for (const x of r.regions)
    if (x.skipped !== undefined && !x.skipped.startsWith('dump:')) io.out(p.yellow(`not compared  ${x.region}: ${x.skipped}\n`));
  for (const d of r.dumps ?? []) io.out(dumpLine(d, io));
  for (const x of r.suspects) io.out(p.yellow(`golden suspect  ${x}: ${r.golden} is itself out of bounds\n`));
  for (const x of r.regressions) io.out(p.red(`worse than the baseline  ${x}\n`));
  if (r.endToEnd.length > 0)
    io.out(
      `\n${p.cyan('end to end')}\n${table(
        io,
        ['output', '', 'max abs', 'relative', 'worst element'],
        r.endToEnd.map((o) => [
          o.output,
          o.ok ? 'ok' : 'DIFFERS',
          small(o.maxAbs),
          small(o.accumulated?.relative ?? 0),
          o.worst ? `[${o.worst.index.join(',')}] ${exact(o.worst.actual)}, expected ${exact(o.worst.expected)}` : (o.problem ?? ''),
        ]),
      )}`,
    );
  else if (r.unable !== undefined) io.out(p.dim(`\nend to end not compared: ${r.unable}\n`));
  io.out(`\n${p.cyan('coverage')} ${r.coverage.line}\n`);
  const bad = r.regions.filter((x) => !x.ok);
  const part = sampledText(r);
  const equal = done.filter((x) => levelOf(x) === 'bitwise').length;
  io.out(
    p.dim(
      `${count(done.length, 'region')} of ${r.regions.length} compared${part}, ${equal} equal to the last bit, ${r.seconds.toFixed(1)} s\n`,
    ),
  );
  if (bad.length === 0) return io.out(p.green('every region within its bounds\n'));
  io.out(p.red(`${count(bad.length, 'region')} out of bounds: ${bad.map((x) => ending(x.region)).join(', ')}\n`));
};
