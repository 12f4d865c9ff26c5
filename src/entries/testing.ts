/** `flagos/testing`: the conformance kit, for tests of plugins. */
export { testProvider, type MakeTest, type TestProviderOptions } from '../kit/test-provider.ts';
export { gradeOf, summaryOf, type Grade } from '../kit/grade.ts';
export { checksOf, runCheck } from '../kit/checks.ts';
export { levels, type Check, type CheckResult, type LevelName, type Outcome, type Status, type Subject } from '../kit/types.ts';
