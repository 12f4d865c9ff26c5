// Runs the kit for plugins on the providers named (default: all of this repository) and writes docs/grades.md from its
// reports. Reports stay in build/grades, one for each chip, so that a chip can be graded anew alone; of a chip that has no
// report there the page keeps what it says:
//   node scripts/grades.mjs [provider/chip …]      node scripts/grades.mjs --render
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const folder = join(root, 'build/grades');
const all = ['flagos/cpu', 'flagos/wasm', 'flagos/js', 'onnxruntime/cpu', 'openblas/cpu', 'onednn/cpu', 'xnnpack/wasm', 'tfjs-node/cpu'];
const given = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const fileOf = (chip) => join(folder, `${chip.replace('/', '+')}.json`);

if (!given.includes('--render')) {
  for (const chip of given.length > 0 ? given : all) {
    const [provider] = chip.split('/');
    // Not every checkout has every vendor package; a chip that is not on the machine says so itself.
    if (provider !== 'flagos' && !existsSync(join(root, 'plugins-vendor', provider, 'package.json'))) continue;
    const command = [join(root, 'dist/cli.js'), 'conformance', 'plugin', provider, '--json', '--timeout', '120'];
    if (provider === 'flagos') command.push('--chip', chip);
    const { stdout, stderr } = spawnSync(process.execPath, command, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 });
    if (stdout.trim() === '') {
      console.error(`${chip}: ${stderr.trim().split('\n').slice(-3).join(' ')}`);
      process.exitCode = 1;
      continue;
    }
    writeFileSync(
      fileOf(chip),
      JSON.stringify({ chip, date: new Date().toISOString().slice(0, 10), processor: cpus()[0]?.model.trim(), ...JSON.parse(stdout) }),
    );
    console.log(`${chip}: ${JSON.parse(stdout).chips[0]?.summary ?? 'not on this machine'}`);
  }
}

const cell = (text) => String(text).replaceAll('|', '\\|').replace(/\s+/g, ' ').slice(0, 300);
const levels = ['manifest', 'chip', 'contract', 'numerics', 'faults', 'model', 'performance'];
const page = join(root, 'docs/grades.md');

/** What the page says of a chip: its row, and its section if it has one. */
const render = ({ chip, date, processor, chips, missing }) => {
  const found = chips[0];
  if (!found)
    return { row: `| ${chip} | - | ${levels.map(() => '').join(' | ')} | ${cell(missing[0]?.reason ?? 'no chip')} |`, section: '' };
  const per = levels.map((level) => {
    const of = found.checks.filter((c) => c.level === level);
    return of.length === 0 ? '' : `${of.filter((c) => c.status === 'pass' || c.status === 'na').length}/${of.length}`;
  });
  const parts = [`\n## ${chip}: ${found.grade}\n\n${found.summary.replace(/^.: /, '')}. ${date}, ${processor}.\n`];
  const odd = found.checks.filter((c) => c.status === 'fail' || c.status === 'skip' || c.status === 'loosened');
  if (odd.length > 0) {
    parts.push('\n| | level | check | why |\n|---|---|---|---|\n');
    for (const c of odd) parts.push(`| ${c.status} | ${c.level} | ${cell(c.name)} | ${cell(c.detail ?? '')} |\n`);
  }
  const fast = found.checks.filter((c) => c.level === 'performance' && c.facts);
  if (fast.length > 0) {
    parts.push('\n| call | median µs | MAD µs | cold ms |\n|---|---|---|---|\n');
    for (const c of fast)
      parts.push(`| ${cell(c.name)} | ${c.facts.medianUs} | ${c.facts.madUs} | ${(c.facts.coldUs / 1000).toFixed(1)} |\n`);
  }
  return { row: `| ${chip} | **${found.grade}** | ${per.join(' | ')} | ${cell(found.description)} |`, section: parts.join('') };
};

/** What the page says already, by chip. */
const written = existsSync(page) ? readFileSync(page, 'utf8') : '';
const known = new Map(
  all.flatMap((chip) => {
    const row = written.split('\n').find((line) => line.startsWith(`| ${chip} | `));
    const from = written.indexOf(`\n## ${chip}: `);
    const to = written.indexOf('\n## ', from + 1);
    return row === undefined ? [] : [[chip, { row, section: from < 0 ? '' : written.slice(from, to < 0 ? undefined : to) }]];
  }),
);
for (const file of readdirSync(folder).filter((f) => f.endsWith('.json'))) {
  const report = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  known.set(report.chip, render(report));
}
const chips = [...known].sort(([a], [b]) => all.indexOf(a) - all.indexOf(b)).map(([, said]) => said);
writeFileSync(
  page,
  `# Grades

Written by \`npm run docs:grades\` from reports of \`flagos conformance plugin\`; what the levels and grades mean is in
[the plugin guide](plugin-guide.md#8-the-conformance-kit). Numbers are checks that pass, of all there are; a check of
\`numerics\` is an op with an element type. Times are of a shared machine and say no more than the order of magnitude.

| chip | grade | ${levels.join(' | ')} | what it is |
|---|---|${levels.map(() => '---').join('|')}|---|
${chips.map((c) => c.row).join('\n')}
${chips.map((c) => c.section).join('')}`,
);
