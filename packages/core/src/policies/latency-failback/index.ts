export {
  addIo,
  areUsableSums,
  breakEvenMissShare,
  estimateFailback,
  isUsableProbe,
  mergeIo,
  noIo,
  thresholdUs,
  type EstimateInput,
  type FailbackEstimate,
  type IoSample,
  type IoSums,
  type LatencyThreshold,
  type SiteProbe,
} from './estimator.js';
export {
  failbackDefaults,
  validateFailbackOptions,
  type FailbackTuning,
  type LatencyFailbackOptions,
} from './options.js';
export { mayApplyCopy, mayClearOutOfSync, routeRead, routeWrite, type FailbackReadRoute } from './gate.js';
export type { FailbackGuard, FailbackGuardName } from './guards.js';
export { explainFailback, type LatencyFailbackReason } from './reasons.js';
export { freshFailbackRecord, type FreshFailbackRecordOptions } from './record.js';
export { latencyFailback } from './step.js';
export {
  completeCopyOf,
  describeFailback,
  failbackGateOf,
  failbackOperationOf,
  wouldRedirectNow,
  type FailbackForecast,
  type FailbackOperation,
  type FailbackStatus,
} from './selectors.js';
export type { LatencyFailbackState } from './state.js';
export type * from './types.js';
