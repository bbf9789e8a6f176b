export * from './checkers/index.js';
export * from './clock/index.js';
export * from './durability/index.js';
export * from './explore/index.js';
export * from './fakes/index.js';
export * from './fuzz/index.js';
export * from './node/transcript-files.js';
export * from './scenario/index.js';
