/** `flagos/plugin`: what plugin authors import. */
export * from '../plugins/public.ts';
export { writeModel, type WritableModel } from '../formats/onnx/write.ts';
