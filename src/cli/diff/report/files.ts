/** Reports for programs: JSON, CSV, JUnit, SARIF, and the summary page of GitHub Actions. */
import type { RegionDiff } from '../../../diff/attribute.ts';
import { doubtSays } from '../../../diff/doubt.ts';
import { compared, etaOf, exitMeanings, levelOf, sampledText, type DiffReport, type ExitCode } from '../../../diff/report.ts';
import { version } from '../../../version.ts';
import { toJson } from '../../json.ts';
import { indexOf } from './text.ts';

/** A region as JSON: flat, without pictures. */
export const regionJson = (r: RegionDiff) => ({
  region: r.region,
  nodes: r.nodes,
  ops: r.ops,
  kernel: r.kernel,
  chip: r.chip,
  role: r.role,
  ok: r.ok,
  oracle: r.oracle,
  eta: etaOf(r),
  level: r.outputs.length > 0 ? levelOf(r) : undefined,
  alarms: r.alarms,
  suspect: r.suspect,
  skipped: r.skipped,
  outputs: r.outputs.map((o) => {
    const [w] = o.score.worst;
    return {
      output: o.output,
      dtype: o.dtype,
      shape: o.shape,
      ok: o.ok,
      level: o.level,
      eta: o.score.maxEta,
      p999Eta: o.score.p999Eta,
      elements: o.score.elements,
      maxAbs: o.metrics?.maxAbs ?? (o.ok ? 0 : Infinity),
      maxRel: o.metrics?.maxRel ?? (o.ok ? 0 : Infinity),
      problem: o.score.problem,
      worst: w && { index: indexOf(w.at, o.shape), actual: w.actual, expected: w.golden, allowed: w.allowed, eta: w.eta },
      alarms: o.alarms,
      gate: o.gate,
      sampled: o.sampled,
      doubt: o.doubt && {
        says: doubtSays(o.doubt),
        ...o.doubt,
        elements: o.doubt.elements.map((e) => ({ ...e, index: indexOf(e.at, o.shape) })),
      },
      metrics: o.metrics,
      isolated: o.isolated,
      accumulated: o.accumulated,
      propagated: o.propagated,
    };
  }),
});

export const reportJson = (r: DiffReport, code: ExitCode): object => ({
  ...r,
  ok: code === 0,
  exit: { code, meaning: exitMeanings[code] },
  regions: r.regions.map(regionJson),
});

const csvCell = (v: unknown): string => {
  const s = v === undefined ? '' : String(v);
  return /[",\n]/.test(s) ? `"${s.replaceAll('"', '""')}"` : s;
};

const csv = (r: DiffReport): string => {
  const head =
    'region,ops,kernel,role,ok,output,dtype,shape,level,eta,max_abs,mean_abs,max_rel,max_ulp,rmse,bias,cosine,sqnr_db,sqnr_ceiling_db,psnr_db,isolated_rms,accumulated_rms,accumulated_relative,propagated_rms,alarms,skipped';
  const rows = r.regions.flatMap((x) =>
    (x.outputs.length > 0 ? x.outputs : [undefined]).map((o) =>
      [
        x.region,
        x.ops.join(' '),
        x.kernel,
        x.role,
        x.ok,
        o?.output,
        o?.dtype,
        o?.shape.join('x'),
        o?.level,
        o?.score.maxEta,
        o?.metrics?.maxAbs,
        o?.metrics?.meanAbs,
        o?.metrics?.maxRel,
        o?.metrics?.maxUlp,
        o?.metrics?.rmse,
        o?.metrics?.bias,
        o?.metrics?.cosine,
        o?.metrics?.sqnr,
        o?.metrics?.sqnrCeiling,
        o?.metrics?.psnr,
        o?.isolated?.rms,
        o?.accumulated?.rms,
        o?.accumulated?.relative,
        o?.propagated?.rms,
        [...x.alarms, ...(o?.alarms ?? [])].map((a) => a.kind).join(' '),
        x.skipped,
      ]
        .map(csvCell)
        .join(','),
    ),
  );
  return `${[head, ...rows].join('\n')}\n`;
};

const xml = (s: string): string =>
  s
    // Control characters have no form in XML.
    .replaceAll(/\p{Cc}/gu, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');

/** What is wrong with a region, in a sentence. */
export const sentence = (r: RegionDiff): string => {
  const alarms = [...r.alarms, ...r.outputs.flatMap((o) => o.alarms)].map((a) => a.text);
  const eta = etaOf(r);
  const o = r.outputs.find((x) => !x.ok);
  return `${r.region} (${r.ops.join(', ')}) on ${r.kernel}: error ${eta > 1 ? `${Number.isFinite(eta) ? eta.toPrecision(3) : 'infinitely many'} times what is allowed` : 'within bounds'}${o?.metrics ? `, largest ${o.metrics.maxAbs.toPrecision(3)}` : ''}${alarms.length > 0 ? `; ${alarms.join('; ')}` : ''}`;
};

const junit = (r: DiffReport): string => {
  const cases = r.regions.map((x) => {
    const open = `    <testcase classname="${xml(r.model)}" name="${xml(x.region)}">`;
    if (x.skipped !== undefined) return `${open}<skipped message="${xml(x.skipped)}"/></testcase>`;
    const part = x.outputs.find((o) => o.sampled)?.sampled;
    if (x.ok && part)
      return `${open}<skipped message="right at ${part.elements} of ${part.of} elements, which is not the whole"/></testcase>`;
    return x.ok ? `${open}</testcase>` : `${open}<failure message="${xml(sentence(x))}"/></testcase>`;
  });
  const bad = r.regions.filter((x) => !x.ok && x.skipped === undefined).length;
  const skipped = r.regions.filter((x) => x.skipped !== undefined || (x.ok && x.outputs.some((o) => o.sampled))).length;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n  <testsuite name="flagos diff" tests="${r.regions.length}" failures="${bad}" skipped="${skipped}" time="${r.seconds.toFixed(3)}">\n${cases.join('\n')}\n  </testsuite>\n</testsuites>\n`;
};

const sarif = (r: DiffReport): string =>
  toJson({
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'flagos diff',
            version,
            rules: [
              { id: 'accuracy', shortDescription: { text: 'A kernel is further from the right values than its arithmetic explains' } },
              { id: 'not-compared', shortDescription: { text: 'A region could not be compared' } },
            ],
          },
        },
        results: r.regions
          .filter((x) => !x.ok || x.skipped !== undefined)
          .map((x) => ({
            ruleId: x.skipped === undefined ? 'accuracy' : 'not-compared',
            level: x.skipped === undefined ? 'error' : 'note',
            message: { text: x.skipped ?? sentence(x) },
            locations: [
              {
                physicalLocation: { artifactLocation: { uri: encodeURI(r.model) } },
                logicalLocations: [{ name: x.region, kind: 'function', fullyQualifiedName: `${r.model}#${x.region}` }],
              },
            ],
          })),
      },
    ],
  });

const cell = (s: string): string => s.replaceAll('|', '\\|').replaceAll('\n', ' ');

/** For $GITHUB_STEP_SUMMARY. */
const markdown = (r: DiffReport, code: ExitCode): string => {
  const done = compared(r);
  const bad = r.regions.filter((x) => !x.ok);
  const lines = [
    `## flagos diff: ${exitMeanings[code]}`,
    '',
    `\`${r.model}\` against \`${r.golden}\`: ${done.length} of ${r.regions.length} regions compared${sampledText(r)}, ${bad.length} out of bounds (judged by ${r.gate === 'flagos' ? 'the error model' : r.gate}).`,
    '',
  ];
  if (bad.length > 0)
    lines.push(
      '| region | kernel | error / allowed | max abs | what it looks like |',
      '|---|---|---|---|---|',
      ...bad.map(
        (x) =>
          `| \`${cell(x.region)}\` | \`${x.kernel}\` | ${etaOf(x).toPrecision(3)} | ${(x.outputs[0]?.metrics?.maxAbs ?? 0).toExponential(2)} | ${cell([...x.alarms, ...x.outputs.flatMap((o) => o.alarms)].map((a) => a.text).join('; '))} |`,
      ),
      '',
    );
  lines.push('```sh', r.command, '```', '');
  return lines.join('\n');
};

export const formats = ['json', 'csv', 'xml', 'sarif', 'md'] as const;
export type Format = (typeof formats)[number];

export const render = (format: Format, r: DiffReport, code: ExitCode): string =>
  ({ json: () => toJson(reportJson(r, code)), csv: () => csv(r), xml: () => junit(r), sarif: () => sarif(r), md: () => markdown(r, code) })[
    format
  ]();
