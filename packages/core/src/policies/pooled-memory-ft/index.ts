export {
  freshPooledMemoryRecord,
  pooledMemoryDefaults,
  validatePooledMemoryOptions,
  type PooledMemoryOptions,
  type PooledMemoryTuning,
} from './options.js';
export { placeSecondary, type SecondaryPlace } from './place.js';
export { explainPooledMemory, type PooledMemoryReason, type WriterProof } from './reasons.js';
export { whatIfPrimaryIsLost, type PooledMemoryForecast } from './selectors.js';
export type { PooledMemoryState } from './state.js';
export { pooledMemoryFt } from './step.js';
export type * from './types.js';
