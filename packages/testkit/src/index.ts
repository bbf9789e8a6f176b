export * from './checkers/index.js';
export * from './clock/index.js';
export * from './conformance/index.js';
export * from './explore/index.js';
export * from './fakes/index.js';
export * from './node/real-time.js';
export * from './node/transcript-files.js';
export * from './scenario/index.js';
