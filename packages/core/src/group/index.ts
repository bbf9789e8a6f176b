export {
  validateGroupOptions,
  type GroupFailbackOptions,
  type GroupMediatorOptions,
  type GroupOptions,
  type GroupPlannedOptions,
  type GroupSwapOptions,
} from './options.js';
export {
  freshGroupRecord,
  type FreshGroupRecordOptions,
  type GroupOperationRecord,
  type GroupRecord,
} from './record.js';
export { explainGroup, type GroupPartReason, type GroupReason } from './reasons.js';
export { groupGateOf, introduceGroup } from './selectors.js';
export { groupLockOf, leadsGroup } from './lock.js';
export { answerMirroring, mirroringNewsOf, serveGroupRead, type MirroringNews } from './mirroring.js';
export { doubleFaultsOf, singleFaultsOf, type GroupFault } from './faults.js';
export { whoWouldWin, type GroupForecast, type GroupForecastReason } from './who-would-win.js';
export { consistencyGroup } from './step.js';
export type { GroupState } from './state.js';
export type * from './types.js';
