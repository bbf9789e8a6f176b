export { type CreateMode } from './node/leg/open-file.js';
export { type FileDevice, type FileDeviceOptions, openFileDevice } from './node/leg/file-device.js';
export { openDirectoryStore } from './node/store/directory-store.js';
