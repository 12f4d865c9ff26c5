/** What `flagos run` prints. */
import { Tensor } from '../../core/tensor.ts';
import type { Coverage } from '../../runtime/coverage.ts';
import { bytes, count, duration, statsOf, summary } from '../format.ts';
import type { Io } from '../io.ts';
import { valueJson } from '../json.ts';
import type { Inputs } from '../model/inputs.ts';
import { sizeOfGraph } from '../model/size.ts';
import type { LoadedModel } from '../model/source.ts';
import type { Agreement, Written } from './files.ts';
import type { Runs } from './repeat.ts';

export interface RunReport {
  readonly loaded: LoadedModel;
  readonly inputs: Inputs;
  readonly runs: Runs;
  readonly coverage: Coverage;
  readonly expected: readonly Agreement[];
  readonly written: Written;
}

/** Elements of an output that --json prints; --out has them all. */
const JSON_VALUES = 64;

const notesOf = ({ loaded, inputs }: RunReport): string[] => [...loaded.notes, ...inputs.notes];

export const runJson = (report: RunReport): unknown => ({
  model: report.loaded.path,
  loadMs: report.loaded.loadMs,
  runMs: report.runs.times,
  notes: notesOf(report),
  inputs: report.inputs.sources.map(({ name, value, source }) => ({
    name,
    source,
    ...(value instanceof Tensor ? { dtype: value.dtype, shape: value.dims } : {}),
  })),
  runs: report.runs.outputs.map((outputs) =>
    Object.fromEntries(
      Object.entries(outputs).map(([name, value]) => [
        name,
        { value: valueJson(value, JSON_VALUES), stats: value instanceof Tensor ? statsOf(value) : undefined },
      ]),
    ),
  ),
  coverage: report.coverage,
  files: report.written.files,
  expected: report.expected,
});

/** Times one by one, or what is typical of them where there are many. */
const timesLine = (times: readonly number[]): string => {
  if (times.length <= 8) return times.map(duration).join(', ');
  const later = times.slice(1).sort((a, b) => a - b);
  return `first ${duration(times[0]!)}, then median ${duration(later[later.length >> 1]!)}, fastest ${duration(later[0]!)}, slowest ${duration(later.at(-1)!)}`;
};

export const printRun = (report: RunReport, io: Io): void => {
  const p = io.paint;
  const { loaded, inputs, runs, written } = report;
  const { nodes, weightBytes } = sizeOfGraph(loaded.model.graph);
  io.out(`${p.bold(loaded.path)}  ${count(nodes, 'node')}, ${bytes(weightBytes)} of weights, read in ${duration(loaded.loadMs)}\n`);
  for (const note of notesOf(report)) io.out(p.yellow(`note    ${note}\n`));
  for (const { name, value, source } of inputs.sources)
    io.out(`${p.cyan('input')}   ${name}  ${summary(value)}  ${p.dim(`(${source})`)}\n`);
  runs.outputs.forEach((outputs, i) => {
    const label = runs.outputs.length > 1 ? `output ${i + 1}` : 'output';
    for (const [name, value] of Object.entries(outputs)) io.out(`${p.green(label)}  ${name}  ${summary(value)}\n`);
  });
  for (const { ok, output, file, maxAbs, problem } of report.expected) {
    io.out(
      ok
        ? p.green(`agrees  ${output} with ${file} (max abs ${maxAbs.toExponential(2)})\n`)
        : p.red(`differs ${output} from ${file}: it ${problem ?? ''}\n`),
    );
  }
  for (const path of written.files) io.out(`written ${path}\n`);
  for (const name of written.left) io.out(p.yellow(`note    output '${name}' is no tensor and was not written\n`));
  io.out(`${p.cyan('coverage')} ${report.coverage.line}\n`);
  const once = runs.times.length > 1 ? '' : p.dim(' (planning and preparing included; --repeat shows what comes after)');
  io.out(`${p.cyan('time')}    ${timesLine(runs.times)}${once}\n`);
};
