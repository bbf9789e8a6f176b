export { policies } from './all.js';
export * from './errors/index.js';
export * from './group/index.js';
export * from './kernel/index.js';
export * from './ports/index.js';
export * from './policies/index.js';
