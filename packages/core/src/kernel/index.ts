export * from './assert.js';
export * from './effect-id.js';
export * from './explain.js';
export * from './policy.js';
export * from './prng.js';
export * from './time.js';
