export {
  checkMediatorFallbackTiming,
  freshMediatorFallbackRecord,
  mediatorFallbackTiming,
  validateMediatorFallbackOptions,
  type FallbackChoice,
  type FreshMediatorFallbackRecordOptions,
  type MediatorFallbackOptions,
  type MediatorFallbackTiming,
} from './options.js';
export { explainMediatorFallback, type MediatorFallbackReason } from './reasons.js';
export {
  describeMediatorFallback,
  fallbackLock,
  fallbackModels,
  fallbackPartition,
  mediatorFallbackMode,
  whatIfFault,
  type FallbackForecast,
  type MediatorFallbackMode,
  type MediatorFallbackStatus,
} from './selectors.js';
export type { MediatorFallbackState } from './state.js';
export { mediatorFallback } from './step.js';
export type * from './types.js';
