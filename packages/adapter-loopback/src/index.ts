export * from './faults/fault-controls.js';
export * from './faults/faulty-device.js';
export * from './faults/power-loss-device.js';
export * from './node/boot.js';
export { type FileDevice, type FileDeviceOptions, openFileDevice } from './node/leg/file-device.js';
export { type CreateMode } from './node/leg/open-file.js';
export * from './node/loop-device.js';
export { exitWithParent } from './node/process/exit-with-parent.js';
export {
  type LocalProcess,
  type OutputListener,
  type ProcessExit,
  type ProcessSignal,
} from './node/process/local-process.js';
export * from './node/process/process-host.js';
export { openDirectoryStore } from './node/store/directory-store.js';
