export {
  metro,
  lan,
  timingProfiles,
  type FaultModel,
  type PolarizationOptions,
  type PolarizationTiming,
} from './options.js';
export { checkTiming, pauseBounds, startWaitMs, validateOptions, type PauseBounds } from './timing.js';
export { freshRecord, type FreshRecordOptions } from './record.js';
export { explain, type AloneBy, type Because, type LossCause } from './reasons.js';
export { reconcile, type Meeting } from './meet.js';
export { ttlPolarization } from './step.js';
export {
  describe,
  gateOf,
  introduce,
  readableUntil,
  whoWouldWinNow,
  type PolarizationStatus,
  type WinnerForecast,
} from './selectors.js';
export { explainLoss, explainWayOut, type MayLose, wayOut, type WayOut } from './way-out.js';
export type { PolarizationState } from './state.js';
export type * from './types.js';
