/** Running a region on a session as the runtime would: through its memory where it has one. */
import type { Value } from '../core/tensor.ts';
import type { ChipSession, DeviceTensor, Prepared, Region, RunValue } from '../plugins/contract.ts';
import { Tensor } from '../core/tensor.ts';

/** Inputs as the kernel takes them. */
export const enter = (session: ChipSession, inputs: readonly Value[]): Promise<RunValue[]> =>
  Promise.all(inputs.map((v) => (session.memory && v instanceof Tensor ? session.memory.upload(v) : v)));

const isDevice = (v: RunValue): v is DeviceTensor => typeof v === 'object' && v !== null && 'space' in v && 'handle' in v;

/** Outputs on the host; what was in the session's memory is given back. */
export const leave = async (session: ChipSession, values: readonly RunValue[]): Promise<Value[]> => {
  const out: Value[] = [];
  for (const v of values) {
    if (isDevice(v) && session.memory) {
      out.push(await session.memory.download(v));
      session.memory.free(v);
    } else out.push(v as Value);
  }
  return out;
};

/** Runs a prepared region once. @param places tensors for results, where the kernel gets any. */
export const runOnce = async (
  session: ChipSession,
  prepared: Prepared,
  region: Region,
  inputs: readonly Value[],
  places?: readonly (Tensor | undefined)[],
): Promise<Value[]> => {
  const given = await enter(session, inputs);
  const outputs: RunValue[] = region.outputs.map((_, i) => (session.memory ? undefined : places?.[i]));
  await prepared.run(given, outputs);
  if (session.memory) for (const v of given) if (isDevice(v)) session.memory.free(v);
  return leave(session, outputs);
};

/** Prepares, runs once, releases. */
export const perform = async (session: ChipSession, region: Region, inputs: readonly Value[], variant: string): Promise<Value[]> => {
  const prepared = await session.prepare(region, variant);
  try {
    return await runOnce(session, prepared, region, inputs);
  } finally {
    await prepared.dispose();
  }
};
