// Holds the direction of dependencies: each folder of src may import only those below it, and only
// the host side may import Node's own modules. Printed: every import that breaks it.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const src = join(root, 'src');

/** What each folder may import besides itself. Top-level files (version) are everybody's. */
const runtime = ['core', 'accuracy', 'compiler', 'ops', 'formats', 'plugins', 'opmanager', 'dispatch', 'runtime'];
const host = [...runtime, 'diff', 'kit', 'frameworks', 'host'];
const allowed = {
  core: [],
  compiler: ['core'],
  ops: ['core', 'compiler'],
  accuracy: ['core', 'compiler', 'ops'],
  formats: ['core'],
  plugins: ['core', 'compiler', 'ops', 'formats'],
  opmanager: ['core', 'ops', 'accuracy', 'plugins'],
  dispatch: ['core', 'accuracy', 'compiler', 'ops', 'plugins', 'opmanager'],
  runtime: ['core', 'accuracy', 'ops', 'plugins', 'opmanager', 'dispatch'],
  // What is made of a runtime, each without the others.
  diff: runtime,
  kit: runtime,
  frameworks: runtime.filter((layer) => layer !== 'compiler' && layer !== 'accuracy'),
  host,
  cli: [...host, 'cli'],
  entries: [...host, 'cli', 'entries'],
};
const mayUseNode = new Set(['host', 'cli', 'entries']);

const files = (dir) =>
  readdirSync(dir, { withFileTypes: true }).flatMap((e) =>
    e.isDirectory() ? files(join(dir, e.name)) : e.name.endsWith('.ts') ? [join(dir, e.name)] : [],
  );

const problems = [];
for (const file of files(src)) {
  const from = relative(src, file).split('/');
  if (from.length === 1) continue;
  const isTest = /\.test(-util)?\.ts$/.test(file);
  const folder = from[0];
  if (!(folder in allowed)) problems.push(`src/${from.join('/')}: folder '${folder}' has no place in the order of layers`);
  for (const [, spec] of readFileSync(file, 'utf8').matchAll(/(?:^|\n)\s*(?:import|export)[^'"\n]*?(?:from\s*)?['"]([^'"]+)['"]/g)) {
    if (spec.startsWith('node:') && !mayUseNode.has(folder) && !isTest)
      problems.push(`src/${from.join('/')}: imports ${spec}, but must run in a browser`);
    if (!spec.startsWith('.') || isTest) continue;
    const to = relative(src, resolve(dirname(file), spec)).split('/');
    if (to.length > 1 && to[0] !== folder && !allowed[folder]?.includes(to[0]))
      problems.push(`src/${from.join('/')}: '${folder}' must not import '${to[0]}' (${spec})`);
  }
}
for (const p of problems) console.error(p);
console.log(problems.length ? `${problems.length} imports against the order of layers` : 'layers: every import points down');
process.exitCode = problems.length ? 1 : 0;
