export {
  freshSwapRecord,
  swapDefaults,
  validateSwapOptions,
  type SwapRecoveryOptions,
  type SwapTuning,
} from './options.js';
export { explainSwap, type SwapRecoveryReason } from './reasons.js';
export { swapRecovery } from './step.js';
export { severityOfCode, type SwapGuard } from './swap.js';
export {
  describeSwap,
  ineligibleSiteOf,
  swapOperationOf,
  wouldSwapNow,
  type SwapForecast,
  type SwapStatus,
} from './selectors.js';
export type { SwapRecoveryState } from './state.js';
export type * from './types.js';
