/**
 * Work that may have to wait, written once for both cases: a generator that waits with `yield*`.
 * As long as nothing it waits for is a promise it runs to its end at once.
 *
 *     carryOut((function* () { const x = yield* wait(maybeAPromise); … })())
 */
import { isPromise, type MaybePromise } from '../core/async.ts';

/** A piece of such work, giving a `T`. */
export type Flow<T> = Generator<Promise<void>, T, void>;

/** Waits for a value if it is not there yet; what it rejects with is thrown. */
export function* wait<T>(x: MaybePromise<T>): Flow<T> {
  if (!isPromise(x)) return x;
  let came: { readonly value: T } | undefined;
  yield x.then((value) => void (came = { value }));
  return came!.value;
}

/** Runs a flow to its end: synchronously if it never waits. */
export const carryOut = <T>(flow: Flow<T>): MaybePromise<T> => {
  const first = flow.next();
  if (first.done) return first.value;
  return (async () => {
    for (let step: IteratorResult<Promise<void>, T> = first; ;) {
      if (step.done) return step.value;
      const failure: { readonly thrown: unknown } | undefined = await step.value.then(
        () => undefined,
        (thrown: unknown) => ({ thrown }),
      );
      step = failure ? flow.throw(failure.thrown) : flow.next();
    }
  })();
};
