/** What TensorFlow.js makes of its own models, as a side of a comparison: every value on the way, by name. */
import { FlagosError } from '../../core/errors.ts';
import type { Model } from '../../core/graph.ts';
import { Tensor, type Value } from '../../core/tensor.ts';
import { isTfjsPath, runTfjs, tfjsBackends } from '../../host/tfjs-models.ts';
import { DumpSide } from './side.ts';

/** `tfjs`, or `tfjs/<backend>`: the backend's name; undefined for what is something else. */
export const tfjsBackendOf = (token: string): string | undefined => {
  const [, backend = 'cpu'] = /^tfjs(?:\/(.+))?$/.exec(token) ?? [undefined, undefined];
  return /^tfjs(\/|$)/.test(token) && backend in tfjsBackends ? backend : undefined;
};

/** @throws FLAGOS_E_USAGE for a model of another framework; FLAGOS_E_FILE where tfjs, or its backend, is not installed. */
export const tfjsSide = async (
  backend: string,
  { path, model, feeds, cwd }: { path: string; model: Model; feeds: Readonly<Record<string, Value>>; cwd: string },
): Promise<DumpSide> => {
  if (!isTfjsPath(path))
    throw new FlagosError('FLAGOS_E_USAGE', `TensorFlow.js does not run ${path}`, {
      hint: 'it is a golden for its own models, model.json',
    });
  const tensors = Object.fromEntries(Object.entries(feeds).flatMap(([name, v]) => (v instanceof Tensor ? [[name, v] as const] : [])));
  const values = await runTfjs(path, backend, cwd, tensors);
  return new DumpSide(
    {
      spec: `tfjs/${backend}`,
      form: 'TensorFlow.js',
      tensors: [...values].map(([name, value]) => ({ name, fromFile: false, read: () => value })),
      notes: [],
    },
    'golden',
    model,
  );
};
