// Makes @tensorflow/tfjs-node usable where its own install cannot fetch libtensorflow: its native binding is compiled,
// with plain g++, against the libraries and headers inside the Python wheel tensorflow-cpu. Needs npm, pip and g++ the
// first time; what is there already is kept, so a second run needs no network and takes a second.
//
//   node scripts/build-tfjs-node.mjs [folder]
//
// The folder (default: tfjs-node in FlagOS's cache, where plugins-vendor/tfjs-node looks for it) gets a whole
// node_modules with @tensorflow/tfjs-node in it, laid out as its own install does: require() it from there.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

const tfjsNode = '4.22.0';
const nodeApiHeaders = '1.9.0';
/** The newest the binding was built and tested with. */
const tensorflow = '2.21.0';

const cache = process.env.FLAGOS_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'flagos');
const folder = resolve(process.argv[2] ?? join(cache, 'tfjs-node'));
const home = join(folder, 'node_modules/@tensorflow/tfjs-node');
const binding = join(home, 'lib/napi-v8/tfjs_binding.node');
const libraries = join(home, 'deps/lib');
const include = join(home, 'deps/include');
const names = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];

const run = (command, args, options = {}) => execFileSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options });
const step = (text) => console.log(`build-tfjs-node: ${text}`);

if (process.platform !== 'linux') {
  console.error('build-tfjs-node: only for Linux; elsewhere npm install @tensorflow/tfjs-node brings a build');
  process.exit(2);
}
mkdirSync(folder, { recursive: true });

if (!existsSync(join(home, 'binding/tfjs_binding.cc'))) {
  step(`@tensorflow/tfjs-node ${tfjsNode}, without its install script`);
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'flagos-tfjs-node', private: true }));
  const packages = [`@tensorflow/tfjs-node@${tfjsNode}`, `node-api-headers@${nodeApiHeaders}`];
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-progress', '--prefix', folder, ...packages], { cwd: folder });
}

if (!names.every((n) => existsSync(join(libraries, n))) || !existsSync(join(include, 'tensorflow/c/eager/c_api.h'))) {
  step(`libraries and headers of tensorflow-cpu ${tensorflow}`);
  const work = mkdtempSync(join(folder, 'wheel-'));
  try {
    const python = process.env.PYTHON ?? 'python3';
    run(python, ['-m', 'pip', 'download', '--no-deps', '--only-binary', ':all:', '-q', '-d', work, `tensorflow-cpu==${tensorflow}`]);
    const wheel = join(
      work,
      readdirSync(work).find((f) => f.endsWith('.whl')),
    );
    // Of two gigabytes, what the binding needs: two libraries and the headers of the C interface.
    const parts = ['libtensorflow', 'include/tensorflow/c/', 'include/tensorflow/core/platform/', 'include/tensorflow/tsl/'];
    parts.push('include/tsl/', 'include/xla/tsl/');
    const program = [
      'import sys, zipfile',
      'wheel = zipfile.ZipFile(sys.argv[1])',
      'parts = tuple("tensorflow/" + p for p in sys.argv[3:])',
      'wheel.extractall(sys.argv[2], [n for n in wheel.namelist() if n.startswith(parts)])',
    ].join('\n');
    run(python, ['-c', program, wheel, work, ...parts]);
    for (const [from, to] of [...names.map((n) => [n, join(libraries, n)]), ['include', include]]) {
      mkdirSync(join(to, '..'), { recursive: true });
      rmSync(to, { recursive: true, force: true });
      renameSync(join(work, 'tensorflow', from), to);
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

if (!existsSync(binding)) {
  step('the binding');
  mkdirSync(join(binding, '..'), { recursive: true });
  const headers = [`-I${join(folder, 'node_modules/node-api-headers/include')}`, `-I${include}`];
  const link = [`-L${libraries}`, ...names.map((n) => `-l:${n}`), '-Wl,-rpath,$ORIGIN/../../deps/lib'];
  const sources = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((f) => join(home, 'binding', f));
  // Under another name first: a build that was interrupted is not taken for a whole one.
  const part = `${binding}.${process.pid}`;
  run(process.env.CXX ?? 'g++', [
    '-std=c++17',
    '-O2',
    '-w',
    '-fPIC',
    '-shared',
    '-DNAPI_VERSION=8',
    ...headers,
    '-o',
    part,
    ...sources,
    ...link,
  ]);
  renameSync(part, binding);
}

const check = `const b = require(${JSON.stringify(binding)});
const id = b.createTensor([2], b.TF_FLOAT, new Float32Array([1, -2]));
const [y] = b.executeOp('Relu', [{ name: 'T', type: b.TF_ATTR_TYPE, value: b.TF_FLOAT }], [id], 1);
if (String(b.tensorDataSync(y.id)) !== '1,0') throw new Error('Relu is wrong');
console.log(b.TF_Version);`;
const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' };
const version = execFileSync(process.execPath, ['-e', check], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
step(`TensorFlow ${version} through @tensorflow/tfjs-node ${tfjsNode} in ${home}`);
