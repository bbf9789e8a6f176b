export {
  checkPlannedFailoverTiming,
  plannedFailoverTiming,
  validatePlannedFailoverOptions,
  type PlannedFailoverOptions,
  type PlannedFailoverTiming,
} from './options.js';
export {
  explainPlannedFailover,
  type PlannedFailoverCancelCause,
  type PlannedFailoverReason,
} from './reasons.js';
export { freshPlannedFailoverRecord, type FreshPlannedFailoverRecordOptions } from './record.js';
export {
  describePlannedFailover,
  plannedFailoverClaim,
  plannedFailoverGate,
  plannedFailoverLock,
  plannedFailoverMayArbitrate,
  plannedFailoverMode,
  plannedFailoverRoles,
  whatIfFaultDuringFailover,
  whatIfPlannedFailover,
  type PlannedFailoverFault,
  type PlannedFailoverFaultForecast,
  type PlannedFailoverForecast,
  type PlannedFailoverLock,
  type PlannedFailoverMode,
  type PlannedFailoverStatus,
} from './selectors.js';
export type { PlannedFailoverState } from './state.js';
export { plannedFailover } from './step.js';
export type * from './types.js';
