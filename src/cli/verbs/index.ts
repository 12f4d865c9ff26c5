/** All verbs, in the order of the overview. */
import type { Command } from '../args/command.ts';
import { chips } from './chips.ts';
import { conformance } from './conformance.ts';
import { conformanceWorker } from './conformance-worker.ts';
import { diff, diffWorker } from './diff.ts';
import { diffBisect, diffBisectWorker } from './diff-bisect.ts';
import { diffCapture, diffCaptureWorker } from './diff-capture.ts';
import { diffChips, diffChipsWorker } from './diff-chips.ts';
import { diffNoise, diffNoiseWorker } from './diff-noise.ts';
import { diffRepro, diffReproWorker } from './diff-repro.ts';
import { diffSelftest } from './diff-selftest.ts';
import { doctor } from './doctor.ts';
import { explain } from './explain.ts';
import { lock } from './lock.ts';
import { kitWorker } from './kit-worker.ts';
import { ops } from './ops.ts';
import { plan } from './plan.ts';
import { plugin } from './plugin.ts';
import { plugins } from './plugins.ts';
import { run } from './run.ts';
import { table } from './table.ts';
import { verify } from './verify.ts';
import { verifyWorker } from './verify-worker.ts';
import { trace } from './trace.ts';
import { tune } from './tune.ts';

export const commands: readonly Command[] = [
  run,
  plan,
  explain,
  diff,
  tune,
  trace,
  diffCapture,
  diffBisect,
  diffRepro,
  diffNoise,
  diffChips,
  diffSelftest,
  conformance,
  chips,
  plugins,
  plugin,
  ops,
  table,
  lock,
  doctor,
  conformanceWorker,
  verify,
  verifyWorker,
  kitWorker,
  diffWorker,
  diffCaptureWorker,
  diffNoiseWorker,
  diffChipsWorker,
  diffReproWorker,
  diffBisectWorker,
];
