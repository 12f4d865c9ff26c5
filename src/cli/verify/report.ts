/** What a verification says at its end. */
import { levels, type Level } from '../../opmanager/evidence.ts';
import type { CaseVerdict } from '../../opmanager/verify/check.ts';
import type { Io } from '../io.ts';
import type { UnitResult } from './unit.ts';

const isWrong = (v: CaseVerdict): boolean => v.level === 'fail' || v.level === 'flaky';

export interface VerifyCounts {
  readonly cases: number;
  readonly failed: number;
  /** Units whose child did not live. */
  readonly lost: number;
  /** Kernels of some element types, by the lowest level of their cases. */
  readonly kernels: Readonly<Partial<Record<Level, number>>>;
}

/** Kernel and types → lowest level. */
const kernelLevels = (results: readonly UnitResult[]): Map<string, Level> => {
  const found = new Map<string, Level>();
  for (const { kernel, signature, level } of results.flatMap((r) => r.verdicts)) {
    const key = `${kernel} ${signature}`;
    const known = found.get(key);
    if (known === undefined || levels.indexOf(level) < levels.indexOf(known)) found.set(key, level);
  }
  return found;
};

export const verifyCounts = (results: readonly UnitResult[]): VerifyCounts => {
  const verdicts = results.flatMap((r) => r.verdicts);
  const kernels: Partial<Record<Level, number>> = {};
  for (const level of kernelLevels(results).values()) kernels[level] = (kernels[level] ?? 0) + 1;
  return { cases: verdicts.length, failed: verdicts.filter(isWrong).length, lost: results.filter((r) => r.lost).length, kernels };
};

const chipOf = (name: string): string => name.slice(0, name.indexOf(' '));

export const verifyJson = (results: readonly UnitResult[]): unknown => ({
  ...verifyCounts(results),
  chips: [...new Set(results.map((r) => chipOf(r.name)))].map((chip) => ({
    chip,
    ...verifyCounts(results.filter((r) => chipOf(r.name) === chip)),
  })),
  failures: results.flatMap((r) => r.verdicts.filter(isWrong)),
  lost: results.flatMap((r) => (r.lost ? [{ unit: r.name, ...r.lost }] : [])),
  refused: results.flatMap((r) => (Object.keys(r.refused).length > 0 ? [{ unit: r.name, reasons: r.refused }] : [])),
});

/** Cases of one kernel that are shown, unless all are asked for. */
const SHOWN = 3;

/** @param from what captured calls came from, for commands that run a case again. */
export const printVerify = (results: readonly UnitResult[], io: Io, verbose: boolean, from?: string): void => {
  const p = io.paint;
  const byKernel = new Map<string, UnitResult['verdicts'][number][]>();
  for (const v of results.flatMap((r) => r.verdicts)) {
    if (!isWrong(v)) {
      if (verbose) io.out(`${p.green(v.level.padEnd(8))} ${v.id} on ${v.kernel} ${p.dim(`η ${v.maxEta.toPrecision(3)}`)}\n`);
      continue;
    }
    const key = `${v.kernel} ${v.signature}`;
    byKernel.set(key, [...(byKernel.get(key) ?? []), v]);
  }
  for (const [key, wrong] of byKernel) {
    io.out(`${p.red(key)}: ${wrong.length} ${wrong.length === 1 ? 'case' : 'cases'} wrong\n`);
    for (const v of verbose ? wrong : wrong.slice(0, SHOWN)) {
      io.out(`  ${v.level} ${v.problem ?? ''}${v.witness ? p.dim(`; onnxruntime ${v.witness}`) : ''}\n`);
      io.out(
        p.dim(
          `    flagos verify --chip ${v.kernel.slice(0, v.kernel.indexOf(':'))} --case ${v.id}${from === undefined ? '' : ` --from ${from}`}\n`,
        ),
      );
    }
  }
  for (const r of results) if (r.lost) io.out(`${p.red(r.lost.status)} ${r.name}: ${r.lost.reason}\n`);
  for (const chip of new Set(results.map((r) => chipOf(r.name)))) {
    const own = results.filter((r) => chipOf(r.name) === chip);
    const { cases, kernels } = verifyCounts(own);
    const said = [...levels].toReversed().flatMap((l) => (kernels[l] ? [`${kernels[l]} ${l}`] : []));
    io.out(`${chip}: ${cases} cases; kernels by element types: ${said.join(', ') || 'none'}\n`);
  }
  const { cases, failed, lost } = verifyCounts(results);
  const line = `${cases - failed} passed, ${failed} failed, ${lost} lost`;
  io.out(`${failed + lost > 0 ? p.red(line) : p.green(line)}\n`);
};
