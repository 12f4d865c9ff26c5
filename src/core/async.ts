/** Values that may or may not be promises: synchronous work stays synchronous, and costs no trip through the event loop. */
export type MaybePromise<T> = T | Promise<T>;

export const isPromise = <T>(x: MaybePromise<T>): x is Promise<T> => x instanceof Promise;

/** Continues with a value at once if it is there, else when it comes. */
export const chain = <T, R>(x: MaybePromise<T>, next: (value: T) => MaybePromise<R>): MaybePromise<R> =>
  isPromise(x) ? x.then(next) : next(x);
