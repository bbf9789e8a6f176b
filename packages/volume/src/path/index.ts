export * from './byte-budget.js';
export * from './options.js';
export { PathServer } from './path-server.js';
