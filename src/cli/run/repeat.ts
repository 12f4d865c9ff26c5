/** Running a model several times, with recurrent state. */
import type { Value } from '../../core/tensor.ts';
import type { StepObserver } from '../../dispatch/execute.ts';
import type { FlagosModel } from '../../runtime/model.ts';

type Values = Readonly<Record<string, Value>>;

export interface Runs {
  /** Outputs of every run if there is recurrent state, else of the last one: without state all are the same. */
  readonly outputs: readonly Values[];
  /** Milliseconds of each run. */
  readonly times: readonly number[];
}

/** @param state outputs by name → the inputs they are fed to in the next run. */
export const runRepeatedly = async (
  model: FlagosModel,
  first: Values,
  repeat: number,
  state: ReadonlyMap<string, string>,
  observer: (run: number) => StepObserver | undefined,
): Promise<Runs> => {
  const outputs: Values[] = [];
  const times: number[] = [];
  let feeds = { ...first };
  for (let i = 0; i < repeat; i++) {
    const start = performance.now();
    const made = await model.run(feeds, { observer: observer(i) });
    times.push(performance.now() - start);
    if (state.size === 0) outputs.length = 0;
    outputs.push(made);
    feeds = { ...feeds, ...Object.fromEntries([...state].map(([from, to]) => [to, made[from]!])) };
  }
  return { outputs, times };
};
