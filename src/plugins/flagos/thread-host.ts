/** What the pool of flagos/wasm needs of the host: Node's worker_threads, a browser's Web Workers. */

export interface HostThread {
  post(message: object): void;
  terminate(): void;
}

/** What starts threads. They must not keep a process alive. */
export interface ThreadHost {
  /**
   * @param source JavaScript that defines a function `receive`, to be called with each message.
   * @param onEnd called when the thread ended without being asked to.
   */
  start(source: string, onEnd: (reason: unknown) => void): HostThread;
}

/** Found, or why there is only the caller's thread. */
export type ThreadProbe = { readonly threads: ThreadHost } | { readonly missing: string };
