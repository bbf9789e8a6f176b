export * from './checkers/index.js';
export * from './clock/index.js';
export * from './fakes/index.js';
