/** Calls captured from a model as calls to verify: a class of inputs of its own beside the made-up ones. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { FlagosError } from '../../core/errors.ts';
import { globMatches } from '../../core/glob.ts';
import { opName } from '../../core/graph.ts';
import { Tensor, type Value } from '../../core/tensor.ts';
import type { OpSet } from '../../ops/registry.ts';
import { caseId, type CallInput, type VerifyCall } from '../../opmanager/verify/call.ts';
import { hashOf } from '../../opmanager/verify/random.ts';
import { fileName, loadCase } from '../diff/case-folder.ts';
import { onInterrupt } from '../io.ts';
import { notVerified } from './catalogue.ts';

const isCase = (folder: string): boolean => existsSync(join(folder, 'case.json'));

/** Names of the cases in a folder. */
const casesIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter((e) => e.isDirectory() && isCase(join(folder, e.name)))
    .map((e) => e.name)
    .toSorted();

/** Where captured calls are: a folder with one for each, or one of them. */
export interface CaptureSource {
  readonly folder: string;
  readonly only?: string;
}

export interface CapturedCalls {
  /** Case ids, of what can be verified. */
  readonly ids: readonly string[];
  /** Changes when the calls do. */
  readonly digest: string;
}

/** @throws FLAGOS_E_UNKNOWN_OP, and as {@link loadCase} */
export const capturedCall = (folder: string, name: string, ops: OpSet): { call: VerifyCall; dtype: string } => {
  const { model, feeds } = loadCase(join(folder, name));
  const { graph } = model;
  const [node] = graph.nodes;
  const record = node && graph.nodes.length === 1 ? ops.find(node.domain, node.op) : undefined;
  if (!record) throw new FlagosError('FLAGOS_E_UNKNOWN_OP', `${join(folder, name)} holds no call of an op there is`);
  const valueOf = (input: string): Value | undefined => (input === '' ? undefined : (graph.initializers.get(input) ?? feeds[input]));
  const inputs = node!.inputs.map((input): CallInput => ({ value: valueOf(input) }));
  const constants = node!.inputs.flatMap((input, i) => (graph.initializers.has(input) ? [i] : []));
  const first = inputs.flatMap((x) => ('value' in x && x.value instanceof Tensor ? [x.value.dtype] : []))[0];
  return { call: { record, node: node!, label: name, inputs, constants, classes: ['captured'] }, dtype: first ?? 'none' };
};

/** @param patterns of ops. @param dtypes of the first input. */
export const capturedCalls = (
  { folder, only }: CaptureSource,
  ops: OpSet,
  patterns: readonly string[] | undefined,
  dtypes: readonly string[] | undefined,
): CapturedCalls => {
  const names = only === undefined ? casesIn(folder) : [only];
  const ids = names.flatMap((name) => {
    const { call, dtype } = capturedCall(folder, name, ops);
    const op = opName(call.node.domain, call.node.op);
    const wanted = (patterns?.some((p) => globMatches(p, op)) ?? true) && (dtypes?.includes(dtype) ?? true);
    return wanted && notVerified(call.record) === undefined ? [caseId(op, dtype, name, 'captured')] : [];
  });
  const stamps = names.map((name) => `${name} ${statSync(join(folder, name, 'case.json')).mtimeMs}`);
  return { ids, digest: hashOf(stamps.join('\n')).toString(16) };
};

export interface CaptureRun {
  readonly program: string;
  readonly cwd: string;
  /** Where calls of a model go: a folder of ours, emptied before. */
  readonly out: string;
  /** Words that say what the model's inputs are. */
  readonly argv: readonly string[];
  readonly limitMs: number;
}

/**
 * The folder that `--from` means: one of cases (or a single case), or a model that is run for its calls,
 * in a child and on this library's own kernels, since those under test may do anything.
 * @throws FLAGOS_E_INPUT with what the child said, FLAGOS_E_LIMIT if it took too long.
 */
export const captureFolder = async (from: string, run: CaptureRun): Promise<CaptureSource> => {
  const path = resolve(run.cwd, from);
  if (existsSync(path) && statSync(path).isDirectory()) {
    if (isCase(path)) return { folder: resolve(path, '..'), only: basename(path) };
    if (casesIn(path).length > 0) return { folder: path };
  }
  const folder = join(run.out, fileName(basename(from)));
  rmSync(folder, { recursive: true, force: true });
  const words = ['diff', 'capture', from, '--out', folder, '--prefer', 'flagos,reference', '--no-discover', ...run.argv];
  const child = spawn(process.execPath, [run.program, ...words], { cwd: run.cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  const release = onInterrupt(() => child.kill('SIGKILL'));
  let [said, late] = ['', false];
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const timer = setTimeout(() => ((late = true), child.kill('SIGKILL')), run.limitMs);
  const code = await new Promise<number | null>((done, fail) => child.once('error', fail).once('close', done));
  clearTimeout(timer);
  release();
  if (late) throw new FlagosError('FLAGOS_E_LIMIT', `running ${from} for its calls took longer than ${run.limitMs / 1000} s`);
  if (code !== 0)
    throw new FlagosError('FLAGOS_E_INPUT', `no calls were captured from ${from}: ${said.trim() || `the process ended with ${code}`}`);
  return { folder };
};
