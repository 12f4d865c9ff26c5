/**
 * What a thread of flagos/wasm runs, and the words it shares with its caller. It is text, so that a thread
 * starts without looking for a file, wherever this library was bundled to. A thread waits in `serve`, where it
 * receives nothing: what is posted to it is counted in its line, and it returns to receive when it counts more.
 */
import { mathImports } from '../../compiler/render/wasm-functions.ts';

/** Whether a stage takes threads; below it, how many are at it. */
export const OPEN = 1 << 30;

/** Positions of words. What is written at different times by different threads is on cache lines of its own. */
export const at = { generation: 0, state: 16, sleeping: 32, kernel: 48, stage: 49, table: 50, step: 51, threads: 52, fault: 53 } as const;

/** A line for each thread: what is left of its share (from, end), messages posted to it. */
export const LINE = { first: 64, words: 16, posted: 2, most: 64 } as const;
export const WORDS = LINE.first + LINE.most * LINE.words;
/** Text of a thread's error, behind the words. */
export const FAULT_BYTES = 512;

/** The error threads have met, once; undefined if there is none. */
export const faultOf = (words: Int32Array): string | undefined => {
  const length = Atomics.exchange(words, at.fault, 0);
  // A shared array cannot be decoded in place everywhere.
  return length === 0 ? undefined : new TextDecoder().decode(new Uint8Array(words.buffer, WORDS * 4, length).slice());
};

/** Tries before a thread sleeps, about 0.1 ms: stages of a region, and regions of a model, follow each other within that. */
const SPINS = 60_000;

export const workerSource = String.raw`'use strict';
const AT = ${JSON.stringify(at)}, LINE = ${JSON.stringify(LINE)}, OPEN = ${OPEN};
const math = new Set(${JSON.stringify(mathImports)}.map((f) => f + '_f64'));
const kernels = new Map();
let words, number, mine, seen, handled = 0;

const never = (name) => () => { throw new Error(name + ' is not there for threads'); };

const link = ({ module, memory, tables, stages }) => {
  const js = {};
  for (const i of WebAssembly.Module.imports(module))
    if (i.module === 'js') js[i.name] = math.has(i.name) ? Math[i.name.slice(0, -4)] : never(i.name);
  const instance = new WebAssembly.Instance(module, { env: { memory }, js, tables, threads: { number, share: never('share') } });
  return Array.from({ length: stages }, (_, i) => instance.exports['s' + i]);
};

const join = () => {
  for (;;) {
    const now = Atomics.load(words, AT.state);
    if (!(now & OPEN)) return false;
    if (Atomics.compareExchange(words, AT.state, now, now + 1) === now) return true;
  }
};

const pieces = () => {
  const threads = words[AT.threads];
  const kernel = number < threads ? kernels.get(words[AT.kernel]) : undefined;
  if (!kernel) return;
  const run = kernel[words[AT.stage]], table = words[AT.table], step = words[AT.step];
  for (let i = 0; i < threads; i++) {
    const line = LINE.first + ((number + i) % threads) * LINE.words, end = words[line + 1];
    while (Atomics.load(words, line) < end) {
      const lo = Atomics.add(words, line, step);
      if (lo < end) run(table, lo, Math.min(lo + step, end));
    }
  }
};

const fail = (e) => {
  const text = new TextEncoder().encode(String(e)).slice(0, ${FAULT_BYTES});
  new Uint8Array(words.buffer, ${WORDS * 4}, text.length).set(text);
  Atomics.store(words, AT.fault, text.length);
};

const serve = () => {
  while (Atomics.load(words, mine + LINE.posted) === handled) {
    for (let spins = ${SPINS}; Atomics.load(words, AT.generation) === seen && spins > 0; spins--);
    if (Atomics.load(words, AT.generation) === seen) {
      Atomics.add(words, AT.sleeping, 1);
      Atomics.wait(words, AT.generation, seen);
      Atomics.sub(words, AT.sleeping, 1);
    }
    seen = Atomics.load(words, AT.generation);
    if (!join()) continue;
    try { pieces(); } catch (e) { fail(e); }
    if (Atomics.sub(words, AT.state, 1) === 1) Atomics.notify(words, AT.state);
  }
};

const receive = (message) => {
  handled++;
  if (message.words) {
    ({ words, number, seen } = message);
    mine = LINE.first + number * LINE.words;
  } else if (message.module) kernels.set(message.id, link(message));
  else kernels.delete(message.drop);
  if (Atomics.load(words, mine + LINE.posted) === handled) serve();
};
`;
