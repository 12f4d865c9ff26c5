/** The error model: how far a kernel may be from what is right, and how far it is. See docs/accuracy-model.md. */
export { compileErrorModel, errorModel, type Bounds, type ErrorModel, type ErrorModelOptions } from './model.ts';
export { levelRules, modelLevels, type ModelLevel } from './levels.ts';
export { score, type Score, type ScoreLevel, type WorstElement } from './score.ts';
export { metrics, sqnrCeilingOf, type ClassCounts, type Metrics } from './metrics.ts';
export { precisionOf, roundoffOf, spacingAt, type Precision } from './precision.ts';
