export { judgeDelta, type DeltaPass, type DeltaRule, type DeltaVerdict } from './delta.js';
export {
  applianceUpgradeDefaults,
  validateUpgradeOptions,
  type ApplianceUpgradeOptions,
  type UpgradeTiming,
} from './options.js';
export { explainUpgrade, type UpgradeReason } from './reasons.js';
export { whatWouldAbortDo, type UpgradeForecast } from './selectors.js';
export type { ApplianceUpgradeState } from './state.js';
export { applianceUpgrade } from './step.js';
export type * from './types.js';
