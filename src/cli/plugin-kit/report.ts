/** What a conformance run on a plugin found, for people and for programs. */
import { gradeOf, summaryOf } from '../../kit/grade.ts';
import { levels, type CheckResult } from '../../kit/types.ts';
import type { Io } from '../io.ts';
import type { KitReport } from './parent.ts';

const order = ['manifest', ...levels] as const;

/** Grade and checks of each chip, those of the package among them. */
export const gradedChips = ({
  manifest,
  chips,
}: KitReport): { readonly id: string; readonly description: string; readonly version: string; readonly checks: readonly CheckResult[] }[] =>
  chips.map((c) => ({ ...c, checks: [...manifest, ...c.checks] }));

export const kitJson = (report: KitReport): unknown => ({
  manifest: report.manifest,
  missing: report.missing,
  chips: gradedChips(report).map((c) => ({ ...c, grade: gradeOf(c.checks), summary: summaryOf(c.checks) })),
});

export const printKit = (report: KitReport, io: Io, verbose: boolean): void => {
  if (report.chips.length === 0)
    for (const r of report.manifest) io.out(`${r.status} manifest: ${r.name}${r.detail === undefined ? '' : `: ${r.detail}`}\n`);
  for (const { id, description, checks } of gradedChips(report)) {
    io.out(`${io.paint.bold(id)}  ${description}\n`);
    for (const level of order) {
      const of = checks.filter((c) => c.level === level);
      if (of.length === 0) continue;
      const bad = of.filter((c) => c.status !== 'pass' && c.status !== 'na');
      io.out(`  ${level}: ${of.length - bad.length} of ${of.length} pass\n`);
      for (const c of verbose || level === 'performance' ? of : bad)
        io.out(`    ${c.status} ${c.name}${c.detail === undefined ? '' : `: ${c.detail}`}\n`);
    }
  }
  for (const m of report.missing) io.out(`${m.chip}: not on this machine: ${m.reason}\n`);
  for (const { id, checks } of gradedChips(report)) io.out(`${id} ${summaryOf(checks)}\n`);
};

/** Whether anything failed. */
export const kitFailed = (report: KitReport): boolean =>
  [...report.manifest, ...report.chips.flatMap((c) => c.checks)].some((c) => c.status === 'fail');
