/** Threads of a browser: Web Workers, where pages may share memory with them. */
import type { ThreadHost, ThreadProbe } from './thread-host.ts';

/** What is used of a browser's interface; not every TypeScript library this compiles with declares it. */
interface Scope {
  readonly crossOriginIsolated?: boolean;
  readonly SharedArrayBuffer?: unknown;
  readonly Worker?: new (url: string, options: { name: string }) => WebWorker;
  readonly Blob?: new (parts: readonly string[], options: { type: string }) => object;
  readonly URL: { createObjectURL(blob: object): string };
}

interface WebWorker {
  addEventListener(event: 'error', handler: (e: { readonly message?: string }) => void): void;
  postMessage(message: object): void;
  terminate(): void;
}

let host: ThreadHost | undefined;

/** Workers, or why there are none. A worker never keeps a page. */
export const findWebThreads = (scope: Scope = globalThis as unknown as Scope): ThreadProbe => {
  const { Worker, Blob, URL } = scope;
  if (!Worker || !Blob) return { missing: 'there are no Web Workers here' };
  if (scope.SharedArrayBuffer === undefined || scope.crossOriginIsolated !== true)
    return { missing: 'this page is not cross-origin isolated, so threads cannot share its memory' };
  let url: string | undefined;
  host ??= {
    start: (source, onEnd) => {
      url ??= URL.createObjectURL(new Blob([`${source}\nself.onmessage = (e) => receive(e.data);`], { type: 'text/javascript' }));
      const worker = new Worker(url, { name: 'flagos-wasm' });
      worker.addEventListener('error', (e) => onEnd(e.message ?? 'it could not be started'));
      return {
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has none
        post: (message) => worker.postMessage(message),
        terminate: () => worker.terminate(),
      };
    },
  };
  return { threads: host };
};
