export {
  heatLeft,
  mirroringHeatFlags,
  warmHeat,
  type MirroringBlockHeat,
  type MirroringHeatSnapshot,
  type MirroringHeatVersion,
} from './heat.js';
export {
  freshMirroringRecord,
  mirroringDefaults,
  validateMirroringOptions,
  type MirroringOptions,
  type MirroringTuning,
} from './options.js';
export { planMirroring } from './plan.js';
export { explainMirroring, type MirroringReason } from './reasons.js';
export { selectHotBlocks, type HotBlocks, type HotBlockRules } from './select.js';
export {
  mirroringStatus,
  retrieveMirroredFrom,
  whatIfOwnerIsLost,
  writeConcernsMirror,
  type MirroringForecast,
  type MirroringStatus,
} from './selectors.js';
export {
  serveMirroredRead,
  type MirroringMissCause,
  type MirroringReadRequest,
  type MirroringReadDecision,
} from './serve.js';
export type { MirroringState } from './state.js';
export { selectiveMirroring } from './step.js';
export type * from './types.js';
