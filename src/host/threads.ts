/** Threads of Node, for flagos/wasm. */
import { Worker } from 'node:worker_threads';
import type { ThreadHost } from '../plugins/flagos/thread-host.ts';

export const nodeThreads: ThreadHost = {
  start: (source, onEnd) => {
    // Nothing of the process's own options: what it imports first is not for this thread.
    const worker = new Worker(`${source}\nrequire('node:worker_threads').parentPort.on('message', receive);`, {
      eval: true,
      execArgv: [],
      env: {},
      name: 'flagos-wasm',
    });
    worker.unref();
    let asked = false;
    worker.on('error', onEnd);
    worker.on('exit', (code) => {
      if (!asked) onEnd(`it ended with code ${code}`);
    });
    return {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
      post: (message) => worker.postMessage(message),
      terminate: () => {
        asked = true;
        void worker.terminate();
      },
    };
  },
};
