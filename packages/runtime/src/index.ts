export * from './driver/index.js';
export * from './journal/index.js';
export * from './node/index.js';
