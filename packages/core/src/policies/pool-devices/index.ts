export {
  freshPoolDevicesRecord,
  POOL_LOG_MINIMUM_BYTES,
  poolDevicesSettings,
  poolDevicesTiming,
  validatePoolDevicesOptions,
  type PoolDevicesOptions,
  type PoolDevicesSettings,
  type PoolDevicesTiming,
} from './options.js';
export {
  explainPoolDevices,
  type PoolDevicesReason,
  type PoolDevicesTrouble,
  type PoolDevicesWait,
} from './reasons.js';
export type { PoolDevicesRefusalReason } from './refusals.js';
export {
  poolDevicesStatus,
  removablePoolDevices,
  whatPoolRequestWouldDo,
  type PoolDevicesForecast,
  type PoolDevicesOffer,
} from './selectors.js';
export type {
  PoolDevicesClaim,
  PoolDevicesJob,
  PoolDevicesJobStatus,
  PoolDevicesStage,
  PoolDevicesState,
} from './state.js';
export { poolDevices } from './step.js';
export type * from './types.js';
export type {
  PoolDeviceKind,
  PoolDeviceKindOrData,
  PoolDeviceLabel,
  PoolDeviceMember,
  PoolDeviceSight,
  PoolDevicesAppliance,
  PoolDevicesLog,
  PoolDevicesPool,
  PoolDevicesRef,
  PoolDevicesViews,
} from './views.js';
