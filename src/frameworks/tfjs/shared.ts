/** What all instances of the backend share: tfjs makes a new one whenever it is reset, plans stay. */
import type { Runtime } from '../../runtime/runtime.ts';
import type { CoverageCount } from './coverage.ts';
import type { CapturedPlans } from './plans.ts';
import type { Templates } from './template.ts';

export interface Shared {
  readonly runtime: Runtime;
  readonly templates: Templates;
  readonly plans: CapturedPlans;
  readonly coverage: CoverageCount;
  /** Whether calls without FlagOS ops may go to other backends of tfjs. */
  readonly others: boolean;
}
