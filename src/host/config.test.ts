import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FlagosError } from '../core/errors.ts';
import { defaultPolicy } from '../opmanager/policy.ts';
import { definePlugin } from '../plugins/define.ts';
import { loadConfig, type ConfigOptions, type ResolvedConfig } from './config.ts';

describe('loadConfig', () => {
  let root: string;
  beforeEach(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'flagos-config-')));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const write = (path: string, content: string | object): string => {
    const full = join(root, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, typeof content === 'string' ? content : JSON.stringify(content));
    return full;
  };
  const load = (options: ConfigOptions = {}): Promise<ResolvedConfig> => loadConfig({ cwd: root, env: {}, ...options });
  const fault = async (options: ConfigOptions): Promise<FlagosError> => {
    const error: unknown = await load(options).catch((e: unknown) => e);
    if (!(error instanceof FlagosError)) throw new Error('no FlagosError', { cause: error });
    expect(error.code).toBe('FLAGOS_E_CONFIG');
    return error;
  };

  it('has defaults', async () => {
    expect(await load()).toEqual({
      config: {
        policy: { ...defaultPolicy, allowVendors: undefined },
        plugins: [],
        discover: true,
        tables: { project: join(root, '.flagos'), machine: undefined, shared: false },
        lock: undefined,
        onMismatch: 'error',
        threads: 'auto',
        log: 'warn',
        logger: undefined,
      },
      provenance: new Map(),
      file: undefined,
      warnings: [],
      policyOver: expect.any(Function),
    });
  });

  it('lets stronger layers win, setting by setting, and knows which did', async () => {
    const file = write('flagos.config.json', {
      prefer: ['reference'],
      denyVendors: ['a'],
      perOp: { Conv: ['vendor'], Add: ['vendor'] },
      accuracy: { min: 'tight', unknown: 'deny' },
      threads: 1,
    });
    mkdirSync(join(root, 'src/deep'), { recursive: true });
    const {
      config,
      provenance,
      file: found,
    } = await load({
      cwd: join(root, 'src/deep'),
      env: {
        FLAGOS_PREFER: ' flagos , vendor:onnxruntime,,reference',
        FLAGOS_PER_OP: 'Conv = flagos | reference ; Reduce*=reference;',
        FLAGOS_THREADS: '2',
        FLAGOS_LOG: '',
      },
      argument: { threads: 3, accuracy: { unknown: 'probe' }, perOp: { MatMul: ['flagos/cpu'] } },
    });
    expect(config).toMatchObject({
      policy: {
        prefer: ['flagos', 'vendor:onnxruntime', 'reference'],
        denyVendors: ['a'],
        perOp: { Conv: ['flagos', 'reference'], Add: ['vendor'], 'Reduce*': ['reference'], MatMul: ['flagos/cpu'] },
        accuracy: { min: 'tight', unknown: 'probe' },
      },
      threads: 3,
      log: 'warn',
    });
    const by = 'argument of createRuntime';
    expect(found).toBe(file);
    expect(Object.fromEntries(provenance)).toEqual({
      prefer: 'FLAGOS_PREFER',
      denyVendors: file,
      threads: by,
      'perOp.Conv': 'FLAGOS_PER_OP',
      'perOp.Add': file,
      'perOp.Reduce*': 'FLAGOS_PER_OP',
      'perOp.MatMul': by,
      'accuracy.min': file,
      'accuracy.unknown': by,
    });
  });

  it('reads every variable', async () => {
    const { config } = await load({
      env: {
        FLAGOS_ALLOW_VENDORS: 'a,b',
        FLAGOS_DENY_VENDORS: 'c',
        FLAGOS_FALLBACK: 'native',
        FLAGOS_ON_FAILURE: 'quarantine',
        FLAGOS_LOG: 'debug',
        FLAGOS_THREADS: 'auto',
      },
    });
    expect(config).toMatchObject({
      policy: { allowVendors: ['a', 'b'], denyVendors: ['c'], fallback: 'native', onFailure: 'quarantine' },
      log: 'debug',
      threads: 'auto',
    });
  });

  it('knows where tables and the lock are, relative to the layer that says so', async () => {
    write('flagos.config.json', { tables: { machine: 'cache', shared: 'postgres://x/y' }, lock: 'flagos.lock.json', onMismatch: 'warn' });
    mkdirSync(join(root, 'app2'));
    const at = { cwd: join(root, 'app2') };
    const tables = { project: join(root, '.flagos'), machine: join(root, 'cache'), shared: 'postgres://x/y' };
    expect((await load(at)).config).toMatchObject({ tables, lock: join(root, 'flagos.lock.json'), onMismatch: 'warn' });
    const env = { FLAGOS_TABLES: 'project=mine; shared=off', FLAGOS_LOCK: 'off', FLAGOS_ON_MISMATCH: 'retune' };
    const byEnv = { tables: { ...tables, project: join(root, 'app2/mine'), shared: false }, lock: undefined, onMismatch: 'retune' };
    expect((await load({ ...at, env })).config).toMatchObject(byEnv);
    expect((await load({ ...at, env: { FLAGOS_TABLES: 'off' } })).config.tables).toEqual({ project: false, machine: false, shared: false });
    expect((await fault({ argument: { tables: { shared: 'mysql://x' } } })).reason).toContain('must be an address like postgres://');
    expect((await fault({ env: { FLAGOS_TABLES: 'elsewhere' } })).reason).toContain("FLAGOS_TABLES: 'elsewhere' is not a table");
  });

  it('puts what plugins ask for under everything a user says', async () => {
    const { policyOver } = await load({ argument: { prefer: ['reference'] } });
    expect(policyOver([{ prefer: ['vendor'], fallback: 'none' }])).toMatchObject({ prefer: ['reference'], fallback: 'none' });
  });

  it('gathers plugins of all layers, each with its source and the folder it is relative to', async () => {
    const file = write('flagos.config.json', { plugins: ['./local.js'] });
    mkdirSync(join(root, 'app'));
    const plugin = definePlugin({ abi: 1, bind: () => {} });
    const { config } = await load({
      cwd: join(root, 'app'),
      env: { FLAGOS_PLUGINS: `@acme/one,two${delimiter}./three.js` },
      argument: { plugins: [plugin] },
    });
    const env = { base: join(root, 'app'), source: { kind: 'environment', detail: 'FLAGOS_PLUGINS' } };
    expect(config.plugins).toEqual([
      { plugin, base: join(root, 'app'), source: { kind: 'argument', detail: 'argument of createRuntime' } },
      { plugin: '@acme/one', ...env },
      { plugin: 'two', ...env },
      { plugin: './three.js', ...env },
      { plugin: './local.js', base: root, source: { kind: 'config', detail: file } },
    ]);
  });

  it('reads modules', async () => {
    write('flagos.config.mjs', `export default { prefer: ['refer' + 'ence'], discover: false };`);
    const { config } = await load();
    expect([config.policy.prefer, config.discover]).toEqual([['reference'], false]);
  });

  it('takes the file that is named, or none', async () => {
    write('flagos.config.json', { threads: 1 });
    write('other/mine.json', { threads: 2 });
    expect((await load({ env: { FLAGOS_CONFIG: 'other/mine.json' } })).config.threads).toBe(2);
    expect((await load({ file: 'other/mine.json' })).config.threads).toBe(2);
    expect((await load({ file: false })).config.threads).toBe('auto');
    const error = await fault({ env: { FLAGOS_CONFIG: 'nothing.json' } });
    expect(error.reason).toBe(`there is no configuration file ${join(root, 'nothing.json')}`);
  });

  it('reads a byte order mark as nothing', async () => {
    write('flagos.config.json', '\ufeff{ "threads": 4 }');
    expect((await load()).config.threads).toBe(4);
  });

  it.each<[title: string, file: string, content: string, reason: string]>([
    ['bad JSON', 'flagos.config.json', '{ threads: 1 }', 'is not valid JSON'],
    ['a list', 'flagos.config.json', '[]', 'the configuration is a list; must be an object'],
    ['null', 'flagos.config.json', 'null', 'the configuration is null; must be an object'],
    ['a module without default', 'flagos.config.mjs', 'export const a = 1;', 'has no default export'],
    ['a module that throws', 'flagos.config.mjs', 'throw new Error("no");', 'cannot be loaded: no'],
    ['an empty module', 'flagos.config.mjs', 'export default undefined;', 'the configuration is undefined; must be an object'],
  ])('names the file with %s', async (_, name, content, reason) => {
    const path = write(name, content);
    const { reason: said } = await fault({});
    expect(said.startsWith(path)).toBe(true);
    expect(said).toContain(reason);
  });

  it('does not choose between two files of one folder', async () => {
    write('flagos.config.json', {});
    write('flagos.config.mjs', '');
    expect((await fault({})).reason).toBe(`${root} holds several configuration files: flagos.config.json, flagos.config.mjs`);
  });

  const byArgument = (argument: object): ConfigOptions => ({ argument });
  it.each<[options: ConfigOptions, reason: string, hint: string | undefined]>([
    [
      { env: { FLAGOS_FALLBACK: 'natve' } },
      "FLAGOS_FALLBACK: fallback is 'natve'; allowed are 'none', 'native', 'any'",
      "did you mean 'native'?",
    ],
    [
      { env: { FLAGOS_PREFER: 'flagos,refrence' } },
      "FLAGOS_PREFER: prefer[1] 'refrence' is not a token: flagos, vendor, vendor:<name>, reference, <provider>/<chip> or impl:<kernel id>",
      'did you mean reference?',
    ],
    [
      { env: { FLAGOS_THREADS: 'many' } },
      "FLAGOS_THREADS: threads must be 'auto' or a whole number from 1 to 1024, it is 'many'",
      undefined,
    ],
    [{ env: { FLAGOS_THREADS: '0' } }, "FLAGOS_THREADS: threads must be 'auto' or a whole number from 1 to 1024, it is 0", undefined],
    [
      { env: { FLAGOS_PER_OP: 'Conv' } },
      "FLAGOS_PER_OP: 'Conv' is not an op and its order",
      'write it like Conv=vendor:onnxruntime|flagos;MatMul=reference',
    ],
    [
      { env: { FLAGOS_PER_OP: 'A=flagos;A=vendor' } },
      "FLAGOS_PER_OP: 'A=vendor' is a second order for A",
      'write it like Conv=vendor:onnxruntime|flagos;MatMul=reference',
    ],
    [
      { env: { FLAGOS_PER_OP: 'A=flagos|vendr' } },
      "FLAGOS_PER_OP: perOp.A[1] 'vendr' is not a token: flagos, vendor, vendor:<name>, reference, <provider>/<chip> or impl:<kernel id>",
      'did you mean vendor?',
    ],
    [
      { env: { FLAGOS_DENY_VENDORS: 'vendor:acme' } },
      "FLAGOS_DENY_VENDORS: denyVendors[0] is not the name of a vendor, it is 'vendor:acme'",
      undefined,
    ],
    [{ env: { FLAGOS_LOG: 'verbose' } }, "FLAGOS_LOG: log is 'verbose'; allowed are 'debug', 'info', 'warn', 'error', 'silent'", undefined],
    [
      byArgument({ perfer: ['flagos'] }),
      'argument of createRuntime: perfer is no setting; known are prefer, allowVendors, denyVendors, perOp, fallback, onFailure, accuracy, plugins, discover, tables, lock, onMismatch, threads, log, logger',
      "did you mean 'prefer'?",
    ],
    [
      byArgument({ accuracy: { minimum: 'tight' } }),
      'argument of createRuntime: accuracy.minimum is no setting; known are min, unknown, perOp, budget',
      undefined,
    ],
    [
      byArgument({ accuracy: { min: 'thight' } }),
      "argument of createRuntime: accuracy.min is 'thight'; allowed are 'bitwise', 'tight', 'standard', 'loose'",
      "did you mean 'tight'?",
    ],
    [byArgument({ prefer: 'flagos' }), "argument of createRuntime: prefer is 'flagos'; must be a list", undefined],
    [byArgument({ prefer: [1] }), 'argument of createRuntime: prefer[0] is 1; must be text', undefined],
    [byArgument({ perOp: { Conv: 'flagos' } }), "argument of createRuntime: perOp.Conv is 'flagos'; must be a list", undefined],
    [
      byArgument({ threads: 1.5 }),
      "argument of createRuntime: threads must be 'auto' or a whole number from 1 to 1024, it is 1.5",
      undefined,
    ],
    [byArgument({ discover: 'yes' }), "argument of createRuntime: discover is 'yes'; must be true or false", undefined],
    [
      byArgument({ plugins: [3] }),
      'argument of createRuntime: plugins[0] must be the name of a package, a path, or what definePlugin returns, it is 3',
      undefined,
    ],
    [
      byArgument({ logger: {} }),
      'argument of createRuntime: logger must be an object with a method log(level, message, fields), it is an object',
      undefined,
    ],
  ])('explains %j', async (options, reason, hint) => {
    const error = await fault(options);
    expect([error.reason, error.hint]).toEqual([reason, hint]);
  });

  it('lists all faults of a layer', async () => {
    const error = await fault(byArgument({ threads: -1, fallback: 'all' }));
    expect(error.reason.split('\n')).toHaveLength(2);
    expect(error.details['issues']).toHaveLength(2);
  });

  it('warns of variables that look misspelled, and leaves others alone', async () => {
    const { warnings } = await load({ env: { FLAGOS_PERFER: 'x', FLAGOS_ONNX_TESTS: 'y', FLAGOS_CACHE: 'z', PATH: '' } });
    expect(warnings).toEqual(['FLAGOS_PERFER is not a variable flagos reads; did you mean FLAGOS_PREFER?']);
  });
});
