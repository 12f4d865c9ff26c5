/**
 * Plugins that hang, throw half-way, give wrong shapes, leak and lie: each ends in a report of `flagos conformance plugin`
 * and nothing else does; in a runtime, what can be noticed is noticed, and others take over.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleFlagos } from './bundle.ts';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../..');

/** What each does wrong, in its `run`. */
const plugins = {
  honest: 'w.honest()',
  hangs: 'for (;;);',
  waits: 'return new Promise(() => {})',
  throws: "if (w.node.op === 'Add') { w.honest(); w.outputs[0].data.fill(7); throw new Error('lost half-way'); } w.honest()",
  shape: "w.outputs[0] = w.Tensor.zeros('float32', [...w.a.dims, 1])",
  leaks: 'w.honest(); kept.push(new Float32Array(w.a.data.length).fill(1))',
  lies: 'w.honest(); const d = w.outputs[0].data; if (d.length > 3) d[d.length - 1] *= 1.001',
  crashes: "w.honest(); if (w.node.op === 'Add') process.kill(process.pid, 'SIGKILL')",
  changes: 'w.honest(); w.a.data.fill(0)',
} as const;
type Name = keyof typeof plugins;

interface Found {
  readonly grade: string;
  readonly summary: string;
  readonly checks: readonly { readonly level: string; readonly name: string; readonly status: string; readonly detail?: string }[];
}

describe('hostile plugins', () => {
  let folder: string;
  let program: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'flagos-hostile-'));
    const flagos = join(folder, 'node_modules/flagos');
    await bundleFlagos(flagos);
    symlinkSync(join(root, 'node_modules/koffi'), join(folder, 'node_modules/koffi'));
    program = join(flagos, 'dist/cli.js');
    mkdirSync(join(folder, 'lib'));
    cpSync(join(here, 'hostile/make.js'), join(folder, 'lib/make.js'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    for (const [name, body] of Object.entries(plugins)) {
      writeFileSync(
        join(folder, `${name}.js`),
        `import * as api from 'flagos/plugin';\nimport { make } from './lib/make.js';\nconst kept = [];\nexport default make(api, '${name}', (w) => { ${body}; });\n`,
      );
    }
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const flagos = (...args: string[]): Promise<{ status: number; out: string; err: string }> =>
    new Promise((done) => {
      const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(FLAGOS_|NODE_|VITEST)/.test(name)));
      const child = execFile(process.execPath, [program, ...args], { cwd: folder, env, maxBuffer: 1 << 26 }, (_, out, err) =>
        done({ status: child.exitCode ?? -1, out, err }),
      );
    });
  const kit = async (name: Name, levels: string, timeout = 20): Promise<Found & { status: number }> => {
    const { status, out, err } = await flagos(
      'conformance',
      'plugin',
      `./${name}.js`,
      '--levels',
      levels,
      '--json',
      '--filter',
      '^(Relu|Add)$',
      '--no-discover',
      '--timeout',
      String(timeout),
    );
    const report: { chips: Found[] } = JSON.parse(out || `{ "chips": [], "error": ${JSON.stringify(err)} }`);
    if (!report.chips[0]) throw new Error(`no chip in the report: ${out}${err}`);
    return { ...report.chips[0], status };
  };
  const failures = (found: Found): string[] =>
    found.checks.filter((c) => c.status === 'fail').map((c) => `${c.level}: ${c.name}: ${c.detail}`);

  it('one that is not: every level, grade A', async () => {
    const found = await kit('honest', 'chip,contract,numerics,faults,model');
    expect(failures(found)).toEqual([]);
    expect(found).toMatchObject({ grade: 'A', status: 0 });
    expect(found.checks.find((c) => c.name === 'perceptron')?.detail).toMatch(/^1 of \d nodes in 1 regions, 1 kernel runs counted/);
  });

  it.each(['hangs', 'waits'] as const)('one that %s: each check ends at its time limit, in a report', async (name) => {
    const found = await kit(name, 'numerics', 1);
    expect(failures(found)).toEqual(
      expect.arrayContaining(['numerics: Relu float32: took longer than 1 s', 'numerics: Add float32: took longer than 1 s']),
    );
    expect(found).toMatchObject({ grade: 'D', status: 1 });
  });

  it('one that throws half-way: the report has its words, and what works is still tried', async () => {
    const found = await kit('throws', 'numerics');
    expect(failures(found)).toEqual(['numerics: Add float32: Add float32, default: lost half-way']);
    expect(found.checks.find((c) => c.name === 'Relu float32')?.status).toBe('pass');
    expect(found.grade).toBe('D');
  });

  it('one with a wrong shape', async () => {
    const found = await kit('shape', 'contract,numerics');
    expect(failures(found).join('\n')).toMatch(/numerics: Relu float32: .*\[.*,1\]|numerics: Relu float32: .*shape/);
    expect(failures(found).join('\n')).toContain('the tensor for output 0 was replaced by another one');
    expect(found.grade).toBe('F');
  });

  it('one that leaks', async () => {
    const found = await kit('leaks', 'contract');
    expect(failures(found).filter((f) => /left \d+ MiB behind/.test(f))).toHaveLength(2);
    expect(found.grade).toBe('F');
  });

  it('one that lies: a single element off by a thousandth', async () => {
    const found = await kit('lies', 'numerics');
    expect(failures(found).join('\n')).toMatch(/numerics: Relu float32: .* differs at element/);
    expect(found.grade).toBe('D');
  });

  it('one that takes its process down', async () => {
    const found = await kit('crashes', 'numerics');
    expect(failures(found)).toEqual([expect.stringMatching(/^numerics: Add float32: the process was killed by SIGKILL/)]);
    expect(found.checks.find((c) => c.name === 'Relu float32')?.status).toBe('pass');
  });

  it('one that changes its inputs', async () => {
    const found = await kit('changes', 'contract');
    expect(failures(found).join('\n')).toContain('Relu: inputs stay as they are: input 0 is changed');
  });

  it('in a runtime with others: the program goes on with right results, wherever it can be noticed', async () => {
    const script = `
      import { createRuntime, Tensor } from 'flagos';
      const flagos = await createRuntime({ discover: false, log: 'silent', plugins: ${JSON.stringify(['honest', 'throws', 'shape'].map((n) => `./${n}.js`))}, prefer: ['vendor:throws', 'vendor:shape', 'vendor:honest'], onFailure: 'next' });
      const x = Tensor.from('float32', [2], [-1, 2]);
      const [sum] = await flagos.call('Add', [x, x]);
      const [y] = await flagos.call('Relu', [x], {}, { policy: { prefer: ['vendor:shape', 'vendor:honest'] } });
      console.log(JSON.stringify([[...sum.data], [...y.data]]));
      await flagos.close();`;
    writeFileSync(join(folder, 'program.js'), script);
    const printed = await new Promise<string>((done) =>
      execFile(process.execPath, ['program.js'], { cwd: folder }, (_, out, err) => done(out + err)),
    );
    expect(printed.trim()).toBe('[[-2,4],[0,2]]');
  });
});
