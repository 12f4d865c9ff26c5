/** The ONNX file format: reading models and values, writing models and tensors. */
export { readModel, type ReadOptions } from './read.ts';
export { writeModel, type WritableModel } from './write.ts';
export { lowestOpset } from './lowest-opset.ts';
export { readTensor, readValue, writeTensor } from './tensor-proto.ts';
export { checkLocation, memoryExternalData, type ExternalData } from './external.ts';
export { defaultLimits, type Limits } from './limits.ts';
