/** A model with its plan made, for the verbs that look at plans. */
import type { FlagosModel } from '../../runtime/model.ts';
import type { Flagos } from '../../host/flagos.ts';
import { flag, type Options, type ValuesOf } from '../args/option.ts';
import type { Io } from '../io.ts';
import type { Common } from '../args/command.ts';
import { makeProgress, watchPreparing, withProgress } from '../progress.ts';
import { inputOptions, makeInputs, planShapes } from './inputs.ts';
import { loadModel, modelOptions, type LoadedModel } from './source.ts';

export const plannedOptions = {
  run: flag('run the model once, so that parts that wait for values are planned too'),
  ...inputOptions,
  ...modelOptions,
} satisfies Options;

export interface Planned {
  readonly loaded: LoadedModel;
  readonly model: FlagosModel;
  readonly notes: readonly string[];
  /** Plans what waits for values too, by running once. Does nothing the second time. */
  readonly run: () => Promise<void>;
}

/** Plans for the shapes the command line gives; nothing runs unless asked. @throws FLAGOS_E_NO_KERNEL, FLAGOS_E_INPUT, … */
export const planModel = async (
  flagos: Flagos,
  spec: string,
  options: ValuesOf<typeof plannedOptions> & Pick<Common, 'progress'>,
  io: Io,
): Promise<Planned> => {
  const loaded = await loadModel(spec, options, io.cwd, flagos);
  const progress = makeProgress(io, options.progress);
  const model = flagos.runtime.model(loaded.model, { onPrepare: watchPreparing(progress) });
  const notes = [...loaded.notes];
  let done = false;
  const run = async (): Promise<void> => {
    if (done) return;
    done = true;
    const inputs = makeInputs(loaded.model, options, io.cwd);
    for (const note of inputs.notes) if (!notes.includes(note)) notes.push(note);
    await withProgress(progress, 'running, for what waits for values', () => model.run(inputs.feeds));
  };
  // Inputs from files bring their shapes along, so then they are read.
  if (options.run || options.input.size > 0) await run();
  else {
    const { shapes, notes: assumed } = planShapes(loaded.model, options);
    notes.push(...assumed);
    await withProgress(progress, 'planning and preparing', () => model.prepare(shapes));
  }
  return { loaded, model, notes, run };
};
