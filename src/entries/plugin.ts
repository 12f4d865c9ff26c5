/** `flagos/plugin`: what plugin authors import. */
export * from '../plugins/public.ts';
export { lowestOpset } from '../formats/onnx/lowest-opset.ts';
export { writeModel, type WritableModel } from '../formats/onnx/write.ts';
