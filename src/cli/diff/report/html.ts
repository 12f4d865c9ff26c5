/** The report as one page that needs nothing else: data, style, script and uPlot are in it. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { FlagosError } from '../../../core/errors.ts';
import { compared, type DiffReport, type DumpUse, type ExitCode, exitMeanings, sampledText } from '../../../diff/report.ts';
import { version } from '../../../version.ts';
import { regionJson } from './files.ts';
import { script } from './page-script.ts';
import { style } from './page-style.ts';
import { indexOf } from './text.ts';

/** Regions whose outputs are drawn: those out of bounds first. More would make the file large and say nothing new. */
const DRAWN = 300;

const escape = (s: string): string => s.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** The plotting library's own files. @throws FLAGOS_E_FILE where it is not installed. */
export const plottingLibrary = (): { code: string; css: string } => {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve('uplot/package.json'));
    return {
      code: readFileSync(join(folder, 'dist', 'uPlot.iife.min.js'), 'utf8'),
      css: readFileSync(join(folder, 'dist', 'uPlot.min.css'), 'utf8'),
    };
  } catch (cause) {
    throw new FlagosError('FLAGOS_E_FILE', 'the plotting library of HTML reports is not installed', { hint: 'npm install uplot', cause });
  }
};

const dataOf = (r: DiffReport): string => {
  const ranked = r.regions.map((x, i) => ({ x, i })).sort((a, b) => Number(a.x.ok) - Number(b.x.ok) || a.i - b.i);
  const drawn = new Set(ranked.slice(0, DRAWN).map((e) => e.x));
  const regions = r.regions.map((x) => {
    const flat = regionJson(x);
    return {
      ...flat,
      reads: x.reads,
      writes: x.outputs.map((o) => o.output),
      outputs: flat.outputs.map((o, i) => ({
        ...o,
        picture: drawn.has(x) ? x.outputs[i]!.picture : undefined,
        worstElements: x.outputs[i]!.score.worst.map((w) => ({
          index: indexOf(w.at, o.shape),
          actual: w.actual,
          expected: w.golden,
          allowed: w.allowed,
          eta: w.eta,
        })),
      })),
    };
  });
  const plain = (_: string, v: unknown): unknown =>
    typeof v === 'bigint' || (typeof v === 'number' && !Number.isFinite(v)) ? String(v) : v;
  // A script element ends at the first `</`, whatever stands around it.
  return JSON.stringify({ regions }, plain).replaceAll('<', '\\u003c');
};

/** What a dump has and lacks. */
const dumpFacts = (d: DumpUse): [string, string][] => {
  const facts: [string, string][] = [
    [`dump of the ${d.side}`, `${d.dump} (${d.form}): ${d.tensors - d.unused.length} of ${d.tensors} tensors used`],
  ];
  if (d.unused.length > 0) facts.push(['not compared', `in the dump only: ${d.unused.join(', ')}`]);
  if (d.lacks.length > 0 && d.side !== 'inputs') facts.push(['not compared', `the dump lacks: ${d.lacks.join(', ')}`]);
  return facts;
};

/** @throws FLAGOS_E_FILE */
export const renderHtml = (r: DiffReport, code: ExitCode): string => {
  const { code: plot, css } = plottingLibrary();
  const done = compared(r);
  const bad = r.regions.filter((x) => !x.ok);
  const fact = (k: string, v: string): string => `<tr><td class="dim">${k}</td><td>${v}</td></tr>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>flagos diff: ${escape(r.model)}</title><style>${css}${style}</style></head><body><main>
<h1>${escape(r.model.split('/').at(-1)!)}</h1>
<p class="verdict ${code === 0 ? 'ok' : 'bad'}">${exitMeanings[code]}: ${bad.length === 0 ? 'no region' : bad.length === 1 ? '1 region' : `${bad.length} regions`} out of bounds, ${done.length} of ${r.regions.length} compared${sampledText(r)}</p>
<table>${fact('model', `<code>${escape(r.model)}</code>`)}${fact('chips', escape(r.chips.join(', ') || 'by policy'))}${fact('golden', escape(r.golden))}${fact('judged by', r.gate === 'flagos' ? 'the error model' : escape(r.gate))}${fact('mode', r.mode)}${r.notes.map((n) => fact('note', escape(n))).join('')}${(
    r.dumps ?? []
  )
    .flatMap(dumpFacts)
    .map(([k, v]) => fact(k, escape(v)))
    .join('')}${fact('coverage', escape(r.coverage.line))}${fact('again', `<code>${escape(r.command)}</code>`)}</table>
<h2>Error along the model</h2><div id="waterfall"></div>
<h2>Regions <input id="filter" type="search" placeholder="filter" aria-label="filter regions"></h2>
<div class="scroll"><table><thead><tr><th>region</th><th>ops</th><th>kernel</th><th></th><th>error / allowed</th><th>max abs</th><th>accumulated</th><th>what it looks like</th></tr></thead><tbody id="rows"></tbody></table></div>
<h2 id="detail-title" aria-live="polite"></h2><p id="detail-text" class="dim"></p><div id="detail" class="grid"></div>
<h2>Model</h2><p id="providers" class="dim"></p><div id="graph" class="scroll"></div>
<h2>Chips and ops</h2><table id="matrix"></table>
<p class="dim">flagos ${version}</p></main>
<script type="application/json" id="data">${dataOf(r)}</script>
<script>${plot}</script><script>${script}</script></body></html>
`;
};
