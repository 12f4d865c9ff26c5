/** Results of the op benchmark for people: a line a case as it comes, then geometric means, worst cases, and what has no ratio. */
import type { OpResult, PeerResult } from './op-result.ts';

const time = (us: number): string => (us < 1e4 ? `${us.toFixed(1)} µs` : `${(us / 1e3).toFixed(1)} ms`);

const peerText = ({ peer, us, speed, problem }: PeerResult): string =>
  `${peer} ${us === undefined ? `left out: ${problem ?? 'no time'}` : `${time(us).padStart(10)} ${speed!.toFixed(2).padStart(6)} ×`}`;

export const line = (r: OpResult): string => {
  const start = `  ${r.name.padEnd(46)}`;
  if (r.us === undefined) return `${start} FAILS: ${r.problem ?? 'no time'}`;
  const rate = r.gflops === undefined ? '' : `${r.gflops.toFixed(1)} GF/s`;
  return `${start} ${time(r.us).padStart(10)} ${rate.padStart(11)}   ${r.peers.map(peerText).join('   ')}`;
};

export interface Summary {
  readonly chip: string;
  readonly threads: number;
  readonly peer: string;
  /** A group of cases, or `all`. */
  readonly of: string;
  readonly cases: number;
  readonly geometricMean: number;
  readonly worst: { readonly name: string; readonly speed: number };
  /** Least geometric mean asked for, where one is. */
  readonly budget?: number;
}

/** Least geometric mean asked of a chip against a peer. */
const budgets: Readonly<Record<string, number>> = { 'cpu onnxruntime': 1, 'wasm tfjs-wasm': 1, 'js tfjs-cpu': 3 };
/** No case may be slower than this against onnxruntime. */
const LEAST = 0.6;
/** Share of OpenBLAS's rate asked for in square products from 256 up. */
const OPENBLAS = 0.85;
const isLargeSquare = (name: string): boolean => Number(/^MatMul (\d+)×\1×\1$/.exec(name)?.[1] ?? 0) >= 256;

interface Ratio {
  readonly result: OpResult;
  readonly peer: string;
  readonly speed: number;
}
const geometricMean = (x: readonly number[]): number => Math.exp(x.reduce((s, v) => s + Math.log(v), 0) / x.length);

const summarize = (ratios: readonly Ratio[], of: string, budget?: number): Summary => {
  const worst = ratios.reduce((a, b) => (b.speed < a.speed ? b : a));
  const { chip, threads, name } = worst.result;
  return {
    chip,
    threads,
    peer: worst.peer,
    of,
    cases: ratios.length,
    geometricMean: geometricMean(ratios.map((r) => r.speed)),
    worst: { name, speed: worst.speed },
    ...(budget === undefined ? {} : { budget }),
  };
};

/** For each chip, number of threads and peer: all cases, then each group. */
export const summaries = (results: readonly OpResult[]): Summary[] => {
  const ratios = results.flatMap((result) => result.peers.flatMap(({ peer, speed }): Ratio[] => (speed ? [{ result, peer, speed }] : [])));
  const keyOf = ({ result: { chip, threads }, peer }: Ratio): string => `${chip} ${threads} ${peer}`;
  return [...new Set(ratios.map(keyOf))].flatMap((key) => {
    const own = ratios.filter((r) => keyOf(r) === key);
    const { result, peer } = own[0]!;
    const large = peer === 'OpenBLAS' ? own.filter((r) => isLargeSquare(r.result.name)) : [];
    return [
      summarize(own, 'all', budgets[`${result.chip} ${peer}`]),
      ...(large.length ? [summarize(large, 'square from 256', OPENBLAS)] : []),
      ...[...new Set(own.map((r) => r.result.group))].map((group) =>
        summarize(
          own.filter((r) => r.result.group === group),
          group,
        ),
      ),
    ];
  });
};

const list = (title: string, results: readonly OpResult[]): void => {
  if (results.length === 0) return;
  console.log(`\n${title}: ${results.length}`);
  for (const r of results) console.log(`  ${r.chip}, ${r.threads}:${line(r)}`);
};

export const printSummaries = (results: readonly OpResult[]): void => {
  console.log('\nspeeds, geometric means (above 1: faster than the peer)');
  for (const s of summaries(results)) {
    const title =
      s.of === 'all' ? `  flagos/${s.chip}, ${s.threads} ${s.threads === 1 ? 'thread' : 'threads'}, against ${s.peer}` : `      ${s.of}`;
    const budget = s.budget === undefined ? '' : `${s.geometricMean >= s.budget ? 'ok' : 'UNDER'} budget ≥ ${s.budget}, `;
    console.log(
      `${title.padEnd(46)} ${String(s.cases).padStart(3)} cases ${s.geometricMean.toFixed(3).padStart(7)} ×   ${budget}worst ${s.worst.speed.toFixed(2)} × (${s.worst.name})`,
    );
  }
  list(
    `under ${LEAST} × onnxruntime`,
    results.filter((r) => r.peers.some(({ peer, speed }) => peer === 'onnxruntime' && speed !== undefined && speed < LEAST)),
  );
  list(
    'without a ratio',
    results.filter((r) => r.problem !== undefined || r.peers.some((p) => p.problem !== undefined)),
  );
};
