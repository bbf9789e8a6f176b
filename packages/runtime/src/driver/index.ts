export { createDriver } from './driver.js';
export { nextIncarnation } from './incarnation.js';
export * from './types.js';
