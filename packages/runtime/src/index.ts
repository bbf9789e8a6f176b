export * from './driver/index.js';
export * from './journal/index.js';
export * from './node/index.js';
export * from './observe/index.js';
export * from './plan.js';
export * from './timing/index.js';
